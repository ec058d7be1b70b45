"""Dates as people write them in many languages, and as ISO 8601 has them."""

import datetime
import random

from babel.dates import format_date

from .corpora import Corpus, Pair

LOCALES = """cs da de en_GB en_US es et fi fr hu id it nb nl pl pt ro sv tr ja""".split()
LENGTHS = ["long", "full"]  # the short forms are ambiguous: 3/3/15
FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)


def dates(train: int = 8000, test: int = 400, seed: int = 0) -> Corpus:
    """Dates between 1950 and 2049, in twenty locales' long and full forms, and in ISO form, character by character.

    A day that is held out is not learned from in any language. Forms are Babel's own, from the Unicode CLDR.
    """
    rng = random.Random(seed)
    days = [FIRST + datetime.timedelta(days) for days in range((LAST - FIRST).days + 1)]
    rng.shuffle(days)
    held_out, others = days[:test], days[test:]
    return Corpus(
        [_pair(rng.choice(others), rng) for _ in range(train)],
        [_pair(day, rng) for day in held_out],
    )


def _pair(day: datetime.date, rng: random.Random) -> Pair:
    written = format_date(day, rng.choice(LENGTHS), locale=rng.choice(LOCALES))
    return Pair(tuple(written), tuple(day.isoformat()), day)
