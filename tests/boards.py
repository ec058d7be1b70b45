"""Boards for tests: one in this process on a free port, and what a learner or an attacker sends to it."""

import asyncio
import contextlib
import http.client
import json
import threading
import time
from urllib.parse import urlsplit

from utils.workshop.board import server
from utils.workshop.board.posts import Known
from utils.workshop.board.store import Store

INVERTED, WITHOUT = "You hide the keys where mask is True.", "You weigh the values by their scores."
KNOWN = {
    "softmax": Known("2.1 Softmax", {"no_maximum": "Large scores overflow: take `scores.amax(-1)` away first."}),
    "soft_lookup": Known("2.2 Soft lookup", {"mask_inverted": INVERTED, "no_softmax": WITHOUT}),
}
SAY = {"softmax": ["Exercise 2.1: nan. Which number would you subtract?"]}


def answer_of(port, path, body=None, bearer="", method=None, **headers):
    """Status and words of a board's answer; `body` may be bytes, or data for JSON."""
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named |= {"Authorization": f"Bearer {bearer}"} if bearer else {}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method or ("GET" if body is None else "POST"), path, sent, named)
        answer = connection.getresponse()
        words = answer.read()
    return answer.status, json.loads(words) if "json" in answer.getheader("Content-Type", "") else words.decode()


class Running:
    """A board that answers: where, its code and its facilitator's secret."""

    def __init__(self, board, port):
        self.board, self.port = board, port
        self.code, self.secret = board.workshop.code, board.workshop.secret
        self.folder = urlsplit(board.address).path
        self.root = f"http://127.0.0.1:{port}{self.folder}"
        self.address = f"{self.root}/{self.code}"
        self.clock = time.time_ns()

    def ask(self, path, *sent, **how):
        return answer_of(self.port, f"{self.folder}{path}", *sent, **how)

    def join(self):
        return self.ask(f"/{self.code}/join", {})[1]["token"]

    def post(self, token, exercise="soft_lookup", sign="failed", mistake="mask_inverted", at=None):
        """Send a check; returns the status."""
        self.clock += 1
        post = {"exercise": exercise, "sign": sign, "mistake": mistake, "at": at or self.clock}
        return self.ask(f"/{self.code}/post", post, token)[0]

    def seen(self, facilitator=False):
        """What a page is told now, by exercise's name, and all of it."""
        self.board._seen.clear()
        path, bearer = ("/facilitator/standing", self.secret) if facilitator else (f"/{self.code}/standing", "")
        status, told = self.ask(path, bearer=bearer)
        assert status == 200, told
        return {each["name"]: each for each in told["exercises"]}, told


@contextlib.contextmanager
def running(folder, address="", route="half-day", lasts=3600.0, port=0):
    """A board in a thread, with its file in the folder; nothing of it is left afterwards."""
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    found = []

    async def run():
        store = Store(folder / "board.sqlite", route, lasts, time.time())
        try:
            board = server.Board(store, KNOWN, SAY, folder / "report.html", address)
            listening, taken = server.listen(board, port, "127.0.0.1")
            found.append(Running(board, taken))
            ready.set()
            await stop.wait()
            listening.stop()
            await listening.close_all_connections()
        finally:
            store.close()

    thread = threading.Thread(target=loop.run_until_complete, args=[run()])
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()
