"""What chapter 02 tells of widths that start narrow, and of more pairs than it stores."""

from typing import Any

from .figure import Measured, defined_in, told

HERE = "02"


def chapter() -> Any:
    """The chapter's functions, and the points at which it asks for predictions."""
    return defined_in(HERE, "x")


@told(
    HERE,
    "From a width of 0.05, two of six sets of examples ended in another valley, at 0.11 and at 0.08.",
    3,
    {"sets that end where they end from a width of 1": (4, 4), "the others": (0.07, 0.13)},
)
def narrow_start() -> Measured:
    here = chapter()
    wide, narrow = ([here.learned_width(seed, True, start)[0] for seed in range(6)] for start in (1.0, 0.05))
    others = [end for end, usual in zip(narrow, wide, strict=True) if abs(end / usual - 1) > 0.01]
    return {"sets that end where they end from a width of 1": 6 - len(others), "the others": others}


@told(HERE, "of 4,096 pairs it reads about nine in ten", 3, {"read back whole at 0.1": (0.85, 0.95)})
def many_pairs() -> Measured:
    here = chapter()
    return {"read back whole at 0.1": here.recall(here.at(0.1), 4096, 16, seeds=3).tolist()}
