"""Which of the fixed kinds a verdict is: what is wrong, and no more."""

from typing import Any

from torch import Tensor

from utils.attempts import Outcome, Raised, Stopped, Unanswered
from utils.exercises.compare import difference
from utils.exercises.exercise import UNATTEMPTED, Trial, Verdict

from .inside.wire import Malformed, TooLarge
from .kinds import Kind
from .sandbox import Died

END = {Died: Kind.ENDED, TooLarge: Kind.TOO_LARGE, Malformed: Kind.NO_ANSWER}  # of a runner that was asked


def kind(verdict: Verdict) -> Kind:
    if verdict.passed:
        return Kind.PASSED
    if not verdict.attempted:
        return Kind.BLANK if verdict.message == UNATTEMPTED else Kind.UNFINISHED
    if verdict.mistake:
        return Kind.KNOWN
    assert verdict.trial and verdict.outcome  # a verdict on outcomes, not on something that could not be tried
    return _what_is_wrong(verdict.trial, verdict.outcome)


def _what_is_wrong(trial: Trial, outcome: Outcome) -> Kind:
    match outcome:
        case Stopped():
            return Kind.STOPPED
        case Unanswered(why=why):
            return next((end for end in END.values() if end.words == why), Kind.NO_ANSWER)
        case Raised():
            return Kind.RAISED
    return Kind.CHANGED if outcome.changed else _what_differs(trial.expected.value, outcome.value)


def _what_differs(expected: Any, got: Any) -> Kind:
    # in the order of `compare`: the check in a notebook names the same thing first
    if got is None and expected is not None:
        return Kind.NONE
    if not isinstance(expected, Tensor):
        return Kind.OTHER
    if not isinstance(got, Tensor):
        return Kind.TYPE
    if got.shape != expected.shape:
        return Kind.SHAPE
    if got.dtype != expected.dtype:
        return Kind.DTYPE
    if difference(expected, got) is None:
        return Kind.GRADIENT
    return Kind.NOT_FINITE if (expected.isfinite() & ~got.isfinite()).any() else Kind.VALUES
