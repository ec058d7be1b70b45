"""The board: what learners send is counted as it should be, outlives a process that is killed, and ends."""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from boards import INVERTED, WITHOUT, running

from utils.progress import sharing, store
from utils.workshop import routes
from utils.workshop.__main__ import main
from utils.workshop.board import saying, standing, starting

ROOT = Path(__file__).parents[2]


@pytest.fixture
def board(tmp_path):
    with running(tmp_path) as board:
        yield board


def test_the_wall_counts_last_signs_and_shows_a_mistake_when_three_have_made_it(board):
    tokens = [board.join() for _ in range(4)]
    for token in tokens[:2]:
        assert board.post(token) == 200
    exercises, told = board.seen()
    assert exercises["soft_lookup"]["mistakes"] == [] and exercises["soft_lookup"]["failed"] == 2
    assert (told["there"], told["current"]) == (4, "soft_lookup")
    board.post(tokens[2])
    board.post(tokens[2], mistake="no_softmax")
    board.post(tokens[0], sign="passed", mistake=None)
    board.post(tokens[0], "softmax", "not attempted", None)
    lookup = board.seen()[0]["soft_lookup"]
    assert lookup["mistakes"] == [{"name": "mask_inverted", "sentence": INVERTED, "made": 3}]
    assert (lookup["passed"], lookup["failed"], lookup["open"]) == (1, 2, 1)
    assert board.seen()[0]["softmax"]["open"] == 4  # a blank one is as open as none
    board.post(tokens[0], sign="failed", mistake="mask_inverted")
    assert board.seen()[0]["soft_lookup"]["mistakes"][0]["made"] == 3  # of learners, not of checks


def test_the_facilitator_sees_every_mistake_and_where_it_still_stands(board):
    one, other = board.join(), board.join()
    board.post(one)
    board.post(one, mistake="no_softmax")
    board.post(other, mistake=None)
    exercises, told = board.seen(facilitator=True)
    found = {each["sentence"]: (each["made"], each["now"]) for each in exercises["soft_lookup"]["mistakes"]}
    assert found == {INVERTED: (1, 0), WITHOUT: (1, 1)}
    assert exercises["soft_lookup"]["unnamed"] == 1
    assert exercises["softmax"]["say"] and (told["joined"], told["posts"]) == (2, 3)


def test_a_learner_is_stuck_on_the_same_sign_and_mistake_and_not_on_an_exercise_left_behind(board, monkeypatch):
    tokens = [board.join() for _ in range(4)]
    for token in tokens:
        board.post(token)
    board.post(tokens[1], mistake="no_softmax")
    monkeypatch.setattr(standing, "STUCK", -1.0)
    assert board.seen()[0]["soft_lookup"]["stuck"] == 4
    board.post(tokens[2], "softmax", "passed", None)  # on to the next
    board.ask(f"/{board.code}/leave", {}, tokens[3])
    assert board.seen()[0]["soft_lookup"]["stuck"] == 2
    monkeypatch.setattr(standing, "STUCK", 60.0)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 61)
    board.post(tokens[0])  # the same again: the minutes go on
    board.post(tokens[1])
    assert board.seen(facilitator=True)[0]["soft_lookup"]["stuck"] == [1.0]


def test_a_moment_is_asked_for_and_taken_back_and_goes_with_whoever_leaves(board):
    token = board.join()
    ask = f"/{board.code}/moment"
    assert board.ask(ask, {"wanted": True, "at": 5}, token)[0] == 200
    assert board.seen()[1]["moments"] == 1
    assert board.seen(facilitator=True)[1]["moments"] == [{"minutes": 0.0, "exercise": None}]
    assert board.ask(ask, {"wanted": False, "at": 5}, token)[0] == 409
    assert board.ask(ask, {"wanted": False, "at": 6}, token)[0] == 200
    assert board.seen()[1]["moments"] == 0
    board.ask(ask, {"wanted": True, "at": 7}, token)
    board.ask(f"/{board.code}/leave", {}, token)
    assert (board.seen()[1]["moments"], board.seen()[1]["there"]) == (0, 0)


def test_who_leaves_cannot_be_told_by_a_number_that_falls(board):
    tokens = [board.join() for _ in range(3)]
    for token in tokens:
        board.post(token)
    before = board.seen()[0]["soft_lookup"]
    assert board.ask(f"/{board.code}/leave", {}, tokens[1])[0] == 200
    after = board.seen()[0]["soft_lookup"]
    assert [after[name] for name in ("failed", "mistakes")] == [before[name] for name in ("failed", "mistakes")]
    assert board.post(tokens[1]) == 403


def test_at_the_end_there_is_a_report_without_a_learner_and_nothing_else(board, tmp_path):
    tokens = [board.join() for _ in range(3)]
    board.post(tokens[0])
    board.post(tokens[0], sign="passed", mistake=None)
    board.post(tokens[1], "softmax", "failed", "no_maximum")
    status, told = board.ask("/facilitator/end", {}, board.secret)
    assert status == 200 and [path.name for path in tmp_path.iterdir()] == ["report.html"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert told["page"] == page and [token for token in tokens if token in page] == []
    words = " ".join(re.sub("<[^>]+>", " ", re.sub("</?(?:b|span)\\b[^>]*>", "", page.partition("<body>")[2])).split())
    assert "3 joined." in words
    assert f"soft_lookup ✓ 33 % passed (1 of 3), ✗ 0 failed, ○ 2 not attempted. 1 × {INVERTED}" in words
    assert "softmax ✓ 0 % passed (0 of 3), ✗ 1 failed, ○ 2 not attempted. 1 × Large scores overflow" in words
    assert "notebook" not in words and "students" not in words
    for path, sent, bearer in [("post", {}, tokens[0]), ("join", {}, ""), ("standing", None, ""), ("", None, "")]:
        assert board.ask(f"/{board.code}/{path}".rstrip("/"), sent, bearer)[0] == 410
    assert board.ask("/facilitator/standing", bearer=board.secret)[0] == 410


def test_a_code_ends_by_itself(tmp_path):
    with running(tmp_path, lasts=0.0) as board:
        assert board.ask(f"/{board.code}/join", {}) == (410, {"refused": "the workshop has ended"})
        assert board.seen(facilitator=True)[1]["joined"] == 0  # and can still be ended, with its report


def test_behind_a_hub_it_answers_in_a_folder_and_under_the_hubs_name(tmp_path):
    with running(tmp_path, address="https://hub.example/services/board") as board:
        for path in (f"/{board.code}", "/pages/board.css", "/facilitator"):
            assert board.ask(path, Host="hub.example")[0] == 200
        assert board.ask(f"/{board.code}/join", {}, Host="hub.example", Origin="https://hub.example")[0] == 200


def test_every_exercise_of_half_a_day_has_something_to_say():
    route = routes.get("half-day")
    said = saying.about(route)
    assert [*said] == route.exercises and saying.titles(route)["soft_lookup"] == "2.2 Soft lookup"
    assert [point.split(".")[0] for point in said["softmax"]][0] == "`nan` for large scores"
    assert all(said.values()) and len(said["soft_lookup"]) == 3
    assert "**" not in str(said) and "\n" not in str(said)


def status_of(*arguments):
    """The command's exit status, from another thread: in this one a browser's event loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(main, ["board", *arguments]).result()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--route", "weekend"], "there are half-day, day, two-days"),
        (["--code", "short"], "eight capital letters and digits or more, got 'short'"),
        (["--host", "127.0.0.1", "--port", "{port}"], "it cannot answer at port {port}"),
    ],
)
def test_a_board_that_cannot_begin_says_why(arguments, said, board, tmp_path, capsys):
    given = [argument.format(port=board.port) for argument in arguments]
    assert status_of(*given, "--file", str(tmp_path / "another.sqlite")) == 2
    assert said.format(port=board.port) in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--route", "day"], ["--code", "ANOTHER2"]])
def test_a_board_does_not_begin_on_the_file_of_another_workshop(arguments, board, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(starting, "_stopped", lambda: asyncio.sleep(0))  # one that did begin would end at once
    file = str(tmp_path / "board.sqlite")
    assert status_of(*arguments, "--file", file, "--port", "0", "--host", "127.0.0.1") == 2
    assert f"holds a workshop on the route half-day with the code {board.code}" in capsys.readouterr().err


def test_a_code_to_photograph_is_shown_where_the_library_is_installed(board, monkeypatch, capsys):
    made = []
    shown = types.SimpleNamespace(terminal=lambda compact: print("QR"))
    monkeypatch.setitem(sys.modules, "segno", types.SimpleNamespace(make=lambda words: made.append(words) or shown))
    starting._say(board.board, board.root)
    printed = capsys.readouterr().out
    assert made == [board.address] and printed.endswith("QR\n") and f"/facilitator#{board.secret}" in printed


@contextlib.contextmanager
def command(folder):
    """The command as a process, and the address that it prints for learners; it is killed in the end."""
    arguments = ["board", "--port", "0", "--host", "127.0.0.1", "--file", folder / "board.sqlite"]
    process = subprocess.Popen(
        [sys.executable, "-m", "utils.workshop", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process, next(filter(None, (re.search(r'join\("(.+)"\)', line) for line in process.stdout)))[1]
        finally:
            process.kill()


def test_a_board_that_is_killed_and_started_again_has_lost_nothing(tmp_path, monkeypatch):
    """And learners' posts of the minute in between come afterwards, by themselves."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "progress.sqlite"))
    monkeypatch.setattr(sharing, "PAUSES", (0, *[0.2] * 300))
    monkeypatch.setattr(sharing, "outbox", sharing.Outbox())
    with command(tmp_path) as (process, address):
        sharing.join(address)
        for _ in range(20):
            sharing.tell("soft_lookup", "failed", "mask_inverted")
        process.send_signal(signal.SIGKILL)
        process.wait()
        sharing.tell("softmax", "passed", None)
        (sender,) = (thread for thread in threading.enumerate() if thread.name == "to the board")
    port = int(address.split(":")[2].split("/")[0])
    with running(tmp_path, port=port) as second:
        assert second.address == address and not second.board.store.is_new
        sender.join(60)
        assert sharing.kept() is not None and not sender.is_alive()
        told = second.seen(facilitator=True)[1]
    assert (told["joined"], told["posts"]) == (1, 21)
