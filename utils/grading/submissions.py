"""Which files are to be graded, whose they are, and which are left out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from . import notebook

STUDENTS = "students"  # the folder, in that of all results, where theirs are kept
NOTEBOOK = ".ipynb"
DEEPEST = 3  # STUDENT/ASSIGNMENT/FILE
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
COLLECTED = "timestamp.txt"  # beside a notebook that nbgrader has collected: when it was handed in
COLLECTED_FORMAT = "%Y-%m-%d %H:%M:%S.%f %Z"


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

    @property
    def nameless(self) -> bool:
        """Whether nothing says whose it is."""
        return self.student in notebook.names() and self.student == self.path.stem

    @property
    def handed_in(self) -> str:
        """When, as far as is known: what nbgrader noted, else the time of the file. In ISO format, UTC."""
        try:
            noted = (self.path.parent / COLLECTED).read_text().strip()
            time = datetime.strptime(noted, COLLECTED_FORMAT).replace(tzinfo=UTC)
        except (OSError, ValueError):
            try:
                time = datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
            except (OSError, ValueError, OverflowError):
                return ""
        return time.isoformat(timespec="seconds")


@dataclass(frozen=True)
class LeftOut:
    """A file that is not graded, and why; `work` if it may well be what somebody meant to hand in."""

    path: Path
    why: str
    work: bool = False


def find(paths: Iterable[Path]) -> tuple[list[Submission], list[LeftOut]]:
    """The submissions among files and folders, sorted by student, and all other files. Raises UnusableArguments.

    A folder holds STUDENT/ASSIGNMENT/*.ipynb, as nbgrader's `submitted` does, STUDENT/*.ipynb, or *.ipynb whose names
    begin with the student's. A student's folder without any is found as well, for it is missed otherwise.
    """
    found, left = [], []
    for path in paths:
        if path.is_dir():
            inside, others = _sorted_out(path)
            if not inside:
                work = "".join(f", but {one.path.name} ({one.why})" for one in others if one.work)
                raise UnusableArguments(f"{path} holds no notebook (*{NOTEBOOK}){work[:300]}")
            found += [_in_folder(file, file.relative_to(path).parts[:-1]) for file in inside]
            folders = sorted(folder for folder in path.iterdir() if folder.is_dir() and not _hidden(folder.name))
            found += [Submission(empty, empty.name) for empty in folders if not any(empty in f.parents for f in inside)]
            left += others
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
    return sorted(taken.values(), key=lambda submission: submission.place), left


def _sorted_out(folder: Path) -> tuple[list[Path], list[LeftOut]]:
    """The notebooks in a folder, and what else is there."""
    inside, left = [], []
    for file in sorted(folder.rglob("*")):
        if file.is_dir() and not file.is_symlink():
            continue
        parts = file.relative_to(folder).parts
        if file.name == COLLECTED:
            continue
        if any(map(_hidden, parts)):
            left.append(LeftOut(file, "it is hidden"))
        elif file.suffix.lower() == NOTEBOOK:
            if len(parts) <= DEEPEST:
                inside.append(file)
            else:
                left.append(LeftOut(file, "it is deeper than STUDENT/ASSIGNMENT/FILE", work=True))
        elif file.name.lower().endswith(ARCHIVES):
            left.append(LeftOut(file, "it is an archive: unpack it", work=True))
        elif NOTEBOOK in file.name.lower():
            left.append(LeftOut(file, f"its name does not end in {NOTEBOOK}: rename it", work=True))
        else:
            left.append(LeftOut(file, "it is no notebook"))
    return inside, left


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


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
