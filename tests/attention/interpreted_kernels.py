"""The GPU kernels in Triton's interpreter, on the CPU, against float64.

Triton decides when it is imported whether it interprets, so `test_gpu_kernels.py` runs this file in a process of its
own, with TRITON_INTERPRET=1.
"""

import pytest
import torch
from agreement import additive_inputs, assert_agree, error, results
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils.attention import reference
from utils.attention.kernels import gpu


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Tiles so small that odd sizes take several, and a backward pass that takes its queries in several parts."""
    assert gpu.gpu_kernels.INTERPRETED.value, "run with TRITON_INTERPRET=1"
    for name in ("ROWS", "COLUMNS", "WIDTH", "GRADIENT_ROWS", "GRADIENT_CHANNELS"):
        monkeypatch.setattr(gpu, name, 16)
    monkeypatch.setattr(gpu, "WORKSPACE", 600)


def kernels(query, key, value, score_vector, mask=None, return_weights=False):
    return gpu.additive_attention(query, key, value, score_vector, mask, return_weights)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 20), st.integers(1, 35), st.integers(1, 20), st.integers(1, 20)),
    mask=st.sampled_from(["none", "full", "per sequence", "per key"]),
    scale=st.sampled_from([1.0, 15.0, 1e10]),
    seed=st.integers(0, 99),
)
def test_agrees_with_the_formula(sizes, mask, scale, seed):
    batch, queries, keys = sizes[:3]
    shapes = {"full": (batch, queries, keys), "per sequence": (batch, 1, keys), "per key": (keys,)}
    mask = torch.rand(shapes[mask], generator=torch.Generator().manual_seed(seed)) < 0.6 if mask in shapes else None
    inputs = additive_inputs(*sizes, scale=scale, seed=seed)
    assert_agree(kernels, reference.additive_attention, inputs, mask=mask)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_tile_of_keys_out_of_reach_takes_the_other_way_alone():
    inputs = additive_inputs(2, 18, 40, 10)
    inputs[1][0, 20, 0], inputs[1][0, 21, 0] = 70, -1  # in the second tile of three, 40 from the middle
    inputs[1][1] += 1000  # all of them, which a shift takes away
    inputs[0][1] -= 1000
    assert gpu._fold(*inputs[:2], inputs[3]).wide.tolist() == [[0, 1, 0], [0, 0, 0]]
    assert_agree(kernels, reference.additive_attention, inputs)


def test_a_nan_reaches_the_rows_that_may_see_it():
    query, key, value, vector = additive_inputs()
    broken = query.clone()
    broken[1, 2, 3] = torch.nan
    found = kernels(broken, key, value, vector)
    assert found[1, 2].isnan().all() and found[0].isfinite().all() and found[1, [0, 1, 3, 4]].isfinite().all()
    broken = key.clone()
    broken[:, 4] = torch.nan
    assert kernels(query, broken, value, vector).isnan().all()
    hidden = kernels(query, broken, value, vector, (torch.arange(7) != 4))
    assert hidden.isfinite().all()
    assert kernels(query, key, value, vector * torch.nan).isnan().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    inputs = [x.to(dtype) for x in additive_inputs(2, 18, 20, 12, 20)]
    exact, grads = results(reference.additive_attention, inputs, dtype=torch.float64)
    found, _ = results(kernels, inputs, grads=grads)
    for ours, value in zip(found, exact, strict=True):
        assert ours.dtype == dtype and error(ours, value) <= 2 * torch.finfo(dtype).eps


def test_without_weights_none_are_kept():
    inputs = [x.requires_grad_() for x in additive_inputs(1, 40, 50, 4, 2)]
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        context = kernels(*inputs)
    assert sum(kept) <= sum(x.numel() for x in inputs) + 40  # and one number per query
    context.sum().backward()
    assert all(x.grad.isfinite().all() for x in inputs)


def test_gradients_of_gradients():
    def twice(function, dtype):
        inputs = [x.to(dtype).requires_grad_() for x in additive_inputs()]
        first = torch.autograd.grad(function(*inputs).square().sum(), inputs, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), inputs)

    found, exact = twice(kernels, torch.float32), twice(reference.additive_attention, torch.float64)
    for ours, value in zip(found, exact, strict=True):
        assert error(ours, value) < 1e-4


def test_whatever_the_default_type_is():
    inputs = additive_inputs()
    expected = kernels(*inputs, return_weights=True)
    torch.set_default_dtype(torch.float64)
    try:
        found, _ = results(kernels, inputs)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found[0], expected[0]) and all(x.dtype == torch.float32 for x in found)
