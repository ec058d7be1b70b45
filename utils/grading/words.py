"""What is told of marks in words: to a student, in the terminal."""

from collections.abc import Iterable
from typing import Any

SIGNS = {"passed": "✓", "failed": "✗", "not attempted": "○"}
UNSANDBOXED = "Graded with --trusted: the code ran without a sandbox, so these marks can be forged."
HIDDEN = "The cases here are hidden ones. The check in your notebook shows one, and what your code made of it."
SHOWN = 20  # lines of a list that is also in a file


def feedback(record: dict[str, Any]) -> str:
    """The words that a student gets, in Markdown."""
    known, tests = record["extra_data"], record["tests"]
    total = sum(test["max_score"] for test in tests)
    lines = [f"# {known['chapter']}: {record['score']} of {total} points", ""]
    lines += [f"{_foreign(known['student'])}, {_foreign(known['file'])}", ""]
    lines += [f"- **{test['name']}** {test['score']:g}/{test['max_score']:g}: {test['output']}" for test in tests]
    lines += [f"\n{note}" for note in record["output"].splitlines()]
    lines += [f"\n{HIDDEN}"] * any(test["status"] == "failed" for test in tests)
    return "\n".join(lines) + "\n"


def table(records: Iterable[dict[str, Any]]) -> str:
    """A line for each submission: whose, which chapter, points, a sign for each exercise, what was odd."""
    rows = []
    for record in records:
        known, tests = record["extra_data"], record.get("tests", [])
        points = f"{record['score']:g} / {sum(test['max_score'] for test in tests):g}" if tests else "not graded"
        signs = " ".join(f"{test['output'][0]} {test['name']}" for test in tests)
        place = known.get("chapter") or printable(known["assignment"] or "")
        rows.append((printable(known["student"]), place, points, f"{signs} {note(record)}".strip()))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip() for row in rows
    )


def listed(heading: str, lines: Iterable[str], rest: str = "") -> str:
    """A heading and a line for each; with `rest`, which says where the others are, not more than can be read."""
    lines = [printable(line) for line in lines]
    if rest and len(lines) > SHOWN:
        lines[SHOWN:] = [f"and {len(lines) - SHOWN} more: {rest}"]
    return "\n  ".join([heading, *lines])


def note(record: dict[str, Any]) -> str:
    """Why there is no mark, or what was odd."""
    return printable(record.get("not graded") or record["output"])


def printable(text: str) -> str:
    """Foreign text in one short line that a terminal can show."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:200].strip()


def _foreign(text: str) -> str:
    """Foreign text in Markdown, which shows it and nothing more."""
    return f"`{printable(text).translate({ord('`'): chr(39), ord('<'): '‹', ord('>'): '›'})}`"
