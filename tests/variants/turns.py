"""In a chapter's kernel: a program that is another of an exercise's variants in each cell, and which were called."""

import functools
from collections import defaultdict

from utils import exercises

CALLED = defaultdict(list)  # by exercise, the indices of its variants
_now = {}  # by exercise, the index of the one whose turn it is


def in_turn(name, first):
    """A function that is one variant, from the first on, until a cell has called it, and then the next; a class is one.

    Within a cell it stays the same: some rest on what their last call has left. So do the models of one training.
    """
    variants = exercises.get(name).variants
    _now[name] = first % len(variants)
    if isinstance(variants[0], type):
        return _noted(name, _now[name], variants[_now[name]])

    def program(*arguments, **named):
        CALLED[name].append(_now[name])
        return variants[_now[name]](*arguments, **named)

    return program


def _noted(name, index, variant):
    """The class, with a note of every object made of it."""
    start = variant.__init__

    @functools.wraps(start)
    def noted(self, *arguments, **named):
        CALLED[name].append(index)
        start(self, *arguments, **named)

    variant.__init__ = noted
    return variant


def next_cell():
    """Whoever was called in the cell before gives way to the next."""
    for name, indices in CALLED.items():
        if indices and indices[-1] == _now[name]:
            _now[name] = (_now[name] + 1) % len(exercises.get(name).variants)


def checked(name):
    """What its check has called does not count."""
    CALLED[name].clear()
