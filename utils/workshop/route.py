"""A route through the course for a room: what is done, what is shown, and when."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from . import rooms


@dataclass(frozen=True)
class Part:
    """So many minutes of a route. Sections are named by their headings, those of an exercise by the exercise.

    Learners work through what is `done`; what is `shown` is told, while they run its cells. Without a chapter it is
    a break, a talk, or time kept free.
    """

    minutes: int
    title: str
    chapter: str = ""
    done: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """Days of parts; no day lasts longer than so many minutes, breaks included."""

    name: str
    minutes: int
    days: tuple[tuple[Part, ...], ...]

    @property
    def parts(self) -> list[Part]:
        return [part for day in self.days for part in day]

    @property
    def exercises(self) -> list[str]:
        """The bank's names of the exercises that learners do, in order."""
        named = (rooms.find(name, rooms.sections(part.chapter)) for part in self.parts for name in part.done)
        return [section.exercise for section in named if section.exercise]

    def needed(self) -> list[float]:
        """For each part the minutes that its chapter says a room takes; 0 for a part without one."""
        minutes, open_chapter = [], ""
        for part in self.parts:
            sections = rooms.sections(part.chapter) if part.chapter else []
            takes = rooms.OPENING if part.chapter not in ("", open_chapter) else 0.0
            takes += sum(rooms.done(rooms.find(name, sections)) for name in part.done)
            minutes.append(takes + sum(rooms.shown(rooms.find(name, sections)) for name in part.shown))
            open_chapter = part.chapter or open_chapter
        return minutes

    def clock(self, start: str = "9:00") -> Iterator[str]:
        """The route's lines, for days that begin at `start`. Raises ValueError for what is no time of day."""
        for number, day in enumerate(self.days, 1):
            now = datetime.strptime(start, "%H:%M")
            if len(self.days) > 1:
                yield f"Day {number}"
            for part in day:
                yield f"{now:%H:%M}  {part.minutes:2} min  {part.title}"
                sections = rooms.sections(part.chapter) if part.chapter else []
                for kind, names in {"do:  ": part.done, "show:": part.shown}.items():
                    titles = "; ".join(rooms.title(rooms.find(name, sections)) for name in names)
                    line = f"{' ' * 15}{kind} {titles}"
                    yield from (
                        textwrap.wrap(line, 105, subsequent_indent=" " * 21, break_on_hyphens=False) if titles else []
                    )
                now += timedelta(minutes=part.minutes)
            yield f"{now:%H:%M}          end"
