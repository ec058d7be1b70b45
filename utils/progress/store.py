"""What was checked, in a small database that any number of kernels may write to."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import platformdirs

ROOT = Path(__file__).parents[2]
NAME = "progress.sqlite"
VARIABLE = "ATTENTION_COURSE_PROGRESS"  # another file; empty for none
PATIENCE = 0.8  # seconds for which another kernel may hold the file
TABLE = "CREATE TABLE IF NOT EXISTS checks (at REAL, exercise TEXT, status TEXT, mistake TEXT, answer TEXT)"


@dataclass(frozen=True)
class Check:
    """A check: when (seconds since 1970), of which exercise, what came of it, and its answer's fingerprint."""

    at: float
    exercise: str
    status: str
    mistake: str | None
    answer: str | None


def place() -> Path | None:
    """The file: in the course's folder, or in the user's data folder where that cannot be written; None for no file."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE]) if os.environ[VARIABLE] else None
    if os.access(ROOT, os.W_OK):
        return ROOT / NAME
    return Path(platformdirs.user_data_dir("attention-course", appauthor=False)) / NAME


def keep(exercise: str, status: str, mistake: str | None, answer: str | None) -> None:
    """Keep a check, if the file lets it; a check is not disturbed by a file that is locked, broken or not to be had."""
    path = place()
    if path is None:
        return
    with contextlib.suppress(sqlite3.Error, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        check = Check(time.time(), exercise, status, mistake, answer)
        try:
            _insert(path, check)
        except sqlite3.OperationalError:  # locked, or not to be written
            raise
        except sqlite3.DatabaseError:  # it is no database: it is put aside, whole
            path.rename(path.with_name(f"{path.name}.broken-{time.time_ns()}"))
            _insert(path, check)


def kept() -> list[Check]:
    """Every check so far, the earliest first; none where there is no file, or none that can be read."""
    path = place()
    if path is None or not path.exists():
        return []
    with contextlib.suppress(sqlite3.Error, OSError), _opened(path) as database:
        return [Check(*row) for row in database.execute("SELECT * FROM checks ORDER BY at, rowid")]
    return []


def _insert(path: Path, check: Check) -> None:
    with _opened(path) as database:
        database.execute("INSERT INTO checks VALUES (?, ?, ?, ?, ?)", astuple(check))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(path, timeout=PATIENCE)
    try:
        with database:  # one transaction
            database.execute(TABLE)
            yield database
    finally:
        database.close()
