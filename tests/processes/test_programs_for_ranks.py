"""Every correct program for ranks that the exercises know, on real processes: what one process computes alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils import exercises
from utils.processes import launch
from utils.processes.launching import end

RANKS = 3


@pytest.fixture(scope="module", autouse=True)
def processes():
    yield
    end()


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


def loss(model, x, target):
    return (model(x) - target).square().mean()


def gradient(leave, parts, group):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    leave(model, loss, parts[group.rank()] if group else parts, group)
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def data_parallel_gradient(program):
    """The parts differ in length."""

    def alone(model, loss, batch, _):
        loss(model, *batch).backward()

    x, target = drawn(12, 4), drawn(12, 2)
    parts = [*zip(x.split([3, 7, 2]), target.split([3, 7, 2]), strict=True)]
    return launch(gradient, program, parts, processes=RANKS), [gradient(alone, (x, target), None)] * RANKS


def ring_all_reduce(program):
    x = drawn(RANKS, 4 * RANKS)
    return launch(lambda group: program(x[group.rank()], group), processes=RANKS), [x.sum(0)] * RANKS


def ring_attention(program):
    query, key, value = drawn(3, 2, 4, 12, 8)
    parts = exercises.get("zigzag").reference(12, RANKS)

    def own(group):
        here = parts[group.rank()]
        return program(query[..., here, :], key[..., here, :], value[..., here, :], here, group, True)

    whole = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    return launch(own, processes=RANKS), [whole[..., here, :] for here in parts]


def parallel_heads(program):
    """Two heads of a width of 4 on each rank."""
    x, (W_q, W_k, W_v), W_o, bias = drawn(2, 5, 6), drawn(3, 24, 6), drawn(6, 24), drawn(6)

    def own(group):
        rows = slice(8 * group.rank(), 8 * group.rank() + 8)
        return program(x, W_q[rows], W_k[rows], W_v[rows], W_o[:, rows], bias, 2, group)

    query, key, value = ((x @ W.T).unflatten(-1, (6, 4)).transpose(1, 2) for W in (W_q, W_k, W_v))
    context = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    return launch(own, processes=RANKS), [context @ W_o.T + bias] * RANKS


def programs():
    known = (data_parallel_gradient, ring_all_reduce, ring_attention, parallel_heads)
    them = [(results, exercises.get(results.__name__)) for results in known]
    return [(results, one) for results, each in them for one in (each.reference, *each.variants)]


@pytest.mark.parametrize(("results", "program"), programs(), ids=lambda function: function.__name__)
def test_a_program_computes_on_processes_what_one_process_computes_alone(results, program):
    for came, wanted in zip(*results(program), strict=True):
        torch.testing.assert_close(came, wanted, rtol=0, atol=1e-10)
