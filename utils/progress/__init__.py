"""Where a learner stands: what was checked is kept, and told as a table."""

from typing import Any

from utils.exercises.exercise import Verdict

from . import store
from .answers import answer_in_this_notebook, is_a_solution
from .standing import Table

__all__ = ["Table", "note", "table"]


def note(exercise: str, attempt: Any, verdict: Verdict) -> None:
    """Keep what came of a check, with the answer's fingerprint; never raises for a file that does not let it.

    Only of an answer: what a chapter checks to show what a check does has another name, or none.
    """
    if getattr(attempt, "__name__", None) == exercise and not is_a_solution():
        store.keep(exercise, verdict.status, verdict.mistake, answer_in_this_notebook(exercise))


def table() -> Table:
    """Every chapter with its exercises: ✓ agrees, ✗ differs, ○ is open; and where to go on."""
    return Table()
