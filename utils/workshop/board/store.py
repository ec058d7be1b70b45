"""What a board keeps, in one SQLite file that outlives a process that is killed, and that is deleted at the end.

Of a learner it keeps a random token and, for each exercise, the last sign, the mistakes that were made, and when; no
name, no code, no address.
"""

import os
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .posts import Moment, Post, Reason, Refused

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nobody takes one for another when reading from a wall
CODE = 8  # letters: 32 ** 8 codes, so a thousand guesses a second need 17 years for an even chance
MOST = 1000  # learners
TABLES = """
CREATE TABLE IF NOT EXISTS workshop (code TEXT, secret TEXT, route TEXT, began REAL, lasts REAL);
CREATE TABLE IF NOT EXISTS learners (
    learner INTEGER PRIMARY KEY, token TEXT UNIQUE, posts INTEGER DEFAULT 0, last_at TEXT,
    moment REAL, moment_at INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS standings (
    learner INTEGER, exercise TEXT, sign TEXT, mistake TEXT, at INTEGER, since REAL, first REAL, passed REAL,
    PRIMARY KEY (learner, exercise)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS made (
    learner INTEGER, exercise TEXT, mistake TEXT, first REAL,
    PRIMARY KEY (learner, exercise, mistake)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refused (reason TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID;
"""
STAND = """
INSERT INTO standings VALUES (:learner, :exercise, :sign, :mistake, :at, :now, :now, :passed)
ON CONFLICT DO UPDATE SET
    since = CASE WHEN sign IS excluded.sign AND mistake IS excluded.mistake THEN since ELSE excluded.since END,
    passed = coalesce(passed, excluded.passed), sign = excluded.sign, mistake = excluded.mistake, at = excluded.at
"""


@dataclass(frozen=True)
class Workshop:
    """The code that learners join with, the facilitator's secret, the route, when it began and how long it lasts.

    Both in seconds, the first since 1970.
    """

    code: str
    secret: str
    route: str
    began: float
    lasts: float


class Store:
    """A workshop's file. It begins one with the given code, or goes on with the one that is there."""

    def __init__(self, path: Path, route: str, lasts: float, now: float, code: str = ""):
        self.path = path
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # nobody else's on this machine
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = NORMAL")  # what is committed outlives the process
        self.database.executescript(TABLES)
        row = self.database.execute("SELECT * FROM workshop").fetchone()
        self.is_new = row is None
        if row is None:
            chosen = code or "".join(secrets.choice(LETTERS) for _ in range(CODE))
            row = chosen, secrets.token_urlsafe(16), route, now, lasts
            self.database.execute("INSERT INTO workshop VALUES (?, ?, ?, ?, ?)", row)
        self.workshop = Workshop(*row)

    def join(self) -> str:
        """A new learner's token. Raises Refused when there are too many."""
        if self.database.execute("SELECT count(*) FROM learners").fetchone()[0] >= MOST:
            raise Refused(Reason.FULL)
        token = secrets.token_urlsafe(16)
        self.database.execute("INSERT INTO learners (token) VALUES (?)", (token,))
        return token

    def learner(self, token: str) -> int:
        """Whose token it is. Raises Refused for nobody's."""
        row = self.database.execute("SELECT learner FROM learners WHERE token = ?", (token,)).fetchone()
        if row is None:
            raise Refused(Reason.FORGED)
        return row[0]

    def take(self, learner: int, post: Post, now: float) -> None:
        """Keep a check. Raises Refused for one that is not newer than what that exercise has."""
        self.database.execute("BEGIN IMMEDIATE")
        with self.database:
            question = "SELECT at FROM standings WHERE learner = ? AND exercise = ?"
            row = self.database.execute(question, (learner, post.exercise)).fetchone()
            if row is not None and row[0] >= post.at:
                raise Refused(Reason.REPLAYED)
            passed = now if post.sign == "passed" else None
            self.database.execute(STAND, vars(post) | {"learner": learner, "now": now, "passed": passed})
            if post.mistake is not None:
                made = learner, post.exercise, post.mistake, now
                self.database.execute("INSERT OR IGNORE INTO made VALUES (?, ?, ?, ?)", made)
            count = "UPDATE learners SET posts = posts + 1, last_at = ? WHERE learner = ?"
            self.database.execute(count, (post.exercise, learner))

    def take_moment(self, learner: int, moment: Moment, now: float) -> None:
        """Keep that a moment is needed, or is not any more. Raises Refused for one that is not newer than the last."""
        change = "UPDATE learners SET moment = ?, moment_at = ? WHERE learner = ? AND moment_at < ?"
        values = now if moment.wanted else None, moment.at, learner, moment.at
        if self.database.execute(change, values).rowcount == 0:
            raise Refused(Reason.REPLAYED)

    def leave(self, learner: int) -> None:
        """Forget the token, so that nothing more can come for it. What was counted stays, and is nobody's."""
        self.database.execute("UPDATE learners SET token = NULL, moment = NULL WHERE learner = ?", (learner,))

    def refuse(self, reason: Reason) -> None:
        """Count what was refused."""
        count = "INSERT INTO refused VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1"
        self.database.execute(count, (reason.words,))

    def rows(self, question: str, **values: Any) -> list[tuple]:
        """What the file answers to a question."""
        return self.database.execute(question, values).fetchall()

    def delete(self) -> None:
        """Delete the file, with all that it holds."""
        self.close()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def close(self) -> None:
        self.database.close()
