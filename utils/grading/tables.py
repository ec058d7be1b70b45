"""marks.csv: a row for each submission; who of a roster is missing; and what differs from an earlier table."""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from . import notebook, records, words
from .records import Record
from .submissions import LeftOut, UnusableArguments

CSV, LEFT = "marks.csv", "not_graded.csv"
ABOUT = ("student", "assignment", "file", "chapter")
AFTER = ("score", "max", "sandboxed", "note")
STUDENT_COLUMNS = ("student", "id", "username", "login", "name")
MISSING = "nothing was handed in"

Row = dict[str, str]


def rows(of: Iterable[Record], missing: Mapping[str, str]) -> list[Row]:
    """A row for each record, and for each student that is missing; a mark that is not known is left empty, never 0."""
    found = [_row(record) for record in of]
    return found + [{"student": _cell(student), "note": note} for student, note in missing.items()]


def write(table: Sequence[Row], path: Path) -> None:
    of = {row.get("chapter") for row in table}
    exercises = [name for chapter in notebook.names() if chapter in of for name in notebook.chapter(chapter).blanks]
    _write([*ABOUT, *exercises, *AFTER], table, path)


def write_left(not_graded: Iterable[tuple[Path, str]], left: Iterable[LeftOut], path: Path) -> None:
    """The files that were not graded, and why: submissions, what may be one, and others."""
    lines = [("not graded", file, why) for file, why in not_graded]
    lines += [("left out, may be work" if one.work else "left out", one.path, one.why) for one in left]
    table = [{"what": what, "file": _cell(str(file)), "reason": why} for what, file, why in sorted(lines)]
    _write(["what", "file", "reason"], table, path)


def read(path: Path) -> list[Row]:
    """The rows of a table that was written here. Raises UnusableArguments."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise UnusableArguments(f"{path} cannot be read: {error}") from None
    if not table or not {*ABOUT, "score"} <= table[0].keys():
        raise UnusableArguments(f"{path} is no table of marks (a {CSV} of an earlier run)")
    return table


def changes(old: Sequence[Row], new: Sequence[Row]) -> list[str]:
    """A line for each submission whose marks are others than in the old table."""
    by = ABOUT[:3] if _twice(old) or _twice(new) else ABOUT[:2]
    before, now = ({tuple(row.get(column) or "" for column in by): row for row in table} for table in (old, new))
    lines = []
    for key in sorted(before.keys() | now.keys()):
        was, is_now = before.get(key, {}), now.get(key, {})
        whose = " ".join(filter(None, (*key, is_now.get("chapter") or was.get("chapter"))))
        if not was or not is_now:
            lines.append(f"{whose}: " + (f"gone, had {_score(was)}" if was else f"new, {_score(is_now)}"))
            continue
        others = [name for name in is_now if name not in (*ABOUT, *AFTER) and _differ(was, is_now, name)]
        parts = [f"{name} {_or_none(was, name)} → {_or_none(is_now, name)}" for name in others]
        if parts or _differ(was, is_now, "score"):
            lines.append(f"{whose}: {_score(was)} → {_score(is_now)}" + (f" ({', '.join(parts)})" if parts else ""))
    return lines


def roster(path: Path) -> list[str]:
    """The students of a class, from the column called student, id, username, login or name, else the first.

    Raises UnusableArguments.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UnusableArguments(f"the roster {path} cannot be read: {error}") from None
    try:
        dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:  # one column
        dialect = csv.excel
    table = [row for row in csv.reader(io.StringIO(text), dialect) if any(map(str.strip, row))]
    heads = [head.strip().casefold() for head in table[0]] if table else []
    column = next((heads.index(name) for name in STUDENT_COLUMNS if name in heads), None)
    students = [row[column or 0].strip() for row in table[column is not None :] if len(row) > (column or 0)]
    if not any(students):
        raise UnusableArguments(f"the roster {path} names no student")
    return list(dict.fromkeys(filter(None, students)))


def missing(
    class_list: Iterable[str], of: Iterable[Record], left: Iterable[LeftOut] = ()
) -> tuple[dict[str, str], list[str]]:
    """Students of the roster without a submission, each with a note, and those with one that it does not name.

    The note names what may be theirs all the same: files that were left out, and names that hold theirs.
    """
    students = {_plain(name): name for record in of if (name := record["extra_data"]["student"])}
    roster = {_plain(name): name for name in class_list}
    unknown = [name for plain, name in students.items() if plain not in roster]
    perhaps = [*unknown, *("/".join(one.path.parts[-3:]) for one in left if one.work)]
    notes = {}
    for plain, name in roster.items():
        if plain not in students:
            theirs = [other for other in perhaps if plain in _plain(other)]
            notes[name] = f"nothing that was graded; see {' and '.join(theirs)}" if theirs else MISSING
    return notes, unknown


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip()


def _row(record: Record) -> Row:
    known = record["extra_data"]
    row = {
        "student": _cell(known["student"]),
        "assignment": _cell(known["assignment"] or ""),
        "file": _cell(known["file"]),
        "chapter": known.get("chapter", ""),
        "note": words.note(record),
    }
    if "not graded" not in record:
        row |= {test["name"]: test["score"] for test in record["tests"]}
        sandboxed = "yes" if known["sandboxed"] else "no"
        row |= {"score": record["score"], "max": records.most(record), "sandboxed": sandboxed}
    return {column: str(value) for column, value in row.items()}


def _write(columns: Sequence[str], table: Iterable[Row], path: Path) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(table)
    records.write_text(path, text.getvalue())


def _cell(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.strip().startswith(("=", "+", "-", "@")) else text


def _twice(table: Sequence[Row]) -> bool:
    counts = Counter(tuple(row.get(column) or "" for column in ABOUT[:2]) for row in table)
    return any(count > 1 for count in counts.values())


def _differ(was: Row, is_now: Row, column: str) -> bool:
    return (was.get(column) or "") != (is_now.get(column) or "")


def _or_none(row: Row, column: str) -> str:
    return row.get(column) or "none"


def _score(row: Row) -> str:
    return row.get("score") or "no mark"
