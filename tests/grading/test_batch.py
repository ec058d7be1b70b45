"""A class in one run: killed and taken up again, on loky and on Dask, and every way to call it wrongly."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attacks import ATTACKS
from classes import CHAPTER, MOST, a_class, finished, marks
from distributed import LocalCluster
from handed_in import ROOT, as_bytes, handed_in

from utils.grading import __main__ as grading
from utils.grading import batch, bubblewrap, tables


def run(*arguments, **environment):
    command = [sys.executable, "-m", "utils.grading", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_a_class(klass, tmp_path, here):
    status, shown, _ = here(klass, "--out", tmp_path / "out", "--jobs", "2")
    assert status == 0
    assert [row["score"] for row in marks(tmp_path / "out")] == [str(MOST), "0", str(MOST - 1)] * 4
    assert {row["sandboxed"] for row in marks(tmp_path / "out")} == {"yes"}
    assert f"student02  02_soft_lookup  {MOST - 1} / {MOST}  ✓ softmax" in shown
    place = tmp_path / "out" / "students" / "student02" / f"student02_{CHAPTER}.ipynb"
    results = json.loads((place / "results.json").read_text())
    assert results["score"] == sum(test["score"] for test in results["tests"]) == 11
    assert {"name", "score", "max_score", "status", "output", "visibility"} <= results["tests"][0].keys()
    assert {results["output_format"], *(test["output_format"] for test in results["tests"])} == {"text"}
    told = results["tests"][4]["extra_data"]
    assert (told["status"], told["kind"], told["mistake"]) == ("failed", "known mistake", "transposed")
    assert all(test["extra_data"]["seconds"] >= 0 for test in results["tests"])
    assert [test["status"] for test in results["tests"]] == ["passed"] * 4 + ["failed"]
    words = (place / "feedback.md").read_text()
    assert words.startswith(f"# 02_soft_lookup: {MOST - 1} of {MOST} points\n") and "**linear_memory** 0/1: ✗" in words
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
    assert [row["score"] for row in marks(tmp_path / "out")] == [str(MOST), "0"]


@pytest.mark.repository
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
    assert not (tmp_path / "disturbed" / tables.CSV).exists()
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
        assert without_seconds(path) == without_seconds(twin)
    assert (tmp_path / "disturbed" / tables.CSV).read_bytes() == (tmp_path / "undisturbed" / tables.CSV).read_bytes()
    assert not list((tmp_path / "disturbed").rglob(".*.draft"))


def without_seconds(path):
    """A result but for how long it took, which is never twice the same."""
    return re.sub(r'"seconds": \d+\.\d', '"seconds": ', path.read_text())


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


@pytest.mark.repository
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


@pytest.mark.repository
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


@pytest.mark.repository
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
    assert [row["score"] for row in marks(tmp_path / "out")] == [str(MOST), "0", str(MOST - 1)] * 4


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
