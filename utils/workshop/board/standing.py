"""Where a room stands: for everybody's eyes, and for the facilitator's.

Whoever has left still counts with the signs that they sent; otherwise a number that falls would tell whose they were.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .posts import Known
from .store import Store

ENOUGH = 3  # learners who made a mistake before a wall shows it, so that nobody is exposed
STUCK = 300.0  # seconds on the same ✗

Seen = dict[str, Any]  # as JSON


def for_the_room(store: Store, known: Mapping[str, Known], say: Mapping[str, Sequence[str]], now: float) -> Seen:
    """What a wall may show: counts, and the mistakes that enough learners have made."""
    seen = _seen(store, known, now)
    for each in seen["exercises"]:
        each["mistakes"] = [
            {"name": one["name"], "sentence": one["sentence"], "made": one["made"]}
            for one in each["mistakes"]
            if one["made"] >= ENOUGH
        ]
        each["stuck"] = len(each["stuck"])
        each["say"] = list(say.get(each["name"], ()))
        del each["unnamed"], each["minutes"]
    seen["moments"] = len(seen["moments"])
    return seen


def for_the_facilitator(store: Store, known: Mapping[str, Known], say: Mapping[str, Sequence[str]], now: float) -> Seen:
    """All mistakes, times, the moments that were asked for, what was refused."""
    seen = _seen(store, known, now)
    for each in seen["exercises"]:
        each["say"] = list(say.get(each["name"], ()))
    seen["joined"], seen["posts"] = store.rows("SELECT count(*), coalesce(sum(posts), 0) FROM learners")[0]
    seen["refused"] = dict(store.rows("SELECT reason, count FROM refused ORDER BY count DESC"))
    return seen


def _seen(store: Store, known: Mapping[str, Known], now: float) -> Seen:
    there = store.rows("SELECT learner, last_at, moment FROM learners WHERE token IS NOT NULL")
    at = {learner: exercise for learner, exercise, _ in there}
    moments = sorted((since, exercise) for _, exercise, since in there if since is not None)
    return {
        "route": store.workshop.route,
        "there": len(there),
        "moments": [{"minutes": _minutes(now - since), "exercise": exercise} for since, exercise in moments],
        "current": _current(at, list(known)),
        "exercises": _exercises(store, known, at, now),
    }


def _current(at: Mapping[int, str | None], order: Sequence[str]) -> str | None:
    """Where most learners are; of two such exercises the later."""
    count = Counter(exercise for exercise in at.values() if exercise is not None)
    return max(count, key=lambda name: (count[name], order.index(name)), default=None)


def _exercises(store: Store, known: Mapping[str, Known], at: Mapping[int, str | None], now: float) -> list[Seen]:
    rows = defaultdict(list)
    for exercise, *row in store.rows("SELECT exercise, learner, sign, mistake, since, first, passed FROM standings"):
        rows[exercise].append(row)
    made = defaultdict(list)
    for exercise, *row in store.rows("SELECT exercise, mistake, count(*), max(first) FROM made GROUP BY 1, 2"):
        made[exercise].append(row)
    seen = []
    for name, one in known.items():
        signs = Counter(sign for _, sign, *_ in rows[name])
        answered = {learner for learner, sign, *_ in rows[name] if sign != "not attempted"}
        stands = Counter(mistake for _, sign, mistake, *_ in rows[name] if sign == "failed")
        stuck = [
            _minutes(now - since)
            for learner, sign, _, since, *_ in rows[name]
            if sign == "failed" and at.get(learner) == name and now - since > STUCK
        ]
        seen.append(
            {
                "name": name,
                "title": one.title,
                "passed": signs["passed"],
                "failed": signs["failed"],
                "open": len(at.keys() - answered),
                "stuck": sorted(stuck, reverse=True),
                "mistakes": _mistakes(made[name], stands, one, now),
                "unnamed": stands[None],
                "minutes": _usual([passed - first for *_, first, passed in rows[name] if passed is not None]),
            }
        )
    return seen


def _mistakes(made: Sequence[Sequence], stands: Mapping[str | None, int], one: Known, now: float) -> list[Seen]:
    """The most frequent first: how many made it, how many stand there, minutes since somebody made it first."""
    return [
        {"name": name, "sentence": one.mistakes[name], "made": count, "now": stands[name], "ago": _minutes(now - last)}
        for name, count, last in sorted(made, key=lambda row: -row[1])
    ]


def _usual(seconds: Sequence[float]) -> float | None:
    return _minutes(statistics.median(seconds)) if seconds else None


def _minutes(seconds: float) -> float:
    return round(seconds / 60, 1)
