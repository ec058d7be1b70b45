"""Marks, and what goes with them."""

from dataclasses import dataclass

from .kinds import NOT_ATTEMPTED, Kind


class NotGraded(Exception):
    """Nothing can be said of this notebook; the message says why. Never a reason for a zero."""


@dataclass(frozen=True)
class Mark:
    """What an exercise earned, and why: of a known mistake its name and sentence. `seconds` is what its runs took."""

    exercise: str
    points: int
    most: int
    kind: Kind
    mistake: str | None = None
    sentence: str | None = None
    seconds: float = 0.0

    @property
    def status(self) -> str:
        if self.kind is Kind.PASSED:
            return "passed"
        return "not attempted" if self.kind in NOT_ATTEMPTED else "failed"

    @property
    def message(self) -> str:
        """Words that a student may read, without a hidden input or how far off it was."""
        return self.sentence or self.kind.sentence


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
