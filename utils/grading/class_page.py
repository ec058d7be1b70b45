"""class.html: what a class got wrong, and a line for each student. One file that needs nothing else."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from .kinds import NOT_ATTEMPTED, TIME_LIMIT, Kind
from .records import Record
from .words import SIGNS

PAGE = "class.html"
TEMPLATE = Path(__file__).with_name("class_page.html")
NAMED = {Kind.PASSED.words, Kind.KNOWN.words, *(kind.words for kind in NOT_ATTEMPTED)}


@dataclass(frozen=True)
class Item:
    """An exercise over a class: how many passed, which mistakes were made, what nobody could name, how long it took.

    mistakes: (sentence, how often); unnamed: (kind, how often), both the most frequent first. Seconds are those of a
    notebook's runs of this exercise.
    """

    name: str
    statuses: Counter
    mistakes: Sequence[tuple[str, int]]
    unnamed: Sequence[tuple[str, int]]
    seconds: Sequence[float]
    stopped: int

    @property
    def count(self) -> int:
        return self.statuses.total()

    @property
    def share(self) -> float:
        return self.statuses["passed"] / self.count

    @property
    def usual(self) -> float:
        return statistics.median(self.seconds)

    @property
    def longest(self) -> float:
        return max(self.seconds)


def template(path: Path) -> jinja2.Template:
    """The template in a file, which may extend that of this page."""
    loader = jinja2.FileSystemLoader([path.parent, TEMPLATE.parent])
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=loader)
    environment.filters["middle"] = statistics.median
    return environment.get_template(path.name)


def page(records: Iterable[Record], missing: Mapping[str, str]) -> str:
    """The page of a class, as HTML; `missing` are students without anything that could be graded, each with a note."""
    chapters, not_graded = defaultdict(list), []
    for record in records:
        if "not graded" in record:
            not_graded.append(record)
        else:
            chapters[record["extra_data"]["chapter"]].append(record)
    order = sorted(chapters, key=lambda name: (-len(chapters[name]), name))
    return template(TEMPLATE).render(
        chapters=[(name, _items(chapters[name]), _students(chapters[name])) for name in order],
        not_graded=not_graded,
        missing=missing,
        signs=SIGNS,
    )


def _items(records: Sequence[Record]) -> list[Item]:
    tests: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        for test in record["tests"]:
            tests[test["name"]].append(test)
    return [_item(name, tests[name]) for name in tests]


def _item(name: str, tests: Sequence[dict[str, Any]]) -> Item:
    known = [test["extra_data"] for test in tests]
    named = Counter(test["output"][2:] for test, told in zip(tests, known, strict=True) if told["mistake"])
    unnamed = Counter(told["kind"] for told in known if told["kind"] not in NAMED)
    return Item(
        name,
        Counter(told["status"] for told in known),
        named.most_common(),
        unnamed.most_common(),
        [told["seconds"] for told in known],
        sum(told["kind"] in {kind.words for kind in TIME_LIMIT} for told in known),
    )


def _students(records: Sequence[Record]) -> list[dict[str, Any]]:
    """A line for each notebook, by student; the file is told where a student has several."""
    several = Counter(record["extra_data"]["student"] for record in records)
    lines = [
        {
            "name": record["extra_data"]["student"],
            "file": record["extra_data"]["file"] if several[record["extra_data"]["student"]] > 1 else "",
            "score": record["score"],
            "most": sum(test["max_score"] for test in record["tests"]),
            "tests": {test["name"]: test["extra_data"] for test in record["tests"]},
            "note": record["output"],
        }
        for record in records
    ]
    return sorted(lines, key=lambda line: (line["name"].casefold(), line["file"]))
