"""What a text tells and no notebook runs: the sentence is there, the command runs, and the figure comes out."""

import re
from pathlib import Path

import nbformat
import pytest
import torch

from utils import notebooks
from utils.told import __main__ as command
from utils.told.figure import FIGURES, Figure, defined_in

QUICK = [name for name, figure in FIGURES.items() if figure.seconds < 60]


@pytest.fixture(scope="module")
def texts():
    """The text of each chapter, by its number, without line breaks."""
    built = {path.stem[:2]: text for path, text in notebooks.build_all().items() if path.parent.name == "chapters"}
    chapters = {number: nbformat.reads(text, as_version=4) for number, text in built.items()}
    return {
        number: " ".join(" ".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown").split())
        for number, chapter in chapters.items()
    }


@pytest.fixture
def planted(monkeypatch):
    """In place of the figures one whose values are given."""

    def plant(**measured):
        figure = Figure("07", "A sentence.", 1, {"share": (0.5, 1)}, lambda: measured)
        monkeypatch.setattr(command, "FIGURES", {"planted": figure})
        return figure

    return plant


@pytest.mark.parametrize("name", FIGURES)
def test_a_told_sentence_stands_in_its_chapter(name, texts):
    figure = FIGURES[name]
    assert " ".join(figure.sentence.split()) in texts[figure.chapter]


def test_a_chapter_that_tells_figures_says_how_to_run_them(texts):
    tells = {figure.chapter for figure in FIGURES.values()}
    assert {number for number, text in texts.items() if f"`python -m utils.told --list {number}`" in text} == tells


def test_a_name_in_a_text_is_that_of_a_figure(texts):
    named = {name for text in texts.values() for name in re.findall(r"told by `(\w+)`", text)}
    assert named <= FIGURES.keys()


@pytest.mark.repository
@pytest.mark.parametrize("name", QUICK)
def test_a_told_figure_comes_out(name):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = FIGURES[name].run()
    torch.set_num_threads(threads)
    assert rows
    assert [row for row in rows if not row[-1]] == []


@pytest.mark.parametrize(
    ("measured", "inside"), [(0.7, True), ([0.5, 1.0], True), ([0.7, 0.4], False), ([], False), (float("nan"), False)]
)
def test_all_values_have_to_lie_in_the_range(measured, inside, planted):
    ((_, values, _, found),) = planted(share=measured).run()
    assert found == inside
    assert values == pytest.approx(measured if isinstance(measured, list) else [measured], nan_ok=True)


def test_what_is_measured_and_not_expected_is_named(planted):
    with pytest.raises(ValueError, match="measures share, more; expected are share"):
        planted(share=0.7, more=1).run()


def test_the_command_shows_what_came_out(planted, capsys):
    planted(share=[0.75, 0.8])
    assert command.main(["planted"]) == 0
    said = capsys.readouterr().out
    assert "“A sentence.”" in said
    assert "✓ share: 0.750 0.800 (expected 0.5 to 1)" in said
    planted(share=0.25)
    assert command.main(["planted"]) == 1
    assert "✗ share: 0.250" in capsys.readouterr().out


def test_the_list_has_sentence_seconds_and_what_is_expected(capsys):
    assert command.main(["--list", "07"]) == 0
    said = capsys.readouterr().out
    assert [name for name in FIGURES if f"{name} (chapter" in said] == [
        name for name, figure in FIGURES.items() if figure.chapter == "07"
    ]
    assert "held_by_hand (chapter 07, about 1 s)" in said
    assert "32 entries, read by lines: 1" in said


@pytest.mark.parametrize("arguments", [["nobody"], ["--list", "99"]])
def test_what_there_is_not_is_named(arguments, capsys):
    assert command.main(arguments) == 2
    assert arguments[-1] in capsys.readouterr().err


def test_what_a_chapter_defines_can_be_had_without_running_it(monkeypatch):
    from utils import training

    monkeypatch.setattr(training, "train", None)  # nothing is trained
    chapter = defined_in("07", "kinds")
    assert callable(chapter.learn)
    assert set(chapter.kinds) == {"plain", "orthogonal", "ReLU", "LayerNorm", "residual"}
    assert not hasattr(chapter, "networks")
    with pytest.raises(LookupError, match="07_layer_thirteen.py assigns no nothing_of_the_kind"):
        defined_in("07", "nothing_of_the_kind")


def test_the_chapters_functions_are_those_of_its_source():
    path = Path(defined_in("07").learn.__code__.co_filename)
    assert path.name == "07_layer_thirteen.py"
