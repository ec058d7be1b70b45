"""The wire: what goes in comes out, and whatever bytes come in, nothing but Malformed comes of them."""

import json
import math
import socket
import struct
import time

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import exercises
from utils.grading.inside import wire
from utils.grading.inside.wire import Malformed, Other

pytestmark = pytest.mark.repository

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int8, torch.bool]

tensors = st.builds(
    lambda shape, dtype, seed: (
        torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(seed)) * 3.5 - 1
    ).to(dtype),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from(DTYPES),
    st.integers(0, 99),
)  # fmt: skip
keys = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.tuples(st.integers(), st.text()))
trees = st.recursive(
    st.one_of(keys, st.floats(), tensors),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=12,
)


def there_and_back(tree):
    frame = wire.encode(tree)
    words, blob = wire.LENGTHS.unpack(frame[: wire.LENGTHS.size])
    body = frame[wire.LENGTHS.size :]
    assert len(body) == words + blob
    return wire.decode(body[:words], body[words:])


def alike(one, other):
    if isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and one.shape == other.shape and torch.equal(one.isnan(), other.isnan())
        return same and torch.equal(one[~one.isnan()], other[~other.isnan()])
    if isinstance(one, list | tuple):
        pairs = zip(one, other, strict=True)
        return type(one) is type(other) and all(alike(*pair) for pair in pairs)
    if isinstance(one, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    return type(one) is type(other) and (one == other or (math.isnan(one) and math.isnan(other)))


@given(trees)
@settings(max_examples=300, deadline=None)
def test_there_and_back(tree):
    assert alike(tree, there_and_back(tree))


def test_every_input_of_the_bank_crosses():
    for name in exercises.names():
        for trial in exercises.get(name).trials(3):
            assert alike(trial.inputs, there_and_back(trial.inputs))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(object(), "object"), (1j, "complex"), ({1}, "set"), (10**2000, "enormous int")],
    ids=["object", "complex", "set", "int"],
)
def test_of_anything_else_the_type_crosses(value, kind):
    assert there_and_back([value]) == [Other(kind)]


def test_a_tree_without_end_is_cut():
    endless = []
    endless.append(endless)
    assert "other" in wire.encode(endless).decode(errors="ignore")


def test_what_is_too_large_is_refused_before_it_is_sent():
    with pytest.raises(wire.TooLarge):
        wire.encode(torch.zeros(9 << 20))
    with pytest.raises(wire.TooLarge):
        wire.encode("x" * (4 << 20))


@given(st.binary(max_size=200), st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_no_bytes_do_harm(words, blob):
    try:
        wire.decode(words, blob)
    except Malformed:
        pass


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["list", "tuple", "dict", "tensor", "other", "x"]), inner, max_size=2),
    ),
    max_leaves=12,
)


@given(json_values, st.integers(0, 2))
@settings(max_examples=500, deadline=None)
def test_no_json_does_harm(value, count):
    blob = safetensors.torch.save({str(i): torch.zeros(2) for i in range(count)}) if count else b""
    try:
        wire.decode(json.dumps(value).encode(), blob)
    except Malformed:
        pass


@given(trees, st.data())
@settings(max_examples=300, deadline=None)
def test_a_frame_that_was_damaged_does_no_harm(tree, data):
    frame = bytearray(wire.encode(tree))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    here, there = socket.socketpair()
    with here, there:
        here.sendall(frame[: data.draw(st.integers(0, len(frame)))])
        here.shutdown(socket.SHUT_WR)
        try:
            wire.receive(there, time.monotonic() + 1)
        except (Malformed, EOFError):
            pass


def test_nesting_and_sizes_are_bounded():
    with pytest.raises(Malformed):
        wire.decode(b'{"list":[' * 40 + b"1" + b"]}" * 40, b"")
    with pytest.raises(Malformed):
        wire.decode(b"[" * 100_000, b"")
    here, there = socket.socketpair()
    with here, there:
        here.sendall(struct.pack("<II", 0xFFFFFFFF, 0))
        with pytest.raises(Malformed):
            wire.receive(there, time.monotonic() + 1)


def test_a_tensor_is_no_key_however_deep():
    """Its words, as a key's are shown, may take hours to make."""
    keys = [{"tensor": "0"}, {"tuple": [{"tensor": "0"}]}, {"tuple": [{"tuple": [{"tensor": "0"}]}]}, {"other": "x"}]
    blob = safetensors.torch.save({"0": torch.zeros(2)})
    for key in keys:
        with pytest.raises(Malformed):
            wire.decode(json.dumps({"dict": [[key, 1]]}).encode(), blob)


def test_the_header_of_tensors_is_bounded():
    """Half a million empty tensors would take the judge seconds and a gigabyte."""
    header = json.dumps(
        {str(i): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(20_000)}
    ).encode()
    blob = struct.pack("<Q", len(header)) + header
    with pytest.raises(Malformed, match="more tensors"):
        wire.decode(b"3", blob)
    with pytest.raises(wire.TooLarge):
        wire.encode([torch.zeros(0) for _ in range(20_000)])


def test_a_frame_that_trickles_meets_the_deadline():
    here, there = socket.socketpair()
    with here, there:
        here.sendall(struct.pack("<II", 100, 0) + b"[")
        with pytest.raises(TimeoutError):
            wire.receive(there, time.monotonic() + 0.1)
