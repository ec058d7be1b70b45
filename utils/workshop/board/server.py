"""The board as a web server: which address leads where, and who may ask what."""

import hmac
import ipaddress
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import tornado.httpserver
import tornado.web

from . import handlers
from .limits import Limit
from .posts import Known, Reason, Refused
from .standing import Seen
from .store import Store, Workshop

LARGEST = 64 * 1024  # bytes of a body; the connection of whoever sends more is closed
FRESH = 1.0  # seconds for which what was seen is told again, however many ask


class Board:
    """A workshop with what its pages need: the exercises it knows, what to say about each, and where its report goes.

    `address` is where a browser finds it, when that is not this machine's own: http://host:port/folder.
    """

    def __init__(
        self,
        store: Store,
        known: Mapping[str, Known],
        say: Mapping[str, Sequence[str]],
        report: Path,
        address: str = "",
    ):
        self.store, self.known, self.say, self.report, self.address = store, known, say, report, address
        self.ended = False
        self.posting = Limit(rate=2, at_once=20)  # of a learner: "run all" sends a few at once
        self.joining = Limit(rate=1, at_once=100)  # of an address, behind which a whole room may be
        self._seen: dict[Callable, tuple[float, Seen]] = {}

    @property
    def workshop(self) -> Workshop:
        return self.store.workshop

    def is_its_own(self, host: str) -> bool:
        """Whether a browser that asks this host can mean the board.

        A page elsewhere may have its own name lead here (DNS rebinding), and none that it has is among these.
        """
        name = urlsplit(f"//{host}").hostname or ""
        try:
            ipaddress.ip_address(name)
            return True
        except ValueError:
            return name in self._names

    @cached_property
    def _names(self) -> set[str | None]:
        return {"localhost", socket.gethostname().lower(), urlsplit(self.address).hostname}

    def admit(self, code: str) -> None:
        """Raises Refused for a wrong code, and for the right one after the end."""
        if not hmac.compare_digest(code.upper(), self.workshop.code):
            raise Refused(Reason.NO_SUCH_CODE)
        if self.is_over:
            raise Refused(Reason.ENDED)

    def admit_facilitator(self, secret: str) -> None:
        """Raises Refused for anybody else."""
        if not hmac.compare_digest(secret.encode(), self.workshop.secret.encode()):
            raise Refused(Reason.WRONG_SECRET)
        if self.ended:
            raise Refused(Reason.ENDED)

    @property
    def is_over(self) -> bool:
        return self.ended or time.time() > self.workshop.began + self.workshop.lasts

    def seen(self, by: Callable[..., Seen]) -> Seen:
        """What a view tells, computed at most once a second."""
        at, seen = self._seen.get(by, (0.0, {}))
        if time.monotonic() > at + FRESH:
            seen = by(self.store, self.known, self.say, time.time())
            self._seen[by] = time.monotonic(), seen
        return seen

    def count(self, reason: Reason) -> None:
        if not self.ended:
            self.store.refuse(reason)

    def end(self, report: str) -> None:
        """Write the report and delete all else."""
        self.report.write_text(report, encoding="utf-8")
        self.ended = True
        self.store.delete()


def application(board: Board) -> tornado.web.Application:
    """Its pages and what they ask for."""
    prefix = re.escape(urlsplit(board.address).path.rstrip("/"))
    code = f"{prefix}/([A-Za-z0-9]{{1,40}})"
    given = {"board": board}
    return tornado.web.Application(
        [
            (f"{prefix}/pages/(.*)", handlers.Part, given),
            (f"{prefix}/facilitator", handlers.FacilitatorsPage, given),
            (f"{prefix}/facilitator/standing", handlers.FacilitatorsStanding, given),
            (f"{prefix}/facilitator/end", handlers.End, given),
            (f"{code}/join", handlers.Join, given),
            (f"{code}/post", handlers.Posts, given),
            (f"{code}/moment", handlers.Moments, given),
            (f"{code}/leave", handlers.Leave, given),
            (f"{code}/standing", handlers.RoomsStanding, given),
            (code, handlers.RoomsPage, given),
        ],
        default_handler_class=handlers.Nothing,
        default_handler_args=given,
        log_function=lambda handler: None,  # addresses of learners are kept nowhere
    )


def listen(board: Board, port: int, host: str) -> tuple[tornado.httpserver.HTTPServer, int]:
    """Answer on a port, 0 for any that is free; returns the server and its port. Raises OSError if it is taken."""
    sockets = tornado.netutil.bind_sockets(port, host, family=socket.AF_INET)
    server = tornado.httpserver.HTTPServer(
        application(board), max_body_size=LARGEST, max_header_size=8192, idle_connection_timeout=20, body_timeout=5
    )
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]
