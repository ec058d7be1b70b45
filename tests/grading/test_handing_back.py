"""What a teacher gets back: marks, words, lists of what is missing, and what has changed."""

import csv
import os
import shutil
from pathlib import Path

import pytest
from classes import BLANK, CHAPTER, MOST, SOLVED, WRONG, finished, marks

from utils.grading import __main__ as grading
from utils.grading import batch, records, tables, words

pytestmark = pytest.mark.repository


def test_what_has_not_changed_is_not_graded_again(klass, tmp_path, here):
    out = tmp_path / "out"
    assert here(klass, "--out", out)[0] == 0
    before = finished(out)
    changed = klass / f"student01_{CHAPTER}.ipynb"
    changed.write_bytes(SOLVED)
    assert here(klass, "--out", out)[0] == 0
    after = finished(out)
    assert [path.parts[-3] for path in before if before[path] != after[path]] == ["student01"]
    assert marks(out)[1]["score"] == str(MOST)
    assert grading.main([str(klass), "--out", str(out), "--seed", "1"]) == 2


def test_what_became_ungradable_keeps_no_earlier_feedback(klass, tmp_path, here):
    assert here(klass, "--out", tmp_path / "out")[0] == 0
    (klass / f"student00_{CHAPTER}.ipynb").write_text("{")
    (klass / "archive only").mkdir()
    (klass / "archive only" / "work.zip").touch()
    status, _, complaints = here(klass, "--out", tmp_path / "out")
    assert "work.zip: it is an archive: unpack it" in complaints
    assert status == 3 and "archive only: there is no notebook (*.ipynb) in the folder" in complaints
    assert len(finished(tmp_path / "out")) == 11
    told = {path.parts[-3]: path.read_text() for path in (tmp_path / "out").rglob(records.FEEDBACK)}
    assert "no mark, which is no zero" in told["student00"] and f"{MOST} of {MOST}" in told["student03"]


def test_a_folder_as_nbgrader_collects_it(tmp_path, here):
    for student, content in (("ana", SOLVED), ("bo", BLANK)):
        place = tmp_path / "submitted" / student / "homework"
        place.mkdir(parents=True)
        (place / "problem.ipynb").write_bytes(content)
        (place / ".ipynb_checkpoints").mkdir()
        (place / ".ipynb_checkpoints" / "problem-checkpoint.ipynb").write_bytes(content)
    assert here(tmp_path / "submitted", "--out", tmp_path / "out")[0] == 0
    rows = [(row["student"], row["assignment"], row["chapter"], row["score"]) for row in marks(tmp_path / "out")]
    assert rows == [("ana", "homework", CHAPTER, str(MOST)), ("bo", "homework", CHAPTER, "0")]


def test_what_cannot_be_graded_is_listed_and_has_no_mark(klass, tmp_path, here):
    (klass / "broken.ipynb").write_text("{")
    (klass / "empty.ipynb").touch()
    (klass / "=cmd|x.ipynb").write_bytes(SOLVED)
    (klass / "\x1b[31mred.ipynb").write_bytes(SOLVED)
    (klass / "gone.ipynb").symlink_to("nowhere")
    os.mkfifo(klass / "pipe.ipynb")
    (klass / "copy.ipynb").symlink_to(f"student00_{CHAPTER}.ipynb")
    for name in ("marks.csv", "seed.txt", "results.json", "student00_02_soft_lookup.ipynb"):
        (klass / f"{name}.ipynb").write_bytes(SOLVED)
    status, shown, complaints = here(klass, "--out", tmp_path / "out", "--jobs", "2")
    assert status == 3
    rows = {row["student"]: row for row in marks(tmp_path / "out")}
    assert len(rows) == 23
    without = {student for student, row in rows.items() if row["score"] == ""}
    assert without == {"broken", "empty", "gone", "pipe", "copy"}
    assert all(f"{student}.ipynb: " in complaints for student in without)
    assert rows["broken"]["note"] == "the file is not a notebook (it is damaged, cut off, or something else)."
    assert rows["'=cmd|x"]["score"] == str(MOST) and "\x1b" not in shown
    assert status == here(klass, "--out", tmp_path / "out")[0]


def test_trusted_is_said_everywhere(klass, tmp_path, here):
    status, shown, complaints = here(klass, "--out", tmp_path / "out", "--trusted")
    assert status == 0
    assert complaints.startswith("--trusted: ") and shown.count(words.UNSANDBOXED) == 12
    assert {row["sandboxed"] for row in marks(tmp_path / "out")} == {"no"}
    assert all(words.UNSANDBOXED in path.read_text() for path in (tmp_path / "out").rglob("feedback.md"))
    assert all(words.UNSANDBOXED in path.read_text() for path in (tmp_path / "out").rglob("results.json"))
    here(klass, "--out", tmp_path / "out")
    assert {row["sandboxed"] for row in marks(tmp_path / "out")} == {"yes"}


def test_what_is_left_out_is_listed_with_the_reason(klass, tmp_path, here):
    (klass / f"upper_{CHAPTER}.IPYNB").write_bytes(SOLVED)
    (klass / f"renamed_{CHAPTER}.ipynb.txt").write_bytes(SOLVED)
    (klass / "all.zip").write_bytes(b"PK")
    (klass / "essay.docx").touch()
    (klass / ".DS_Store").touch()
    deep = klass / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "deep.ipynb").write_bytes(SOLVED)
    (klass / "a" / "timestamp.txt").write_text("2026-11-27 10:00:00.000000 UTC")
    status, shown, complaints = here(klass, "--out", tmp_path / "out", "--jobs", "2")
    assert status == 3 and "upper" in shown
    with open(tmp_path / "out" / tables.LEFT) as file:
        rows = list(csv.DictReader(file))
    left = {Path(row["file"]).name: row["reason"] for row in rows}
    assert {Path(row["file"]).name for row in rows if row["what"] == "left out, may be work"} == {
        f"renamed_{CHAPTER}.ipynb.txt",
        "all.zip",
        "deep.ipynb",
    }
    assert left == {
        f"renamed_{CHAPTER}.ipynb.txt": "its name does not end in .ipynb: rename it",
        "all.zip": "it is an archive: unpack it",
        "deep.ipynb": "it is deeper than STUDENT/ASSIGNMENT/FILE",
        "essay.docx": "it is no notebook",
        ".DS_Store": "it is hidden",
        "a": "there is no notebook (*.ipynb) in the folder",
    }
    assert all(f"{name}: {reason}" in complaints for name, reason in left.items())
    for name in (f"renamed_{CHAPTER}.ipynb.txt", "all.zip", "a/b/c/deep.ipynb", "a/b/c", "a/b"):
        path = klass / name
        path.rmdir() if path.is_dir() else path.unlink()
    shutil.rmtree(klass / "a")
    assert here(klass, "--out", tmp_path / "out")[0] == 0  # what nobody meant to hand in is no failure


def test_marks_are_of_all_results_in_the_folder(klass, tmp_path, here):
    out = tmp_path / "out"
    (klass / "broken.ipynb").write_text("{")
    assert here(klass, "--out", out)[0] == 3
    one = klass / f"student01_{CHAPTER}.ipynb"
    one.write_bytes(SOLVED)
    assert here(one, "--out", out)[0] == 0
    rows = {row["student"]: row for row in marks(out)}
    assert len(rows) == 13 and rows["student01"]["score"] == rows["student00"]["score"] == str(MOST)
    assert rows["broken"]["score"] == "" and "not a notebook" in rows["broken"]["note"]


def test_another_version_of_the_course_grades_anew(klass, tmp_path, monkeypatch):
    out, arguments = tmp_path / "out", [str(klass), "--out", str(tmp_path / "out"), "--jobs", "2"]
    assert grading.main(arguments) == 0
    before = finished(out)
    assert grading.main(arguments) == 0 and finished(out) == before
    monkeypatch.setattr(batch, "course", lambda: "another")
    assert grading.main(arguments) == 0
    assert all(finished(out)[path] > before[path] for path in before)


def test_results_without_a_file_are_told(klass, tmp_path, here):
    out = tmp_path / "out"
    assert here(klass, "--out", out)[0] == 0
    (klass / f"student00_{CHAPTER}.ipynb").rename(klass / f"ana_{CHAPTER}.ipynb")
    status, _, complaints = here(klass, "--out", out)
    gone = out / "students" / "student00"
    assert status == 0 and f"These count, too; delete what should not:\n  {gone}" in complaints
    shutil.rmtree(gone)
    _, _, complaints = here(klass, "--out", out)
    assert "delete what should not" not in complaints and len(marks(out)) == 12
    assert "delete what should not" not in here(klass / f"ana_{CHAPTER}.ipynb", "--out", out)[2]


def test_another_chapter_than_was_set_is_listed(tmp_path, here):
    (tmp_path / "ana.ipynb").write_bytes(SOLVED)
    status, shown, complaints = here(tmp_path / "ana.ipynb", "--out", tmp_path / "out", "--chapter", "01")
    assert status == 0 and "Another chapter's notebook than was set:\n" in complaints and "1 graded." in shown


def test_an_archive_in_place_of_notebooks_is_named(tmp_path, here):
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "a.zip").touch()
    status, _, complaints = here(tmp_path / "class", "--out", tmp_path / "out")
    assert status == 2 and "holds no notebook (*.ipynb), but a.zip (it is an archive: unpack it)" in complaints


def test_what_a_regrade_changed(klass, tmp_path, here):
    out = tmp_path / "out"
    assert here(klass, "--out", out, "--jobs", "2")[0] == 0
    shutil.copy(out / tables.CSV, tmp_path / "old.csv")
    (klass / f"student01_{CHAPTER}.ipynb").write_bytes(WRONG)
    (klass / f"student02_{CHAPTER}.ipynb").write_text("{")
    (klass / f"late_{CHAPTER}.ipynb").write_bytes(SOLVED)
    status, shown, _ = here(klass, "--out", out, "--compare", tmp_path / "old.csv")
    assert status == 3
    after = shown.split("old.csv: ")[1].splitlines()
    assert after[0] == "3." and after[1:4] == [
        f"  late 02_soft_lookup: new, {MOST}",
        "  student01 02_soft_lookup: 0 → 11 (softmax 0 → 2, soft_lookup 0 → 3, lookup_gradient 0 → 3, "
        "kernel_regression 0 → 3)",
        "  student02 02_soft_lookup: 11 → no mark",
    ]
    assert "marks.csv: none." in here(klass, "--out", out, "--compare", out / tables.CSV)[1]


def test_a_killed_run_leaves_no_drafts(klass, tmp_path, here):
    place = tmp_path / "out" / "students" / "ana" / "x.ipynb"
    place.mkdir(parents=True)
    (place / ".results.json.1234.draft").touch()
    assert here(klass, "--out", tmp_path / "out")[0] == 0
    assert not list((tmp_path / "out").rglob("*.draft"))


def test_a_file_that_needs_too_much_memory_is_not_graded(klass, tmp_path, here):
    """Fifty megabytes of empty dictionaries would be more than a gigabyte: refused in the worker, which lives on."""
    hostile = b'{"nbformat": 4, "cells": [' + b"{}," * 17_000_000 + b"{}]}"
    (klass / "hostile.ipynb").write_bytes(hostile)
    (klass / "huge.ipynb").write_bytes(hostile + b" " * (2 << 20))
    status, _, complaints = here(klass, "--out", tmp_path / "out")
    assert status == 3
    assert "hostile.ipynb: the file takes more memory than a notebook may" in complaints
    assert "huge.ipynb: it is larger than 50 MB" in complaints
    rows = {row["student"]: row["score"] for row in marks(tmp_path / "out")}
    assert rows["hostile"] == rows["huge"] == "" and list(rows.values()).count(str(MOST)) == 4


def test_a_short_seed_is_warned_of(klass, tmp_path, here):
    assert "is short" in here(klass, "--out", tmp_path / "out", "--seed", "5")[2]
    _, _, complaints = here(klass, "--out", tmp_path / "other")
    assert "is short" not in complaints
    assert int((tmp_path / "other" / "seed.txt").read_text()) > 2**100


def test_foreign_text_in_feedback_is_text(tmp_path, here):
    folder = tmp_path / "submitted"
    folder.mkdir()
    name = "`<script>alert(1)<|script>![](http:||x) **b** ` [a](b)"
    (folder / f"{name}.ipynb").write_bytes(SOLVED)
    assert here(folder, "--out", tmp_path / "out")[0] == 0
    (words_for_student,) = (path.read_text() for path in (tmp_path / "out").rglob(records.FEEDBACK))
    line = words_for_student.splitlines()[2]
    shown = "'‹script›alert(1)‹|script›![](http:||x) **b** ' [a](b)"
    assert line == f"`{shown}`, `{shown}.ipynb`"
    page = (tmp_path / "out" / "class.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page
