"""Functions that return a context and the weights behind it."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from .joined import in_one_row


def lookup(attempt: Callable, query: Tensor, key: Tensor, value: Tensor, joined: bool = False, **mask: Tensor) -> Any:
    """The context and weights that it returns; joined, all their numbers in one row."""
    results = attempt(query, key, value, **mask)
    return in_one_row(results, 2) if joined else results
