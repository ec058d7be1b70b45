"""What learners may send. Anything else is refused for one of a few reasons, which are counted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

LONGEST = 512  # bytes of a post
LAST = 2**63  # above it no number fits into the database
SIGNS = ("passed", "failed", "not attempted")


class Reason(Enum):
    """Why something is refused: the answer's HTTP status, and words for the facilitator."""

    def __init__(self, status: int, words: str):
        self.status, self.words = status, words

    MALFORMED = 400, "no post at all"
    UNKNOWN = 422, "a name that no exercise or mistake has"
    OVERSIZED = 413, "too long"
    FORGED = 403, "a learner whom the board does not know"
    REPLAYED = 409, "sent before, or older than what was sent"
    TOO_MANY = 429, "too many at once"
    FULL = 503, "no place left for another learner"
    NO_SUCH_CODE = 404, "a wrong code"
    WRONG_SECRET = 401, "a wrong secret"
    FOREIGN = 421, "another name or another page than the board's own"
    ENDED = 410, "the workshop has ended"


class Refused(Exception):
    """Something was sent that is not taken."""

    def __init__(self, reason: Reason):
        super().__init__(reason.words)
        self.reason = reason


@dataclass(frozen=True)
class Known:
    """An exercise that the board knows: its title, and the sentence of each mistake by name."""

    title: str
    mistakes: Mapping[str, str]


@dataclass(frozen=True)
class Post:
    """A check: its exercise, its sign, the mistake's name, and the learner's clock, by which posts are in order."""

    exercise: str
    sign: str
    mistake: str | None
    at: int


@dataclass(frozen=True)
class Moment:
    """Whether a learner needs a moment, and the learner's clock."""

    wanted: bool
    at: int


def post(body: bytes, known: Mapping[str, Known]) -> Post:
    """A check as it was sent. Raises Refused."""
    told = _read(body, {"exercise": str, "sign": str, "mistake": (str, type(None)), "at": int})
    one = Post(**told)
    if one.exercise not in known or one.sign not in SIGNS:
        raise Refused(Reason.UNKNOWN)
    if one.mistake is not None and (one.sign != "failed" or one.mistake not in known[one.exercise].mistakes):
        raise Refused(Reason.UNKNOWN)
    return one


def moment(body: bytes) -> Moment:
    """A moment as it was sent. Raises Refused."""
    return Moment(**_read(body, {"wanted": bool, "at": int}))


def _read(body: bytes, form: Mapping[str, Any]) -> dict[str, Any]:
    if len(body) > LONGEST:
        raise Refused(Reason.OVERSIZED)
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(Reason.MALFORMED) from None
    if not isinstance(told, dict) or set(told) != set(form):
        raise Refused(Reason.MALFORMED)
    if not all(isinstance(told[name], kind) for name, kind in form.items()):
        raise Refused(Reason.MALFORMED)
    if isinstance(told["at"], bool) or not 0 < told["at"] < LAST:
        raise Refused(Reason.MALFORMED)
    return told
