"""The project's own promises: lint, pins, the README's commands and map."""

import ast
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


def test_the_readmes_map_of_folders_fits_a_code_hosts_column():
    folders = re.search(r"^```\n(chapters/ .*?)^```$", README, re.S | re.M)[1]
    assert [line for line in folders.splitlines() if len(line) > 90] == []


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
        text = path.read_text(encoding="utf-8")
        minutes, further = re.search(
            r"\*\*(\d+) minutes(?:\.\*\*|\*\*, and (\d+) for what is called Further\.)", text
        ).groups()
        parts = re.findall(r"^# ## Further · .+  \((\d+) minutes\)$", text, re.M)
        assert int(further or 0) == sum(map(int, parts))
        assert f"(chapters/{path.stem}.ipynb) | {minutes} |" in README
        assert path.stem == "00_start_here" or f"({path.stem}.ipynb) | {minutes} |" in start


def test_the_first_code_cell_is_the_same_in_every_chapter():
    cells = [
        re.search(r"^# %%\n(.*?)\n# %%", path.read_text(encoding="utf-8"), re.S | re.M)[1]
        for path in (ROOT / "solutions").glob("*.py")
    ]
    assert len(set(cells)) == 1
    assert 'sys.path.insert(0, "..")' in cells[0]


# By numba's cache a change is seen of the file that a loop is in, and not of one that the loop calls into.
LONG_FOR_A_REASON = ["utils/attention/kernels/cpu_loops.py"]


@pytest.mark.repository
def test_no_module_is_longer_than_350_lines_and_no_function_than_50():
    modules, functions = [], []
    for path in [*(ROOT / "utils").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        modules += [name] * (text.count("\n") > 350)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 50:
                functions.append(f"{name}: {node.name}")
    assert (modules, functions) == (LONG_FOR_A_REASON, [])


MAY_IMPORT = {
    "attempts": set(),
    "grading/inside": {"attempts"},
    "whole_files": set(),
    "processes": {"attempts"},
    "attention": set(),
    "plots": set(),
    "waiting": set(),
    "costs": {"attempts"},
    "triton_here": set(),
    "widgets": {"plots", "processes"},
    "data": {"waiting", "whole_files"},
    "models": {"attention", "data"},
    "training": {"models", "data", "waiting", "whole_files"},
    "exercises": {"attempts", "attention", "models"},
    "minutes": set(),
    "notebooks": {"exercises", "minutes"},
    "told": {"costs", "data", "models", "training"},
    "progress": {"exercises", "whole_files"},
    "checks": {"exercises", "attempts", "progress"},
    "predictions": {"progress", "widgets"},
    "site": {"progress"},
    "workshop": {"attention", "data", "exercises", "grading", "minutes", "plots", "progress"},
    "grading": {"grading/inside", "exercises", "attempts", "whole_files"},
}


@pytest.mark.repository
def test_imports_go_one_way():
    """And what a sandbox sees, `attempts` and `grading/inside`, knows no reference."""
    seen = {part: set() for part in MAY_IMPORT}
    for path in (ROOT / "utils").rglob("*.py"):
        module = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in imported(node, module[:-1]):
                seen.get(part_of(module), set()).add(part_of(name.split(".")))
    assert {part: uses - {part, None} - MAY_IMPORT[part] for part, uses in seen.items()} == dict.fromkeys(seen, set())


def imported(node, package):
    """The full names of what an import brings."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        above = package[: len(package) - node.level + 1] if node.level else ()
        return [".".join([*above, *filter(None, [node.module]), alias.name]) for alias in node.names]
    return []


def part_of(module):
    """The part of the course that a module belongs to, or None."""
    if module[0] != "utils" or len(module) < 2:
        return None
    return "grading/inside" if tuple(module[:3]) == ("utils", "grading", "inside") else module[1]


def test_the_contributors_page_is_short_and_names_what_there_is():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert page.count("\n") <= 60
    paths = re.findall(r"`((?:utils|solutions|tests)/[\w/]+(?:\.py)?)`", page)
    assert [path for path in paths if "N" not in path and not (ROOT / path).exists()] == []  # NN and NAME stand for any


@pytest.mark.repository
def test_links_lead_to_files_that_are_there():
    texts = {page: page.read_text("utf-8") for page in [*ROOT.glob("*.md"), *(ROOT / "utils").rglob("*.md")]}
    for source in (ROOT / "solutions").glob("*.py"):
        texts[source] = "\n".join(line for line in source.read_text("utf-8").splitlines() if line.startswith("#"))
    links = [(page, link) for page, text in texts.items() for link in re.findall(r"\]\((?!https?:|#)([^)\s#]+)", text)]
    assert len(links) > 50
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
