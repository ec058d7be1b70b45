"""What the chapters' notebooks hold, as they are saved: titles, exercises with their minutes, the answers so far."""

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .store import ROOT

HEADING = re.compile(r"^### Exercise (\d+\.\d+) · (.+?)  \((\d+) minutes?", re.M)
QUIZ = re.compile(r"^## Before you go on$(.*?)(?=^## |\Z)", re.M | re.S)
QUESTION = re.compile(r"<details><summary>(.+?)</summary>(.+?)</details>", re.S)
BLANK = "raise NotImplementedError"


@dataclass(frozen=True)
class Task:
    """An exercise where it stands. The answer is the fingerprint of its cell, None while that is blank."""

    name: str
    number: str
    title: str
    minutes: int
    answer: str | None


@dataclass(frozen=True)
class Chapter:
    path: Path
    title: str
    tasks: list[Task]
    questions: list[tuple[str, str]]  # and their answers
    predictions: list[str]  # what is asked before an experiment


def chapters(root: Path = ROOT) -> list[Chapter]:
    """Every chapter whose notebook can be read, in course order."""
    read = (_chapter(path) for path in sorted((root / "chapters").glob("[0-9][0-9]_*.ipynb")))
    return [chapter for chapter in read if chapter is not None]


def fingerprint(source: str) -> str:
    """The same for the same code, whatever the space at its ends of lines."""
    return hashlib.sha256("\n".join(line.rstrip() for line in source.strip().splitlines()).encode()).hexdigest()[:16]


def _chapter(path: Path) -> Chapter | None:
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return Chapter(path, _title(cells, path), list(_tasks(cells)), _questions(cells), list(_predictions(cells)))
    except (OSError, ValueError, KeyError, TypeError):  # somebody's file, perhaps half written
        return None


def _title(cells: list[dict], path: Path) -> str:
    heading = re.search(r"^# \d+ · (.+)$", "".join(cells[0]["source"]), re.M)
    return heading[1] if heading else path.stem


def _tasks(cells: list[dict]) -> Iterator[Task]:
    heading = None
    for cell in cells:
        source = "".join(cell["source"])
        heading = HEADING.search(source) or heading
        name = cell.get("metadata", {}).get("exercise")
        if name and heading:
            number, title, minutes = heading.groups()
            yield Task(name, number, title, int(minutes), None if BLANK in source else fingerprint(source))


def _questions(cells: list[dict]) -> list[tuple[str, str]]:
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    quizzes = QUIZ.findall("\n\n".join(texts))  # a long one goes on in a second cell
    return [(question, answer) for quiz in quizzes for question, answer in QUESTION.findall(quiz)]


def _predictions(cells: list[dict]) -> Iterator[str]:
    for source in ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"):
        if "predict(" in source:  # by far not every cell is worth its parsing
            try:
                calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
            except SyntaxError:  # somebody is at work on it
                continue
            yield from (ast.literal_eval(call.args[0]) for call in calls if ast.unparse(call.func) == "predict")
