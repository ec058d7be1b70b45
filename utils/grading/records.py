"""What is kept of a submission: results.json in Gradescope's shape, or why there is none; and the student's words."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from utils.whole_files import DRAFT, whole_file

from . import words
from .marks import Marks
from .submissions import STUDENTS

RESULTS, NOT_GRADED, FEEDBACK = "results.json", "not_graded.json", "feedback.md"

Record = dict[str, Any]


def of_marks(marks: Marks, known: dict[str, Any]) -> Record:
    """Marks as Gradescope reads them; what is known beside them is in extra_data, which no student is shown there."""
    notes = [*marks.warnings, *([] if marks.sandboxed else [words.UNSANDBOXED])]
    return {
        "score": marks.score,
        "output": "\n".join(notes),
        # said, so that no student's words are taken for HTML or Markdown
        "output_format": "text",
        "visibility": "visible",
        "tests": [
            {
                "name": mark.exercise,
                "score": mark.points,
                "max_score": mark.most,
                "status": "passed" if mark.status == "passed" else "failed",
                "output": f"{words.SIGNS[mark.status]} {mark.message}",
                "output_format": "text",
                "visibility": "visible",
                "extra_data": {
                    "status": mark.status,
                    "kind": mark.kind.words,
                    "mistake": mark.mistake,
                    "seconds": mark.seconds,
                },
            }
            for mark in marks.marks
        ],
        "extra_data": known | {"chapter": marks.chapter},
    }


def not_graded(why: str, known: dict[str, Any]) -> Record:
    """A submission that has no mark."""
    return {"not graded": why, "extra_data": known}


def most(record: Record) -> int:
    return sum(test["max_score"] for test in record["tests"])


def write(record: Record, folder: Path) -> None:
    """A submission's words and, last, its record, which says that it is done; of an earlier one nothing stays."""
    folder.mkdir(parents=True, exist_ok=True)
    mine, other = (NOT_GRADED, RESULTS) if "not graded" in record else (RESULTS, NOT_GRADED)
    (folder / other).unlink(missing_ok=True)  # first: killed in between, it is graded again
    write_text(folder / FEEDBACK, words.feedback(record))
    write_text(folder / mine, json.dumps(record, indent=1))


def read(folder: Path) -> Record | None:
    """The marks that were written there, or None."""
    return _read(folder / RESULTS)


def all_of(out: Path) -> dict[Path, Record]:
    """All that is kept in a folder of results, by place, in order."""
    kept = {}
    for name in (NOT_GRADED, RESULTS):
        for path in (out / STUDENTS).rglob(name):
            record = _read(path)
            if record:
                kept[path.parent.relative_to(out)] = record
    return dict(sorted(kept.items()))


def one_each(records: Iterable[Record], which: str) -> list[Record]:
    """Of each student's records for a chapter, the "best" or the "latest"; of two that are as good, the later one.

    One without a mark counts only if there is no other.
    """
    chosen: dict[tuple, Record] = {}
    # so that the one that counts comes last, and stays in `chosen`
    records = sorted(records, key=lambda record: ("not graded" not in record, _rank(record, which)))
    for record in records:
        known = record["extra_data"]
        chosen[known["student"], known["assignment"], known.get("chapter")] = record
    # what could not be graded has no chapter, and would stand beside the one that counts
    with_a_mark = {key[:2] for key in chosen if key[2]}
    return [record for key, record in sorted(chosen.items(), key=str) if key[2] or key[:2] not in with_a_mark]


def _rank(record: Record, which: str) -> tuple:
    time = record["extra_data"].get("handed in", "")
    return (record["score"], time) if which == "best" and "score" in record else (time,)


def sweep(out: Path) -> None:
    """Take away what a killed run had not finished writing."""
    for draft in out.rglob(f".*{DRAFT}"):
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text.encode(errors="replace"))  # a file's name may hold what is no text


def _read(path: Path) -> Record | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # damaged: as if there were none, and graded again
        return None
