"""Marks in a real gradebook of nbgrader's, made by nbgrader from the course's own notebooks."""

import contextlib
import importlib.util
import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest
from classes import MOST
from handed_in import ROOT, as_bytes, handed_in

from utils.grading import notebook, records
from utils.grading.kinds import Kind
from utils.grading.marks import Mark, Marks

BESIDE = ROOT / ".nbgrader"
PRESENT = BESIDE.is_dir() or importlib.util.find_spec("nbgrader") is not None
pytestmark = [
    pytest.mark.repository,
    pytest.mark.skipif(not PRESENT, reason="needs nbgrader: tests/grading/nbgrader.txt says how to install it"),
]

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


def python(*arguments, given=None):
    environment = os.environ | {
        "PYTHONPATH": str(BESIDE),
        "PATH": os.pathsep.join([str(BESIDE / "bin"), os.environ["PATH"]]),
    }
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, input=given)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A course of nbgrader's with one assignment."""
    folder = tmp_path_factory.mktemp("course")
    source = folder / "source" / "homework"
    source.mkdir(parents=True)
    (source / f"{CHAPTER}.ipynb").write_bytes((ROOT / "solutions" / f"{CHAPTER}.ipynb").read_bytes())
    made = python("-c", MAKE, folder)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def course(made, tmp_path):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
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
        assert sorted(rows) == [
            "",
            f"ana {MOST}.0 {MOST}.0 False",
            f"bo 0.0 {MOST}.0 False",
            f"cy {MOST - 1}.0 {MOST}.0 False",
        ]


WRITE = """
import json, sys
from pathlib import Path
from nbgrader.api import Gradebook
from utils.grading import gradebook

find, asked, failing = Gradebook.find_grade, [], sys.argv[2]

def find_grade(self, cell, notebook, assignment, student):
    asked.append(student)
    if student == failing:
        raise RuntimeError("the disk is full")
    return find(self, cell, notebook, assignment, student)

Gradebook.find_grade = find_grade
try:
    said = gradebook.write(json.load(sys.stdin), Path(sys.argv[1]))
except gradebook.NotWritten as failure:
    said = str(failure), asked
with Gradebook(f"sqlite:///{sys.argv[1]}") as book:
    found = [(row["student"], row["score"]) for row in book.submission_dicts("homework")]
    print(json.dumps([said, sorted(found), len(book.students)]))
"""


def write(course, *of, failing=""):
    """What gradebook.write says of these records; after it, the score of each student in it, and how many there are."""
    done = python("-c", WRITE, course / "gradebook.db", failing, given=json.dumps(of))
    assert done.returncode == 0, done.stderr
    said, scores, students = json.loads(done.stdout)
    return said, dict(scores), students


def record(student, right, name=CHAPTER, assignment="homework", file="x.ipynb"):
    """All right, or nothing."""
    blanks = notebook.chapter(name).blanks
    kind = Kind.PASSED if right else Kind.BLANK
    marks = tuple(Mark(one, POINTS[one] if right else 0, POINTS[one], kind) for one in blanks)
    known = {"student": student, "assignment": assignment, "file": file, "sandboxed": True}
    return records.of_marks(Marks(name, marks, (), True), known)


POINTS = {"softmax": 2, "soft_lookup": 3, "lookup_gradient": 3, "kernel_regression": 3, "linear_memory": 1, "double": 1}


def test_two_files_for_one_place_overwrite_nothing(course):
    """A full mark beside a blank of the same chapter: refused and listed."""
    assert write(course, record("ana", True), record("bo", False)) == ([2, []], {"ana": MOST, "bo": 0}, 2)
    again = [record("ana", True, file="a.ipynb"), record("ana", False, file="a_old.ipynb"), record("bo", True)]
    (written, homeless), scores, _ = write(course, *again)
    assert (written, scores) == (1, {"ana": MOST, "bo": MOST})
    assert homeless[0].startswith(f"ana: a.ipynb ({MOST}) and a_old.ipynb (0) are for one place (homework/{CHAPTER})")


def test_what_has_no_place_leaves_no_zero(course):
    """Another chapter than the assignment's, an assignment that there is not: no student, no submission, no mark."""
    right = [record("ana", True), record("bo", True, "00_start_here"), record("cy", True, assignment="no_homework")]
    (written, homeless), scores, students = write(course, *right)
    assert (written, scores, students) == (1, {"ana": MOST}, 1)
    assert homeless == [
        "bo: No such grade cell: homework/00_start_here/check-double",
        "cy: No such assignment: no_homework",
    ]


def test_a_students_name_is_a_name(course):
    names = ["'; DROP TABLE grade; --", "ana/../bo", "Zoë", "a" * 200, " ", "%", "\\"]
    said, scores, _ = write(course, *(record(name, True) for name in names))
    assert said == [len(names), []] and scores == dict.fromkeys(names, MOST)


def test_a_failure_in_the_middle_writes_nothing(course):
    before = {"ana": 0, "bo": 0}
    assert write(course, record("ana", False), record("bo", False))[1] == before
    right = [record(student, True) for student in ("ana", "bo", "cy", "dan")]
    (why, asked), scores, students = write(course, *right, failing="cy")
    assert why == f"Nothing was written to {course / 'gradebook.db'}: the disk is full"
    assert {"ana", "bo", "cy"} <= set(asked) and (scores, students) == (before, 2)
    assert write(course, *right)[1] == dict.fromkeys(["ana", "bo", "cy", "dan"], MOST)


def test_a_gradebook_that_is_in_use_is_left_alone(course):
    with contextlib.closing(sqlite3.connect(course / "gradebook.db")) as other:
        other.execute("BEGIN IMMEDIATE")  # as one that is writing to it
        (why, _), scores, students = write(course, record("ana", True))
        other.rollback()
    assert "Nothing was written" in why and "locked" in why and (scores, students) == ({}, 0)
    assert write(course, record("ana", True))[1] == {"ana": MOST}


def test_marks_without_a_place_in_the_gradebook_are_listed(course):
    (course / "dan.ipynb").write_bytes(as_bytes(handed_in(CHAPTER, folder="solutions")))
    graded = python(
        "-m", "utils.grading", course / "dan.ipynb", "--out", course / "m", "--gradebook", course / "gradebook.db"
    )
    assert graded.returncode == 3
    assert "Not in the gradebook:\n  dan: No such assignment: 02_soft_lookup" in graded.stderr
