"""Pairs of keys and values, then questions: what stood behind this key?"""

import torch
from torch import Generator, Tensor

KEYS, VALUES = 32, 32


def associative_recall(sequences: int, generator: Generator, pairs: int = 8) -> tuple[Tensor, Tensor]:
    """Tokens (B, 3 · pairs) and the answers (B, pairs) to the last `pairs` of them.

    k1 v1 k2 v2 … and then the same keys once more, in another order: the answer to each is its value. Keys are the
    tokens 0 to 31, no two alike in a sequence; values are 32 to 63, and drawn anew for every sequence, so that nothing
    can be learned by heart. Source: the task of Arora et al. 2023 (Zoology), in small. Raises ValueError for more
    pairs than there are keys.
    """
    if not 1 <= pairs <= KEYS:
        raise ValueError(f"{pairs} pairs need as many different keys, and there are {KEYS}")
    keys = torch.rand(sequences, KEYS, generator=generator).argsort(1)[:, :pairs]  # (B, pairs)
    values = KEYS + torch.randint(VALUES, keys.shape, generator=generator)
    order = torch.rand(keys.shape, generator=generator).argsort(1)
    told = torch.stack([keys, values], 2).flatten(1)  # (B, 2 · pairs)
    return torch.cat([told, keys.gather(1, order)], 1), values.gather(1, order)
