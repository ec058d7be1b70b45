"""What is answered to whom. Whatever is not in order is refused, with its reason, and counted."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError, RequestHandler

from . import posts, report, standing
from .posts import Reason, Refused

if TYPE_CHECKING:
    from .server import Board

PAGES = Path(__file__).with_name("pages")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "board",
}
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


class Handler(RequestHandler):
    """Refuses what comes by another name, from another page, or too long."""

    def initialize(self, board: Board) -> None:
        self.board = board

    def set_default_headers(self) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        origin = self.request.headers.get("Origin")
        own = origin is None or origin.partition("://")[2] == self.request.host
        if not own or not self.board.is_its_own(self.request.host):
            raise Refused(Reason.FOREIGN)
        if len(self.request.body) > posts.LONGEST:
            raise Refused(Reason.OVERSIZED)

    def log_exception(self, kind: Any, error: Any, traceback: Any) -> None:
        """Without the address of whoever asked, which is kept nowhere."""
        if not isinstance(error, Refused | HTTPError):
            logging.error("%s of the board failed", type(self).__name__, exc_info=(kind, error, traceback))

    def send_error(self, status_code: int = 500, **given: Any) -> None:
        error = given.get("exc_info", (None, None))[1]
        super().send_error(error.reason.status if isinstance(error, Refused) else status_code, **given)

    def write_error(self, status_code: int, **given: Any) -> None:
        error = given.get("exc_info", (None, None))[1]
        if isinstance(error, Refused):
            self.board.count(error.reason)
        self.finish({"refused": error.reason.words if isinstance(error, Refused) else self._reason})

    @property
    def bearer(self) -> str:
        """The token or secret that was sent."""
        return self.request.headers.get("Authorization", "").removeprefix("Bearer ")


class Nothing(Handler):
    def prepare(self) -> None:
        super().prepare()
        raise HTTPError(404)


class Part(Handler):
    """A page's style or script."""

    def get(self, name: str) -> None:
        if name not in {path.name for path in PAGES.iterdir()}:
            raise HTTPError(404)
        self.show(name)

    def show(self, name: str) -> None:
        self.set_header("Content-Type", f"{KINDS[Path(name).suffix]}; charset=utf-8")
        self.finish((PAGES / name).read_text(encoding="utf-8"))


class FacilitatorsPage(Part):
    """It holds nothing: what it shows it asks for, with the secret that only its reader has."""

    def get(self) -> None:  # type: ignore[override]
        self.show("facilitator.html")


class RoomsPage(Part):
    def get(self, code: str) -> None:
        self.board.admit(code)
        self.show("room.html")


class RoomsStanding(Handler):
    def get(self, code: str) -> None:
        self.board.admit(code)
        self.finish(self.board.seen(standing.for_the_room))


class FacilitatorsStanding(Handler):
    def get(self) -> None:
        self.board.admit_facilitator(self.bearer)
        code = {"code": self.board.workshop.code}
        self.finish(self.board.seen(standing.for_the_facilitator) | code)


class End(Handler):
    def post(self) -> None:
        self.board.admit_facilitator(self.bearer)
        page = report.page(self.board.store, self.board.known)
        self.board.end(page)
        self.finish({"report": str(self.board.report), "page": page})


class Join(Handler):
    def post(self, code: str) -> None:
        board = self.board
        board.admit(code)
        if not board.joining.allows(self.request.remote_ip):
            raise Refused(Reason.TOO_MANY)
        until = board.workshop.began + board.workshop.lasts
        self.finish({"token": board.store.join(), "exercises": [*board.known], "seconds": until - time.time()})


class ByALearner(Handler):
    """Something that a learner sends, who is known by a token."""

    def post(self, code: str) -> None:
        self.board.admit(code)
        learner = self.board.store.learner(self.bearer)
        if not self.board.posting.allows(learner):
            raise Refused(Reason.TOO_MANY)
        self.take(learner)
        self.finish({})

    def take(self, learner: int) -> None:
        raise NotImplementedError


class Posts(ByALearner):
    def take(self, learner: int) -> None:
        self.board.store.take(learner, posts.post(self.request.body, self.board.known), time.time())


class Moments(ByALearner):
    def take(self, learner: int) -> None:
        self.board.store.take_moment(learner, posts.moment(self.request.body), time.time())


class Leave(ByALearner):
    def take(self, learner: int) -> None:
        self.board.store.leave(learner)
