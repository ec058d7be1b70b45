"""A table to remember, two numbers to add, and a question about the table that comes late."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

VALUES, NUMBERS = 8, 3


def table_questions(shape: Sequence[int], slots: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tables (…, slots) of values 0 to 7, two numbers a and b of 0 to 2, and the slot that is asked for, (…) each.

    The shape is (B,), or (S, B) for S seeds side by side; all are drawn independently, everything equally often. What
    is wanted is (a + b) mod 3 (chance is 1/3), and the value in the slot asked for (chance is 1/8).
    """

    def draw(choices: int, *shape: int) -> Tensor:
        return torch.randint(choices, shape, generator=generator)

    return draw(VALUES, *shape, slots), draw(NUMBERS, *shape), draw(NUMBERS, *shape), draw(slots, *shape)
