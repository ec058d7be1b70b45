"""Marks into a gradebook of nbgrader's, in place of what its own autograder would have written."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .submissions import Submission, UnusableArguments


def check(file: Path) -> None:
    """Raises UnusableArguments unless there is a gradebook, and nbgrader to write it with."""
    if not file.is_file():
        raise UnusableArguments(f"{file} is no gradebook: `nbgrader generate_assignment` makes one")
    try:
        import nbgrader.api  # noqa: F401 - a teacher's tool, not one of the course's requirements
    except ImportError as error:
        raise UnusableArguments(f"--gradebook needs nbgrader: pip install nbgrader ({error})") from None


def write(records: Iterable[tuple[Submission, dict[str, Any]]], file: Path) -> list[str]:
    """Write each exercise's points as the automatic score of its check cell. Returns what had no place there.

    The assignment is the submission's folder, or the chapter where there is none; the notebook is the chapter.
    """
    from nbgrader.api import Gradebook, MissingEntry

    homeless = []
    warnings.filterwarnings("ignore", module="nbgrader")  # of its own making, and no use to a teacher
    with Gradebook(f"sqlite:///{file.resolve()}") as gradebook:
        for submission, record in records:
            if "not graded" in record:
                homeless.append(f"{submission.student}: not graded; what an earlier run wrote stands")
                continue
            known = record["extra_data"]
            assignment = submission.assignment or known["chapter"]
            try:
                gradebook.find_assignment(assignment)
                gradebook.update_or_create_student(submission.student)
                gradebook.update_or_create_submission(assignment, submission.student)
                for test in record["tests"]:
                    place = (f"check-{test['name']}", known["chapter"], assignment, submission.student)
                    grade = gradebook.find_grade(*place)
                    grade.auto_score, grade.needs_manual_grade = test["score"], False
                gradebook.db.commit()
            except MissingEntry as error:
                gradebook.db.rollback()
                homeless.append(f"{submission.student}: {error}")
    return homeless
