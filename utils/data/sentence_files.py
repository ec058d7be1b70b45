"""Sentences to translate from two text files of your own."""

import hashlib
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path

from .corpora import UNKNOWN, Corpus, Pair

ENOUGH = 100  # pairs to learn from; with fewer, hardly any word occurs a few times
ONE_HELD_OUT_OF = 10  # at most
PUNCTUATION = re.escape(string.punctuation + "«»‹›„“”‚‘…¿¡–—،؟؛।")
TOKEN = re.compile(rf"[^\s{PUNCTUATION}]+'(?=[^\s{PUNCTUATION}])|[^\s{PUNCTUATION}]+|[{PUNCTUATION}]")  # l' first


def tokens(sentence: str) -> tuple[str, ...]:
    """Its words and punctuation marks in lower case: "L'ami dort." has l', ami, dort and a full stop.

    For languages that put spaces between words.
    """
    return tuple(TOKEN.findall(unicodedata.normalize("NFC", sentence).lower().replace("’", "'")))


def pairs_from_files(
    source: str | PathLike[str], target: str | PathLike[str], longest: int = 14, at_least: int = 4, test: int = 400
) -> Corpus:
    """A corpus from two files, UTF-8, a sentence a line: line n of one is the translation of line n of the other.

    Pairs with more than `longest` tokens on either side are not learned from. Up to `test` of them are held out, for a
    test by length, and up to `test` of the others (a tenth at most), chosen by what their source says: the same ones
    on every machine. No sentence that is held out, in either language, is learned from. A word that occurs fewer than
    `at_least` times in what is learned from becomes `UNKNOWN`. `about` is the number of a pair's line, from 1; lines
    that are blank in either file are left out.

    Raises OSError for a file that cannot be read. Raises ValueError for one that is empty or not UTF-8, for files that
    differ in length, for fewer than a hundred pairs to learn from, and where every word would be unknown.
    """
    for name, count in {"longest": longest, "at_least": at_least}.items():
        if count < 1:
            raise ValueError(f"{name} should be 1 or more, and is {count}")
    pairs = _pairs(Path(source), Path(target))
    short = [pair for pair in pairs if len(pair.source) <= longest and len(pair.target) <= longest]
    long = [pair for pair in pairs if len(pair.source) > longest or len(pair.target) > longest]
    held_out = _chosen(short, min(test, len(short) // ONE_HELD_OUT_OF)) + _chosen(long, test)
    hidden = {pair.source for pair in held_out}
    learned = [pair for pair in short if pair.source not in hidden]
    if len(learned) < ENOUGH:
        raise ValueError(
            f"{source} and {target} have {len(pairs)} pairs of sentences, and {len(learned)} of them are left to learn "
            f"from, with at most {longest} tokens each; {ENOUGH} are needed, and many thousands are better"
        )
    known = [_frequent((pair[side] for pair in learned), at_least) for side in (0, 1)]
    for words, path in zip(known, (source, target), strict=True):
        if not words:
            raise ValueError(
                f"no word of {path} occurs {at_least} times in what is learned from, so all would be unknown. "
                f"More text helps, or a smaller at_least; and words need spaces between them"
            )
    train = [_marked(pair, known) for pair in learned]
    seen = [{pair[side] for pair in train} for side in (0, 1)]
    apart = [_marked(pair, known) for pair in held_out]
    return Corpus(train, [pair for pair in apart if pair.source not in seen[0] and pair.target not in seen[1]])


def _pairs(source: Path, target: Path) -> list[Pair]:
    lines = [_lines(source), _lines(target)]
    if len(lines[0]) != len(lines[1]):
        raise ValueError(
            f"{source} has {len(lines[0])} lines and {target} has {len(lines[1])}: "
            f"line n of one should be the translation of line n of the other"
        )
    both = zip(map(tokens, lines[0]), map(tokens, lines[1]), strict=True)
    return [Pair(first, second, number) for number, (first, second) in enumerate(both, 1) if first and second]


def _lines(path: Path) -> list[str]:
    written = path.read_bytes()  # an OSError names the file itself
    try:
        text = written.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = written[: error.start].count(b"\n") + 1
        raise ValueError(f"{path} is not UTF-8, from line {line} on: save it as UTF-8") from error
    if not text.strip():
        raise ValueError(f"{path} is empty: it should have a sentence a line")
    # not splitlines(), which also divides at signs that may stand within a sentence
    return re.split("\r\n|\n|\r", text.rstrip())


def _chosen(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """Up to so many of the pairs, each with another source."""
    one_each: dict[tuple[str, ...], Pair] = {}
    for pair in pairs:
        one_each.setdefault(pair.source, pair)
    return sorted(one_each.values(), key=lambda pair: hashlib.sha1(" ".join(pair.source).encode()).digest())[:count]


def _frequent(sentences: Iterable[Sequence[str]], at_least: int) -> set[str]:
    counts = Counter(word for sentence in sentences for word in sentence)
    return {word for word, count in counts.items() if count >= at_least}


def _marked(pair: Pair, known: Sequence[set[str]]) -> Pair:
    source, target = (
        tuple(word if word in words else UNKNOWN for word in sentence)
        for sentence, words in zip(pair[:2], known, strict=True)
    )
    return Pair(source, target, pair.about)
