"""Where a learner stands: what was checked and predicted is kept, and told as a table."""

from typing import Any

from utils.exercises.exercise import Verdict

from . import sharing, store
from .answers import answer_in_this_notebook, is_a_solution
from .standing import Table
from .store import Check, Prediction

__all__ = ["Table", "chosen", "note", "note_choice", "table"]


def note(exercise: str, attempt: Any, verdict: Verdict) -> None:
    """Keep what came of a check, with the answer's fingerprint, and tell a board that the reader has joined.

    Never raises for a file that does not let it, nor for a board.

    Only of an answer: what a chapter checks to show what a check does has another name, or none.
    """
    if getattr(attempt, "__name__", None) == exercise and not is_a_solution():
        store.keep(Check(exercise, verdict.status, verdict.mistake, answer_in_this_notebook(exercise)))
        sharing.tell(exercise, verdict.status, verdict.mistake)


def note_choice(question: str, choice: str | None, happened: str | None = None) -> bool:
    """Keep what was chosen as the answer to a question, and what happened, once that is told; whether it is kept."""
    return is_a_solution() or store.keep(Prediction(question, choice, happened))


def chosen(question: str) -> str | None:
    """What a reader has chosen last as the answer to a question; None for nothing."""
    choices = [each.choice for each in store.kept(Prediction) if each.question == question and each.choice is not None]
    return choices[-1] if choices and not is_a_solution() else None


def table() -> Table:
    """Every chapter with its exercises: ✓ agrees, ✗ differs, ○ is open; and where to go on."""
    return Table()
