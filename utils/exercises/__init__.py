"""The exercises as data. `names()` lists them in course order, `get(name)` gives one; each is a module of `bank`."""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import TYPE_CHECKING

from .bank import NAMES

if TYPE_CHECKING:  # it imports torch, which whoever asks for the names does without
    from .exercise import Exercise


def names() -> list[str]:
    """The name of every exercise, in course order."""
    return list(NAMES)


def get(name: str) -> Exercise:
    """The exercise of that name. Raises KeyError naming what was asked for and what comes close."""
    if name not in NAMES:
        close = difflib.get_close_matches(str(name), NAMES)
        raise KeyError(f"no exercise is called {name!r}" + (f"; did you mean {' or '.join(close)}?" if close else ""))
    return load(name)


def load(name: str) -> Exercise:
    """The exercise in the bank's module of that name, listed or not. Raises ImportError if there is none."""
    from utils.attempts import torch_as_usual  # imports torch

    with torch_as_usual():  # a module makes tensors, and a notebook may have set another default dtype
        return importlib.import_module(f"{__name__}.bank.{name}").exercise


def loaded() -> list[Exercise]:
    """Those that were asked for in this process, in course order."""
    return [load(name) for name in NAMES if f"{__name__}.bank.{name}" in sys.modules]
