"""Caches of keys and values: filled and asked in pieces, and read by a model that goes on where it stopped."""

import contextlib
import copy
from collections.abc import Iterator
from types import FunctionType, NoneType
from typing import Any

from torch import Tensor

NUMBERS = (list, dict, set, tuple, Tensor, int, float, NoneType)  # what a class may keep keys and values in


def in_pieces(attempt: type, query: Tensor, key: Tensor, value: Tensor, pieces: list[int]) -> dict[str, Any]:
    """What a new cache answers to each piece of a text, whose keys and values it is given before.

    query and key (B, H, T, D), value (B, H, T, Dv); pieces are numbers of tokens that add up to T. A second cache,
    as another layer has one, is filled in between.
    """
    answers, start = {}, 0
    with _left_as_it_is(attempt):
        cache, other = attempt(), attempt()
        for n in pieces:
            end = start + n
            cache.append(key[:, :, start:end].clone(), value[:, :, start:end].clone())
            other.append(-key[:, :, start:end], 1 - value[:, :, start:end])
            name = f"token {start}" if n == 1 else f"tokens {start} to {end - 1}"
            answers[name] = cache.attend(query[:, :, start:end].clone())
            start = end
    return answers


@contextlib.contextmanager
def _left_as_it_is(attempt: type) -> Iterator[None]:
    """What is kept on the class, or in a default argument, is there no more when the next text begins."""
    kinds = attempt.__mro__[:-1]
    kept = [{name: _copied(one) for name, one in vars(kind).items() if _is_kept(name, one)} for kind in kinds]
    functions = [one for kind in kinds for one in vars(kind).values() if isinstance(one, FunctionType)]
    defaults = [_copied(function.__defaults__) for function in functions]
    try:
        yield
    finally:
        for kind, before in zip(kinds, kept, strict=True):
            for name in [name for name, one in vars(kind).items() if _is_kept(name, one)]:
                delattr(kind, name)
            for name, one in before.items():
                setattr(kind, name, one)
        for function, default in zip(functions, defaults, strict=True):
            function.__defaults__ = default


def _is_kept(name: str, one: Any) -> bool:
    return isinstance(one, NUMBERS) and not name.startswith("__")


def _copied(one: Any) -> Any:
    try:
        return copy.deepcopy(one)
    except Exception:  # a default may be anything, and most hold no keys
        return one
