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
HEADING = re.compile(r"^(###?) (.+?)$", re.M)
MINUTES = re.compile(r"  \(\d+ minutes?(, [^()]*)?\)$")
EXERCISE = re.compile(r"^### Exercise .*\((\d+) minutes?,", re.M)


class Part(NamedTuple):
    """What a chapter takes without its further parts, or one of these: its name, minutes as stated and as computed."""

    name: str
    stated: int
    computed: float

    @property
    def is_right(self) -> bool:
        return abs(self.computed - self.stated) <= max(1, OFF_BY * self.stated)


class Section(NamedTuple):
    """What stands under one heading, as far as the next: minutes for its text, its code and its exercise.

    The heading is without its minutes; the exercise is the bank's name of it. `further` is the part that can be left
    out, "" for none.
    """

    rank: int  # 2 for ##, 3 for ###; 1 is the chapter's own title
    heading: str
    further: str = ""
    exercise: str | None = None
    text: float = 0.0
    code: float = 0.0
    work: float = 0.0

    @property
    def minutes(self) -> float:
        return self.text + self.code + self.work


def of(chapter: NotebookNode) -> list[Part]:
    """The chapter itself, and each of its parts under a heading `## Further · name  (N minutes)`.

    A further part ends at the next heading of its rank. Raises ValueError for a chapter that states no minutes.
    """
    stated = next((STATED.search(cell.source) for cell in chapter.cells if STATED.search(cell.source)), None)
    if stated is None:
        raise ValueError("the chapter does not say how many **minutes** it takes")
    further = [FURTHER.match(piece) for cell in chapter.cells for piece in _pieces(cell)]
    says = {"": int(stated[1])} | {found[1]: int(found[2]) for found in further if found}
    takes = dict.fromkeys(says, 0.0) | {"": WAITING}
    for section in sections(chapter):
        takes[section.further] += section.minutes
    return [Part(name, minutes, takes[name]) for name, minutes in says.items()]


def sections(chapter: NotebookNode) -> list[Section]:
    """Every section of a chapter under its own heading, in order; the first is what stands before all others."""
    found = [Section(1, "")]
    for cell in chapter.cells:
        for piece in _pieces(cell):
            heading = HEADING.match(piece)
            if heading:
                rank = len(heading[1])
                further = FURTHER.match(piece)
                part = (further[1] if further else "") if rank == 2 else found[-1].further
                found.append(Section(rank, MINUTES.sub("", heading[2]), part))
            text, work = _of_text(piece)
            found[-1] = found[-1]._replace(text=found[-1].text + text, work=found[-1].work + work)
        if cell.cell_type == "code":
            exercise = cell.metadata.get("exercise", found[-1].exercise)
            found[-1] = found[-1]._replace(code=found[-1].code + _of_code(cell), exercise=exercise)
    return found


def _pieces(cell: NotebookNode) -> list[str]:
    """A text cell's parts, each with its heading in front: a heading may stand within a cell."""
    return re.split(r"^(?=###? )", cell.source, flags=re.M) if cell.cell_type == "markdown" else []


def _of_text(text: str) -> tuple[float, float]:
    """Minutes to read it, and to do its exercise, whose own text belongs to its minutes."""
    exercise = EXERCISE.search(text)
    work = SLOWER * int(exercise[1]) if exercise else 0.0
    read = text[: exercise.start()] if exercise else text
    return len(re.sub(r"<[^>]+>|\]\([^)]*\)", "", read).split()) / WORDS, work


def _of_code(cell: NotebookNode) -> float:
    """An exercise and its check are counted already."""
    if "exercise" in cell.metadata or cell.metadata.get("nbgrader", {}).get("grade"):
        return 0.0
    return sum(1 for line in cell.source.splitlines() if line.strip()) / LINES
