"""Attention over depth against the formula, in its two forms."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import attention
from utils.attention import reference


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 4), st.integers(1, 9)),
    per_place=st.booleans(),
    normed=st.booleans(),
    as_list=st.booleans(),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16]),
)
def test_agrees_with_the_formula(sizes, per_place, normed, as_list, dtype):
    layers, batch, length, width = sizes
    query = draw(batch, length, width, seed=1) if per_place else draw(width, seed=1)
    inputs = [query, draw(*sizes), *([draw(width, seed=2)] if normed else [])]
    exact_inputs = [x.to(dtype).double().requires_grad_() for x in inputs]
    inputs = [x.to(dtype).requires_grad_() for x in inputs]
    sources = list(inputs[1]) if as_list else inputs[1]
    outputs = attention.depth_attention(inputs[0], sources, *inputs[2:], return_weights=True)
    exact = reference.depth_attention(*exact_inputs, return_weights=True)
    found = torch.autograd.grad((outputs[0] * outputs[0]).sum() + outputs[1].square().sum(), inputs)
    expected = torch.autograd.grad((exact[0] * exact[0]).sum() + exact[1].square().sum(), exact_inputs)
    tolerance = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 0.04}[dtype]
    assert outputs[0].dtype == dtype and outputs[1].shape == (batch, length, layers)
    for ours, value in zip((*outputs, *found), (*exact, *expected), strict=True):
        torch.testing.assert_close(ours.double(), value, rtol=0, atol=tolerance * max(1, value.abs().max().item()))


def test_a_query_of_zeros_gives_the_mean():
    sources = draw(6, 2, 3, 4)
    torch.testing.assert_close(attention.depth_attention(torch.zeros(4).double(), sources), sources.mean(0))


def test_large_scores_and_two_derivatives():
    sources = draw(3, 2, 2, 4)
    assert attention.depth_attention(1e4 * draw(4, seed=1), sources).isfinite().all()
    inputs = [draw(4, seed=1).requires_grad_(), sources.requires_grad_(), draw(4, seed=2).requires_grad_()]
    assert torch.autograd.gradcheck(attention.depth_attention, inputs)
    assert torch.autograd.gradgradcheck(attention.depth_attention, inputs)


@pytest.mark.parametrize(
    "query, sources, weight, message",
    [
        (torch.ones(4), [], None, "there are no sources"),
        (torch.ones(4), torch.ones(2, 3, 4), None, "sources must all be (B, T, D), got (3, 4)"),
        (torch.ones(4), [torch.ones(1, 3, 4), torch.ones(1, 2, 4)], None, "got (1, 2, 4), (1, 3, 4)"),
        (torch.ones(5), torch.ones(2, 1, 3, 4), None, "query (5,) fits neither (D,) = (4,) nor (B, T, D) = (1, 3, 4)"),
        (torch.ones(4), torch.ones(2, 1, 3, 4), torch.ones(3), "norm_weight (3,) must be (D,) = (4,)"),
        (torch.ones(4).double(), torch.ones(2, 1, 3, 4), None, "dtypes differ: query torch.float64, source 0"),
    ],
)
def test_bad_input_is_named(query, sources, weight, message):
    with pytest.raises(ValueError) as raised:
        attention.depth_attention(query, sources, weight)
    assert message in str(raised.value)


def test_a_source_of_zeros_has_two_derivatives():
    sources = [draw(1, 1, 4).requires_grad_(), torch.zeros(1, 1, 4).double().requires_grad_()]
    context = attention.depth_attention(draw(4, seed=1), sources, torch.ones(4).double())
    first = torch.autograd.grad(context.square().sum(), sources, create_graph=True)
    second = torch.autograd.grad(sum(x.square().sum() for x in first), sources)
    assert all(x.isfinite().all() for x in second)
