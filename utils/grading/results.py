"""Writes and tells what came of a run: marks of all results in the folder, and whatever a teacher has to see."""

import argparse
import sys
from collections.abc import Sequence

from . import class_page, gradebook, records, tables, words
from .notebook import ANOTHER
from .records import Record
from .submissions import STUDENTS, LeftOut, Submission

EARLIER = "Of earlier runs, with a file that is not among those named. These count, too; delete what should not:"


def tell(
    found: Sequence[Submission],
    left: Sequence[LeftOut],
    graded: dict[Submission, Record],
    roster: Sequence[str] | None,
    earlier: Sequence[tables.Row] | None,
    options: argparse.Namespace,
) -> int:
    """Write and show it; returns the exit status."""
    out = options.out
    now = {one.place: graded[one] for one in found}
    kept = records.all_of(out) | now
    chosen = records.one_each(kept.values(), options.one_each) if options.one_each else list(kept.values())
    missing, unknown = tables.missing(roster, kept.values(), left) if roster else ({}, [])
    rows = tables.rows(chosen, missing)
    tables.write(rows, out / tables.CSV)
    records.write_text(out / class_page.PAGE, class_page.page(chosen, missing))
    not_graded = [(one.path, why) for one in found if (why := graded[one].get("not graded"))]
    tables.write_left(not_graded, left, out / tables.LEFT)
    print(words.table(now.values()))
    print(f"Marks: {out / tables.CSV}. The class: {out / class_page.PAGE}.", end=" ")
    print(f"For each student: {records.FEEDBACK} in {out / STUDENTS}.")
    where = f"{out / tables.LEFT} lists them all"
    _say("Not graded, and without a mark:", [f"{path}: {why}" for path, why in not_graded])
    _say("Left out:", [f"{one.path}: {one.why}" for one in sorted(left, key=lambda one: not one.work)], where)
    _say("Whose is it? The name says only the chapter:", [str(one.path) for one in found if one.nameless])
    _say("Another chapter's notebook than was set:", [str(one.path) for one in found if _another(graded[one])])
    if any(path.is_dir() for path in options.submissions):
        gone = [str(out / place) for place in kept if place not in now]
        _say(EARLIER, gone, f"all are in {out / tables.CSV}")
    _say("On the roster, and nothing graded:", [f"{student}: {note}" for student, note in missing.items()])
    _say("Not on the roster:", unknown)
    if earlier is not None:
        differences = tables.changes(earlier, rows)
        print(words.listed(f"Changes since {options.compare}: {len(differences) or 'none'}.", differences))
    homeless = _into_gradebook(chosen, options) if options.gradebook else []
    work = sum(one.work for one in left)
    counts = {
        "graded": len(found) - len(not_graded),
        "not graded": len(not_graded),
        "left out that may be work": work,
        "missing": len(missing),
    }
    print(", ".join(f"{count} {what}" for what, count in counts.items() if count) + ".")
    return 3 if not_graded or homeless or work else 0


def _into_gradebook(chosen: Sequence[Record], options: argparse.Namespace) -> list[str]:
    """What did not get into the gradebook, of what has a mark."""
    with_marks = [record for record in chosen if "not graded" not in record]
    try:
        written, homeless = gradebook.write(with_marks, options.gradebook)
    except gradebook.NotWritten as failure:
        print(failure, file=sys.stderr)
        return [str(failure)]
    print(f"Written to {options.gradebook}: {written} of {len(with_marks)}.")
    _say("Not in the gradebook:", homeless)
    return homeless


def _another(record: Record) -> bool:
    return ANOTHER in record.get("output", "")


def _say(heading: str, lines: Sequence[str], rest: str = "") -> None:
    if lines:
        print(words.listed(heading, lines, rest), file=sys.stderr)
