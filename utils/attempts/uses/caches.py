"""Caches of keys and values: filled and asked in pieces, and read by a model that goes on where it stopped."""

import contextlib
import copy
import math
from collections.abc import Callable, Iterator
from types import FunctionType, NoneType
from typing import Any

import torch
from torch import Tensor

from .knock_outs import drawn_model

NUMBERS = (list, dict, set, tuple, Tensor, int, float, NoneType)  # what a class may keep keys and values in


def in_pieces(attempt: type, query: Tensor, key: Tensor, value: Tensor, pieces: list[int]) -> dict[str, Any]:
    """What a new cache answers to each piece of a text, whose keys and values it is given before.

    query and key (B, H, T, D), value (B, H, T, Dv); pieces are numbers of tokens that add up to T. A second cache,
    as another layer has one, is filled in between.
    """
    answers = {}
    with _left_as_it_is(attempt):
        cache, other = attempt(), attempt()
        for name, here in _places(pieces).items():
            cache.append(key[:, :, here].clone(), value[:, :, here].clone())
            other.append(-key[:, :, here], 1 - value[:, :, here])
            answers[name] = cache.attend(query[:, :, here].clone())
    return answers


def decode(
    attempt: Callable,
    sizes: tuple[int, int, int, int],
    tokens: Tensor,
    pieces: list[int],
    seed: int = 0,
    **parameters: Tensor,
) -> dict[str, Any]:
    """What it returns for each piece of the tokens (B, T), and how many of them each block's cache holds in the end.

    sizes (vocabulary, d_model, heads, layers). Parameters that are not given by name are drawn from the seed.
    """
    model = drawn_model(sizes, seed, parameters)
    caches = [_Cache() for _ in model.blocks]
    with torch.no_grad():
        answers = {name: attempt(model, tokens[:, here], caches) for name, here in _places(pieces).items()}
    return answers | {"tokens in each cache": [len(cache) for cache in caches]}


def _places(pieces: list[int]) -> dict[str, slice]:
    """Where each piece stands in the text, by its name."""
    ends = [sum(pieces[: i + 1]) for i in range(len(pieces))]
    return {
        f"token {end - n}" if n == 1 else f"tokens {end - n} to {end - 1}": slice(end - n, end)
        for n, end in zip(pieces, ends, strict=True)
    }


class _Cache:
    """The keys and values of the tokens so far, as the chapter's own cache keeps them."""

    key: Tensor | None = None
    value: Tensor | None = None

    def __len__(self) -> int:
        return 0 if self.key is None else self.key.size(2)

    def append(self, key: Tensor, value: Tensor) -> None:
        """Adds those of n further tokens, (B, H, n, Dk) and (B, H, n, Dv)."""
        self.key = key if self.key is None else torch.cat([self.key, key], 2)
        self.value = value if self.value is None else torch.cat([self.value, value], 2)

    def attend(self, query: Tensor) -> Tensor:
        """The context (B, H, n, Dv) of query (B, H, n, Dk), whose last row stands at the last token."""
        if self.key is None or self.value is None:
            raise ValueError("the cache is empty: append keys and values first")
        n, T = query.size(2), len(self)
        scores = query @ self.key.mT / math.sqrt(query.size(-1))
        later = torch.ones(n, T, dtype=torch.bool).triu(T - n + 1)
        return scores.masked_fill(later, -math.inf).softmax(-1) @ self.value


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
