"""What is told of marks in words: to a student, in the terminal."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

SIGNS = {"passed": "✓", "failed": "✗", "not attempted": "○"}
UNSANDBOXED = "Graded with --trusted: the code ran without a sandbox, so these marks can be forged."
HIDDEN = "The cases here are hidden ones. The check in your notebook shows one, and what your code made of it."
NO_ZERO = "This file could not be graded, so it has no mark, which is no zero. Ask your teacher, and hand it in again."
SHOWN = 20  # lines of a list that is also in a file


def feedback(record: dict[str, Any]) -> str:
    """The words that a student gets, in Markdown."""
    known = record["extra_data"]
    whose = f"{_foreign(known['student'])}, {_foreign(known['file'])}"
    if "not graded" in record:
        return f"# Not graded\n\n{whose}\n\n{NO_ZERO}\n"
    tests = record["tests"]
    total = sum(test["max_score"] for test in tests)
    lines = [f"# {known['chapter']}: {record['score']} of {total} points", ""]
    lines += [whose, ""]
    lines += [f"- **{test['name']}** {_points(test)}: {test['output']}" for test in tests]
    lines += [f"\n{note}" for note in record["output"].splitlines()]
    lines += [f"\n{HIDDEN}"] * any(test["status"] == "failed" for test in tests)
    return "\n".join(lines) + "\n"


def _points(test: dict[str, Any]) -> str:
    return f"{test['score']:g}/{test['max_score']:g}" if test["max_score"] else "without points"


def table(records: Iterable[dict[str, Any]]) -> str:
    """A line for each submission: whose, which chapter, points, a sign for each exercise, what was odd."""
    records, rows = list(records), []
    several = Counter(_whose(record) for record in records)
    for record in records:
        known, tests = record["extra_data"], record.get("tests", [])
        points = f"{record['score']:g} / {sum(test['max_score'] for test in tests):g}" if tests else "not graded"
        signs = " ".join(f"{test['output'][0]} {test['name']}" for test in tests)
        place = known.get("chapter") or printable(known["assignment"] or "")
        file = f"({printable(known['file'])})" if several[_whose(record)] > 1 else ""
        rows.append((printable(known["student"]), place, points, " ".join(filter(None, [signs, note(record), file]))))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip() for row in rows
    )


def listed(heading: str, lines: Iterable[str], rest: str = "") -> str:
    """A heading and a line for each; with `rest`, which says where the others are, not more than can be read."""
    lines = [printable(line, 2000) for line in lines]
    if rest and len(lines) > SHOWN:
        lines[SHOWN:] = [f"and {len(lines) - SHOWN} more ({rest})"]
    return "\n  ".join([heading, *lines])


def _whose(record: dict[str, Any]) -> tuple:
    known = record["extra_data"]
    return known["student"], known["assignment"], known.get("chapter")


def note(record: dict[str, Any]) -> str:
    """Why there is no mark, or what was odd."""
    return printable(record.get("not graded") or record["output"])


def printable(text: str, most: int = 200) -> str:
    """Foreign text in one short line that a terminal can show."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:most].strip()


def _foreign(text: str) -> str:
    """Foreign text in Markdown, which shows it and nothing more."""
    return f"`{printable(text).translate({ord('`'): chr(39), ord('<'): '‹', ord('>'): '›'})}`"
