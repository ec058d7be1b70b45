"""Trainings whose results are planted, of which an attempt finds out what does harm."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

STARTS, STEPS = ("soft", "sharp"), ("small", "large")


def which_factor(
    attempt: Callable,
    soft_small: Sequence[float],
    sharp_small: Sequence[float],
    soft_large: Sequence[float],
    sharp_large: Sequence[float],
    seeds: Tensor,
) -> list[Any]:
    """What the attempt says of each of several trainings, whose means are given for the four ways to run them.

    seeds (4, S) is by how much each seed differs from the mean, a row for each of the four.
    """
    said = []
    for means in zip(soft_small, sharp_small, soft_large, sharp_large, strict=True):

        def run(start: str, step: str, means: tuple[float, ...] = means) -> Tensor:
            for given, known in [(start, STARTS), (step, STEPS)]:
                if given not in known:
                    raise ValueError(f"run(start, step): expected one of {known}, got {given!r}")
            place = STARTS.index(start) + 2 * STEPS.index(step)
            return means[place] + seeds[place]

        said.append(attempt(run))
    return said
