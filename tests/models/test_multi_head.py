"""Heads against PyTorch's own, and positions against the formulas they come from."""

import math

import pytest
import torch
from torch import nn

from utils.attention import reference
from utils.models import MultiHeadAttention, merge_heads, rotary, sinusoidal_positions, split_heads


@pytest.mark.parametrize(("d_model", "heads", "Tq", "Tk"), [(12, 3, 5, 7), (8, 1, 4, 4), (6, 6, 1, 3), (16, 4, 4, 4)])
@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention_is_pytorchs(d_model, heads, Tq, Tk, masked):
    torch.manual_seed(0)
    ours = MultiHeadAttention(d_model, heads).double()
    theirs = nn.MultiheadAttention(d_model, heads, bias=False, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.W_q.weight, ours.W_k.weight, ours.W_v.weight]))
        theirs.out_proj.weight.copy_(ours.W_o.weight)
    query = torch.randn(2, Tq, d_model, dtype=torch.float64)
    key, value = torch.randn(2, 2, Tk, d_model, dtype=torch.float64)
    mask = reference.causal_mask(Tq, Tk) if masked else None
    context, weights = ours(query, key, value, mask)
    expected = theirs(query, key, value, attn_mask=None if mask is None else ~mask, average_attn_weights=False)
    assert torch.allclose(context, expected[0]) and torch.allclose(weights, expected[1])


def test_each_sequence_may_have_a_mask_of_its_own_and_nothing_to_attend_to_gives_zeros():
    attention, x = MultiHeadAttention(8, 2), torch.randn(2, 3, 8)
    mask = torch.ones(2, 3, 3, dtype=torch.bool)
    mask[1, 0] = False
    context, weights = attention(x, x, x, mask)
    assert torch.allclose(context[0], attention(x, x, x)[0][0])
    assert not context[1, 0].any() and not weights[1, :, 0].any()


def test_heads_are_runs_of_columns_and_merging_undoes_splitting():
    x = torch.randn(2, 5, 12)
    heads = split_heads(x, 3)
    assert heads.shape == (2, 3, 5, 4) and heads[:, 1].equal(x[..., 4:8])
    assert merge_heads(heads).equal(x)


def test_a_width_that_does_not_divide_is_named():
    with pytest.raises(ValueError, match="d_model 10 does not divide into 4 heads"):
        MultiHeadAttention(10, 4)
    with pytest.raises(ValueError, match="a width of 9 does not divide into 2 heads"):
        split_heads(torch.zeros(1, 2, 9), 2)


@pytest.mark.parametrize(("length", "width"), [(1, 2), (7, 6), (40, 16), (5, 3)])
def test_sinusoidal_positions_are_the_papers_formula(length, width):
    table = sinusoidal_positions(length, width)
    assert table.shape == (length, width)
    for t in range(length):
        for column in range(width):
            angle = t / 10_000 ** (2 * (column // 2) / width)
            expected = math.cos(angle) if column % 2 else math.sin(angle)
            assert table[t, column].item() == pytest.approx(expected, abs=1e-5)


def test_rotary_is_a_product_with_complex_numbers():
    x, positions = torch.randn(2, 3, 5, 8, dtype=torch.float64), torch.tensor([4, 0, -2, 900, 7])
    pairs = torch.complex(*x.chunk(2, -1))
    turn = torch.exp(1j * positions[:, None] * 10_000.0 ** (-torch.arange(4, dtype=torch.float64) / 4))
    turned = pairs * turn
    assert torch.allclose(rotary(x, positions), torch.cat([turned.real, turned.imag], -1))


def test_rotary_scores_know_the_distance_alone_also_far_out():
    query, key = torch.randn(2, 1, 16)
    near, far = (rotary(query, torch.tensor([t + 5])) @ rotary(key, torch.tensor([t])).mT for t in (3, 100_003))
    assert torch.allclose(near, far, atol=1e-4)


def test_rotary_keeps_the_type_and_names_an_odd_width():
    assert rotary(torch.randn(3, 4, dtype=torch.bfloat16), torch.arange(3)).dtype == torch.bfloat16
    with pytest.raises(ValueError, match="even, got 5"):
        rotary(torch.zeros(2, 5), torch.arange(2))
