"""Small pictures of handwritten digits, cut into patches."""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

HELD_OUT = 397


class Patches(NamedTuple):
    """Pictures as patches (N, 16, 4), and which digit each shows (N,)."""

    patches: Tensor
    digit: Tensor


def digits(seed: int = 0) -> tuple[Patches, Patches]:
    """1400 digits to learn from and 397 held out: scikit-learn's, 8 × 8 grey values from 0 to 1.

    A picture is 16 patches of 2 × 2, row by row; so are the four numbers of a patch.
    """
    from sklearn.datasets import load_digits  # here, as it takes a second to load

    loaded = load_digits()
    pictures = torch.tensor(loaded.images, dtype=torch.float32) / 16  # (N, 8, 8)
    patches = pictures.unfold(1, 2, 2).unfold(2, 2, 2).flatten(3).flatten(1, 2)  # (N, 4, 4, 2, 2) to (N, 16, 4)
    order = torch.randperm(len(patches), generator=Generator().manual_seed(seed))
    patches, digit = patches[order], torch.tensor(loaded.target)[order]
    return Patches(patches[HELD_OUT:], digit[HELD_OUT:]), Patches(patches[:HELD_OUT], digit[:HELD_OUT])


def pictures(patches: Tensor) -> Tensor:
    """Patches (..., 16, 4) put together into pictures (..., 8, 8)."""
    grid = patches.unflatten(-1, (2, 2)).unflatten(-3, (4, 4))  # (..., 4, 4, 2, 2)
    return grid.transpose(-3, -2).flatten(-2).flatten(-3, -2)
