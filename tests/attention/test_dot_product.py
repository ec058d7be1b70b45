"""Dot-product attention and the soft lookup against the formula: leading axes, grouped heads, masks, order, types."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from utils import attention
from utils.attention import reference

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 3e-2, torch.float16: 4e-3}


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@st.composite
def lookups(draw_from):
    """query, key and value shapes, and a mask's."""
    batch = draw_from(st.sampled_from([(), (2,), (2, 3), (1, 2, 3)]))
    heads, groups = draw_from(st.sampled_from([(1, 1), (2, 2), (4, 2), (6, 2), (4, 1)])) if batch else (0, 0)
    queries, keys, width, values = (draw_from(st.integers(1, n)) for n in (9, 17, 9, 9))
    query, key = (*batch, heads) if batch else (), (*batch, groups) if batch else ()
    full = (*query, queries, keys)
    mask = draw_from(st.sampled_from([None, full, full[-2:], full[-1:], (*([1] * len(query)), queries, keys)]))
    return (*query, queries, width), (*key, keys, width), (*key, keys, values), mask


def largest_score(query, key, scale):
    return query.norm(dim=-1).max().item() * key.norm(dim=-1).max().item() * (scale or query.size(-1) ** -0.5)


@settings(max_examples=80, deadline=None)
@example(shapes=((8, 7), (8, 7), (8, 7), (8, 8)), causal=True, scale=2.0, dtype=torch.float16, seed=8)
@given(
    shapes=lookups(),
    causal=st.booleans(),
    scale=st.sampled_from([None, 0.3, 2.0]),
    dtype=st.sampled_from(list(TOLERANCE)),
    seed=st.integers(0, 99),
)
def test_agrees_with_the_formula(shapes, causal, scale, dtype, seed):
    *sizes, mask = shapes
    inputs = [draw(*size, seed=seed + i, dtype=dtype) for i, size in enumerate(sizes)]
    if mask is not None:
        mask = draw(*mask, seed=seed) < 0.5
    exact_inputs = [x.double().requires_grad_() for x in inputs]
    inputs = [x.requires_grad_() for x in inputs]
    options = {"mask": mask, "causal": causal, "scale": scale}
    context = attention.dot_product_attention(*inputs, **options)
    exact = reference.dot_product_attention(*exact_inputs, **options)
    steep = max(1.0, largest_score(*exact_inputs[:2], scale) / 4)  # scores are rounded by so much more as they grow
    grad = draw(*exact.shape, seed=seed, dtype=torch.float64)
    found = torch.autograd.grad(context, inputs, grad.to(dtype))
    expected = torch.autograd.grad(exact, exact_inputs, grad)
    assert context.dtype == dtype
    for ours, value in zip((context, *found), (exact, *expected), strict=True):
        allowed = TOLERANCE[dtype] * steep * max(1.0, value.abs().max().item())
        torch.testing.assert_close(ours.double(), value, rtol=0, atol=allowed)


@pytest.mark.parametrize("queries, keys", [(1, 6), (3, 6), (6, 6), (6, 3)])
def test_the_last_query_sees_the_last_key(queries, keys):
    query, key = torch.zeros(1, 2, queries, 4), torch.zeros(1, 2, keys, 4)
    value = torch.eye(keys).expand(1, 2, -1, -1)
    context = attention.dot_product_attention(query, key, value, causal=True)
    seen = torch.arange(keys) <= torch.arange(queries)[:, None] + keys - queries
    assert torch.equal(context[0, 0] > 0, seen)
    assert torch.equal(context[0, 0, -1], torch.full((keys,), 1 / keys))


def test_a_query_that_may_attend_to_nothing_gets_zeros_and_a_finite_gradient():
    inputs = [draw(2, 3, 5, 4, seed=i).requires_grad_() for i in range(3)]
    mask = torch.ones(5, 5, dtype=torch.bool)
    mask[2] = False
    context = attention.dot_product_attention(*inputs, mask=mask)
    context.square().sum().backward()
    assert torch.equal(context[:, :, 2], torch.zeros(2, 3, 4))
    assert all(x.grad.isfinite().all() for x in inputs) and not inputs[0].grad[:, :, 2].any()


def test_weights_belong_to_the_context_and_can_be_differentiated_twice():
    inputs = [draw(2, 4, 5, 3, dtype=torch.float64), *(draw(2, 2, 6, 3, seed=i, dtype=torch.float64) for i in (1, 2))]
    context, weights = attention.dot_product_attention(*inputs, causal=True, return_weights=True)
    assert context.shape == (2, 4, 5, 3) and weights.shape == (2, 4, 5, 6)
    torch.testing.assert_close(context, attention.dot_product_attention(*inputs, causal=True))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 5, dtype=torch.float64))
    inputs = [x.requires_grad_() for x in inputs]
    assert torch.autograd.gradgradcheck(
        lambda *x: attention.dot_product_attention(*x, return_weights=True)[0], inputs, atol=1e-4
    )


@pytest.mark.parametrize("empty", ["batch", "queries", "keys"])
def test_sizes_of_zero(empty):
    batch, queries, keys = (0 if empty == name else 2 for name in ("batch", "queries", "keys"))
    context = attention.dot_product_attention(
        torch.ones(batch, 2, queries, 3), torch.ones(batch, 2, keys, 3), torch.ones(batch, 2, keys, 3)
    )
    assert torch.equal(context, torch.zeros(batch, 2, queries, 3))


def test_inputs_stay_as_they_are():
    inputs = [draw(2, 3, 5, 4, seed=i) for i in range(3)]
    mask = draw(5, 5) < 0
    before = [x.clone() for x in (*inputs, mask)]
    attention.dot_product_attention(*inputs, mask=mask, causal=True)
    assert all(torch.equal(x, y) for x, y in zip((*inputs, mask), before, strict=True))


@settings(max_examples=30, deadline=None)
@given(
    leading=st.sampled_from([((), (), ()), ((2,), (2,), (2,)), ((3, 2), (1, 2), (2,)), ((1,), (4,), (4,))]),
    temperature=st.sampled_from([1.0, 0.1, 7, torch.tensor(0.5)]),
    masked=st.booleans(),
)
def test_soft_lookup_agrees_with_the_formula(leading, temperature, masked):
    query, key, value = (
        draw(*axes, *size, seed=i) for i, (axes, size) in enumerate(zip(leading, [(3, 4), (5, 4), (5, 2)], strict=True))
    )
    mask = draw(3, 5, seed=3) < 0.4 if masked else None
    found = attention.soft_lookup(query, key, value, temperature, mask)
    torch.testing.assert_close(found, reference.soft_lookup(query, key, value, temperature, mask))
    context, weights = attention.soft_lookup(query, key, value, temperature, mask, return_weights=True)
    torch.testing.assert_close(context, found)
    torch.testing.assert_close(weights @ value, context)


def test_a_temperature_that_is_learned():
    temperature = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    query, key, value = (draw(3, 4, seed=i, dtype=torch.float64) for i in range(3))
    assert torch.autograd.gradcheck(lambda t: attention.soft_lookup(query, key, value, t), temperature)


def test_the_backend_is_named():
    query, key = torch.ones(1, 2, 8, 16), torch.ones(1, 2, 8, 16)
    name = attention.backend(attention.dot_product_attention, query, key, key, causal=True)
    assert name == "PyTorch flash attention"
    assert attention.backend(attention.dot_product_attention, query, key, key, return_weights=True) == "plain"
    with pytest.raises(ValueError, match="only additive_attention and dot_product_attention choose a backend"):
        attention.backend(attention.depth_attention, query, key)


def cases(*replaced, **options):
    inputs = [torch.ones(2, 4, 3, 5), torch.ones(2, 2, 6, 5), torch.ones(2, 2, 6, 7)]
    for place, x in replaced:
        inputs[place] = x
    return inputs, options


@pytest.mark.parametrize(
    "case, message",
    [
        (cases((0, torch.ones(2, 4, 3, 4))), "query width 4 and key width 5 differ"),
        (cases((2, torch.ones(2, 2, 5, 7))), "6 keys and 5 values: each key needs one value"),
        (cases((0, torch.ones(2, 3, 3, 5))), "query (2, 3, 3, 5), key (2, 2, 6, 5) and value (2, 2, 6, 7)"),
        (cases((0, torch.ones(3, 4, 3, 5))), "the leading axes do not fit"),
        (cases((0, torch.ones(5))), "query must have at least two axes (length, width), got (5,)"),
        (cases((0, torch.ones(2, 4, 3, 5).double())), "dtypes differ: query torch.float64, key torch.float32"),
        (cases((1, torch.ones(2, 2, 6, 5, device="meta"))), "devices differ: query cpu, key meta"),
        (cases((0, None)), "query must be a tensor, got NoneType"),
        (cases(mask=torch.ones(3, 6)), "mask must be a boolean tensor (True = may attend), got torch.float32"),
        (cases(mask=torch.ones(3, 5, dtype=torch.bool)), "mask (3, 5) does not broadcast to"),
        (cases(mask=torch.ones(1, 2, 4, 3, 6, dtype=torch.bool)), "= (2, 4, 3, 6)"),
    ],
)
def test_bad_input_is_named(case, message):
    inputs, options = case
    with pytest.raises(ValueError) as raised:
        attention.dot_product_attention(*inputs, **options)
    assert message in str(raised.value)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_a_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match=f"temperature must be positive, got {temperature}"):
        attention.soft_lookup(torch.ones(1, 1), torch.ones(1, 1), torch.ones(1, 1), temperature)


@pytest.mark.parametrize("scale", [0.0, -1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_order_holds_with_a_scale_that_is_not_positive(scale, dtype):
    inputs = [draw(1, 2, 64, 4, seed=i, dtype=dtype) for i in range(3)]
    found = attention.dot_product_attention(*inputs, causal=True, scale=scale)
    exact = reference.dot_product_attention(*(x.double() for x in inputs), causal=True, scale=scale)
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, 3e38])
@pytest.mark.parametrize("heads", [2, 4])
def test_keys_that_no_query_may_attend_to_do_no_harm(garbage, heads):
    query, key, value = draw(2, heads, 5, 4), draw(2, 2, 7, 4, seed=1), draw(2, 2, 7, 3, seed=2)
    broken = key.clone()
    broken[:, :, 5:] = garbage
    mask = torch.arange(7) < 5
    found = attention.dot_product_attention(query, broken, value, mask)
    assert torch.equal(found, attention.dot_product_attention(query, key, value, mask))


def test_grouped_heads_of_nothing():
    for batch, width in ((0, 8), (1, 0)):
        context = attention.dot_product_attention(
            torch.ones(batch, 4, 3, width), torch.ones(batch, 2, 5, width), torch.ones(batch, 2, 5, 6)
        )
        assert torch.equal(context, torch.ones(batch, 4, 3, 6))


def test_soft_lookup_does_not_group_heads():
    with pytest.raises(ValueError, match="the leading axes do not fit"):
        attention.soft_lookup(draw(2, 4, 5, 4), draw(2, 2, 7, 4), draw(2, 2, 7, 6))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_half_precision_are_computed_in_float32(dtype):
    query, key, value = draw(1, 1, 9, 16, dtype=dtype) * 64, draw(1, 1, 9, 16, seed=1, dtype=dtype), draw(1, 1, 9, 3)
    found = attention.dot_product_attention(query, key, value.to(dtype), return_weights=True)
    exact = reference.dot_product_attention(query.double(), key.double(), value.to(dtype).double(), return_weights=True)
    for ours, theirs in zip(found, exact, strict=True):
        assert ours.dtype == dtype
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=TOLERANCE[dtype])
