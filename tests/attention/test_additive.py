"""Additive attention on the CPU: the compiled loops against the formula, over shapes, masks, ranges and types."""

import pytest
import torch
from agreement import additive_inputs, assert_agree, error, results
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import attention
from utils.attention import additive, reference

NAMES = ["query", "key", "value", "score_vector"]
MASKS = ["none", "full", "per query", "per key", "per sequence", "one key"]


@pytest.fixture(autouse=True)
def loops(monkeypatch):
    """Small inputs take the loops too."""
    monkeypatch.setattr(additive, "FEW_ELEMENTS", 0)


def draw_mask(kind, batch, queries, keys, seed=0):
    shapes = {
        "full": (batch, queries, keys),
        "per query": (queries, keys),
        "per key": (keys,),
        "per sequence": (batch, 1, keys),
    }
    if kind == "one key":
        return torch.arange(keys) == keys // 2
    return None if kind == "none" else torch.rand(shapes[kind], generator=torch.Generator().manual_seed(seed)) < 0.6


sizes = st.tuples(
    st.integers(1, 3), st.integers(1, 13), st.integers(1, 70), st.integers(1, 70), st.integers(1, 9)
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    sizes=sizes,
    kind=st.sampled_from(MASKS),
    scale=st.sampled_from([1.0, 15.0, 1e10]),
    offset=st.sampled_from([0.0, 1000.0]),
    seed=st.integers(0, 999),
)
def test_the_loops_agree_with_the_formula(sizes, kind, scale, offset, seed):
    inputs = additive_inputs(*sizes, scale=scale, offset=offset, seed=seed)
    mask = draw_mask(kind, *sizes[:3], seed)
    assert_agree(attention.additive_attention, reference.additive_attention, inputs, mask=mask)


@pytest.mark.parametrize("shape", [(2, 50, 50, 1000), (3, 64, 64, 128), (1, 200, 300, 64), (5, 1, 50, 1000)])
def test_errors_on_normal_inputs_are_within_two_millionths(shape):
    inputs = additive_inputs(*shape, values=16)
    exact, grads = results(reference.additive_attention, inputs, dtype=torch.float64)
    found, _ = results(attention.additive_attention, inputs, grads=grads)
    for ours, value in zip(found, exact, strict=True):
        assert (ours - value).abs().max() <= 2e-6 * value.abs().max()


def test_small_inputs_cost_digits_of_the_score_vectors_gradient_only():
    inputs = additive_inputs(3, 20, 30, 40, scale=1e-2)
    exact, grads = results(reference.additive_attention, inputs, dtype=torch.float64)
    found, _ = results(attention.additive_attention, inputs, grads=grads)
    for name, ours, value in zip(["context", "weights", *NAMES], found, exact, strict=True):
        among = exact[2:4] if name in ("query", "key") else ()
        assert error(ours, value, among) <= (1e-4 if name == "score_vector" else 4e-6), name


def test_keys_beyond_the_reach_of_exponentials_take_the_other_loops():
    for spread in (30, 34, 36, 80, 500):
        inputs = additive_inputs(keys=40, width=33)
        inputs[1][0, 3] += spread
        inputs[1][1, 5] -= spread
        assert_agree(attention.additive_attention, reference.additive_attention, inputs)


@pytest.mark.parametrize("vector", ["zero", "one entry", "mixed sizes"])
def test_score_vectors_of_any_kind(vector):
    inputs = additive_inputs(width=37)
    entries = {"zero": 0.0, "one entry": (torch.arange(37) == 5).float(), "mixed sizes": 10.0 ** -torch.arange(37)}
    inputs[3] = torch.sign(inputs[3]) * entries[vector]
    assert_agree(attention.additive_attention, reference.additive_attention, inputs)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32_and_rounded_once(dtype):
    inputs = [x.to(dtype) for x in additive_inputs(3, 6, 20, 40, 5)]
    context, weights = attention.additive_attention(*inputs, return_weights=True)
    exact = reference.additive_attention(*(x.double() for x in inputs), return_weights=True)
    assert context.dtype == weights.dtype == dtype
    for found, value in zip((context, weights), exact, strict=True):
        assert (found - value).abs().max() <= torch.finfo(dtype).eps * value.abs().max()


def test_float64_is_exact_enough_for_gradcheck():
    inputs = [x.double().requires_grad_() for x in additive_inputs(2, 3, 4, 5, 2)]
    mask = draw_mask("full", 2, 3, 4)
    for options in ({}, {"mask": mask}, {"return_weights": True}):
        assert torch.autograd.gradcheck(lambda *x, o=options: attention.additive_attention(*x, **o), inputs)
    assert torch.autograd.gradgradcheck(attention.additive_attention, inputs)


def test_gradients_of_gradients_in_float32():
    def twice(function, dtype):
        inputs = [x.to(dtype).requires_grad_() for x in additive_inputs()]
        first = torch.autograd.grad(function(*inputs).square().sum(), inputs, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), inputs)

    found = twice(attention.additive_attention, torch.float32)
    exact = twice(reference.additive_attention, torch.float64)
    for name, ours, value in zip(NAMES, found, exact, strict=True):
        torch.testing.assert_close(ours.double(), value, rtol=1e-4, atol=1e-5 * value.abs().max().item(), msg=name)


@pytest.mark.parametrize("wanted", range(1, 16))
def test_only_the_gradients_that_are_wanted(wanted):
    inputs = [x.requires_grad_(bool(wanted >> i & 1)) for i, x in enumerate(additive_inputs())]
    attention.additive_attention(*inputs).sum().backward()
    for name, x in zip(NAMES, inputs, strict=True):
        assert (x.grad is not None) == x.requires_grad, name


def test_lengths_are_a_mask_and_join_one():
    inputs, lengths = additive_inputs(3, 5, 7), torch.tensor([7, 0, 3])
    counts = torch.arange(7) < lengths[:, None, None]
    mask = draw_mask("full", 3, 5, 7)
    for given_mask, both in ((None, counts), (mask, mask & counts)):
        found = attention.additive_attention(*inputs, mask=given_mask, lengths=lengths)
        assert torch.equal(found, attention.additive_attention(*inputs, mask=both))
        assert torch.equal(found[1], torch.zeros(5, 3))


def test_a_query_that_may_attend_to_nothing_gets_zeros_and_no_gradient():
    inputs = [x.requires_grad_() for x in additive_inputs()]
    mask = torch.ones(2, 5, 7, dtype=torch.bool)
    mask[0, 2] = False
    context, weights = attention.additive_attention(*inputs, mask=mask, return_weights=True)
    (context.square().sum() + weights.square().sum()).backward()
    assert torch.equal(context[0, 2], torch.zeros(3)) and torch.equal(weights[0, 2], torch.zeros(7))
    assert torch.equal(inputs[0].grad[0, 2], torch.zeros(9))
    assert all(x.grad.isfinite().all() for x in inputs)


@pytest.mark.parametrize("queries", [1, 5])
def test_a_nan_reaches_the_rows_that_may_see_it(queries):
    query, key, value, vector = additive_inputs(queries=queries)
    broken_key = key.index_fill(1, torch.tensor(4), torch.nan)
    assert attention.additive_attention(query, broken_key, value, vector).isnan().all()
    others = torch.arange(7) != 4
    torch.testing.assert_close(
        attention.additive_attention(query, broken_key, value, vector, others),
        attention.additive_attention(query, key, value, vector, others),
    )
    broken_query = query.clone()
    broken_query[1, 0, 2] = torch.nan
    found = attention.additive_attention(broken_query, key, value, vector)
    assert found[1, 0].isnan().all() and found[0].isfinite().all() and found[1, 1:].isfinite().all()
    assert attention.additive_attention(query, key, value, vector * torch.nan).isnan().all()


@pytest.mark.parametrize("empty", range(5))
def test_sizes_of_zero(empty):
    sizes = [2, 3, 4, 5, 6]
    sizes[empty] = 0
    inputs = [x.requires_grad_() for x in additive_inputs(*sizes)]
    context = attention.additive_attention(*inputs)
    context.sum().backward()
    assert context.shape == (sizes[0], sizes[1], sizes[4])
    assert not context.isnan().any() and all(not x.grad.isnan().any() for x in inputs)


def test_inputs_stay_as_they_are_and_may_be_views():
    whole = [torch.randn(7, 5, 2), torch.randn(9, 7, 2), torch.randn(2, 7, 6), torch.randn(18)]
    views = [whole[0].permute(2, 0, 1), whole[1].permute(2, 1, 0)[..., :5], whole[2][..., ::2], whole[3][3:8]]
    mask = torch.rand(7, 7).T > 0.3
    before = [x.clone() for x in (*whole, mask)]
    found = attention.additive_attention(*views, mask=mask)
    torch.testing.assert_close(found, reference.additive_attention(*views, mask=mask))
    assert all(torch.equal(x, y) for x, y in zip((*whole, mask), before, strict=True))


def test_tiny_inputs_and_float64_take_the_formula(monkeypatch):
    inputs = additive_inputs()
    assert attention.backend(attention.additive_attention, *inputs) == "numba"
    assert attention.backend(attention.additive_attention, *(x.double() for x in inputs)) == "plain"
    monkeypatch.undo()
    assert attention.backend(attention.additive_attention, *inputs) == "plain"
    torch.testing.assert_close(attention.additive_attention(*inputs), reference.additive_attention(*inputs))


def swapped(place=0, x=None):
    """Inputs that fit each other, but for one that is swapped for x."""
    inputs = additive_inputs()
    inputs[place] = inputs[place] if x is None else x
    return inputs


@pytest.mark.parametrize(
    "inputs, options, message",
    [
        (swapped(0, torch.randn(2, 5, 8)), {}, "query width 8 and key width 9 differ"),
        (swapped(2, torch.randn(2, 6, 3)), {}, "7 keys and 6 values: each key needs one value"),
        (swapped(3, torch.randn(8)), {}, "score_vector (8,) must have the width of the query, 9"),
        (swapped(3, torch.randn(9, 1)), {}, "score_vector (9, 1) must have the width of the query, 9"),
        (swapped(0, torch.randn(3, 5, 9)), {},
         "query (3, 5, 9), key (2, 7, 9), value (2, 7, 3): the batch sizes differ"),
        (swapped(0, torch.randn(5, 9)), {}, "each must have three axes"),
        (swapped(1, torch.randn(2, 7, 9).double()), {}, "dtypes differ: query torch.float32, key torch.float64"),
        (swapped(1, torch.randn(2, 7, 9, device="meta")), {}, "devices differ: query cpu, key meta"),
        (swapped(2, torch.ones(2, 7, 3, dtype=torch.int64)), {}, "value must hold floating-point numbers"),
        (swapped(0, [[1.0]]), {}, "query must be a tensor, got list"),
        (swapped(), {"mask": torch.ones(2, 5, 7)},
         "mask must be a boolean tensor (True = may attend), got torch.float32"),
        (swapped(), {"mask": [True]}, "mask must be a boolean tensor (True = may attend), got list"),
        (swapped(), {"mask": torch.ones(2, 7, dtype=torch.bool)},
         "mask (2, 7) does not broadcast to (..., queries, keys) = (2, 5, 7)"),
        (swapped(), {"mask": torch.ones(1, 2, 5, 7, dtype=torch.bool)}, "does not broadcast"),
        (swapped(), {"lengths": torch.tensor([3, 8])}, "lengths [3, 8] must lie between 0 and the number of keys, 7"),
        (swapped(), {"lengths": torch.tensor([3.0, 2.0])},
         "lengths must be a tensor of whole numbers, got torch.float32"),
        (swapped(), {"lengths": [3, 2]}, "lengths must be a tensor of whole numbers, got list"),
        (swapped(), {"lengths": torch.tensor([3])}, "lengths (1,)"),
    ],
)  # fmt: skip
def test_bad_input_is_named(inputs, options, message):
    with pytest.raises(ValueError) as raised:
        attention.additive_attention(*inputs, **options)
    assert message in str(raised.value)


@pytest.mark.parametrize("queries", [1, 5])
@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, 1e38])
def test_what_a_mask_hides_leaves_the_gradients_alone(queries, garbage):
    def gradients(fill):
        inputs = additive_inputs(queries=queries)
        inputs[1][:, 5:] = fill
        inputs[2][:, 5:] = (
            fill if garbage == 1e38 else 0
        )  # the formula, too, multiplies a value of NaN by a weight of 0
        inputs = [x.requires_grad_() for x in inputs]
        context = attention.additive_attention(*inputs, lengths=torch.tensor([5, 5]))
        return torch.autograd.grad((4 * context).sum(), inputs)

    for found, expected in zip(gradients(garbage), gradients(0.0), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("size", [1e37, 2e38])
def test_a_score_vector_with_a_huge_entry(size):
    inputs = additive_inputs(1, 6, 40, 64, 4)
    inputs[3][0] = size
    inputs = [x.requires_grad_() for x in inputs]
    context, weights = attention.additive_attention(*inputs, return_weights=True)
    exact = reference.additive_attention(*(x.double() for x in inputs), return_weights=True)
    torch.testing.assert_close(context.double(), exact[0], rtol=0, atol=1e-5)
    assert torch.equal(weights == 1, exact[1] == 1) and (weights == 0).any()  # one key has it all
    assert not any(x.isnan().any() for x in torch.autograd.grad(context.sum(), inputs))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int64])
def test_lengths_of_any_whole_type(dtype):
    inputs = additive_inputs(2, 3, 300, 8)
    found = attention.additive_attention(*inputs, lengths=torch.tensor([100, 120]).to(dtype))
    assert torch.equal(found, attention.additive_attention(*inputs, lengths=torch.tensor([100, 120])))


def test_a_mask_without_axes():
    inputs = additive_inputs()
    assert torch.equal(attention.additive_attention(*inputs, torch.tensor(True)), attention.additive_attention(*inputs))
    assert not attention.additive_attention(*inputs, torch.tensor(False)).any()


def test_gradients_of_gradients_of_the_value_alone():
    query, key, value, vector = additive_inputs()
    value.requires_grad_()
    context, weights = attention.additive_attention(query, key, value, vector, return_weights=True)
    first = torch.autograd.grad((context * weights.sum()).square().sum(), value, create_graph=True)[0]
    assert torch.autograd.grad(first.sum(), value)[0].isfinite().all()
