"""How long a chapter takes, from what stands in it, and whether that is what it says."""

import re
from typing import NamedTuple

from nbformat import NotebookNode

WORDS, LINES = 120, 10  # of text and of code that a reader takes in, in a minute
SLOWER = 1.3  # first readers took so many times the minutes that an exercise states
WAITING = 1.0  # for a chapter's cells to run, all together
OFF_BY = 0.15  # what is stated may differ by so much of it, or by a minute

STATED = re.compile(r"^\*\*(\d+) minutes\.?\*\*", re.M)
FURTHER = re.compile(r"^## Further · (.+?)  \((\d+) minutes\)$", re.M)
EXERCISE = re.compile(r"^### Exercise .*\((\d+) minutes?,", re.M)


class Part(NamedTuple):
    """What a chapter takes without its further parts, or one of these: its name, minutes as stated and as computed."""

    name: str
    stated: int
    computed: float

    @property
    def is_right(self) -> bool:
        return abs(self.computed - self.stated) <= max(1, OFF_BY * self.stated)


def of(chapter: NotebookNode) -> list[Part]:
    """The chapter itself, and each of its parts under a heading `## Further · name  (N minutes)`.

    A further part ends at the next heading of its rank. Raises ValueError for a chapter that states no minutes.
    """
    stated = next((STATED.search(cell.source) for cell in chapter.cells if STATED.search(cell.source)), None)
    if stated is None:
        raise ValueError("the chapter does not say how many **minutes** it takes")
    parts: dict[str, list[float]] = {"": [int(stated[1]), WAITING]}
    part = ""
    for cell in chapter.cells:
        # a heading may stand within a cell
        for piece in re.split(r"^(?=## )", cell.source, flags=re.M) if cell.cell_type == "markdown" else [""]:
            if piece.startswith("## "):
                further = FURTHER.match(piece)
                part = further[1] if further else ""
                if further:
                    parts[part] = [int(further[2]), 0.0]
            parts[part][1] += _of_text(piece)
        if cell.cell_type == "code":
            parts[part][1] += _of_code(cell)
    return [Part(name, int(stated), computed) for name, (stated, computed) in parts.items()]


def _of_text(text: str) -> float:
    """An exercise's own text belongs to its minutes."""
    exercise = EXERCISE.search(text)
    minutes = SLOWER * int(exercise[1]) if exercise else 0.0
    read = text[: exercise.start()] if exercise else text
    return minutes + len(re.sub(r"<[^>]+>|\]\([^)]*\)", "", read).split()) / WORDS


def _of_code(cell: NotebookNode) -> float:
    """An exercise and its check are counted already."""
    if "exercise" in cell.metadata or cell.metadata.get("nbgrader", {}).get("grade"):
        return 0.0
    return sum(1 for line in cell.source.splitlines() if line.strip()) / LINES
