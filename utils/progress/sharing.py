"""A check's sign on its way to a workshop's board, for who has joined one.

A thread brings it, so that no check waits for a board, nor fails with one. Sent are the exercise, the sign, the name of
the mistake and the time, with a random token; never code, a name or an address.
"""

import contextlib
import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from utils.whole_files import whole_file

from . import store

VARIABLE = "ATTENTION_COURSE_BOARD"  # a board's address, which a server for a class may set
NAME = "joined.json"
SECONDS = 2.0  # that a board may take
PAUSES = (0, 5, 15, 45)  # seconds before a board is asked again
MOST = 100  # posts that wait
LONGEST = 64 * 1024  # bytes of an answer that are read
LATER = (429, 500, 502, 503)  # statuses by which a board, or what stands before it, is too busy now
SILENT = "(The workshop's board does not answer, and is told later. Nothing depends on it.)"


@dataclass(frozen=True)
class Place:
    """A learner's place on a board.

    The board's address, the token that it gave (None once that is given back), the exercises that it asks for, and
    until when (seconds since 1970).
    """

    address: str
    token: str | None
    exercises: list[str]
    until: float


class Refused(ConnectionError):
    """A board has answered, and gives no place; the message says why, and the status whether it may later."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def join(address: str) -> Place:
    """Get a place on the board, and keep it for all notebooks of this folder.

    Raises ConnectionError, with a sentence, when there is none to be had: Refused by a board that has answered.
    """
    try:
        status, told = _ask(address, "join")
    except (OSError, ValueError):
        raise ConnectionError(f"No board answers at {address!r}. Compare it with the address on the wall.") from None
    if status != 200 or not {"token", "exercises", "seconds"} <= told.keys():
        raise Refused(status, f"The board at {address!r} says: {told.get('refused', status)}.")
    place = Place(address, told["token"], told["exercises"], time.time() + told["seconds"])
    _keep(place)
    return place


def leave() -> None:
    """Give the place back, or the one that the variable would get. A board that does not answer is not waited for."""
    place = kept()
    address = _invitation() or (place and place.address)
    if address:
        _keep(Place(address, None, [], 0.0))  # so that the variable, if it is set, does not join again
        outbox.clear()
    if place is not None:
        with contextlib.suppress(OSError, ValueError):
            _ask(place.address, "leave", place.token)


def tell(exercise: str, sign: str, mistake: str | None) -> None:
    """Send a check's sign on its way, if there is a board to tell; comes back at once."""
    if kept() is not None or _invitation() is not None:
        outbox.put("post", {"exercise": exercise, "sign": sign, "mistake": mistake})


def tell_moment(wanted: bool) -> bool:
    """Send on its way that a moment is needed, or is not any more; whether there is a board to tell."""
    place = kept()
    if place is not None:
        outbox.put("moment", {"wanted": wanted})
    return place is not None


def kept() -> Place | None:
    """The place, while it is one."""
    place = _read()
    return place if place is not None and place.token is not None and time.time() < place.until else None


class Outbox:
    """What a board has not taken yet, and the thread that brings it while there is something."""

    def __init__(self) -> None:
        self._posts: deque[tuple[str, dict[str, Any]]] = deque(maxlen=MOST)
        self._news = threading.Condition()
        self._at_work = False
        self._last = 0
        self._told = False

    def put(self, what: str, post: dict[str, Any]) -> None:
        """Something to bring, stamped with the time, by which a board knows what is newer."""
        with self._news:
            self._last = max(time.time_ns(), self._last + 1)
            self._posts.append((what, post | {"at": self._last}))
            self._news.notify()
            if not self._at_work:
                self._at_work = True
                threading.Thread(target=self._bring, name="to the board", daemon=True).start()

    def clear(self) -> None:
        """Nothing of it is brought any more."""
        with self._news:
            self._posts.clear()

    def _bring(self) -> None:
        for pause in PAUSES:
            with self._news:
                if pause:
                    self._news.wait(pause)
            while self._take_one():
                pass
            with self._news:
                if not self._posts:
                    self._at_work = False
                    return
        with self._news:
            self._at_work = False  # it waits for the next check

    def _take_one(self) -> bool:
        """Bring the first; whether it is done with."""
        with self._news:
            if not self._posts:
                return False
            first = self._posts[0]
        if not self._delivered(*first):
            return False
        with self._news:
            if self._posts and self._posts[0] is first:
                self._posts.popleft()
        return True

    def _delivered(self, what: str, post: dict[str, Any]) -> bool:
        """Whether the board has it, or does not want it."""
        try:
            invitation = _invitation()
            place = join(invitation) if invitation is not None else kept()
            if place is None or ("exercise" in post and post["exercise"] not in place.exercises):
                return True
            status, _ = _ask(place.address, what, place.token, post)
        except Refused as refused:  # as a rule, a workshop that the variable still names has ended
            return refused.status not in LATER
        except (OSError, ValueError):
            if not self._told:
                print(SILENT)
            self._told = True
            return False
        self._told = False
        if status in (403, 404, 410):  # a place given back in another notebook, or a workshop that has ended
            _keep(Place(place.address, None, [], place.until))
        return status not in LATER


outbox = Outbox()
_here: Place | None = None  # where no file is wanted


def _invitation() -> str | None:
    """The address that the variable names, unless there was a place on that board."""
    address, place = os.environ.get(VARIABLE), _read()
    return address if address and (place is None or place.address != address) else None


def _ask(address: str, what: str, token: str | None = None, post: dict[str, Any] | None = None) -> tuple[int, dict]:
    """The status and the words of a board's answer. Raises OSError or ValueError if there is none."""
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"a board's address begins with http, got {address!r}")
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    body = json.dumps(post or {}).encode()
    request = urllib.request.Request(f"{address.rstrip('/')}/{what}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            status, words = answer.status, answer.read(LONGEST)
    except urllib.error.HTTPError as refused:
        with refused:
            status, words = refused.code, refused.read(LONGEST)
    except http.client.HTTPException as error:
        raise ValueError(f"no answer of a board: {error}") from error
    told = json.loads(words) if words.startswith(b"{") else {}
    return status, told


def _file() -> Path | None:
    place = store.place()
    return place and place.with_name(NAME)


def _read() -> Place | None:
    path = _file()
    if path is None:
        return _here
    try:
        return Place(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # none, or somebody's file
        return None


def _keep(place: Place) -> None:
    global _here
    path = _file()
    if path is None:
        _here = place
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        os.chmod(file.name, 0o600)  # nobody else on this machine may take the place
        file.write(json.dumps(asdict(place)).encode())
