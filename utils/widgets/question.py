"""A question with its choices, of which the reader takes one before the answer is told."""

import html
from collections.abc import Sequence

import traitlets

from .live import Live


class Question(Live):
    """A question and buttons for its choices (two or more, each another).

    `chosen` is an index into choices, -1 for none; it can be read, set and observed from the kernel. When the answer
    has been `told`, nothing can be chosen any more. `note` is said beneath a choice that the kernel has heard of;
    `elsewise` says how to choose where there are no buttons. Raises ValueError for choices that are not choices,
    traitlets.TraitError for one that there is not.
    """

    files = "question"

    question = traitlets.Unicode().tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)
    told = traitlets.Bool(False).tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    left = traitlets.Int(0, help="how often the reader has gone on from it").tag(sync=True)

    def __init__(self, question: str, choices: Sequence[str], chosen: int = -1, elsewise: str = ""):
        if len(set(choices)) < max(2, len(choices)):
            raise ValueError(f"a question needs two choices or more, each another, got {list(choices)}")
        self.elsewise = elsewise
        super().__init__(question=question, choices=list(choices), chosen=chosen)

    def still(self) -> tuple[dict, dict]:
        """The choices as a list, and how to choose."""
        asked, *lines = repr(self).splitlines()
        page = f"<p>{html.escape(asked)}</p>" + "".join(f"<div>{html.escape(line)}</div>" for line in lines)
        return {"text/html": page, "text/plain": repr(self)}, {}

    def __repr__(self) -> str:
        marks = ["●" if i == self.chosen else "○" for i in range(len(self.choices))]
        lines = [f"{mark} {choice}" for mark, choice in zip(marks, self.choices, strict=True)]
        lines += [self.elsewise] * bool(self.elsewise and not self.told)
        return "\n  ".join([f"Predict. {self.question}", *lines])

    @traitlets.validate("chosen")
    def _is_a_choice(self, proposal: traitlets.Bunch) -> int:
        if not -1 <= proposal.value < len(self.choices):
            raise traitlets.TraitError(f"choice {proposal.value} is not among the {len(self.choices)}, from 0")
        return proposal.value

    @traitlets.observe("told")
    def _close(self, change: traitlets.Bunch) -> None:
        self._final = self.chosen

    @traitlets.observe("chosen")
    def _refuse_what_comes_too_late(self, change: traitlets.Bunch) -> None:
        if self.told and self.chosen != self._final:
            self.chosen = self._final
            self.send_state("chosen")  # the page has drawn the click already
