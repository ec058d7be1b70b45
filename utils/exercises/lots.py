"""Generators of PyTorch's for drawn inputs that nobody can guess from a seed of 32 bits."""

import hashlib

import numpy as np
import torch
from torch import Generator

WORDS = 624  # of 32 bits: the state of the Mersenne Twister
STATE = slice(24, 24 + 8 * WORDS)  # where they lie in a generator's bytes, each in 64 bits


def generator(*names: object) -> Generator:
    """A generator that depends on every bit of the names, and tells nothing of another one's.

    `manual_seed` keeps 32 bits of a seed, and 2**32 of them can be tried one after another. So the whole state is
    filled from a hash instead.
    """
    words = np.frombuffer(hashlib.shake_256(repr(names).encode()).digest(4 * WORDS), dtype="<u4")
    return with_state(words)


def with_state(words: np.ndarray) -> Generator:
    """A generator at the start of the state that these words are, (WORDS,)."""
    fresh = Generator().manual_seed(0)
    state = fresh.get_state()
    state[STATE] = torch.from_numpy(words.astype("<u8").view(np.uint8))
    fresh.set_state(state)
    return fresh
