"""A softmax in parts: its scores come tile by tile, or two parts of it are merged."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from .joined import by_name

PART = ("largest", "total", "sums")


def online_softmax(attempt: Callable, scores: Tensor, tile: int) -> dict[str, Tensor]:
    """The largest and the total that it finds for scores (T,), of which it sees `tile` at a time, and each once."""
    found = by_name(attempt(_one_buffer(scores, tile)), PART[:2])
    # a number of Python's is as good as a tensor, and becomes one of 32 bits
    return {name: torch.as_tensor(entry, dtype=torch.float32) for name, entry in found.items()}


def _one_buffer(scores: Tensor, tile: int) -> Iterator[Tensor]:
    """The tiles, each in the place of the one before; in the end there is nothing left of any."""
    buffer = torch.empty(tile, dtype=scores.dtype)
    for some in scores.split(tile):
        buffer[: len(some)] = some
        yield buffer[: len(some)]
    buffer.fill_(math.nan)


def merge_partials(
    attempt: Callable,
    one_largest: Tensor,
    one_total: Tensor,
    one_sums: Tensor,
    other_largest: Tensor,
    other_total: Tensor,
    other_sums: Tensor,
) -> dict[str, Any]:
    """The part that it makes of two."""
    return by_name(attempt((one_largest, one_total, one_sums), (other_largest, other_total, other_sums)), PART)
