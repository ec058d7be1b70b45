"""A class in one run: killed and taken up again, on loky and on Dask, and every way to call it wrongly."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attacks import ATTACKS
from distributed import LocalCluster
from handed_in import ROOT, as_bytes, handed_in

from utils.grading import __main__ as grading
from utils.grading import batch, bubblewrap, report, submissions

CHAPTER = "02_soft_lookup"
SOLVED = as_bytes(handed_in(CHAPTER, folder="solutions"))
BLANK = as_bytes(handed_in(CHAPTER))
WRONG = as_bytes(
    handed_in(CHAPTER, {"linear_memory": "def linear_memory(key, value):\n    return value.mT @ key"}, "solutions")
)


@pytest.fixture
def klass(tmp_path):
    """Twelve submissions in three kinds, as flat files."""
    return a_class(tmp_path / "submitted", 12)


def a_class(folder, count):
    folder.mkdir()
    for i in range(count):
        (folder / f"student{i:02}_{CHAPTER}.ipynb").write_bytes([SOLVED, BLANK, WRONG][i % 3])
    return folder


def run(*arguments, **environment):
    command = [sys.executable, "-m", "utils.grading", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def marks(out):
    with open(out / report.CSV, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_class(klass, tmp_path):
    status, shown, _ = run(klass, "--out", tmp_path / "out", "--jobs", "2")
    assert status == 0
    assert [row["score"] for row in marks(tmp_path / "out")] == ["12", "0", "11"] * 4
    assert {row["sandboxed"] for row in marks(tmp_path / "out")} == {"yes"}
    assert "student02  02_soft_lookup  11 / 12  ✓ softmax" in shown
    place = tmp_path / "out" / "students" / "student02" / f"student02_{CHAPTER}.ipynb"
    results = json.loads((place / "results.json").read_text())
    assert results["score"] == sum(test["score"] for test in results["tests"]) == 11
    assert {"name", "score", "max_score", "status", "output", "visibility"} <= results["tests"][0].keys()
    assert [test["status"] for test in results["tests"]] == ["passed"] * 4 + ["failed"]
    words = (place / "feedback.md").read_text()
    assert words.startswith("# 02_soft_lookup: 11 of 12 points\n") and "**linear_memory** 0/1: ✗" in words
    seed = (tmp_path / "out" / "seed.txt").read_text().strip()
    assert not any(seed in path.read_text() for path in (tmp_path / "out" / "students").rglob("*") if path.is_file())


def test_as_an_ordinary_user(tmp_path):
    """Root and others get their sandbox in different ways; in a namespace where it is user 1000, root is another."""
    folder = a_class(tmp_path / "submitted", 1)
    curious = handed_in(CHAPTER, {"softmax": ATTACKS["look around"]})
    (folder / f"t_{CHAPTER}.ipynb").write_bytes(as_bytes(curious))
    as_user = ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--dev-bind", "/", "/"]
    command = [*as_user, sys.executable, "-m", "utils.grading", str(folder), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [row["score"] for row in marks(tmp_path / "out")] == ["12", "0"]


def test_killed_in_the_middle_of_sixty_and_taken_up_again(tmp_path):
    folder = a_class(tmp_path / "submitted", 60)
    mark = f"THIS_RUN={tmp_path}"
    command = [sys.executable, "-m", "utils.grading", str(folder), "--jobs", "2", "--seed", "5"]
    disturbed = subprocess.Popen(
        [*command, "--out", str(tmp_path / "disturbed")],
        cwd=ROOT,
        env=os.environ | {"THIS_RUN": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(finished(tmp_path / "disturbed")) < 15:
        assert disturbed.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    disturbed.kill()
    disturbed.wait()
    before = finished(tmp_path / "disturbed")
    assert 15 <= len(before) < 60
    assert not (tmp_path / "disturbed" / report.CSV).exists()
    patience = time.monotonic() + 60
    while left_over(mark):
        assert time.monotonic() < patience, left_over(mark)
        time.sleep(0.2)
    assert run(folder, "--out", tmp_path / "disturbed", "--jobs", "2")[0] == 0
    assert run(folder, "--out", tmp_path / "undisturbed", "--jobs", "2", "--seed", "5")[0] == 0
    after = finished(tmp_path / "disturbed")
    assert len(after) == 60 and before.items() <= after.items()
    assert marks(tmp_path / "disturbed") == marks(tmp_path / "undisturbed")
    for path in after:
        twin = tmp_path / "undisturbed" / path.relative_to(tmp_path / "disturbed")
        assert path.read_text() == twin.read_text()


def finished(out):
    """When each result was written."""
    return {path: path.stat().st_mtime_ns for path in out.rglob(report.RESULTS)}


def left_over(mark):
    """The processes that have this in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " ")[:80])
        except OSError:
            pass
    return found


def test_what_has_not_changed_is_not_graded_again(klass, tmp_path):
    out = tmp_path / "out"
    assert run(klass, "--out", out)[0] == 0
    before = finished(out)
    changed = klass / f"student01_{CHAPTER}.ipynb"
    changed.write_bytes(SOLVED)
    assert run(klass, "--out", out)[0] == 0
    after = finished(out)
    assert [path.parts[-3] for path in before if before[path] != after[path]] == ["student01"]
    assert marks(out)[1]["score"] == "12"
    assert grading.main([str(klass), "--out", str(out), "--seed", "1"]) == 2


def test_dask_gives_the_same_marks(klass, tmp_path, monkeypatch):
    assert run(klass, "--out", tmp_path / "loky", "--seed", "3")[0] == 0
    local = run(klass, "--out", tmp_path / "local", "--seed", "3", "--backend", "dask", "--jobs", "2")
    assert local[0] == 0, local
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        given = run(klass, "--out", tmp_path / "given", "--seed", "3", "--backend", "dask", "--scheduler", address)
    assert given[0] == 0, given
    assert marks(tmp_path / "loky") == marks(tmp_path / "local") == marks(tmp_path / "given")


def test_a_cluster_that_cannot_grade_says_so_at_once(klass, tmp_path, monkeypatch, capsys):
    arguments = [str(klass), "--out", str(tmp_path / "out"), "--backend", "dask", "--scheduler"]
    monkeypatch.chdir(tmp_path)
    dask = [str(Path(sys.executable).with_name("dask")), "scheduler", "--port", "0", "--no-dashboard"]
    with subprocess.Popen([*dask, "--scheduler-file", "where.json"], stderr=subprocess.DEVNULL) as scheduler:
        while not Path("where.json").exists():
            time.sleep(0.1)
        address = json.loads(Path("where.json").read_text())["address"]
        assert grading.main([*arguments, address]) == 2
        assert "has no workers" in capsys.readouterr().err
        dask[1:] = ["worker", address, "--nthreads", "1", "--no-dashboard"]
        with subprocess.Popen(dask, stderr=subprocess.DEVNULL) as worker:
            said = ""
            while "does not find the course" not in said:
                assert grading.main([*arguments, address]) == 2
                said = capsys.readouterr().err
                assert "does not find the course" in said or "has no workers" in said
            worker.terminate()
        scheduler.terminate()
    assert grading.main([*arguments, "tcp://127.0.0.1:9"]) == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err


def test_what_became_ungradable_keeps_no_earlier_feedback(klass, tmp_path):
    assert run(klass, "--out", tmp_path / "out")[0] == 0
    (klass / f"student00_{CHAPTER}.ipynb").write_text("{")
    (klass / "archive only").mkdir()
    (klass / "archive only" / "work.zip").touch()
    status, _, complaints = run(klass, "--out", tmp_path / "out")
    assert status == 3 and "archive only: there is no notebook (*.ipynb) in the folder" in complaints
    assert len(finished(tmp_path / "out")) == len(list((tmp_path / "out").rglob(report.FEEDBACK))) == 11


def test_a_folder_as_nbgrader_collects_it(tmp_path):
    for student, content in (("ana", SOLVED), ("bo", BLANK)):
        place = tmp_path / "submitted" / student / "homework"
        place.mkdir(parents=True)
        (place / "problem.ipynb").write_bytes(content)
        (place / ".ipynb_checkpoints").mkdir()
        (place / ".ipynb_checkpoints" / "problem-checkpoint.ipynb").write_bytes(content)
    assert run(tmp_path / "submitted", "--out", tmp_path / "out")[0] == 0
    rows = [(row["student"], row["assignment"], row["chapter"], row["score"]) for row in marks(tmp_path / "out")]
    assert rows == [("ana", "homework", CHAPTER, "12"), ("bo", "homework", CHAPTER, "0")]


def test_what_cannot_be_graded_is_listed_and_has_no_mark(klass, tmp_path):
    (klass / "broken.ipynb").write_text("{")
    (klass / "empty.ipynb").touch()
    (klass / "=cmd|x.ipynb").write_bytes(SOLVED)
    (klass / "\x1b[31mred.ipynb").write_bytes(SOLVED)
    (klass / "gone.ipynb").symlink_to("nowhere")
    os.mkfifo(klass / "pipe.ipynb")
    (klass / "copy.ipynb").symlink_to(f"student00_{CHAPTER}.ipynb")
    for name in ("marks.csv", "seed.txt", "results.json", "student00_02_soft_lookup.ipynb"):
        (klass / f"{name}.ipynb").write_bytes(SOLVED)
    status, shown, complaints = run(klass, "--out", tmp_path / "out", "--jobs", "2")
    assert status == 3
    rows = {row["student"]: row for row in marks(tmp_path / "out")}
    assert len(rows) == 23
    without = {student for student, row in rows.items() if row["score"] == ""}
    assert without == {"broken", "empty", "gone", "pipe", "copy"}
    assert all(f"{student}.ipynb: " in complaints for student in without)
    assert rows["broken"]["note"] == "the file is not a notebook (it is damaged, cut off, or something else)."
    assert rows["'=cmd|x"]["score"] == "12" and "\x1b" not in shown
    assert status == run(klass, "--out", tmp_path / "out")[0]


def test_trusted_is_said_everywhere(klass, tmp_path):
    status, shown, complaints = run(klass, "--out", tmp_path / "out", "--trusted")
    assert status == 0
    assert complaints.startswith("--trusted: ") and shown.count(report.UNSANDBOXED) == 12
    assert {row["sandboxed"] for row in marks(tmp_path / "out")} == {"no"}
    assert all(report.UNSANDBOXED in path.read_text() for path in (tmp_path / "out").rglob("feedback.md"))
    assert all(report.UNSANDBOXED in path.read_text() for path in (tmp_path / "out").rglob("results.json"))
    run(klass, "--out", tmp_path / "out")
    assert {row["sandboxed"] for row in marks(tmp_path / "out")} == {"yes"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.ipynb", "--out", "OUT"], "nowhere.ipynb does not exist"),
        (["EMPTY", "--out", "OUT"], "holds no notebook"),
        (["CLASS"], "--out"),
        (["CLASS", "--out", "OUT", "--jobs", "0"], "0 is not above 0"),
        (["CLASS", "--out", "OUT", "--timeout", "nan"], "nan is not above 0"),
        (["CLASS", "--out", "OUT", "--seed", "-1"], "-1 is not from 0"),
        (["CLASS", "--out", "OUT", "--scheduler", "tcp://x:1"], "--scheduler goes with --backend dask"),
        (["CLASS", "--out", "OUT", "--chapter", "99_none"], "invalid choice: '99_none'"),
        (["CLASS", "--out", "OUT", "--gradebook", "nowhere.db"], "nowhere.db is no gradebook"),
        (["CLASS", "--out", "FILE"], "cannot be written"),
        (["CLASS", "CLASS/../COPY", "--out", "OUT"], "would have the same results"),
    ],
)
def test_unusable_arguments(arguments, words, klass, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    shutil.copytree(klass, tmp_path / "copy")
    places = {"CLASS": klass, "EMPTY": tmp_path / "empty", "OUT": tmp_path / "out", "FILE": tmp_path / "file"}
    places["CLASS/../COPY"] = tmp_path / "copy"
    try:
        status = grading.main([str(places.get(argument, argument)) for argument in arguments])
    except SystemExit as end:
        status = end.code
    assert status == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_runs_do_not_share_a_folder(klass, tmp_path, capsys):
    with batch.opened(tmp_path / "out"):
        assert grading.main([str(klass), "--out", str(tmp_path / "out")]) == 2
    assert "another run" in capsys.readouterr().err


def test_where_no_sandbox_can_be_made_it_says_what_to_do(klass, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bubblewrap, "command", lambda *a, **k: ["sh", "-c", "echo bwrap: No permissions >&2; exit 1"])
    assert grading.main([str(klass), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "bwrap: No permissions" in said and "AppArmor" in said and "--trusted" in said
    monkeypatch.setenv("PATH", "")
    assert grading.main([str(klass), "--out", str(tmp_path / "out")]) == 2
    assert "not installed" in capsys.readouterr().err


def test_a_worker_that_dies_takes_nobody_along(klass, tmp_path):
    """Workers are killed, one after another, while a class is graded: all the same, everyone has the right mark."""
    arguments = [klass, "--out", tmp_path / "out", "--jobs", "2"]
    mark = f"THIS_RUN={tmp_path}"
    command = [sys.executable, "-m", "utils.grading", *map(str, arguments)]
    running = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"THIS_RUN": str(tmp_path)}, stderr=subprocess.DEVNULL
    )
    killed = 0
    while running.poll() is None:
        if killed < 2 and len(finished(tmp_path / "out")) > 2 * killed:
            killed += kill_a_worker(mark)
        time.sleep(0.05)
    assert (running.returncode, killed) == (0, 2)
    assert [row["score"] for row in marks(tmp_path / "out")] == ["12", "0", "11"] * 4


def kill_a_worker(mark):
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (
                mark.encode() in (process / "environ").read_bytes()
                and b"LokyProcess" in (process / "cmdline").read_bytes()
            ):
                os.kill(int(process.name), 9)
                return 1
        except OSError:
            pass
    return 0


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
    (found,) = submissions.find([tmp_path])
    assert found.student == student


def test_a_name_stays_in_its_folder(tmp_path):
    (tmp_path / "...ipynb").touch()
    (found,) = submissions.find([tmp_path / "...ipynb"])
    assert (tmp_path / "out" / found.place).resolve().is_relative_to((tmp_path / "out").resolve())
