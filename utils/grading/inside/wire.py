"""Frames between the judge and a runner: a tree of plain values as JSON, its tensors as safetensors. No pickle.

A frame is two lengths (unsigned 32 bits, little-endian), the JSON and the tensors. None, booleans, numbers and strings
stand for themselves; lists, tuples, dictionaries and tensors for what they hold. Of anything else only the name of its
type crosses.
"""

import json
import numbers
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

LENGTHS = struct.Struct("<II")
MOST_JSON, MOST_TENSORS = 3 << 20, 32 << 20  # bytes
HEADER = struct.Struct("<Q")  # the first of the tensors' bytes: how many of them say what the others hold
MOST_HEADER = 64 << 10  # bytes, some hundreds of tensors
DEEPEST = 32
KEYS = (str, int, float, bool, type(None))  # of a dictionary, and tuples of them
MOST_ENTRIES = 100  # of a dictionary: a hostile one's keys may all have the same hash


class Malformed(ValueError):
    """A frame that is none, is too large, or holds what no frame may hold."""


class TooLarge(Malformed):
    """A tree that no frame may hold, on this side."""


@dataclass(frozen=True)
class Other:
    """A value that does not cross: all that is known of it is the name of its type."""

    kind: str


def encode(tree: Any) -> bytes:
    """The frame of a tree. Raises TooLarge if it is larger than a frame may be."""
    tensors: dict[str, Tensor] = {}
    words = json.dumps(_fold(tree, tensors, 0)).encode()
    blob = safetensors.torch.save(tensors) if tensors else b""
    if len(words) > MOST_JSON or len(blob) > MOST_TENSORS or _header(blob) > MOST_HEADER:
        raise TooLarge(
            f"{len(words)} bytes of JSON and {len(tensors)} tensors of {len(blob)} are more than a frame may hold"
        )
    return LENGTHS.pack(len(words), len(blob)) + words + blob


def decode(words: bytes, blob: bytes) -> Any:
    """The tree of a frame's two parts. Raises Malformed, and nothing else, whatever they are."""
    try:
        if _header(blob) > MOST_HEADER:
            raise Malformed("more tensors than a frame may hold")
        tensors = safetensors.torch.load(blob) if blob else {}
        return _unfold(json.loads(words), tensors, 0)
    except Malformed:
        raise
    except Exception as error:  # whatever a parser makes of hostile bytes
        raise Malformed(f"no frame: {type(error).__name__}") from error


def send(sock: socket.socket, tree: Any) -> None:
    sock.sendall(encode(tree))


def receive(sock: socket.socket, deadline: float | None = None) -> Any:
    """The next tree. Raises EOFError when the other side is gone, TimeoutError past the deadline (time.monotonic)."""
    words, blob = LENGTHS.unpack(_exactly(sock, LENGTHS.size, deadline))
    if words > MOST_JSON or blob > MOST_TENSORS:
        raise Malformed("a frame that says it is larger than any may be")
    body = _exactly(sock, words + blob, deadline)
    return decode(body[:words], body[words:])


def _may_be_a_key(value: Any) -> bool:
    return all(map(_may_be_a_key, value)) if isinstance(value, tuple) else isinstance(value, KEYS)


def _header(blob: bytes) -> int:
    return HEADER.unpack_from(blob)[0] if blob else 0


def _exactly(sock: socket.socket, count: int, deadline: float | None) -> bytes:
    body = bytearray()
    # grown as it comes: a size that is only said sets nothing aside
    while len(body) < count:
        if deadline is not None:
            sock.settimeout(max(0.001, deadline - time.monotonic()))  # anew: a frame that trickles would last for ever
        piece = sock.recv(min(count - len(body), 1 << 20))
        if not piece:
            raise EOFError("the other side is gone")
        body += piece
    return bytes(body)


def _fold(value: Any, tensors: dict[str, Tensor], depth: int) -> Any:
    if depth < DEEPEST:
        if value is None or type(value) in (bool, str):
            return value
        if isinstance(value, Tensor):
            return _fold_tensor(value, tensors)
        if not isinstance(value, bool) and isinstance(value, numbers.Real):
            return _fold_number(value)
        if isinstance(value, list | tuple):
            kind = "list" if isinstance(value, list) else "tuple"
            return {kind: [_fold(entry, tensors, depth + 1) for entry in value]}
        if type(value) is dict:
            return {"dict": [[_fold(entry, tensors, depth + 1) for entry in pair] for pair in value.items()]}
    return {"other": type(value).__name__}


def _fold_tensor(value: Tensor, tensors: dict[str, Tensor]) -> dict[str, str]:
    if value.layout != torch.strided or value.device.type != "cpu" or value.is_complex():
        return {"other": f"{value.layout} tensor on {value.device}"}
    # before the copy: a single number, expanded, has any shape
    if value.numel() * value.element_size() > MOST_TENSORS:
        raise TooLarge(f"a tensor of shape {tuple(value.shape)} is more than a frame may hold")
    name = str(len(tensors))
    # safetensors refuses tensors that share memory or leave gaps
    tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)
    return {"tensor": name}


def _fold_number(value: numbers.Real) -> int | float | dict[str, str]:
    number = int(value) if isinstance(value, numbers.Integral) else float(value)
    # Python refuses to write out a number of more than 4300 digits
    return number if isinstance(number, float) or number.bit_length() < 4096 else {"other": "enormous int"}


def _unfold(folded: Any, tensors: dict[str, Tensor], depth: int) -> Any:
    if depth > DEEPEST:
        raise Malformed("too deep")
    if folded is None or type(folded) in (bool, int, float, str):
        return folded
    if type(folded) is not dict or len(folded) != 1:
        raise Malformed(f"no value: {type(folded).__name__}")
    ((kind, held),) = folded.items()
    if kind == "tensor":
        return tensors[held]
    if kind == "other" and type(held) is str:
        return Other(held)
    if kind in ("list", "tuple") and type(held) is list:
        entries = [_unfold(entry, tensors, depth + 1) for entry in held]
        return entries if kind == "list" else tuple(entries)
    if kind == "dict" and type(held) is list and len(held) <= MOST_ENTRIES:
        pairs = [(_unfold(key, tensors, depth + 1), _unfold(entry, tensors, depth + 1)) for key, entry in held]
        if all(_may_be_a_key(key) for key, _ in pairs):
            return dict(pairs)
    raise Malformed(f"no value: {kind[:40]}")
