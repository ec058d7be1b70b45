"""What to say about an exercise, from its chapter's page for facilitators."""

import re
from pathlib import Path

from utils.workshop import rooms
from utils.workshop.route import Route

FOLDER = Path(__file__).parents[1]
POINT = re.compile(r"^- (.+?)(?=^- |^$|\Z)", re.M | re.S)
LEANING = re.compile(r"(\*{1,3})(?=\S)(.+?)(?<=\S)\1")


def titles(route: Route) -> dict[str, str]:
    """For each exercise of a route, in order, its number and title: 2.2 Soft lookup."""
    chapters = dict.fromkeys(part.chapter for part in route.parts if part.chapter)
    sections = [section for chapter in chapters for section in rooms.sections(chapter)]
    return {name: rooms.title(rooms.find(name, sections)) for name in route.exercises}


def about(route: Route) -> dict[str, list[str]]:
    """For each exercise of a route the points of its chapter's page that begin with it, in plain words."""
    pages = {part.chapter: FOLDER / f"{part.chapter}.md" for part in route.parts if part.chapter}
    points = [
        LEANING.sub(r"\2", " ".join(point.split()))
        for page in pages.values()
        for point in POINT.findall(page.read_text(encoding="utf-8"))
    ]
    found = {}
    for name, title in titles(route).items():
        number = title.split(" ")[0]
        about_it = [point for point in points if re.match(rf"Exercise {re.escape(number)}\b|`{name}`", point)]
        found[name] = [point.removeprefix(f"Exercise {number}: ") for point in about_it]
    return found
