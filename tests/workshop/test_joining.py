"""A learner who has joined: every notebook's checks are told, and none waits for a board or fails with one."""

import contextlib
import json
import socket
import threading
import time

import nbformat
import pytest
from boards import running
from nbclient import NotebookClient

from utils import workshop
from utils.checks import check
from utils.progress import sharing, store
from utils.workshop import joining
from utils.workshop.board.limits import Limit
from utils.workshop.ready import QUIET


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A learner's own folder, with nothing in it."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "learner" / "progress.sqlite"))
    monkeypatch.delenv(sharing.VARIABLE, raising=False)
    monkeypatch.setattr(sharing, "outbox", sharing.Outbox())
    return tmp_path / "learner"


@pytest.fixture
def board(tmp_path):
    with running(tmp_path) as board:
        yield board


def arrived():
    """Wait until all that is on its way has been brought, or given up."""
    for thread in threading.enumerate():
        if thread.name == "to the board":
            thread.join(30)


def softmax(scores):
    return scores.exp()


def test_who_has_joined_has_joined_in_every_notebook_of_the_folder(folder, board):
    sharing.join(board.address)
    wrong = "def softmax(scores, dim=-1):\n    return scores.exp() / scores.exp().sum(dim, keepdim=True)"
    cells = [
        f"import sys; sys.path.insert(0, {str(store.ROOT)!r})\nfrom utils.checks import check",
        wrong,
        'softmax = check("softmax", softmax)',
        "from utils.progress import sharing\nwhile sharing.outbox._at_work: __import__('time').sleep(0.05)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    where = {"metadata": {"path": folder}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", extra_arguments=QUIET, resources=where).execute()
    exercises, told = board.seen(facilitator=True)
    assert [(each["name"], each["made"]) for each in exercises["softmax"]["mistakes"]] == [("no_maximum", 1)]
    assert (told["joined"], told["posts"]) == (1, 1)


def test_only_exercise_sign_mistake_and_time_are_sent_and_only_of_exercises_that_the_board_asks_for(
    folder, board, monkeypatch
):
    workshop.join(board.address)
    sent = []
    known = sharing._ask
    monkeypatch.setattr(sharing, "_ask", lambda *what: sent.append(what) or known(*what))
    check("softmax", softmax)
    sharing.tell("double", "passed", None)
    arrived()
    ((address, path, token, post),) = sent
    assert (address, path) == (board.address, "post") and {*post} == {"exercise", "sign", "mistake", "at"}
    kept = json.loads((folder / sharing.NAME).read_text(encoding="utf-8"))
    assert (folder / sharing.NAME).stat().st_mode & 0o077 == 0
    assert {*kept} == {"address", "token", "exercises", "until"} and kept["token"] == token


def test_the_button_asks_for_a_moment_and_takes_it_back(folder, board, monkeypatch):
    shown = []
    monkeypatch.setattr(joining, "display", shown.append)
    workshop.join(board.address)
    (button,) = shown
    for pressed, count, words in [(True, 1, joining.ASKED), (False, 0, joining.ASK)]:
        button.value = pressed
        arrived()
        assert board.seen()[1]["moments"] == count and button.description == words


def test_after_leaving_nothing_is_sent_though_the_variable_is_set(folder, board, monkeypatch, capsys):
    monkeypatch.setenv(sharing.VARIABLE, board.address)
    check("softmax", softmax)
    arrived()
    assert board.seen(facilitator=True)[1]["posts"] == 1  # the variable is enough
    workshop.leave()
    check("softmax", softmax)
    arrived()
    told = board.seen(facilitator=True)[1]
    assert (told["joined"], told["there"], told["posts"]) == (1, 0, 1)
    workshop.moment()
    assert capsys.readouterr().out.splitlines()[-1] == joining.NOT_JOINED


def test_who_leaves_before_the_first_check_never_joins_though_the_variable_is_set(folder, board, monkeypatch):
    monkeypatch.setenv(sharing.VARIABLE, board.address)
    workshop.leave()
    check("softmax", softmax)
    arrived()
    assert board.seen(facilitator=True)[1]["joined"] == 0


def test_a_place_ends_with_the_workshop(folder, board, capsys):
    workshop.join(board.address)
    board.ask("/facilitator/end", {}, board.secret)
    check("softmax", softmax)
    arrived()
    assert sharing.kept() is None and sharing.SILENT not in capsys.readouterr().out


@pytest.mark.parametrize(("over", "waiting"), [(True, 0), (False, 1)])
def test_a_board_that_gives_no_place_is_not_called_silent(over, waiting, folder, board, monkeypatch, capsys):
    """The variable may name a workshop that is over; one that is only too busy is asked again."""
    monkeypatch.setenv(sharing.VARIABLE, board.address)
    monkeypatch.setattr(sharing, "PAUSES", (0, 0.1))
    if over:
        board.ask("/facilitator/end", {}, board.secret)
    else:
        board.board.joining = Limit(rate=0, at_once=0)
    check("softmax", softmax)
    arrived()
    assert sharing.SILENT not in capsys.readouterr().out and len(sharing.outbox._posts) == waiting


@contextlib.contextmanager
def deaf():
    """A port that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/ABCDEFGH"


def test_a_check_neither_waits_for_a_deaf_board_nor_fails_and_one_line_says_so(folder, monkeypatch, capsys):
    monkeypatch.setattr(sharing, "SECONDS", 0.2)
    monkeypatch.setattr(sharing, "PAUSES", (0, 0.1))
    with deaf() as address:
        sharing._keep(sharing.Place(address, "token", ["softmax"], time.time() + 60))
        check("softmax", softmax)
        assert sharing.outbox._at_work  # it came back before the board was given up
        arrived()
        check("softmax", softmax)
        arrived()
    assert capsys.readouterr().out.count(sharing.SILENT) == 1
    assert len(sharing.outbox._posts) == 2  # kept for when it answers


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:9/ABCDEFGH", "No board answers at 'http://127.0.0.1:9/ABCDEFGH'"),
        ("127.0.0.1:8800/ABCDEFGH", "No board answers at '127.0.0.1:8800/ABCDEFGH'"),
        ("file:///etc", "No board answers at 'file:///etc'"),
    ],
)
def test_an_address_without_a_board_is_told(address, said, folder, capsys):
    workshop.join(address)
    assert capsys.readouterr().out.startswith(said) and not (folder / sharing.NAME).exists()


def test_a_wrong_code_is_told(folder, board, capsys):
    workshop.join(board.address[:-1])
    assert "says: a wrong code." in capsys.readouterr().out and sharing.kept() is None
