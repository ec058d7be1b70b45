"""A submitted notebook as text: which chapter it is, which cell answers which exercise. Nothing in it is run."""

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

COURSE = Path(__file__).parents[2]
LARGEST = 50 << 20  # bytes of a file that is read at all
MOST_CELLS = 5000  # with code
MOST_SOURCE = 2 << 20  # bytes of all of them together, as JSON
ANOTHER = "This was to be"  # of a notebook, a chapter that it is not
LONGEST = 100_000  # characters of a cell that is read: nobody writes a longer one by hand
DEFINES = re.compile(r"^(?:(?:async )?def|class) +(\w+)|^(\w+) *=(?! *(?:=|check\())", re.M)
CHECKS = re.compile(r"""^(\w+) *= *check\(["']\1\b""", re.M)


class Unreadable(ValueError):
    """A file that holds no notebook of this course; the message says why."""


@dataclass(frozen=True)
class Chapter:
    """A chapter as it was handed out: its exercises in order, each with its blank cell and the course's own answer."""

    name: str
    blanks: dict[str, str]
    solutions: dict[str, str]


@dataclass(frozen=True)
class Cell:
    """A code cell: its source, and the exercise or check that its id or metadata names, as ex-NAME or check-NAME.

    One that is too long to be read has no source; its length is kept in `unread`.
    """

    source: str
    label: str
    unread: int = 0

    def defines(self, name: str) -> bool:
        return name in self._defined

    def checks(self, name: str) -> bool:
        return self.label == f"check-{name}" or name in self._checked

    @functools.cached_property
    def _defined(self) -> set[str]:
        return {name for names in DEFINES.findall(self.source) for name in names}

    @functools.cached_property
    def _checked(self) -> set[str]:
        return set(CHECKS.findall(self.source))


@dataclass(frozen=True)
class Answers:
    """A notebook's code cells; for each exercise, the cells that answer it and the last one above its check."""

    cells: tuple[Cell, ...]
    places: dict[str, list[int]]
    horizons: dict[str, int]
    warnings: tuple[str, ...]

    def unread(self, exercise: str) -> bool:
        """Whether every cell that answers it is too long to be read."""
        return all(self.cells[i].unread for i in self.places[exercise])

    def program(self, exercise: str, instead: dict[str, str]) -> dict[str, Any]:
        """What a runner has to be told: the cells, each with the exercises it answers, and how far down to look first.

        Of the exercises given `instead`, these sources are the answers.
        """
        own = [[name for name in self.places if i in self.places[name]] for i in range(len(self.cells))]
        kept = [([name for name in own[i] if name not in instead], cell.source) for i, cell in enumerate(self.cells)]
        return {
            "exercise": exercise,
            "cells": [*kept, *(([name], source) for name, source in instead.items())],
            "horizon": self.horizons[exercise],
        }


def names() -> list[str]:
    """The names of the course's chapters that have exercises, in order."""
    found = sorted(path.stem for path in (COURSE / "chapters").glob("[0-9][0-9]_*.ipynb"))
    return [name for name in found if chapter(name).blanks]


@functools.cache
def chapter(name: str) -> Chapter:
    """The chapter of that name."""
    blanks, solutions = (
        {
            cell.label.removeprefix("ex-"): cell.source
            for cell in read((COURSE / folder / f"{name}.ipynb").read_bytes())
            if cell.label.startswith("ex-")
        }
        for folder in ("chapters", "solutions")
    )
    return Chapter(name, blanks, solutions)


def read(content: bytes) -> list[Cell]:
    """The code cells of a notebook. Raises Unreadable, and nothing else, whatever the content is."""
    if not content.strip():
        raise Unreadable("the file is empty")
    try:
        raw = json.loads(content)
        if raw["nbformat"] < 4:
            raw = nbformat.convert(nbformat.reader.reads(content.decode()), 4)
        cells = [_cell(cell) for cell in raw["cells"] if cell["cell_type"] == "code"]
    except RecursionError:
        raise Unreadable("the file is nested too deeply") from None
    except MemoryError:
        raise Unreadable("the file takes more memory than a notebook may") from None
    except Exception as error:  # whatever a parser makes of a file that may hold anything
        damaged = isinstance(error, ValueError)  # no JSON, or no text
        why = "it is damaged, cut off, or something else" if damaged else type(error).__name__
        raise Unreadable(f"the file is not a notebook ({why})") from None
    if len(cells) > MOST_CELLS:
        raise Unreadable(f"the file has {len(cells)} code cells, the limit is {MOST_CELLS}")
    length = sum(len(json.dumps(cell.source)) + cell.unread for cell in cells)  # as it will be sent
    if length > MOST_SOURCE:
        raise Unreadable(f"the file has {length:,} bytes of code, the limit is {MOST_SOURCE:,}")
    return cells


def _cell(raw: dict) -> Cell:
    source, metadata = raw["source"], raw.get("metadata", {})
    mark = metadata.get("nbgrader", {})
    label = str(raw.get("id", ""))
    if "exercise" in metadata:
        label = f"ex-{metadata['exercise']}"
    elif not label.startswith(("ex-", "check-")) and mark.get("grade_id"):
        label = str(mark["grade_id"]) if mark.get("grade") else f"ex-{mark['grade_id']}"
    source = "".join(source)
    return Cell(source, label) if len(source) <= LONGEST else Cell("", label, unread=len(source))


def chapter_of(cells: Sequence[Cell], file_name: str) -> tuple[Chapter, list[str]]:
    """The chapter that a notebook is, and a warning if its cells say otherwise.

    It is the first that the file's name names, else that of most of its exercises. Raises Unreadable if neither says.
    """
    found = {
        name: sum(any(cell.label == f"ex-{e}" or cell.defines(e) for cell in cells) for e in chapter(name).blanks)
        for name in names()
    }
    best = max(found, key=found.__getitem__)
    named = [name for name in names() if name in file_name]
    if not named and not found[best]:
        raise Unreadable("no exercise of the course is in it, and its name names no chapter")
    chosen = min(named, key=file_name.index) if named else best
    odd = [f"{ANOTHER} {chosen}; the exercises in it are those of {best}."] if found[best] > found[chosen] else []
    return chapter(chosen), odd


def answers(cells: Sequence[Cell], handed_out: Chapter) -> Answers:
    """Which cells answer each exercise: as in a run from top to bottom, its definitions above its check."""
    places, horizons, warnings = {}, {}, []
    for name, blank in handed_out.blanks.items():
        own = [i for i, cell in enumerate(cells) if cell.label == f"ex-{name}" or cell.defines(name)]
        own = [i for i in own if cells[i].defines(name)] or own
        begun = [i for i in own if cells[i].source.strip() != blank.strip()] or own[-1:]
        checks = [i for i, cell in enumerate(cells) if cell.checks(name)]
        above = [i for i in begun if checks and i <= checks[-1]] or begun
        if above:
            places[name] = above
            horizons[name] = checks[-1] if checks and checks[-1] >= above[-1] else above[-1]
        if len(begun) > 1:
            warnings.append(f"{name} is defined in {len(begun)} cells: the last one above its check was marked.")
    lengths = [cell.unread for cell in cells if cell.unread]
    warnings += [f"A cell of {length:,} characters was not read, the limit is {LONGEST:,}." for length in lengths]
    return Answers(tuple(cells), places, horizons, tuple(warnings))
