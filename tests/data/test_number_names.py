"""What is promised of numbers and their names."""

import importlib
import re
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from num2words import num2words

from utils import data
from utils.data.number_names import SPLIT

numbers_module = importlib.import_module("utils.data.number_names")  # the package's attribute is the function


@pytest.fixture(scope="module", params=["de", "fr"])
def numbers(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return request.param, data.number_names(request.param, train=600)


def digits(pairs):
    return Counter(len(str(pair.about)) for pair in pairs)


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


@given(st.one_of(st.integers(0, 10**12 - 1), st.integers(0, 12).flatmap(lambda n: st.integers(0, 10**n - 1))))
@example(0)
@example(10**12 - 1)
def test_a_german_name_is_read_back(number):
    assert data.german_number(SPLIT["de"](num2words(number, lang="de"))) == number


@pytest.mark.parametrize(
    "parts",
    ["", "drei drei", "und drei", "drei und", "hundert drei", "sechzig und drei", "ein", "drei hundert hundert", "five"]
    + [
        "eine tausend",
        "ein Million",
        "zwei Million",
        "drei tausend zwei Millionen",
        "drei null",
        "neun Milliarden " * 9,
    ]
    + ["neun hundert Milliarden " * 9],
)
def test_what_no_number_is_called_is_no_name(parts):
    assert data.german_number(parts.split()) is None
