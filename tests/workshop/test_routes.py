"""Routes for a room: their clocks add up, and what they ask for stands in the chapters and takes so long."""

import re
from datetime import datetime, timedelta

import pytest

from utils import exercises
from utils.workshop import rooms, routes
from utils.workshop.__main__ import main
from utils.workshop.route import Part, Route

every_route = pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: route.name)


@every_route
def test_each_part_has_the_minutes_that_its_chapter_says_a_room_takes(route):
    off = {
        f"{part.title}: {part.minutes}": round(needed, 1)
        for part, needed in zip(route.parts, route.needed(), strict=True)
        if part.chapter and not part.minutes - 5 < needed <= part.minutes
    }
    assert off == {}


@every_route
def test_each_day_is_as_long_as_it_says_and_nobody_sits_for_over_a_hundred_minutes(route):
    for day in route.days:
        assert sum(part.minutes for part in day) == route.minutes
        sitting = 0
        for part in day:
            sitting = 0 if part.title in ("Break", "Lunch") else sitting + part.minutes
            assert sitting <= 100, part.title


@every_route
def test_nothing_is_done_twice_or_before_its_turn_or_from_further(route):
    places = []
    for part in route.parts:
        sections = rooms.sections(part.chapter) if part.chapter else []
        found = [rooms.find(name, sections) for name in (*part.done, *part.shown)]
        assert [section.heading for section in found if section.further] == []
        places.append([(part.chapter, sections.index(section)) for section in found])
        done = places[-1][: len(part.done)]
        assert done == sorted(done), part.title
    flat = [place for part in places for place in part]
    assert len(set(flat)) == len(flat)
    spans = [(min(part), max(part)) for part in places if part]
    assert [span for span, after in zip(spans, spans[1:], strict=False) if span[1] > after[0]] == []


@every_route
def test_exercises_are_the_banks_in_its_order(route):
    names = exercises.names()
    assert route.exercises == sorted(route.exercises, key=names.index)
    assert {"softmax", "soft_lookup", "SoftDictionary"} <= set(route.exercises)


@every_route
def test_a_clock_goes_on_by_the_minutes_that_it_names(route):
    now = None
    for line in route.clock("8:45"):
        assert len(line) <= 112
        if at := re.match(r"(\d\d:\d\d)  (?: *(\d+) min)?", line):
            moment = datetime.strptime(at[1], "%H:%M")
            assert now in (None, moment)
            now = moment + timedelta(minutes=int(at[2])) if at[2] else None
        else:
            assert line.startswith(("Day ", " " * 15))
    assert now is None


def test_a_part_that_asks_for_more_than_its_minutes_is_found():
    route = Route("short", 20, ((Part(20, "too much", "02_soft_lookup", ("soft_lookup", "softmax")),),))
    (needed,) = route.needed()
    alone = 1.3 * (6 + 20)  # the minutes that the two state, as first readers took them
    assert needed == pytest.approx(rooms.OPENING + rooms.ROOM * alone, abs=1)


def test_a_section_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="'Hard lookup'"):
        rooms.find("Hard lookup", rooms.sections("02_soft_lookup"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["route", "weekend"], "there are half-day, day, two-days"),
        (["route", "day", "25:00"], "25:00"),
        (["sections", "99"], "no chapter '99'"),
        (["sections", "2"], "no chapter '2'"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_says_what_there_is(arguments, said, capsys):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_chapters_sections_are_printed_with_what_a_room_takes(capsys):
    assert main(["sections", "02"]) == 0
    lines = capsys.readouterr().out.splitlines()
    section = rooms.find("soft_lookup", rooms.sections("02_soft_lookup"))
    assert f"{rooms.done(section):4.0f}      0    {section.heading}" in lines
