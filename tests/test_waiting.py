"""Bars: tqdm's own in a terminal, a line of text in a notebook that stays when they are done."""

import io
import time
from types import SimpleNamespace

import pytest

from utils import waiting


@pytest.fixture
def notebook(monkeypatch):
    """The lines that a notebook shows in the bar's place, one after the other."""
    lines = []

    class Place:
        def update(self, data, raw):
            lines.append(data["text/plain"])

    def display(data, raw, display_id):
        lines.append(data["text/plain"])
        return Place()

    monkeypatch.setattr(waiting, "get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr(waiting, "display", display)
    return lines


def test_a_finished_bar_leaves_one_plain_line(notebook):
    with waiting.Bar(range(300), "GRU") as bar:
        bar.start_t -= 8
        for _ in bar:
            bar.set_postfix_str("loss 2.08", refresh=False)
    assert notebook[-1] == "GRU: 300 steps, 8 s, loss 2.08"


def test_what_is_being_done_is_said_at_once_and_shown_while_it_goes_on(notebook):
    bar = waiting.Bar(total=10, label="names", unit="names", mininterval=0)
    assert notebook[0].startswith("names")
    bar.update(4)
    assert "4/10" in notebook[-1] and len(notebook[-1]) <= waiting.WIDTH
    bar.close()
    assert notebook[-1].startswith("names: 4 of 10 names, 0.")
    bar.close()
    assert notebook[-1].startswith("names: 4 of 10 names, 0.")


def test_what_stops_early_says_how_far_it_came(notebook):
    with pytest.raises(FloatingPointError), waiting.Bar(range(5), "GRU") as bar:
        for step in bar:
            if step == 3:
                bar.update(0)
                raise FloatingPointError
    assert notebook[-1].startswith("GRU: 3 of 5 steps")


def test_nothing_goes_to_a_notebooks_error_stream(notebook, capsys):
    for _ in waiting.Bar(range(3), "GRU"):
        time.sleep(0.15)
    assert capsys.readouterr() == ("", "")


def test_a_bar_that_is_not_wanted_is_not_shown(notebook):
    for _ in waiting.Bar(range(3), "GRU", disable=True):
        pass
    assert notebook == []


def test_in_a_terminal_it_is_tqdms_bar():
    terminal = io.StringIO()
    for _ in waiting.Bar(range(3), "GRU", file=terminal):
        pass
    assert "GRU: 100%" in terminal.getvalue() and "3/3" in terminal.getvalue()
