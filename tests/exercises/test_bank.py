"""The bank: correct programs pass, the stub is not attempted, every known mistake fails and is named as itself."""

import ast
from pathlib import Path

import pytest

from utils import exercises
from utils.exercises import bank, health, places

FOLDER = Path(bank.__file__).parent
# what exercises are made of
SHARED = {"__init__", "drawn", "messages", "planted", "wrong_rings", "wrong_sums", "wrong_weights"}


@pytest.mark.parametrize("name", exercises.names())
def test_an_exercise_is_ready(name):
    assert list(health.problems(exercises.get(name), seeds=[0])) == []


@pytest.mark.repository
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", exercises.names())
def test_an_exercise_is_ready_on_other_inputs(name, seed):
    assert list(health.misjudged(exercises.get(name), seed)) == []


def test_each_module_is_an_exercise_of_its_name_and_listed():
    assert {path.stem for path in FOLDER.glob("*.py")} - SHARED == set(exercises.names())
    assert [exercises.get(name).name for name in exercises.names()] == exercises.names()


MODULES = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)


@pytest.mark.repository
@MODULES
def test_only_a_sentence_makes_a_line_long(path):
    """The bank is not run through the formatter, so that a mistake is two lines: its program and its sentence."""
    assert places.long_lines(path.read_text(encoding="utf-8")) == []


@pytest.mark.repository
@MODULES
def test_no_two_programs_of_a_module_share_a_name(path):
    """Or the later one would stand in for the earlier one wherever that is called."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert sorted(set(names)) == sorted(names)
