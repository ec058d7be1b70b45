"""The facilitator's pages say what is so: sections, minutes, exercises, commands, clocks."""

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest

from utils.workshop import ready, rooms, routes
from utils.workshop.__main__ import main
from utils.workshop.board import starting

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "utils" / "workshop"
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.ipynb"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")
SERVER = (FOLDER / "jupyterhub.md").read_text(encoding="utf-8")
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("[0-9]*.md"))}
LEFT_OUT = ("", "In short", "Before you go on", "To read on", "How well did you predict?")
MENUS = ("Run →", "File →", "Kernel →")
HEADINGS = {section.heading for chapter in CHAPTERS for section in rooms.sections(chapter)}
NUMBERS = {heading.split(" ")[1] for heading in HEADINGS if heading.startswith("Exercise ")}


def table_of(chapter):
    """The rows that its page should have: each section, its minutes in a room, and the exercises in it."""
    rows = []
    for section in rooms.sections(chapter):
        if section.rank < 3:
            rows.append([section.heading, 0.0, []])
        rows[-1][1] += rooms.done(section)
        if section.exercise:
            rows[-1][2].append(rooms.title(section))
    return [(name, minutes, "; ".join(tasks)) for name, minutes, tasks in rows if name not in LEFT_OUT]


def table_on(page):
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")][1:]
    return [(name.strip(), int(minutes), tasks.strip()) for name, minutes, tasks in rows]


def test_every_chapter_has_its_page_and_the_readme_leads_to_it():
    assert list(PAGES) == CHAPTERS
    assert re.findall(r"\((\w+)\.md\)", README[: README.index("## ")])[: len(CHAPTERS)] == CHAPTERS


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_page_has_the_chapters_sections_with_their_minutes_and_is_short(chapter):
    stated, computed = table_on(PAGES[chapter]), table_of(chapter)
    assert [(name, tasks) for name, _, tasks in stated] == [(name, tasks) for name, _, tasks in computed]
    off = [abs(a - b) for (_, a, _), (_, b, _) in zip(stated, computed, strict=True)]
    assert max(off) <= 1.5  # a sentence more or less in a chapter does not call for a new page
    assert PAGES[chapter].count("\n") <= 60
    assert f"(../../chapters/{chapter}.ipynb)" in PAGES[chapter]
    assert PAGES[chapter].count("**Expect:**") == PAGES[chapter].count("**Right:**") == 3


@pytest.mark.parametrize("page", [*PAGES, "README"])
def test_exercises_that_a_page_names_are_there(page):
    lists = re.findall(r"[Ee]xercises? ((?:\d+\.\d(?:, | and )?)+)", PAGES.get(page, README))
    assert {number for numbers in lists for number in re.findall(r"\d+\.\d", numbers)} - NUMBERS == set()


@pytest.mark.parametrize("page", PAGES)
def test_what_leans_and_begins_with_a_capital_is_a_section_or_a_menu(page):
    prose = "\n".join(line for line in PAGES[page].splitlines() if not line.startswith("|")).replace("**", "")
    names = [" ".join(name.split()) for name in re.findall(r"\*([A-Z][^*]+)\*", prose)]
    assert names and [name for name in names if name not in HEADINGS and not name.startswith(MENUS)] == []


def test_the_readme_prints_half_a_day_as_the_command_does():
    assert "\n".join(routes.get("half-day").clock("9:00")) in README


def test_the_readmes_table_of_routes_is_right():
    rows = dict(re.findall(r"^\| `([\w-]+)` \|.*\| (\d+) \|$", README, re.M))
    assert rows == {route.name: str(len(route.exercises)) for route in routes.ROUTES}


def commands():
    """Every command of every page, without the folder that it is in."""
    for page, text in {**PAGES, "README": README, "jupyterhub": SERVER}.items():
        for program, arguments in re.findall(r"\.venv/bin/(\w+)([^`\n]*)", text):
            yield pytest.param(program, arguments.split(), id=f"{page}: {program}{arguments}"[:80])


@pytest.mark.parametrize(("program", "arguments"), [*commands()])
def test_every_command_on_a_page_is_there(program, arguments, monkeypatch):
    assert shutil.which(program, path=str(Path(sys.executable).parent))
    if arguments[:1] == ["-m"]:
        module, *rest = arguments[1:]
        assert importlib.util.find_spec(f"{module}.__main__") or importlib.util.find_spec(module)
        if module == "utils.workshop":
            monkeypatch.setattr(ready, "say", lambda: 0)
            monkeypatch.setattr(starting, "start", lambda options: 0)  # it would run until it is stopped
            assert main(rest) == 0
