"""What is promised of dates, and of symbols to be remembered."""

import datetime

import pytest
import torch
from babel.dates import format_date

from utils import data
from utils.data.dates import LOCALES


def forms(day):
    """Every way to write the day, and a locale that writes it so."""
    return {format_date(day, length, locale=locale): locale for locale in LOCALES for length in ("long", "full")}


@pytest.fixture(scope="module")
def days():
    return data.dates(train=4000)


def test_a_date_is_written_as_babel_does_and_translated_to_iso(days):
    used = set()
    for source, target, day in (*days.train[:800], *days.test):
        written = forms(day)
        assert "".join(source) in written
        assert "".join(target) == f"{day.year:04}-{day.month:02}-{day.day:02}"
        used.add(written["".join(source)])
    assert len(set(LOCALES)) == 20 and len(used) > 16  # some locales share their forms


def test_no_written_date_has_two_meanings(days):
    meanings = {pair.source: pair.target for pair in (*days.train, *days.test)}
    assert all(meanings[pair.source] == pair.target for pair in (*days.train, *days.test))
    year = [datetime.date(2005, 1, 1) + datetime.timedelta(day) for day in range(365)]
    written = [form for day in year for form in forms(day)]
    assert len(set(written)) == len(written)


def test_a_test_day_is_not_learned_from_in_any_language(days):
    assert {pair.target for pair in days.train}.isdisjoint(pair.target for pair in days.test)
    assert len({pair.about for pair in days.test}) == len(days.test) == 400
    assert len(days.train) == 4000


def test_dates_lie_in_the_hundred_years_that_are_promised(days):
    years = {pair.about.year for pair in days.train}
    assert (min(years), max(years), len(years)) == (1950, 2049, 100)


def test_the_same_seed_gives_the_same_dates_and_another_seed_others():
    one, same, other = (data.dates(50, 20, seed) for seed in (1, 1, 2))
    assert (one.train, one.test) == (same.train, same.test)
    assert one.train != other.train and one.test != other.test


@pytest.mark.parametrize("distance", [0, 1, 30])
def test_the_symbol_after_the_mark_is_the_answer_at_the_sign(distance):
    tokens, answers = data.recall(500, distance, torch.Generator().manual_seed(0))
    assert tokens.shape == (500, distance + 3) and answers.shape == (500,)
    assert (tokens[:, 0] == 8).all() and (tokens[:, -1] == 9).all()
    assert torch.equal(tokens[:, 1], answers)
    assert tokens[:, 1:-1].unique().tolist() == answers.unique().tolist() == list(range(8))


def test_the_symbols_between_say_nothing_about_the_answer():
    tokens, answers = data.recall(4000, 3, torch.Generator().manual_seed(0))
    agreement = (tokens[:, 2:-1] == answers[:, None]).float().mean(0)
    assert ((agreement - 1 / 8).abs() < 0.03).all()


def test_a_generator_gives_its_draw_again_and_then_another():
    generator = torch.Generator().manual_seed(3)
    first, second = data.recall(20, 5, generator), data.recall(20, 5, generator)
    again = data.recall(20, 5, torch.Generator().manual_seed(3))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], second[0])


def test_answers_are_not_a_view_of_the_sequences():
    tokens, answers = data.recall(20, 5, torch.Generator().manual_seed(3))
    before = answers.clone()
    tokens.zero_()
    assert torch.equal(answers, before)
