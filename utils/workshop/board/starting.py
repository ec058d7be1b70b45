"""Starts a board, says where it is, and runs it until somebody stops it."""

import argparse
import asyncio
import contextlib
import re
import signal
import socket
import sys
import time
from datetime import datetime
from pathlib import Path

from tornado.httpserver import HTTPServer

from utils import exercises
from utils.workshop import routes
from utils.workshop.route import Route

from . import saying, server
from .posts import Known
from .store import Store

ROOT = Path(__file__).parents[3]
DAY = 24 * 3600.0  # that a code holds for each day of the route


def start(options: argparse.Namespace) -> int:
    """Run the board that the command's options describe; returns the exit status, 2 when it cannot begin."""
    try:
        route = routes.get(options.route)
        if options.code and not re.fullmatch("[A-Z0-9]{8,40}", options.code):
            raise ValueError(f"a code has eight capital letters and digits or more, got {options.code!r}")
        return asyncio.run(_run(route, options))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


async def _run(route: Route, options: argparse.Namespace) -> int:
    store = Store(options.file, route.name, DAY * len(route.days), time.time(), options.code)
    try:
        held = store.workshop
        if held.route != route.name or options.code not in ("", held.code):
            kind = f"the route {held.route} with the code {held.code}"
            raise ValueError(f"{store.path} holds a workshop on {kind}: end it, or delete the file")
        report = store.path.with_name(f"workshop-{datetime.fromtimestamp(held.began):%Y-%m-%d-%H%M}.html")
        board = server.Board(store, known(route), saying.about(route), report, options.address)
        listening, port = _listen(board, options)
        _say(board, options.address.rstrip("/") or f"http://{_own_address(options.host)}:{port}")
        await _stopped()
        listening.stop()
    finally:
        store.close()
    return 0


def _listen(board: server.Board, options: argparse.Namespace) -> tuple[HTTPServer, int]:
    try:
        return server.listen(board, options.port, options.host)
    except OSError as error:
        raise ValueError(f"it cannot answer at port {options.port} ({error.strerror}): name another --port") from None


async def _stopped() -> None:
    """Wait until somebody stops this process."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for end in (signal.SIGINT, signal.SIGTERM):  # in this way on Windows, too
        signal.signal(end, lambda *_: loop.call_soon_threadsafe(stopped.set))
    await stopped.wait()


def known(route: Route) -> dict[str, Known]:
    """The route's exercises, and the names and sentences of their mistakes."""
    return {
        name: Known(title, {mistake.name: mistake.sentence for mistake in exercises.get(name).mistakes})
        for name, title in saying.titles(route).items()
    }


def _own_address(host: str) -> str:
    """Where others in the room find this machine, as far as it knows."""
    if host:
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: it only chooses the network
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def _say(board: server.Board, address: str) -> None:
    workshop, room = board.workshop, f"{address}/{board.workshop.code}"
    if not board.store.is_new:
        print(f"It goes on with the workshop of {datetime.fromtimestamp(workshop.began):%d %B, %H:%M}.")
    if board.is_over:
        print("Its code has ended: no sign is taken any more. End it on your own page, and start again.")
    print(f"For the projector:  {room}")
    print(f"For you alone:      {address}/facilitator#{workshop.secret}")
    print(f'For learners:       from utils import workshop; workshop.join("{room}")')
    print(f"Kept in {board.store.path} until you end the workshop on your page. Ctrl + C stops the board and keeps it.")
    with contextlib.suppress(ImportError):  # it is not among the course's requirements
        import segno

        segno.make(room).terminal(compact=True)
    sys.stdout.flush()
