"""Small networks and their losses, that are trained in these tests."""

from functools import partial

import torch
from torch import nn


class Slope(nn.Module):
    """One number whose gradient is one wherever it is, if the loss is the number itself."""

    def __init__(self, size=1):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(size, dtype=torch.float64))


class Mixed(nn.Module):
    """Two layers, a temperature without axes, a buffer drawn from the seed, and a part that is not learned."""

    def __init__(self, scalar=True):
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)
        self.frozen = nn.Parameter(torch.randn(4), requires_grad=False)
        self.temperature = nn.Parameter(torch.rand(()) + 1) if scalar else 1
        self.register_buffer("shift", torch.randn(4))

    def forward(self, x):
        return self.second(torch.tanh(self.first(x) * self.frozen + self.shift)) / self.temperature


def small_net():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def draws(steps, *shape):
    """Batches of inputs (…, 3) and targets (…, 2); their size differs widely, so that clipping matters."""
    generator = torch.Generator().manual_seed(5)
    draw = partial(torch.randn, generator=generator)
    return [(draw(*shape, 3), 10 ** (i % 3) * draw(*shape, 2)) for i in range(steps)]


def squared(model, x, y):
    return (model(x) - y).square().mean()


def squared_per_seed(model, x, y):
    return (model(x) - y).square().flatten(1).mean(1)


def built(build, seed):
    torch.manual_seed(seed)
    return build()
