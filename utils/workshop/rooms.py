"""How long a room of learners takes, from what stands in a chapter."""

from pathlib import Path

import nbformat

from utils import minutes
from utils.minutes import Section

ROOT = Path(__file__).parents[2]
# Decided, and not measured in any room yet:
ROOM = 1.25  # times what one learner takes, since a room goes on when most are done
TOLD = 2.0  # times what it takes to read a text, since a room guesses first, then looks, then asks
OPENING = 3.0  # to open a chapter in a room: its first cells, its first picture, a kernel for everyone


def sections(chapter: str, root: Path = ROOT) -> list[Section]:
    """The sections of a chapter, NN_name, as its notebook in chapters/ holds them."""
    return minutes.sections(nbformat.read(root / "chapters" / f"{chapter}.ipynb", as_version=4))


def done(section: Section) -> float:
    """Minutes for a room that reads and runs a section and does its exercise."""
    return ROOM * section.minutes


def shown(section: Section) -> float:
    """Minutes to tell a section while its cells are run. Its code is not read, and its exercise not done."""
    return TOLD * section.text


def find(name: str, among: list[Section]) -> Section:
    """The section with this heading, or with the exercise of this name. Raises ValueError if there is none."""
    for section in among:
        if name in (section.heading, section.exercise):
            return section
    raise ValueError(f"no section or exercise is called {name!r}")


def title(section: Section) -> str:
    """As one says it: an exercise by its number and name."""
    return section.heading.removeprefix("Exercise ").replace(" · ", " ") if section.exercise else section.heading


def lines(number: str, root: Path = ROOT) -> list[str]:
    """What a room takes for each section of the chapter of that number, done and shown.

    Raises ValueError if there is no such chapter.
    """
    found = [path.stem for path in (root / "chapters").glob(f"{number}_*.ipynb")]
    if len(found) != 1 or not number.isdigit():
        raise ValueError(f"there is no chapter {number!r}")
    named = [section for section in sections(found[0], root) if section.heading]
    rows = [
        f"{done(section):4.0f} {shown(section):6.0f}  {'  ' * (section.rank - 2)}{section.heading}" for section in named
    ]
    return ["done  shown  minutes in a room", *rows]
