"""What chapter 04 tells of translators that it does not train."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from utils.data import PAD, Corpus, Pair
from utils.models import EncoderDecoder
from utils.models.encoder_decoder import Memory

from .figure import Measured, defined_in, told

HERE = "04"
SEEDS = (0, 1, 2)
FILLERS = ("please",) * 12


def chapter(**other_habits: Any) -> Any:
    """The chapter's functions; of its three habits of training, those that are named are others."""
    here = defined_in(HERE, "corpus", "recipe")
    here.recipe = here.recipe | other_habits
    return here


class OneWay(EncoderDecoder):
    """The chapter's network with an encoder that reads in one direction only: its last state is what is summarised.

    `gate` is added to the bias of the encoder's update gate.
    """

    def __init__(self, source_words: int, target_words: int, width: int = 64, gate: float = 0.0):
        super().__init__(source_words, target_words, width=width)
        self.encoder = nn.GRU(self.source_embedding.embedding_dim, width, batch_first=True)
        self.summarise = nn.Linear(width, width)
        with torch.no_grad():
            self.encoder.bias_hh_l0[width : 2 * width] += gate

    def encode(self, source: Tensor) -> Memory:
        """Read source (B, Tk), whose padding is not read."""
        mask = source != PAD
        lengths = mask.sum(1).cpu()
        packed = pack_padded_sequence(self.source_embedding(source), lengths, batch_first=True, enforce_sorted=False)
        states, last = self.encoder(packed)
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=source.size(1))
        return Memory(states, mask, torch.tanh(self.summarise(last[0])))


def changed(corpus: Corpus, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Corpus:
    """The same pairs, with each source changed."""
    train, test = (
        [Pair(change(pair.source), pair.target, pair.about) for pair in pairs] for pairs in (corpus.train, corpus.test)
    )
    return Corpus(train, test)


def as_written(words: tuple[str, ...]) -> tuple[str, ...]:
    return words


def exact(
    digits: int,
    change: Callable[[tuple[str, ...]], tuple[str, ...]] = as_written,
    steps: int = 320,
    rate: float = 1e-2,
    seeds: Sequence[int] = SEEDS,
    **options: Any,
) -> list[float]:
    """The share of names of so many digits that are right, for each seed, after a one-way encoder has read."""
    here, found = chapter(), []
    here.corpus = changed(here.corpus, change)
    for seed in seeds:
        torch.manual_seed(seed)
        model = OneWay(len(here.corpus.source), len(here.corpus.target), **options)
        found.append(here.exact_by_digits(here.train_translator(model, steps, rate))[digits])
    return found
