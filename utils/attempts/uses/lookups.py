"""Functions that return a context and the weights behind it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .joined import in_one_row


def lookup(attempt: Callable, query: Tensor, key: Tensor, value: Tensor, joined: bool = False, **mask: Tensor) -> Any:
    """The context and weights that it returns; joined, all their numbers in one row."""
    results = attempt(query, key, value, **mask)
    return in_one_row(results, 2) if joined else results


def _own_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The context and weights for the scores (query + 1) · key: a query of zeros does not look evenly."""
    scores = (query + 1) @ key.mT  # (B, Tq, Tk)
    visible = torch.ones_like(scores, dtype=torch.bool)
    if mask is not None:
        visible = (mask[:, None] if mask.dim() == 2 else mask).expand_as(scores)
    empty = ~visible.any(-1, keepdim=True)
    weights = scores.masked_fill(~(visible | empty), -torch.inf).softmax(-1) * visible
    return weights @ value, weights


def look_evenly(attempt: Callable, where: Tensor, query: Tensor, key: Tensor, value: Tensor, **mask: Tensor) -> Any:
    """What the attention that it makes of another one returns for query, key, value and mask."""
    evened = attempt(_own_attention, where)
    if not callable(evened):
        raise TypeError(f"a function should be returned, which takes query, key, value and mask; it was {evened!r:.60}")
    return evened(query, key, value, **mask)
