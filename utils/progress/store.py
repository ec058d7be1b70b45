"""What was checked and predicted, in a small database that any number of kernels may write to."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import TypeVar

import platformdirs

ROOT = Path(__file__).parents[2]
NAME = "progress.sqlite"
VARIABLE = "ATTENTION_COURSE_PROGRESS"  # another file; empty for none
PATIENCE = 0.8  # seconds for which another kernel may hold the file


@dataclass(frozen=True)
class Check:
    """A check: of which exercise, what came of it, its answer's fingerprint, and when (seconds since 1970)."""

    exercise: str
    status: str
    mistake: str | None = None
    answer: str | None = None
    at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Prediction:
    """What was chosen of a question's choices, None for nothing, and what happened, None before that is told."""

    question: str
    choice: str | None
    happened: str | None = None
    at: float = field(default_factory=time.time)


TABLES: dict[type, str] = {Check: "checks", Prediction: "predictions"}
Record = TypeVar("Record", Check, Prediction)


def place() -> Path | None:
    """The file: in the course's folder, or in the user's data folder where that cannot be written; None for no file."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE]) if os.environ[VARIABLE] else None
    if os.access(ROOT, os.W_OK):
        return ROOT / NAME
    return Path(platformdirs.user_data_dir("attention-course", appauthor=False)) / NAME


def keep(record: Check | Prediction) -> bool:
    """Keep it, if the file lets it; nobody is disturbed by a file that is locked, broken or not to be had.

    Returns whether it is kept, or not wanted.
    """
    path = place()
    if path is None:
        return True
    with contextlib.suppress(sqlite3.Error, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _insert(path, record)
        except sqlite3.OperationalError:  # locked, or not to be written
            raise
        except sqlite3.DatabaseError:  # it is no database: it is put aside, whole
            path.rename(path.with_name(f"{path.name}.broken-{time.time_ns()}"))
            _insert(path, record)
        return True
    return False


def kept(kind: type[Record]) -> list[Record]:
    """Every record of a kind, the earliest first; none where there is no file, or none that can be read."""
    path = place()
    if path is None or not path.exists():
        return []
    with contextlib.suppress(sqlite3.Error, OSError), _opened(path, kind) as database:
        names = ", ".join(each.name for each in fields(kind))
        return [kind(*row) for row in database.execute(f"SELECT {names} FROM {TABLES[kind]} ORDER BY rowid")]
    return []


def _insert(path: Path, record: Check | Prediction) -> None:
    names = [each.name for each in fields(record)]
    places = ", ".join("?" * len(names))
    with _opened(path, type(record)) as database:
        database.execute(f"INSERT INTO {TABLES[type(record)]} ({', '.join(names)}) VALUES ({places})", astuple(record))


@contextlib.contextmanager
def _opened(path: Path, kind: type) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(path, timeout=PATIENCE)
    try:
        with database:  # one transaction
            names = ", ".join(each.name for each in fields(kind))
            database.execute(f"CREATE TABLE IF NOT EXISTS {TABLES[kind]} ({names})")
            yield database
    finally:
        database.close()
