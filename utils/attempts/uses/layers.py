"""Deep models made of given matrices, and lookups that a layer makes."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

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


def gate(x: Tensor, forward: float, backward: float) -> Tensor:
    """x times `forward`; what comes back to x is the gradient times `backward`."""
    return forward * x.detach() + backward * (x - x.detach())


def gate_half(x: Tensor, forward: float, backward: float) -> Tensor:
    """The gate for a state's first half alone."""
    half, other = x.chunk(2, -1)
    return torch.cat([gate(half, forward, backward), other], -1)


def shift(x: Tensor, by: float) -> Tensor:
    """Every other number larger by so much, the others smaller: the same for all rows."""
    return x + by * (-1.0) ** torch.arange(x.size(-1))


def tangle(x: Tensor) -> Tensor:
    """Each number of a state's first half times the sign of a product of two in the other; done twice, x again."""
    half, other = x.chunk(2, -1)
    return torch.cat([half * (other * other.roll(1, -1)).sign(), other], -1)


CHANGES: dict[str, Callable[..., Tensor]] = {"gate": gate, "gate half": gate_half, "shift": shift, "tangle": tangle}


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


def why_lost(
    attempt: Callable,
    networks: Mapping[str, Sequence[tuple]],
    layers: str,
    W: Tensor,
    readout: Tensor,
    code: Tensor,
    question: Tensor,
    value: Tensor,
    loss_times: float = 1.0,
    positive: bool = False,
) -> dict[str, Any]:
    """What the attempt says of each network, by name.

    They differ in nothing but their changes: (l, name, *numbers) is one of CHANGES, made to what layer l gives, 1 being
    the first. Each has one of LAYERS for every matrix of W (L, D, D); its loss is the cross-entropy of what a readout
    (D, 8) makes of a state, brought to one size first, or of what is `positive` in it. Noise is the same whenever it
    is asked for.
    """

    def loss(read: Tensor, value: Tensor) -> Tensor:
        centred = F.relu(read) if positive else read - read.mean(0)
        return loss_times * F.cross_entropy(centred / centred.std() @ readout, value, reduction="sum")

    said = {}
    for name, changes in networks.items():
        model = [_changed(LAYERS[layers](matrix), changes, number) for number, matrix in enumerate(W, 1)]
        # one batch for each, whose memory is shared: that it wants a gradient stays behind, a change of it is seen
        batch = SimpleNamespace(code=code.detach(), question=question.detach(), value=value.detach())
        with torch.random.fork_rng(devices=[]):  # or a notebook would go on with other random numbers
            torch.default_generator.manual_seed(0)
            said[name] = attempt(SimpleNamespace(layers=model, loss=loss), batch)
    return said


def _changed(layer: Callable[[Tensor], Tensor], changes: Sequence[tuple], number: int) -> Callable[[Tensor], Tensor]:
    """The layer of that number, followed by its own of the changes."""
    own = [(CHANGES[name], numbers) for place, name, *numbers in changes if place == number]

    def changed(state: Tensor) -> Tensor:
        state = layer(state)
        for change, numbers in own:
            state = change(state, *numbers)
        return state

    return changed
