"""Which files are to be graded, and whose they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import notebook

STUDENTS = "students"  # the folder, in that of all results, where theirs are kept


class UnusableArguments(ValueError):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True)
class Submission:
    """A file, the student whose it is, and the assignment it is for, where the folders say so (nbgrader's do)."""

    path: Path
    student: str
    assignment: str | None = None

    @property
    def place(self) -> Path:
        """Where its results are kept, below the folder of all results."""
        parts = (self.student, self.assignment, self.path.name)
        return Path(STUDENTS, *(_visible(part) for part in parts if part))


def find(paths: Iterable[Path]) -> list[Submission]:
    """The submissions among files and folders, sorted by student. Raises UnusableArguments.

    A folder holds STUDENT/ASSIGNMENT/*.ipynb, as nbgrader's `submitted` does, STUDENT/*.ipynb, or *.ipynb whose names
    begin with the student's. A student's folder without any is found as well, for it is missed otherwise.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*.ipynb") if _submitted(file.relative_to(path)))
            if not inside:
                raise UnusableArguments(f"{path} holds no notebook (*.ipynb)")
            found += [_in_folder(file, file.relative_to(path).parts[:-1]) for file in inside]
            folders = sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
            found += [Submission(empty, empty.name) for empty in folders if not any(empty in f.parents for f in inside)]
        elif path.exists():
            found.append(_in_folder(path, ()))
        else:
            raise UnusableArguments(f"{path} does not exist")
    taken: dict[Path, Submission] = {}
    for submission in found:
        other = taken.setdefault(submission.place, submission)
        if other.path != submission.path:
            raise UnusableArguments(
                f"{other.path} and {submission.path} would have the same results: give the folder that holds "
                "a folder for each student, or files that begin with the student's name"
            )
    return sorted(taken.values(), key=lambda submission: submission.place)


def _submitted(inside: Path) -> bool:
    return len(inside.parts) <= 3 and not any(part.startswith(".") for part in inside.parts)


def _in_folder(file: Path, folders: tuple[str, ...]) -> Submission:
    if not folders:
        return Submission(file, _student(file.stem))
    return Submission(file, *folders)


def _student(stem: str) -> str:
    """The file's name without the chapter's."""
    for chapter in notebook.names():
        stem = stem.replace(chapter, "") if stem.replace(chapter, "").strip("_- .") else stem
    return stem.strip("_- ")


def _visible(name: str) -> str:
    """A name that stays in its folder, and is seen in it."""
    return f"_{name}" if name.startswith(".") else name
