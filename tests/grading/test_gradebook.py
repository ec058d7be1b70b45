"""Marks in a real gradebook of nbgrader's, made by nbgrader from the course's own notebooks."""

import importlib.util
import os
import subprocess
import sys

import pytest
from handed_in import ROOT, as_bytes, handed_in

BESIDE = ROOT / ".nbgrader"
PRESENT = BESIDE.is_dir() or importlib.util.find_spec("nbgrader") is not None
pytestmark = pytest.mark.skipif(not PRESENT, reason="needs nbgrader: tests/grading/nbgrader.txt says how to install it")

CHAPTER = "02_soft_lookup"
MAKE = """
import sys
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

config = Config()
config.CourseDirectory.root = sys.argv[1]
made = NbGraderAPI(config=config).generate_assignment("homework")
sys.exit(None if made["success"] else made["log"])
"""
READ = """
import sys
from nbgrader.api import Gradebook

with Gradebook(f"sqlite:///{sys.argv[1]}") as gradebook:
    for row in gradebook.submission_dicts("homework"):
        print(row["student"], row["score"], row["max_score"], row["needs_manual_grade"])
"""


def python(*arguments):
    environment = os.environ | {
        "PYTHONPATH": str(BESIDE),
        "PATH": os.pathsep.join([str(BESIDE / "bin"), os.environ["PATH"]]),
    }
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture
def course(tmp_path):
    source = tmp_path / "source" / "homework"
    source.mkdir(parents=True)
    (source / f"{CHAPTER}.ipynb").write_bytes((ROOT / "solutions" / f"{CHAPTER}.ipynb").read_bytes())
    made = python("-c", MAKE, tmp_path)
    assert made.returncode == 0, made.stderr
    return tmp_path


def test_a_class_collected_by_nbgrader(course):
    wrong = {"linear_memory": "def linear_memory(key, value):\n    return value"}
    for student, work in {
        "ana": handed_in(CHAPTER, folder="solutions"),
        "bo": handed_in(CHAPTER),
        "cy": handed_in(CHAPTER, wrong, "solutions"),
    }.items():
        place = course / "submitted" / student / "homework"
        place.mkdir(parents=True)
        (place / f"{CHAPTER}.ipynb").write_bytes(as_bytes(work))
    gradebook = course / "gradebook.db"
    arguments = [course / "submitted", "--out", course / "marks", "--gradebook", gradebook]
    for _ in range(2):  # a second run writes the same
        graded = python("-m", "utils.grading", *arguments)
        assert graded.returncode == 0, graded.stderr
        assert f"Written to {gradebook}: 3 of 3." in graded.stdout
        rows = python("-c", READ, gradebook).stdout.split("\n")
        assert sorted(rows) == ["", "ana 12.0 12.0 False", "bo 0.0 12.0 False", "cy 11.0 12.0 False"]


def test_marks_without_a_place_in_the_gradebook_are_listed(course):
    (course / "dan.ipynb").write_bytes(as_bytes(handed_in(CHAPTER, folder="solutions")))
    graded = python(
        "-m", "utils.grading", course / "dan.ipynb", "--out", course / "m", "--gradebook", course / "gradebook.db"
    )
    assert graded.returncode == 3
    assert "Not in the gradebook:\n  dan: No such assignment: 02_soft_lookup" in graded.stderr
