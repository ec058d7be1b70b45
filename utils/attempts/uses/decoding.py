"""Languages to search for the likeliest sequence."""

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def _next_word(language: Any, start: int, width: int, max_length: int) -> Callable[[Tensor], Tensor]:
    """A step function: prefixes (N, L) into log-probabilities (N, V) of the next word; no more than `width` of them.

    `start` never comes again. language is a table of logits (M, V), of which all words of a prefix choose the row; or
    the probabilities by hand, {words after start: [one per word]}, and after others word 1 is certain.
    """

    table = None
    if isinstance(language, Tensor):
        impossible = torch.arange(language.size(-1)) == start
        table = language.masked_fill(impossible, -math.inf).log_softmax(-1)

    def step(prefixes: Tensor) -> Tensor:
        if not isinstance(prefixes, Tensor) or prefixes.dim() != 2 or prefixes.dtype != torch.long:
            raise ValueError("step takes prefixes (N, L): a tensor of whole numbers, a row for each sequence")
        rows = prefixes.tolist()
        if any(row[:1] != [start] for row in rows):
            raise ValueError("step takes whole prefixes: each begins with `start`")
        if len(rows) > width:
            raise ValueError("step was given more sequences than the beam is wide")
        if prefixes.size(1) > max_length:
            raise ValueError("step was asked to continue a sequence that has max_length words after `start` already")
        if table is not None:
            return table[[_hash(row) % len(table) for row in rows]]
        certain = [float(word == 1) for word in range(len(language[()]))]
        return torch.tensor([language.get(tuple(row[1:]), certain) for row in rows]).log()

    return step


def _hash(words: list[int]) -> int:
    return functools.reduce(lambda so_far, word: 31 * so_far + word + 1, words, 0)


def beam_search(attempt: Callable, language: Any, start: int, end: int, width: int, max_length: int) -> Any:
    """What the attempt writes in a language by hand, or a list of what it writes in each of several (K, M, V)."""
    tables = [language] if isinstance(language, dict) else language
    found = [attempt(_next_word(table, start, width, max_length), start, end, width, max_length) for table in tables]
    if any(isinstance(each, list | tuple) and any(map(_is_a_sequence, each)) for each in found):
        raise TypeError("the list of words alone should be returned; there was something beside it")
    return found[0] if isinstance(language, dict) else found


def _is_a_sequence(part: Any) -> bool:
    return isinstance(part, list | tuple) or (isinstance(part, Tensor) and part.dim() > 0)
