"""In a chapter's kernel: a program that is another of an exercise's variants in each cell, and which were called."""

import functools
from collections import defaultdict

from utils import exercises

AT_EACH_CALL = {"sample"}  # which two cells alone call, and which draws, so that no two calls are compared
COMPILED = {"fraction_sums"}  # by its chapter, which takes a program and none that calls others

CALLED = defaultdict(list)  # by exercise, the indices of its variants
_now = {}  # by exercise, the index of the one whose turn it is
_checked = set()


def in_turn(name, first):
    """A function that is the first in its check, and then each in turn; of classes that one, as a training wants it.

    Within a cell it stays the same: some rest on what their last call has left, and some results are compared exactly.
    """
    variants = exercises.get(name).variants
    _now[name] = first % len(variants)
    if name in COMPILED:
        return variants[_now[name]]
    if isinstance(variants[0], type):
        return _noted(name, _now[name], variants[_now[name]])

    def program(*arguments, **named):
        index = _now[name]
        CALLED[name].append(index)
        if name in _checked & AT_EACH_CALL:
            _now[name] = (index + 1) % len(variants)
        return variants[index](*arguments, **named)

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
    """Whoever was called in the last cell gives way to the next."""
    for name in CALLED.keys() - AT_EACH_CALL:
        if CALLED[name][-1:] == [_now[name]]:
            _now[name] = (_now[name] + 1) % len(exercises.get(name).variants)


def checked(name, first):
    """What its check has called does not count, nor whose turn it is then."""
    _checked.add(name)
    _now[name] = first % len(exercises.get(name).variants)
    CALLED[name][:] = [_now[name]] if name in COMPILED else []
