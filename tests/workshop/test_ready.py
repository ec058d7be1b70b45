"""Whether a machine is ready: one line, whatever the machine is like."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from utils.attention.kernels import cpu
from utils.workshop import ready

ROOT = Path(__file__).parents[2]


def test_a_machine_that_can_run_the_tests_is_ready(monkeypatch, capsys):
    monkeypatch.setattr(ready, "FREE_MEMORY", 0)  # of other tests that run beside this one
    assert ready.say() == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"ready: Python 3\.\d+\.\d+, torch [\w.+]+, \d+ cores, \d+ GB, \d+ s", line)


def test_the_kernel_that_chapter_05_would_wait_for_is_compiled():
    cpu.compile_once.cache_clear()  # of an earlier test
    ready.a_kernel_compiles()
    assert cpu.compile_once.cache_info().currsize == 1


def first_missing(monkeypatch, check):
    """The line of a machine on which this is the only thing that is tried."""
    monkeypatch.setattr(ready, "CHECKS", {"a thing": check})
    line, status = ready.verdict()
    assert status == 1 and "\n" not in line
    return line


@pytest.mark.parametrize(
    ("name", "value", "check", "said"),
    [
        ("OLDEST", (99, 0), ready.python_is_new_enough, r"the course needs 99\.0 or newer"),
        ("FREE_MEMORY", 10**6, ready.there_is_room, "GB of memory are free, and 1000000 are needed"),
        ("FREE_DISK", 10**9, ready.there_is_room, "GB of the disk are free"),
        ("ROOT", Path("nowhere"), ready.answers_can_be_saved, "nowhere.chapters cannot be written to"),
    ],
)
def test_what_is_missing_is_named(name, value, check, said, monkeypatch):
    monkeypatch.setattr(ready, name, value)
    assert re.search(f"^not ready: .*{said}", first_missing(monkeypatch, check))


@pytest.mark.parametrize(
    ("found", "said"),
    [(None, "torch is not installed for "), ("2.9.1", "torch is 2.9.1, and the course needs <2.14,>=2.11")],
)
def test_a_package_that_is_missing_or_too_old_is_named_with_the_remedy(found, said, monkeypatch):
    def version(name, known=importlib.metadata.version):
        if name == "torch" and found is None:
            raise importlib.metadata.PackageNotFoundError
        return found if name == "torch" else known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    line = first_missing(monkeypatch, ready.packages_are_there)
    assert line.startswith(f"not ready: {said}") and line.endswith(ready.remedy())


def test_the_remedy_is_the_other_python_where_there_is_an_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(ready, "ENVIRONMENT", tmp_path / "none")
    assert "install -r requirements.txt" in ready.remedy()
    monkeypatch.setattr(ready, "ENVIRONMENT", tmp_path)
    assert ready.remedy().startswith("begin the command with ")


def test_notebooks_of_another_python_are_found_out(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/elsewhere")
    assert "and this is /elsewhere" in first_missing(monkeypatch, ready.a_notebook_runs)


def test_an_error_that_nobody_has_thought_of_is_a_line_too(monkeypatch):
    def fails():
        print("much is said on the way")
        raise OSError("a library\ncannot be loaded")

    assert first_missing(monkeypatch, fails) == "not ready: a thing: OSError: a library cannot be loaded"


def test_without_any_package_there_is_a_line_and_an_old_python_can_read_the_command():
    run = "import runpy; sys.argv[1:] = ['ready']; runpy.run_module('utils.workshop', run_name='__main__')"
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {run}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.splitlines()[-1].startswith("not ready: the course's packages are not installed for ")
    for name in ("ready", "__main__", "__init__"):
        ast.parse((ROOT / "utils" / "workshop" / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 8))
