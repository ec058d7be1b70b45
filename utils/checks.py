"""What a reader sees: `check()` for an exercise, `claim()` for what a chapter says happens."""

import html
import os
from dataclasses import dataclass
from typing import Any

from IPython.display import display

from utils import exercises, progress
from utils.attempts import borrowed
from utils.exercises.exercise import Exercise, Verdict

SYMBOLS = {"passed": "✓", "failed": "✗", "not attempted": "○"}
COLOURS = {"passed": "#2e7d32", "failed": "#c62828", "not attempted": "#a85400"}  # white can be read on them
FAILED_ITSELF = (
    "The check itself failed ({}), which is not your doing, so nothing is said of your code. Run it again; if that "
    "does not help, restart the kernel."
)
BORROWED = (
    "It agrees on every case, but it uses `{}`, which is the course's own. An answer stands on its own (it is graded "
    "where there is no `utils`): write that part yourself, or take it from PyTorch."
)
GOES_ON = "The course's own version is used below, so you can go on and come back."


def check(name: str, attempt: Any) -> Any:
    """Say ✓, ✗ or ○ on an attempt at the exercise; return it if it passed, else the course's own version.

    An attempt may do anything: `check` does not raise, and stops it after five seconds. Raises KeyError for a name
    that no exercise has. Under nbgrader's own autograder, which takes a quiet cell for a solved one, it raises
    AssertionError for an attempt that did not pass.
    """
    exercise = exercises.get(name)
    try:
        verdict = _verdict(exercise, attempt)
    except Exception as error:  # ours, whatever it is: no reason to hold the reader up
        display(Feedback(name, Verdict(FAILED_ITSELF.format(type(error).__name__), attempted=False)))
        return exercise.reference
    display(Feedback(name, verdict))
    progress.note(name, attempt, verdict)
    if os.environ.get("NBGRADER_EXECUTION") and not verdict.passed:
        raise AssertionError(f"{name}: {verdict.message}")
    return attempt if verdict.passed else exercise.reference


def _verdict(exercise: Exercise, attempt: Any) -> Verdict:
    if attempt is exercise.reference:
        words = f"This is the course's own `{exercise.name}`. Run the cell with your version again, then this one."
        return Verdict(words, attempted=False)
    verdict = exercise.assess(attempt)
    if verdict.passed:
        given = [other.reference for other in exercises.loaded() if other is not exercise]  # by earlier checks
        used = borrowed(attempt, given)
        if used:
            return Verdict(BORROWED.format(used))
    return verdict


def claim(sentence: str, condition: Any) -> None:
    """Print ✓ and the sentence; raise AssertionError with the sentence when the condition is false.

    The condition is one truth value (a bool, or a tensor or array holding one). Raises TypeError for anything else.
    """
    value = condition.item() if getattr(condition, "shape", None) == () else condition
    if not isinstance(value, bool):
        shape = getattr(condition, "shape", None)
        given = (
            repr(condition)
            if shape is None
            else f"{type(condition).__name__} of shape {tuple(shape)} and type {condition.dtype}"
        )
        raise TypeError(f"claim({sentence!r}) needs one true or false, got {given}")
    if not value:
        raise AssertionError(sentence)
    print(f"✓ {sentence}")


@dataclass(frozen=True)
class Feedback:
    """A verdict to be shown: rich in a notebook, plain text elsewhere."""

    name: str
    verdict: Verdict

    @property
    def headline(self) -> str:
        return f"{SYMBOLS[self.verdict.status]} {self.name}"

    def __repr__(self) -> str:
        lines = [f"{self.headline}: {self.verdict.message}"]
        if self.verdict.case:
            lines.append(f"  Case: {self.verdict.case}")
        for label, text in self.verdict.evidence:
            lines.append(f"  {label}:" + ("\n    " if "\n" in text else " ") + text.replace("\n", "\n    "))
        if not self.verdict.passed:
            lines.append(f"  {GOES_ON}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        colour, name = COLOURS[self.verdict.status], html.escape(self.name)
        badge = f"color: white; background-color: {colour}; border-radius: 3px; padding: 1px 6px"
        sign = f'<b style="{badge}">{SYMBOLS[self.verdict.status]}</b>'
        parts = [f"<div>{sign} <b>{name}</b> &ensp; {_prose(self.verdict.message)}</div>"]
        if self.verdict.case:
            rows = "".join(_row(label, text) for label, text in self.verdict.evidence)
            summary = f"The case it failed: {html.escape(self.verdict.case)}"
            parts.append(f"<details open><summary>{summary}</summary><table>{rows}</table></details>")
        if not self.verdict.passed:
            parts.append(f"<div>{GOES_ON}</div>")
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 2px 12px; line-height: 1.6">{"".join(parts)}</div>'
        )


def _row(label: str, text: str) -> str:
    cell = "text-align: left; vertical-align: top; padding: 2px 12px 2px 0"
    return (
        f'<tr style="background: none"><td style="{cell}">{html.escape(label)}</td>'
        f'<td style="{cell}"><pre style="margin: 0">{html.escape(text)}</pre></td></tr>'
    )


def _prose(text: str) -> str:
    """The sentence as HTML, with `code` between backticks."""
    pieces = html.escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))
