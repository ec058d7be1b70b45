"""What is promised of numbers, dates and recall, and of what is cached."""

import contextlib
import datetime
import importlib
import json
import os
import re
import resource
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
import torch
from babel.dates import format_date
from hypothesis import example, given
from hypothesis import strategies as st
from num2words import num2words

from utils import data
from utils.data.cache import cached
from utils.data.dates import LOCALES
from utils.data.number_names import SPLIT

ROOT = Path(__file__).parents[1]
numbers_module = importlib.import_module("utils.data.number_names")  # the package's attribute is the function


def forms(day):
    """Every way to write the day, and a locale that writes it so."""
    return {format_date(day, length, locale=locale): locale for locale in LOCALES for length in ("long", "full")}


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module", params=["de", "fr"])
def numbers(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return request.param, data.number_names(request.param, train=600)


@pytest.fixture(scope="module")
def days():
    return data.dates(train=4000)


def spelled(number):
    """A name that takes no time: 207 is zweinullsieben."""
    names = "null eins zwei drei vier fünf sechs sieben acht neun".split()
    return "".join(names[int(digit)] for digit in str(number))


@pytest.fixture
def named(monkeypatch):
    """The numbers that num2words, or rather its quick stand-in, was asked for."""
    asked = []
    monkeypatch.setattr(
        numbers_module, "num2words", lambda number, lang: asked.append((lang, number)) or spelled(number)
    )
    return asked


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def digits(pairs):
    return Counter(len(str(pair.about)) for pair in pairs)


# ---- number names


def test_the_test_numbers_are_not_learned_from_by_number_or_by_name(numbers):
    corpus = numbers[1]
    for what in ("about", "source", "target"):
        learned, held_out = ({getattr(pair, what) for pair in pairs} for pairs in (corpus.train, corpus.test))
        assert learned and held_out and learned.isdisjoint(held_out), what


def test_no_two_numbers_share_a_name(numbers):
    pairs = {pair.about: pair for pair in (*numbers[1].train, *numbers[1].test)}
    assert len({pair.source for pair in pairs.values()}) == len({pair.target for pair in pairs.values()}) == len(pairs)


def test_as_many_numbers_of_each_length_are_held_out_as_promised(numbers):
    assert digits(numbers[1].test) == {2: 20, **dict.fromkeys(range(3, 13), 100)}
    assert len({pair.about for pair in numbers[1].test}) == len(numbers[1].test) == 1020


def test_every_length_is_equally_frequent_among_the_training_numbers(named):
    counts = digits(data.number_names("fr", train=12000).train)
    assert counts.keys() == set(range(1, 13)) and sum(counts.values()) == 12000
    assert all(abs(count - 1000) < 150 for count in counts.values()), counts  # five standard deviations


def test_names_are_those_of_num2words(numbers):
    language, corpus = numbers
    for source, target, number in {*corpus.train, *corpus.test}:
        assert source == tuple(re.split(r"[ ,-]+", num2words(number)))
        if language == "fr":
            assert target == tuple(re.split(r"[ -]+", num2words(number, lang="fr")))
        else:
            assert "".join(target) == num2words(number, lang="de").replace(" ", "")


@given(st.one_of(st.integers(0, 10**12 - 1), st.integers(0, 12).flatmap(lambda n: st.integers(0, 10**n - 1))))
@example(10**12 - 1)
def test_parts_and_words_are_the_whole_name_of_any_number(number):
    german, french = num2words(number, lang="de"), num2words(number, lang="fr")
    assert "".join(SPLIT["de"](german)) == german.replace(" ", "")
    assert set(SPLIT["de"](german)) <= set(numbers_module.GERMAN)
    assert list(SPLIT["fr"](french)) == re.split(r"[ -]+", french)
    assert list(SPLIT["en"](num2words(number))) == re.split(r"[ ,-]+", num2words(number))


@pytest.mark.parametrize(
    "number, parts",
    [
        (0, "null"),
        (1, "eins"),
        (16, "sechzehn"),
        (21, "ein und zwanzig"),
        (66, "sechs und sechzig"),
        (113, "ein hundert dreizehn"),
        (1001, "ein tausend eins"),
        (1000000, "eine Million"),
        (2000077, "zwei Millionen sieben und siebzig"),
        (1001017000, "eine Milliarde eine Million siebzehn tausend"),
    ],
)
def test_german_parts(number, parts):
    assert SPLIT["de"](num2words(number, lang="de")) == tuple(parts.split())


def test_a_german_name_with_unknown_parts_is_an_error():
    with pytest.raises(ValueError, match="zweinull"):
        SPLIT["de"]("zweinullundzwölfzigst")


@pytest.mark.parametrize("language", ["xx", "en", "DE", ""])
def test_a_language_that_is_not_there_is_named(language, named):
    with pytest.raises(ValueError, match=f"de and fr, not in '{language}'"):
        data.number_names(language, train=10)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(named):
    one, same, other = (data.number_names("fr", train=200, seed=seed) for seed in (7, 7, 8))
    assert (one.train, one.test) == (same.train, same.test)
    assert not {pair.about for pair in one.test if pair.about > 10**6} & {pair.about for pair in other.test}
    assert one.train != other.train


def test_languages_share_the_numbers(named):
    german, french = ([pair.about for pair in data.number_names(x, train=50).train] for x in ("de", "fr"))
    assert german == french


# ---- the cache


def test_names_are_made_once_and_then_read(named, empty_cache):
    first = data.number_names("fr", train=60)
    assert Counter(lang for lang, _ in named).keys() == {"en", "fr"}
    assert len(files(empty_cache)) == 2 and all(path.suffix == ".json" for path in files(empty_cache))
    named.clear()
    second = data.number_names("fr", train=60)
    assert named == [] and (first.train, first.test) == (second.train, second.test)


@pytest.mark.parametrize("damage", [b"", b'["null", "ei', b"\x00\x00", b"\xff\xfe", b"null", b"[]", b'["null"]'])
def test_a_damaged_file_is_made_again(damage, named, empty_cache):
    whole = data.number_names("fr", train=60)
    before = [path.read_bytes() for path in files(empty_cache)]
    for path in files(empty_cache):
        path.write_bytes(damage)
    assert data.number_names("fr", train=60).train == whole.train
    assert [path.read_bytes() for path in files(empty_cache)] == before


@pytest.mark.parametrize("seeds", [("0", 0), (None, None)], ids=str)
def test_a_number_never_gets_the_cached_name_of_another(seeds, named):
    for seed in seeds:
        for pair in data.number_names("fr", train=50, seed=seed).train:
            assert pair.target == (spelled(pair.about),)


def test_a_later_recipe_does_not_meet_the_names_of_an_earlier_one(named, monkeypatch):
    data.number_names("fr", train=50)
    monkeypatch.setattr(numbers_module, "TEST_OTHERWISE", 90)
    corpus = data.number_names("fr", train=50)
    assert all(pair.target == (spelled(pair.about),) for pair in corpus.test)


def test_what_cannot_be_kept_is_made_each_time(named, empty_cache, monkeypatch):
    (empty_cache / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty_cache / "file"))
    first = data.number_names("fr", train=60)
    count = len(named)
    assert data.number_names("fr", train=60).train == first.train
    assert len(named) == 2 * count > 0 and files(empty_cache) == [empty_cache / "file"]


def test_no_draft_is_left_when_a_folder_is_in_the_way(empty_cache):
    cached("words", list)
    (path,) = files(empty_cache)
    path.unlink()
    path.mkdir()
    assert cached("words", lambda: ["a"]) == ["a"]
    assert files(empty_cache) == []


def test_no_draft_is_left_when_the_disk_is_full(empty_cache):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    words = ["word"] * 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        found = cached("words", lambda: words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert found == words and files(empty_cache) == []


def test_no_draft_is_left_when_writing_is_interrupted(empty_cache, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cached("words", list)
    assert files(empty_cache) == []


def test_an_error_while_building_reaches_the_caller_and_keeps_nothing(empty_cache):
    with pytest.raises(ZeroDivisionError):
        cached("words", lambda: 1 / 0)
    assert files(empty_cache) == []
    assert cached("words", lambda: ["a"]) == ["a"]


def test_a_reader_never_sees_half_a_file(empty_cache):
    words = ["word"] * 300_000
    cached("words", lambda: words)
    (path,) = files(empty_cache)

    def write():
        for _ in range(4):
            path.unlink(missing_ok=True)
            cached("words", lambda: words)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        with contextlib.suppress(FileNotFoundError):
            assert path.stat().st_size == len(json.dumps(words))


def test_processes_that_start_together_agree_and_leave_a_whole_file(empty_cache):
    script = """
import sys, time, types
package = types.ModuleType("utils.data")  # without its __init__, which imports torch: it would take seconds
package.__path__ = ["utils/data"]
sys.modules["utils.data"] = package
from utils.data.cache import cached
print("ready", flush=True)
sys.stdin.readline()
found = cached("words", lambda: time.sleep(0.1) or ["word"] * 100_000)
print(len(found), set(found))
"""
    options = dict(cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    processes = [subprocess.Popen([sys.executable, "-c", script], **options) for _ in range(4)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["100000 {'word'}\n"] * 4
    (path,) = files(empty_cache)
    assert json.loads(path.read_text()) == ["word"] * 100_000


# ---- dates


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


# ---- recall


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
