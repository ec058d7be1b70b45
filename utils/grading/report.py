"""What is told of marks: results.json as Gradescope reads it, words for the student, a CSV file and a table of all."""

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import notebook
from .marks import Marks

RESULTS, FEEDBACK, CSV = "results.json", "feedback.md", "marks.csv"
SIGNS = {"passed": "✓", "failed": "✗", "not attempted": "○"}
UNSANDBOXED = "Graded with --trusted: the code ran without a sandbox, so these marks can be forged."


def record(marks: Marks, known: dict[str, Any]) -> dict[str, Any]:
    """Marks in the shape of Gradescope's results.json; what is known beside them is in its extra_data."""
    notes = [*marks.warnings, *([] if marks.sandboxed else [UNSANDBOXED])]
    return {
        "score": marks.score,
        "output": "\n".join(notes),
        "visibility": "visible",
        "tests": [
            {
                "name": mark.exercise,
                "score": mark.points,
                "max_score": mark.most,
                "status": "passed" if mark.status == "passed" else "failed",
                "output": f"{SIGNS[mark.status]} {mark.message}",
                "visibility": "visible",
            }
            for mark in marks.marks
        ],
        "extra_data": known | {"chapter": marks.chapter},
    }


def write(record: dict[str, Any], folder: Path) -> None:
    """A submission's words and, last, its results, which say that it is done."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FEEDBACK, feedback(record))
    write_whole(folder / RESULTS, json.dumps(record, indent=1))


def remove(folder: Path) -> None:
    """Take away what an earlier run wrote of a submission that has changed and has no mark now."""
    for name in (RESULTS, FEEDBACK):
        (folder / name).unlink(missing_ok=True)


def read(folder: Path) -> dict[str, Any] | None:
    """The record that was written there, or None."""
    try:
        return json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, even if the machine stops."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", errors="replace", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def feedback(record: dict[str, Any]) -> str:
    """The words that a student gets, in Markdown."""
    known = record["extra_data"]
    lines = [f"# {known['chapter']}: {record['score']} of {most(record)} points", ""]
    lines += [f"{printable(known['student'])}, {printable(known['file'])}", ""]
    lines += [f"- **{test['name']}** {_points(test)}: {test['output']}" for test in record["tests"]]
    lines += [f"\n{note}" for note in record["output"].splitlines()]
    if any(test["status"] == "failed" for test in record["tests"]):
        lines += [
            "\nThe cases here are hidden ones. The check in your notebook shows one, and what your code made of it."
        ]
    return "\n".join(lines) + "\n"


def most(record: dict[str, Any]) -> int:
    return sum(test["max_score"] for test in record["tests"])


def write_csv(records: Iterable[dict[str, Any]], path: Path) -> None:
    """A row for each submission; a mark that is not known is left empty, never 0."""
    records = list(records)
    chapters = [record["extra_data"].get("chapter") for record in records]
    exercises = [e for name in notebook.names() if name in chapters for e in notebook.chapter(name).blanks]
    rows = [["student", "assignment", "file", "chapter", *exercises, "score", "max", "sandboxed", "note"]]
    for record in records:
        known, tests = record["extra_data"], {test["name"]: test["score"] for test in record.get("tests", [])}
        graded = "not graded" not in record
        rows.append(
            [
                _cell(known["student"]),
                _cell(known["assignment"] or ""),
                _cell(known["file"]),
                known.get("chapter", ""),
                *(tests.get(exercise, "") for exercise in exercises),
                *([record["score"], most(record), "yes" if known["sandboxed"] else "no"] if graded else ["", "", ""]),
                _note(record),
            ]
        )
    lines = _Lines()
    csv.writer(lines).writerows(rows)
    write_whole(path, "".join(lines))


def table(records: Iterable[dict[str, Any]]) -> str:
    """A line for each submission: whose, which chapter, points, a sign for each exercise, what was odd."""
    rows = []
    for record in records:
        known = record["extra_data"]
        if "not graded" in record:
            points, signs = "not graded", ""
        else:
            points = f"{record['score']:g} / {most(record):g}"
            signs = " ".join(f"{test['output'][0]} {test['name']}" for test in record["tests"])
        rows.append((printable(known["student"]), known.get("chapter") or printable(known["assignment"] or ""), points))
        rows[-1] += (f"{signs} {_note(record)}".strip(),)
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip() for row in rows
    )


def printable(text: str) -> str:
    """Foreign text in one short line that a terminal can show."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:200].strip()


class _Lines(list):
    write = list.append


def _note(record: dict[str, Any]) -> str:
    return printable(record.get("not graded") or record["output"])


def _cell(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.strip().startswith(("=", "+", "-", "@")) else text


def _points(test: dict[str, Any]) -> str:
    return f"{test['score']:g}/{test['max_score']:g}"
