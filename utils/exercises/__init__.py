"""The exercises as data. `names()` lists them in course order, `get(name)` gives one; `bank` holds them by theme."""

import difflib

from .bank import EXERCISES
from .exercise import Exercise, Verdict

__all__ = ["Exercise", "Verdict", "get", "names"]

_BY_NAME = {exercise.name: exercise for exercise in EXERCISES}


def names() -> list[str]:
    """The name of every exercise, in course order."""
    return list(_BY_NAME)


def get(name: str) -> Exercise:
    """The exercise of that name. Raises KeyError naming what was asked for and what comes close."""
    if name not in _BY_NAME:
        close = difflib.get_close_matches(str(name), _BY_NAME)
        raise KeyError(f"no exercise is called {name!r}" + (f"; did you mean {' or '.join(close)}?" if close else ""))
    return _BY_NAME[name]
