"""Pairs of sentences to translate: words as numbers, batches, and a test set apart from the training set."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

PAD, START, END = 0, 1, 2
UNKNOWN = "‹unknown›"  # stands for every word that is too rare to learn, where a corpus has such words
BATCHES_SORTED_TOGETHER = 20


class Pair(NamedTuple):
    """A sentence, its translation, and what both are about (a number, a date)."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    about: Any


class Vocabulary:
    """Words and their numbers; 0 fills up a batch, 1 starts a sentence, 2 ends it."""

    def __init__(self, sentences: Iterable[Sequence[str]]):
        self.words = ["·", "‹start›", "‹end›", *sorted({word for sentence in sentences for word in sentence})]
        self._numbers = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, sentence: Sequence[str]) -> list[int]:
        """The sentence as numbers, END last.

        A word that is not in the vocabulary is UNKNOWN to one that has this; else it raises a KeyError with the word.
        """
        unknown = self._numbers.get(UNKNOWN)
        if unknown is None:
            return [self._numbers[word] for word in sentence] + [END]
        return [self._numbers.get(word, unknown) for word in sentence] + [END]

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The words up to END, without START and padding."""
        words = []
        for number in numbers:
            if number == END:
                break
            if number not in (PAD, START):
                words.append(self.words[number])
        return words


@dataclass(frozen=True)
class Corpus:
    """Pairs to learn from and pairs held out. Raises ValueError if any of those held out is also learned from."""

    train: Sequence[Pair]
    test: Sequence[Pair]
    source: Vocabulary = field(init=False)
    target: Vocabulary = field(init=False)

    def __post_init__(self) -> None:
        shared = {pair.about for pair in self.train} & {pair.about for pair in self.test}
        shared |= {pair.source for pair in self.train} & {pair.source for pair in self.test}
        if shared:
            raise ValueError(f"{len(shared)} of the pairs held out are also learned from, such as {next(iter(shared))}")
        pairs = [*self.train, *self.test]
        object.__setattr__(self, "source", Vocabulary(pair.source for pair in pairs))
        object.__setattr__(self, "target", Vocabulary(pair.target for pair in pairs))

    def tensors(self, pairs: Iterable[Pair]) -> tuple[Tensor, Tensor]:
        """source (B, Tk), each sentence ending with END, and target (B, Tq), from START to END; filled up with PAD."""
        pairs = list(pairs)
        source = [self.source.encode(pair.source) for pair in pairs]
        target = [[START, *self.target.encode(pair.target)] for pair in pairs]
        return _padded(source), _padded(target)

    def batches(self, size: int, seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of training pairs as tensors, without end, in an order drawn from the seed.

        Sentences of about the same length share a batch, so that little of it is padding. Raises ValueError for a size
        that the training pairs cannot fill.
        """
        if not 1 <= size <= len(self.train):
            raise ValueError(f"a batch of {size} cannot be taken from {len(self.train)} pairs")
        return self._endless(size, random.Random(seed))

    def _endless(self, size: int, rng: random.Random) -> Iterator[tuple[Tensor, Tensor]]:
        pairs = list(self.train)
        whole, chunk = len(pairs) // size * size, size * BATCHES_SORTED_TOGETHER
        while True:
            rng.shuffle(pairs)
            for first in range(0, whole, chunk):
                alike = sorted(pairs[first : min(first + chunk, whole)], key=lambda pair: len(pair.source))
                batches = [alike[i : i + size] for i in range(0, len(alike), size)]
                rng.shuffle(batches)
                yield from map(self.tensors, batches)


def _padded(sentences: list[list[int]]) -> Tensor:
    longest = max(map(len, sentences))
    return torch.tensor([sentence + [PAD] * (longest - len(sentence)) for sentence in sentences])
