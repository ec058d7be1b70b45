"""Deep models made of given matrices, and lookups that a layer makes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .joined import in_one_row

LAYERS: dict[str, Callable[[Tensor], Callable[[Tensor], Tensor]]] = {
    "linear": lambda W: lambda x: x @ W,
    "tanh": lambda W: lambda x: torch.tanh(x @ W),
    "ReLU": lambda W: lambda x: torch.relu(x @ W),
    "residual": lambda W: lambda x: x + torch.tanh(x @ W),
}
LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "the sum": lambda output: output.sum(),
    "half the sum of squares": lambda output: (output**2).sum() / 2,
    "the mean of squares": lambda output: (output**2).mean(),
}


def gradient_by_layer(attempt: Callable, layers: str, loss: str, x: Tensor, **weights: Tensor) -> Any:
    """The attempt's sizes for one of LAYERS per weight and one of LOSSES; asked twice, so that nothing may stay behind.

    The weights are named in the order of the layers.
    """
    model = [LAYERS[layers](weights[name].clone().requires_grad_()) for name in sorted(weights)]
    attempt(model, x, LOSSES[loss])
    sizes = attempt(model, x, LOSSES[loss])
    if x.requires_grad:
        return "the x that was given wants a gradient now"
    return "sizes that carry a graph" if isinstance(sizes, Tensor) and sizes.requires_grad else sizes


def attend_to_input(
    attempt: Callable, state: Tensor, key: Tensor, value: Tensor, W_q: Tensor, joined: bool = False
) -> Any:
    """The context and weights that it returns; joined, all their numbers in one row."""
    results = attempt(state, key, value, W_q)
    return in_one_row(results, 2) if joined else results
