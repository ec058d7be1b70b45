"""Marks, and the words that go with them."""

from dataclasses import dataclass


class NotGraded(Exception):
    """Nothing can be said of this notebook; the message says why. Never a reason for a zero."""


@dataclass(frozen=True)
class Mark:
    """What an exercise earned, and why: words that a student may read, without a hidden input or how far off it was."""

    exercise: str
    status: str
    points: int
    most: int
    message: str


@dataclass(frozen=True)
class Marks:
    """A notebook's marks, one for each exercise of its chapter; `sandboxed` False if its code ran without a sandbox."""

    chapter: str
    marks: tuple[Mark, ...]
    warnings: tuple[str, ...]
    sandboxed: bool

    @property
    def score(self) -> int:
        return sum(mark.points for mark in self.marks)

    @property
    def most(self) -> int:
        return sum(mark.most for mark in self.marks)
