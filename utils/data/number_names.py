"""The names of numbers in English and another language: a translation that everybody can check."""

import hashlib
import importlib.metadata
import random
import re
from collections.abc import Callable, Sequence

from num2words import num2words

from utils import waiting

from .cache import cached
from .corpora import Corpus, Pair

DIGITS = 12
TEST_PER_LENGTH = {1: 0, 2: 20}  # there are too few short numbers to hold out more
TEST_OTHERWISE = 100
GERMAN = sorted(
    """null eins ein eine zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn
    siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig und hundert tausend
    Million Millionen Milliarde Milliarden""".split(),
    key=len,
    reverse=True,
)  # the longest first: "eine" before "ein"


def number_names(language: str = "de", train: int = 8000, seed: int = 0) -> Corpus:
    """English number names and their translation into "de" or "fr", of numbers with 1 to 12 digits.

    Every length is equally frequent among the `train` numbers; 100 others of each length are held out (20 with two
    digits, none with one). English and French are split into words; German, which writes "dreiundsechzig" as one, into
    its parts. Names are num2words' own. The first call for a language takes some seconds, later ones do not.
    """
    if language not in SPLIT.keys() - {"en"}:
        raise ValueError(
            f"number names are there in {' and '.join(sorted(SPLIT.keys() - {'en'}))}, not in {language!r}"
        )
    rng = random.Random(seed)
    held_out = [
        number
        for digits in range(1, DIGITS + 1)
        for number in rng.sample(_of_length(digits), TEST_PER_LENGTH.get(digits, TEST_OTHERWISE))
    ]
    hidden = set(held_out)
    learned: list[int] = []
    while len(learned) < train:
        as_long = _of_length(rng.randint(1, DIGITS))
        number = rng.choice(as_long)
        while number in hidden:
            number = rng.choice(as_long)
        learned.append(number)
    numbers = sorted({*learned, *held_out})
    english, translated = _names(numbers, "en"), _names(numbers, language)
    pairs = {number: Pair(english[number], translated[number], number) for number in numbers}
    return Corpus([pairs[number] for number in learned], [pairs[number] for number in held_out])


def _of_length(digits: int) -> range:
    return range(10 ** (digits - 1) if digits > 1 else 0, 10**digits)


def _names(numbers: list[int], language: str) -> dict[int, tuple[str, ...]]:
    version = importlib.metadata.version("num2words")

    def build() -> list[str]:
        label = f"number names, {language}"
        return [num2words(number, lang=language) for number in waiting.Bar(numbers, label, "names")]

    which = hashlib.sha256(repr(numbers).encode()).hexdigest()[:16]
    names = cached(
        f"number-names-{language}-{which}-num2words-{version}",
        build,
        fits=lambda kept: isinstance(kept, list) and len(kept) == len(numbers),
    )
    return {number: SPLIT[language](name) for number, name in zip(numbers, names, strict=True)}


def _words(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W\d_]+", name.lower()))


def _german_parts(name: str) -> tuple[str, ...]:
    parts = tuple(re.findall("|".join(GERMAN), name))
    if "".join(parts) != name.replace(" ", ""):
        raise ValueError(f"{name!r} has parts that are not known: only {parts} are")
    return parts


TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
BELOW_TWENTY = """null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn
    sechzehn siebzehn achtzehn neunzehn""".split()
VALUES = {word: value for value, word in enumerate(BELOW_TWENTY)}
VALUES |= {"und": 0, "ein": 1, "eine": 1} | {word: 10 * value for value, word in enumerate(TENS, 2)}
THOUSANDS = {"tausend": 10**3, "Million": 10**6, "Millionen": 10**6, "Milliarde": 10**9, "Milliarden": 10**9}


def german_number(parts: Sequence[str]) -> int | None:
    """The number that is called so in German, or None if no number with 1 to 12 digits is."""
    number = group = 0
    for part in parts:
        if part in THOUSANDS:
            number, group = number + group * THOUSANDS[part], 0
        else:
            group = group * 100 if part == "hundert" else group + VALUES.get(part, 0)
    # what was added up may have been no name: a number has only one
    fits = number + group < 10**DIGITS and _german_parts(num2words(number + group, lang="de")) == tuple(parts)
    return number + group if fits else None


SPLIT: dict[str, Callable[[str], tuple[str, ...]]] = {"en": _words, "fr": _words, "de": _german_parts}
