"""Predictions that are made: `predict()` before an experiment, `predict.answer()` after it."""

from dataclasses import dataclass
from typing import Any

from IPython.display import display

from utils import progress, widgets

ELSEWISE = "Without buttons: predict.choose({!r})"


class Predictions:
    """The questions of a notebook, as it is run. Nothing waits for a choice, and nothing is told before the answer."""

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}

    def __call__(self, question: str, *choices: str) -> None:
        """Show a question with buttons for its choices, and keep what the reader takes.

        What was taken before, yesterday perhaps, is taken still. Raises ValueError for fewer than two choices or two
        that are the same.
        """
        before = progress.chosen(question)
        chosen = choices.index(before) if before in choices else -1
        shown = widgets.Question(question, choices, chosen, ELSEWISE.format(choices[-1] if choices else ""))
        self._asked.pop(question, None)  # the order is that of asking
        asked = self._asked[question] = Asked(shown, display(shown, display_id=True))
        shown.observe(lambda change: progress.note_choice(question, asked.choice), "chosen")

    def choose(self, choice: str) -> None:
        """Take a choice of the question that was asked last, where there are no buttons to do it.

        Raises ValueError for what is no choice of a question whose answer is still to be told.
        """
        asked = self._last(choice, [each for each in self._asked.values() if not each.shown.told])
        asked.shown.chosen = asked.shown.choices.index(choice)
        print(f"Noted: {choice}.")

    def answer(self, happened: str, because: str) -> None:
        """Show what was predicted, which of the choices happened, and why (Markdown that goes on from a comma).

        It belongs to the question that was asked last among those with this choice; ValueError where none has it.
        """
        asked = self._last(happened, list(self._asked.values()))
        asked.happened = happened
        if asked.choice is not None and not asked.shown.told:
            asked.shown.told = True
            asked.predicted = asked.choice
            progress.note_choice(asked.shown.question, asked.choice, happened)
            if asked.handle is not None:
                asked.handle.update(asked.shown)  # so that the notebook is saved with the choice
        display(Told(asked.choice, happened, because))

    def score(self) -> None:
        """Print how many of the predictions came true."""
        told = [asked for asked in self._asked.values() if asked.happened is not None]
        right = sum(asked.predicted == asked.happened for asked in told)
        silent = sum(asked.predicted is None for asked in told)
        unmade = f" ({silent} {'was' if silent == 1 else 'were'} not made)" if silent else ""
        print(f"{right} of {len(told)} predictions came true{unmade}.")

    def _last(self, choice: str, among: list["Asked"]) -> "Asked":
        for asked in reversed(among):
            if choice in asked.shown.choices:
                return asked
        where = f"among the choices of {among[-1].shown.question!r}" if among else "a choice, since no question is open"
        raise ValueError(f"{choice!r} is not {where}")


@dataclass
class Asked:
    """A question where it is shown, what happened once that is told, and what had been predicted by then."""

    shown: widgets.Question
    handle: Any
    happened: str | None = None
    predicted: str | None = None

    @property
    def choice(self) -> str | None:
        return self.shown.choices[self.shown.chosen] if self.shown.chosen >= 0 else None


@dataclass(frozen=True)
class Told:
    """An answer to be shown."""

    choice: str | None
    happened: str
    because: str

    def __repr__(self) -> str:
        return self._sentence('"{}"')

    def _repr_markdown_(self) -> str:
        return self._sentence("**{}**")

    def _sentence(self, marks: str) -> str:
        choice, happened = (marks.format(words) for words in (self.choice, self.happened))
        if self.choice == self.happened:
            return f"You predicted {choice}, and so it is, {self.because}"
        before = f"You predicted {choice}. " if self.choice else ""
        return f"{before}What happens: {happened}, {self.because}"


predict = Predictions()
