"""The project's own promises: lint, pins, the README's commands and map."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SET_UP = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/"


@pytest.mark.repository
@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_is_content(command):
    done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.repository
def test_mypy_is_content():
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_has_the_two_commands():
    assert f"\n{SET_UP}jupyter lab chapters/00_start_here.ipynb\n" in README
    assert f"\n{SET_UP}pytest\n" in README


def test_every_requirement_is_pinned():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    requirements = [line for line in lines if line and not line.startswith("#")]
    pinned = r"[A-Za-z0-9_-]+==[0-9.]+(; platform_system == \"Linux\")?"
    assert all(re.fullmatch(pinned, line.split("  #")[0]) for line in requirements)
    assert "torch==2.13.0" in requirements


def test_the_readme_lists_every_chapter_and_every_module():
    chapters = sorted(path.name for path in (ROOT / "chapters").glob("*.ipynb"))
    assert re.findall(r"\(chapters/(\w+\.ipynb)\)", README) == chapters
    modules = [path for path in (ROOT / "utils").iterdir() if not path.name.startswith("__")]
    assert [path.name for path in modules if path.name not in README] == []


def test_minutes_are_the_same_everywhere():
    start = (ROOT / "solutions" / "00_start_here.py").read_text(encoding="utf-8")
    for path in sorted((ROOT / "solutions").glob("*.py")):
        minutes = re.search(r"\*\*(\d+) minutes\.\*\*", path.read_text(encoding="utf-8"))[1]
        assert f"(chapters/{path.stem}.ipynb) | {minutes} |" in README
        assert path.stem == "00_start_here" or f"({path.stem}.ipynb) | {minutes} |" in start


def test_the_first_code_cell_is_the_same_in_every_chapter():
    cells = [
        re.search(r"^# %%\n(.*?)\n# %%", path.read_text(encoding="utf-8"), re.S | re.M)[1]
        for path in (ROOT / "solutions").glob("*.py")
    ]
    assert len(set(cells)) == 1
    assert 'sys.path.insert(0, "..")' in cells[0]
