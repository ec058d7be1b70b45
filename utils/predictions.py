"""Predictions that are made: `predict()` before an experiment, `predict.answer()` after it."""

import re
from dataclasses import dataclass
from typing import Any

from IPython.display import display

from utils import progress, widgets

ELSEWISE = 'Without buttons: predict.choose("…")'
NOTED = "Noted. You may change your mind until the answer is told."
NOT_KEPT = "Noted until the kernel ends, and no longer: the file with your progress cannot be written."


class Predictions:
    """The questions of a notebook, as it is run. Nothing waits for a choice, and nothing is told before the answer.

    Questions and choices are plain words (a number is one, too).
    """

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}

    def __call__(self, question: str, *choices: object) -> None:
        """Show a question with buttons for its choices, and keep what the reader takes.

        What was taken before, yesterday perhaps, is taken still. Raises ValueError for fewer than two choices or two
        that are the same.
        """
        words = [str(choice) for choice in choices]
        before = progress.chosen(question)
        shown = widgets.Question(question, words, words.index(before) if before in words else -1, ELSEWISE)
        shown.note = NOTED
        self._asked.pop(question, None)  # the order is that of asking
        asked = self._asked[question] = Asked(shown, display(shown, display_id=True))
        shown.observe(lambda change: asked.keep(), "chosen")
        shown.observe(lambda change: asked.draw(), "left")

    def choose(self, choice: object) -> None:
        """Take a choice of the question that was asked last, where there are no buttons to do it.

        Raises ValueError for what is no choice of a question whose answer is still to be told.
        """
        asked = self._last(choice, [each for each in self._asked.values() if not each.shown.told])
        if asked is None:
            open_ones = [question for question, each in self._asked.items() if not each.shown.told]
            where = f"among the choices of {open_ones[-1]!r}" if open_ones else "a choice, since no question is open"
            raise ValueError(f"{choice!r} is not {where}")
        asked.shown.chosen = asked.shown.choices.index(str(choice))
        asked.draw()
        print(f"{choice}: {asked.shown.note}")

    def answer(self, happened: object, because: str) -> None:
        """Show what was predicted, which of the choices happened, and why (Markdown that goes on from a comma).

        It belongs to the question that was asked last among those with this choice. Where none was asked, the answer
        is told all the same.
        """
        asked = self._last(happened, list(self._asked.values()))
        if asked is not None:
            asked.tell(str(happened))
        display(Told(asked.choice if asked is not None else None, str(happened), because))

    def score(self) -> None:
        """Print how many of the predictions came true."""
        told = [asked for asked in self._asked.values() if asked.happened is not None]
        right = sum(asked.choice == asked.happened for asked in told)
        silent = sum(asked.choice is None for asked in told)
        unmade = f" ({silent} {'was' if silent == 1 else 'were'} not made)" if silent else ""
        print(f"{right} of {len(told)} predictions came true{unmade}.")

    def _last(self, choice: object, among: list["Asked"]) -> "Asked | None":
        return next((asked for asked in reversed(among) if str(choice) in asked.shown.choices), None)


@dataclass
class Asked:
    """A question where it is shown, and what happened once that is told."""

    shown: widgets.Question
    handle: Any
    happened: str | None = None

    @property
    def choice(self) -> str | None:
        return self.shown.choices[self.shown.chosen] if self.shown.chosen >= 0 else None

    def keep(self) -> None:
        """Keep what was chosen, while it can be."""
        if self.shown.told:
            return
        kept = progress.note_choice(self.shown.question, self.choice)
        self.shown.note = NOTED if kept else NOT_KEPT

    def tell(self, happened: str) -> None:
        """Nothing can be chosen from now on."""
        self.happened = happened
        if not self.shown.told:
            self.shown.told = True
            progress.note_choice(self.shown.question, self.choice, happened)
            self.draw()

    def draw(self) -> None:
        """Draw it anew where it stands, so that the notebook is saved with what it says now."""
        if self.handle is not None:
            self.handle.update(self.shown)


@dataclass(frozen=True)
class Told:
    """An answer to be shown."""

    choice: str | None
    happened: str
    because: str

    def __repr__(self) -> str:
        return self._sentence('"{}"'.format)

    def _repr_markdown_(self) -> str:
        return self._sentence(lambda words: f"**{_plain(words)}**")

    def _sentence(self, marked: Any) -> str:
        happened = marked(self.happened)
        if self.choice == self.happened:
            return f"You predicted {happened}, and so it is, {self.because}"
        before = f"You predicted {marked(self.choice)}. " if self.choice is not None else ""
        return f"{before}The answer is {happened}, {self.because}"


def _plain(words: str) -> str:
    """Words as they are, in Markdown."""
    return re.sub(r"([\\`*_\[\]<>$|&#~])", r"\\\1", words)


predict = Predictions()
