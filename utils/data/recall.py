"""One thing to remember, a long way back."""

import torch
from torch import Generator, Tensor

SYMBOLS = 8


def recall(sequences: int, distance: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Sequences (B, distance + 3) and what to answer at their end (B,).

    Each is a mark, the symbol to remember, `distance` symbols drawn at random, and a sign to answer now: which symbol
    followed the mark? Symbols are 0 to 7 (chance is 1/8), the mark is 8, the sign is 9.
    """
    tokens = torch.randint(SYMBOLS, (sequences, distance + 3), generator=generator)
    tokens[:, 0], tokens[:, -1] = SYMBOLS, SYMBOLS + 1
    return tokens, tokens[:, 1].clone()
