"""Who the students are: by names, folders and rosters, and which of several files counts."""

import os

import pytest
from classes import BLANK, CHAPTER, SOLVED, WRONG, marks

from utils.grading import records, submissions, tables

pytestmark = pytest.mark.repository


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("ana.ipynb", "ana"),
        ("ana_02_soft_lookup.ipynb", "ana"),
        ("02_soft_lookup_ana.ipynb", "ana"),
        ("02_soft_lookup.ipynb", "02_soft_lookup"),
        ("Ana Ruiz - 02_soft_lookup (1).ipynb", "Ana Ruiz -  (1)"),
    ],
)
def test_whose_a_file_is(name, student, tmp_path):
    (tmp_path / name).touch()
    ((found,), left) = submissions.find([tmp_path])
    assert (found.student, left) == (student, [])


def test_a_name_stays_in_its_folder(tmp_path):
    (tmp_path / "...ipynb").touch()
    ((found,), _) = submissions.find([tmp_path / "...ipynb"])
    assert (tmp_path / "out" / found.place).resolve().is_relative_to((tmp_path / "out").resolve())


def test_who_of_a_roster_is_missing(klass, tmp_path, here):
    roster = tmp_path / "students.csv"
    ids = [f"student{i:02}" for i in range(1, 12)]
    roster.write_text("id,last_name,first_name\n" + "".join(f"{name},x,y\n" for name in [*ids, "Zoë", "=cmd"]))
    status, _, complaints = here(klass, "--out", tmp_path / "out", "--roster", roster)
    assert status == 0
    assert (
        "On the roster, and nothing graded:\n  Zoë: nothing was handed in\n  =cmd: nothing was handed in\n"
        in complaints
    )
    assert "Not on the roster:\n  student00\n" in complaints
    rows = {row["student"]: row for row in marks(tmp_path / "out")}
    assert len(rows) == 14 and rows["Zoë"]["note"] == tables.MISSING and rows["Zoë"]["score"] == ""
    assert "'=cmd" in rows


@pytest.mark.parametrize(
    ("text", "students"),
    [
        ("ana\nbo\n", ["ana", "bo"]),
        ("\ufeffStudent;Group\nana;1\n\nbo;2\n", ["ana", "bo"]),
        ("Group,Username\n1,ana\n2,bo\n2,bo\n", ["ana", "bo"]),
        ("ana,Ana Ruiz\nbo,Bo Li\n", ["ana", "bo"]),
    ],
)
def test_rosters_of_many_forms(text, students, tmp_path):
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    assert tables.roster(tmp_path / "r.csv") == students


def test_names_are_the_same_however_they_are_typed():
    record = records.not_graded("why", {"student": "Zoe\u0308 "})
    assert tables.missing(["zoë"], [record]) == ({}, [])


def test_what_may_be_a_missing_students_is_named(klass, tmp_path, here):
    """Somebody whose file cannot be graded, or is called otherwise, has not handed in nothing."""
    (klass / f"fay_{CHAPTER}.ipynb.txt").write_bytes(SOLVED)
    (klass / f"sara_homework_{CHAPTER}.ipynb").write_bytes(SOLVED)
    (tmp_path / "r.csv").write_text("fay\nsara\ngus\n")
    _, _, complaints = here(klass, "--out", tmp_path / "out", "--roster", tmp_path / "r.csv")
    notes = {row["student"]: row["note"] for row in marks(tmp_path / "out")}
    assert notes["fay"] == f"nothing that was graded; see submitted/fay_{CHAPTER}.ipynb.txt".replace(
        "submitted", f"{tmp_path.name}/submitted"
    )
    assert notes["sara"] == "nothing that was graded; see sara_homework"
    assert notes["gus"] == "nothing was handed in"
    assert "gus: nothing was handed in" in complaints


def test_a_name_that_says_only_the_chapter_is_asked_about(tmp_path, here):
    (tmp_path / f"{CHAPTER}.ipynb").write_bytes(SOLVED)
    _, _, complaints = here(tmp_path / f"{CHAPTER}.ipynb", "--out", tmp_path / "out")
    assert f"The name says only the chapter:\n  {tmp_path / CHAPTER}.ipynb\n" in complaints


def several(folder):
    """Three notebooks of one student: a blank, a better one, a blank handed in last; and one of another's."""
    folder.mkdir()
    for hour, (name, content) in enumerate([("a", BLANK), ("b", WRONG), ("c", BLANK), ("broken", b"{")]):
        (folder / "ana").mkdir(exist_ok=True)
        path = folder / "ana" / f"{name}_{CHAPTER}.ipynb"
        path.write_bytes(content)
        os.utime(path, (1_700_000_000 + 3600 * hour,) * 2)
    (folder / "bo").mkdir()
    (folder / "bo" / "x.ipynb").write_bytes(SOLVED)
    return folder


@pytest.mark.parametrize(("which", "file"), [("--best", "b"), ("--latest", "c")])
def test_one_row_for_each_student(which, file, tmp_path, here):
    folder = several(tmp_path / "submitted")
    status, _, complaints = here(folder, "--out", tmp_path / "out", which)
    assert status == 3 and "broken" in complaints
    assert [(row["student"], row["file"]) for row in marks(tmp_path / "out")] == [
        ("ana", f"{file}_{CHAPTER}.ipynb"),
        ("bo", "x.ipynb"),
    ]
    assert here(folder, "--out", tmp_path / "out")[0] == 3 and len(marks(tmp_path / "out")) == 5


def test_when_nbgrader_collected_it_counts_before_the_files_own_time(tmp_path):
    for name, hour in (("a", 12), ("b", 11)):
        place = tmp_path / name
        place.mkdir()
        (place / "x.ipynb").touch()
        (place / "timestamp.txt").write_text(f"2026-11-27 {hour}:00:00.000000 UTC\n")
    one, two = (submissions.Submission(tmp_path / name / "x.ipynb", name) for name in "ab")
    assert one.handed_in == "2026-11-27T12:00:00+00:00" > two.handed_in
    (tmp_path / "b" / "timestamp.txt").write_text("yesterday")
    os.utime(two.path, (0, 0))
    assert two.handed_in == "1970-01-01T00:00:00+00:00"
