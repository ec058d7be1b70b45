"""The formulas against a loop anyone can read and against PyTorch's own attention, forward and backward."""

import math

import pytest
import torch
from torch.nn import functional

from utils.attention import reference

SHAPES = [
    ((3, 4), (5, 4), (5, 2)),
    ((1, 1), (1, 1), (1, 1)),
    ((2, 3, 4), (2, 7, 4), (2, 7, 5)),
    ((2, 3, 2, 8), (2, 3, 5, 8), (2, 3, 5, 8)),
]


def draw(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64, requires_grad=True)


def by_loop(query, key, value, temperature, mask):
    rows = []
    for i, q in enumerate(query):
        exps = [math.exp((q @ k).item() / temperature) if mask[i, j] else 0.0 for j, k in enumerate(key)]
        total = sum(exps)
        rows.append(
            sum((e / total * v for e, v in zip(exps, value, strict=True)), torch.zeros_like(value[0]))
            if total
            else torch.zeros_like(value[0])
        )
    return torch.stack(rows)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_soft_lookup_equals_pytorchs_attention_and_its_gradients(shapes, temperature):
    ours, theirs = ([draw(shape, seed) for seed, shape in enumerate(shapes)] for _ in range(2))
    mask = torch.rand(*shapes[0][:-1], shapes[1][-2], generator=torch.Generator().manual_seed(9)) < 0.7
    mask[..., 0] = True
    context = reference.soft_lookup(*ours, temperature, mask)
    expected = functional.scaled_dot_product_attention(*theirs, attn_mask=mask, scale=1 / temperature)
    assert torch.allclose(context, expected, atol=1e-12)
    for one, other in zip(
        torch.autograd.grad(context.square().sum(), ours),
        torch.autograd.grad(expected.square().sum(), theirs),
        strict=True,
    ):
        assert torch.allclose(one, other, atol=1e-10)


def test_soft_lookup_equals_a_loop_with_an_empty_row():
    query, key, value = draw((4, 3), 0), draw((5, 3), 1), draw((5, 2), 2)
    mask = torch.rand(4, 5, generator=torch.Generator().manual_seed(3)) < 0.5
    mask[2] = False
    context = reference.soft_lookup(query, key, value, 0.7, mask)
    assert torch.allclose(context, by_loop(query, key, value, 0.7, mask), atol=1e-12)
    gradients = torch.autograd.grad(context.sum(), (query, key, value))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert not gradients[0][2].any()


def test_soft_lookup_of_huge_scores_is_the_nearest_lookup():
    query, key, value = 1e6 * draw((6, 3), 0), draw((5, 3), 1), draw((5, 2), 2)
    assert torch.allclose(reference.soft_lookup(query, key, value), reference.nearest_lookup(query, key, value))


def test_soft_lookup_changes_nothing_it_is_given():
    given = [draw((3, 4), 0).detach(), draw((5, 4), 1).detach(), draw((5, 2), 2).detach()]
    before = [tensor.clone() for tensor in given]
    reference.soft_lookup(*given, mask=torch.ones(3, 5, dtype=torch.bool))
    assert all(torch.equal(one, other) for one, other in zip(given, before, strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((2, 3), (4, 5), (4, 1)), "query width 3 and key width 5 differ"),
        (((2, 3), (4, 3), (5, 1)), "4 keys and 5 values"),
        (((2, 3), (4, 3), (4, 1), 0.0), "temperature must be positive, got 0.0"),
        (((2, 3), (4, 3), (4, 1), math.nan), "temperature must be positive, got nan"),
        (((2, 3), (4, 3), (4, 1), 1.0, torch.ones(2, 4)), "mask must be boolean .* got torch.float32"),
    ],
    ids=["widths", "counts", "zero", "nan", "mask"],
)
def test_bad_input_is_named(arguments, message):
    tensors = [torch.zeros(shape) for shape in arguments[:3]]
    with pytest.raises(ValueError, match=message):
        reference.soft_lookup(*tensors, *arguments[3:])


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_the_slope_of_a_lookup_equals_backpropagation(temperature):
    query, key, value = draw((4,), 0), draw((6, 4), 1), draw((6, 3), 2)
    slope = torch.autograd.functional.jacobian(
        lambda q: reference.soft_lookup(q[None], key, value, temperature)[0], query
    )
    assert torch.allclose(reference.lookup_gradient(query, key, value, temperature), slope, atol=1e-12)


def test_kernel_regression_is_a_soft_lookup():
    x, x_train, y_train = draw((7,), 0), draw((5,), 1), draw((5,), 2)
    query = torch.stack([x, torch.ones_like(x)], -1)
    key = torch.stack([x_train, -(x_train**2) / 2], -1)
    context = reference.soft_lookup(query, key, y_train[:, None], temperature=0.6**2)[:, 0]
    assert torch.allclose(reference.kernel_regression(x, x_train, y_train, 0.6), context, atol=1e-12)


def test_leaving_one_out_equals_leaving_it_out_of_the_examples():
    x, y = draw((6,), 0), draw((6,), 1)
    left_out = reference.kernel_regression(x, x, y, 0.5, leave_one_out=True)
    for i in range(6):
        others = torch.arange(6) != i
        assert torch.allclose(left_out[i], reference.kernel_regression(x[i : i + 1], x[others], y[others], 0.5)[0])


def test_a_linear_memory_is_a_lookup_without_softmax():
    query, key, value = draw((3, 4), 0), draw((7, 4), 1), draw((7, 2), 2)
    assert torch.allclose(query @ reference.linear_memory(key, value), query @ key.mT @ value, atol=1e-12)


def test_one_hot_lookup_finds_values_and_zeros():
    words = torch.eye(4)
    value = torch.arange(6.0).reshape(3, 2)
    assert torch.equal(
        reference.matrix_lookup(words, words[[2, 0, 1]], value),
        torch.stack([value[1], value[2], value[0], torch.zeros(2)]),
    )
