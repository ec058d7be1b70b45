"""The board as somebody in the room would attack it: refused, counted, and the page goes on."""

import contextlib
import json
import re
import socket

import pytest
from boards import KNOWN, running

from utils.workshop.board import handlers, server, store
from utils.workshop.board.posts import LAST, LONGEST, Reason

pytestmark = pytest.mark.repository
RIGHT = {"exercise": "soft_lookup", "sign": "failed", "mistake": "mask_inverted", "at": 5}


@pytest.fixture
def board(tmp_path):
    with running(tmp_path) as board:
        yield board


def refused(board):
    return board.seen(facilitator=True)[1]["refused"]


WRONG = {
    "no JSON": (b"\xff{", Reason.MALFORMED),
    "deep": (b"[" * LONGEST, Reason.MALFORMED),
    "a list": ([RIGHT], Reason.MALFORMED),
    "nothing": (b"", Reason.MALFORMED),
    "something missing": ({"exercise": "softmax"}, Reason.MALFORMED),
    "something more": (RIGHT | {"name": "Ada"}, Reason.MALFORMED),
    "a number for a name": (RIGHT | {"exercise": 3}, Reason.MALFORMED),
    "true for a time": (RIGHT | {"at": True}, Reason.MALFORMED),
    "a time too large": (RIGHT | {"at": LAST}, Reason.MALFORMED),
    "no number": (b'{"exercise": "softmax", "sign": "passed", "mistake": null, "at": NaN}', Reason.MALFORMED),
    "a script as a name": (RIGHT | {"exercise": "<script>alert(1)</script>"}, Reason.UNKNOWN),
    "a script as a mistake": (RIGHT | {"mistake": "<img onerror=alert(1)>"}, Reason.UNKNOWN),
    "another exercise's mistake": (RIGHT | {"exercise": "softmax"}, Reason.UNKNOWN),
    "a mistake that passed": (RIGHT | {"sign": "passed"}, Reason.UNKNOWN),
    "SQL": (RIGHT | {"exercise": "softmax'; DROP TABLE learners; --"}, Reason.UNKNOWN),
    "long": (b" " * LONGEST + json.dumps(RIGHT).encode(), Reason.OVERSIZED),
}


@pytest.mark.parametrize(("body", "reason"), [pytest.param(*case, id=name) for name, case in WRONG.items()])
def test_what_is_no_post_is_refused_and_counted(body, reason, board):
    token = board.join()
    status, told = board.ask(f"/{board.code}/post", body, token, method="POST")
    assert (status, told) == (reason.status, {"refused": reason.words})
    assert refused(board) == {reason.words: 1}
    assert board.seen(facilitator=True)[1]["posts"] == 0


def test_nobody_posts_as_another_and_nothing_twice(board):
    one, other = board.join(), board.join()
    assert board.ask(f"/{board.code}/post", RIGHT, one)[0] == 200
    assert board.ask(f"/{board.code}/post", RIGHT, one)[0] == 409
    assert board.ask(f"/{board.code}/post", RIGHT | {"sign": "passed", "mistake": None, "at": 4}, one)[0] == 409
    forged = [other[::-1], "", "1", f"{one}' OR '1'='1", "é", board.code]
    for token in forged:
        for path, body in (("post", RIGHT), ("moment", {"wanted": True, "at": 9}), ("leave", {})):
            assert board.ask(f"/{board.code}/{path}", body, token.encode().decode("latin-1"))[0] == 403
    assert refused(board) == {Reason.FORGED.words: 18, Reason.REPLAYED.words: 2}
    assert board.seen()[0]["soft_lookup"]["failed"] == 1 and board.seen()[1]["there"] == 2


def test_tokens_and_secrets_are_random_and_codes_long():
    assert len(store.LETTERS) ** store.CODE > 1e12 and len(set(store.LETTERS)) == len(store.LETTERS)


def test_a_flood_of_one_learner_takes_nothing_from_the_others(board):
    one, other = board.join(), board.join()
    board.board.posting.rate = 0.0
    assert [board.post(one) for _ in range(30)] == [200] * 20 + [429] * 10
    assert board.post(other) == 200
    assert refused(board) == {Reason.TOO_MANY.words: 10}


def test_one_address_cannot_take_every_place_at_once_and_there_are_so_many_places(board, monkeypatch):
    board.board.joining.rate = 0.0
    assert [board.ask(f"/{board.code}/join", {})[0] for _ in range(102)] == [200] * 100 + [429] * 2
    monkeypatch.setattr(store, "MOST", 100)
    board.board.joining = server.Limit(rate=1, at_once=10)
    assert board.ask(f"/{board.code}/join", {})[0] == 503
    assert board.ask(f"/{board.code}/standing")[0] == 200


def test_guesses_of_the_code_and_of_the_secret_find_nothing_and_are_counted(board):
    for guess in ("AAAAAAAA", board.code[:-1], board.code + "A", "facilitators", "0"):
        for path in ("", "/standing"):
            assert board.ask(f"/{guess}{path}")[0] == 404
        assert board.ask(f"/{guess}/join", {})[0] == 404
    for guess in ("", board.code, board.secret[:-1], board.secret.swapcase(), board.join()):
        assert board.ask("/facilitator/standing", bearer=guess)[0] == 401
        assert board.ask("/facilitator/end", {}, guess)[0] == 401
    assert refused(board) == {Reason.NO_SUCH_CODE.words: 15, Reason.WRONG_SECRET.words: 10}


def test_neither_page_holds_a_secret_and_no_header_lets_a_script_of_others_in(board):
    for path in ("/facilitator", f"/{board.code}", "/pages/room.js", "/pages/facilitator.js"):
        status, page = board.ask(path)
        assert status == 200 and board.secret not in page
        assert not re.search(r"<script>|\son\w+=|https?://|innerHTML|eval\(", page)
    assert "'unsafe" not in handlers.HEADERS["Content-Security-Policy"]
    with contextlib.closing(socket.create_connection(("127.0.0.1", board.port))) as plain:
        plain.sendall(b"GET /facilitator HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: plain.recv(4096), b"")).decode()
    assert all(f"{name}: {value}" in answer for name, value in handlers.HEADERS.items())
    assert "Set-Cookie" not in answer and "Access-Control" not in answer


@pytest.mark.parametrize("path", ["../store.py", "..%2fstore.py", "%2e%2e/store.py", "/etc/passwd", "", "room.html%00"])
def test_nothing_but_the_pages_is_read_from_the_disk(path, board):
    assert board.ask(f"/pages/{path}")[0] in (400, 404)


def test_another_name_that_leads_here_and_pages_of_others_are_refused(board):
    token = board.join()
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{board.port}"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{board.port + 1}"},
    ):
        assert board.ask(f"/{board.code}/post", RIGHT, token, **headers)[0] == 421, headers
        assert board.ask("/facilitator/standing", bearer=board.secret, **headers)[0] == 421, headers
    own = {"Origin": f"http://localhost:{board.port}", "Host": f"localhost:{board.port}"}
    assert board.ask(f"/{board.code}/post", RIGHT, token, **own)[0] == 200
    assert refused(board) == {Reason.FOREIGN.words: 12}


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01 hello\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000, *map(
        b"POST /ABCDEFGH/post HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n".__mod__, [9999999, -1]
    )],
    ids=["no HTTP", "long headers", "a long body", "a negative length"],
)  # fmt: skip
def test_what_is_no_http_or_far_too_long_does_not_stop_it(sent, board):
    with contextlib.closing(socket.create_connection(("127.0.0.1", board.port), timeout=10)) as plain:
        with contextlib.suppress(ConnectionError):
            plain.sendall(sent)
            answer = plain.recv(4096)
            assert answer == b"" or re.match(rb"HTTP/1.1 (4\d\d) ", answer)
    assert board.ask(f"/{board.code}/standing")[0] == 200


def test_known_names_stand_in_the_database_and_nothing_else_of_a_learner(board, tmp_path):
    board.post(board.join())
    board.ask(f"/{board.code}/post", RIGHT | {"exercise": "Ada Lovelace"}, board.join())
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"mask_inverted" in kept and b"Lovelace" not in kept and b"127.0.0.1" not in kept
    assert (tmp_path / "board.sqlite").stat().st_mode & 0o077 == 0
    assert [*KNOWN] == [each["name"] for each in board.seen()[1]["exercises"]]
