"""Marks into a gradebook of nbgrader's, in place of what its own autograder would have written."""

import warnings
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .records import Record
from .submissions import UnusableArguments

Place = tuple[str, str, str]  # assignment, notebook, student


def check(file: Path) -> None:
    """Raises UnusableArguments unless there is a gradebook, and nbgrader to write it with."""
    if not file.is_file():
        raise UnusableArguments(f"{file} is no gradebook: `nbgrader generate_assignment` makes one")
    try:
        import nbgrader.api  # noqa: F401 - a teacher's tool, not one of the course's requirements
    except ImportError as error:
        raise UnusableArguments(f"--gradebook needs nbgrader: pip install nbgrader ({error})") from None


class NotWritten(RuntimeError):
    """Nothing was written to the gradebook; the message says why."""


def write(records: Iterable[Record], file: Path) -> tuple[int, list[str]]:
    """Write the points of graded records as the automatic scores of check cells; how many, and what had no place.

    The assignment is the submission's folder, or the chapter where there is none; the notebook is the chapter. All
    places are looked up first, and all is written or, whatever goes wrong, nothing. Raises NotWritten then.
    """
    from nbgrader.api import Gradebook

    places, homeless = _places(records)
    warnings.filterwarnings("ignore", module="nbgrader")  # of its own making, and no use to a teacher
    try:
        with Gradebook(f"sqlite:///{file.resolve()}") as gradebook:
            missing = {place: why for place, record in places.items() if (why := _missing(gradebook, place, record))}
            _write_all(gradebook, {place: record for place, record in places.items() if place not in missing})
    except Exception as error:  # a database may fail in many ways
        raise NotWritten(f"Nothing was written to {file}: {error}") from error
    homeless += [f"{student}: {why}" for (_, _, student), why in missing.items()]
    return len(places) - len(missing), homeless


def _places(records: Iterable[Record]) -> tuple[dict[Place, Record], list[str]]:
    """Where each record belongs. Two in one place would overwrite each other: neither is taken."""
    met, homeless = defaultdict(list), []
    for record in records:
        known = record["extra_data"]
        met[known["assignment"] or known["chapter"], known["chapter"], known["student"]].append(record)
    for (assignment, chapter, student), several in met.items():
        if len(several) > 1:
            files = " and ".join(f"{record['extra_data']['file']} ({record['score']:g})" for record in several)
            homeless.append(
                f"{student}: {files} are for one place ({assignment}/{chapter}): none was written. Say which counts, "
                "with --best or --latest, or delete the other's file and its folder in the results"
            )
    return {place: several[0] for place, several in met.items() if len(several) == 1}, homeless


def _missing(gradebook: Any, place: Place, record: Record) -> str | None:
    """What of a record's place the gradebook does not have."""
    from nbgrader.api import MissingEntry

    assignment, notebook, student = place
    try:
        gradebook.find_assignment(assignment)
        for test in record["tests"]:
            gradebook.find_grade_cell(f"check-{test['name']}", notebook, assignment)
    except MissingEntry as error:
        return str(error)
    try:
        gradebook.find_submission(assignment, student)
    except MissingEntry:
        return None  # it is made with all its places
    try:
        for test in record["tests"]:
            gradebook.find_grade(f"check-{test['name']}", notebook, assignment, student)
    except MissingEntry as error:
        return f"{error} (collected before the assignment was generated anew?)"
    return None


def _write_all(gradebook: Any, places: dict[Place, Record]) -> None:
    session = gradebook.db
    commit, session.commit = session.commit, session.flush  # nbgrader commits whenever it adds something
    try:
        for (assignment, notebook, student), record in places.items():
            gradebook.update_or_create_student(student)
            gradebook.update_or_create_submission(assignment, student)
            for test in record["tests"]:
                grade = gradebook.find_grade(f"check-{test['name']}", notebook, assignment, student)
                grade.auto_score, grade.needs_manual_grade = test["score"], False
        commit()
    except BaseException:  # an interruption, too
        session.rollback()
        raise
    finally:
        session.commit = commit
