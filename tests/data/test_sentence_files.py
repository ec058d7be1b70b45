"""Two text files of a reader's own: what becomes of them, and what is said of files that will not do."""

import itertools

import pytest

from utils import models
from utils.data import UNKNOWN, Pair, pairs_from_files, tokens

NAMES = "anna ben carla dan eva finn greta hans ida jan".split()
VERBS = {"sees": "sieht", "hears": "hört", "likes": "mag", "knows": "kennt"}


def sentences():
    """Four hundred short pairs, and forty long ones."""
    short = [
        (f"{first.title()} {verb} {second}.", f"{first.title()} {VERBS[verb]} {second}.")
        for first, verb, second in itertools.product(NAMES, VERBS, NAMES)
    ]
    long = [(f"{' and '.join(NAMES[:8])} {verb} {name}", "lang " * 16) for verb in VERBS for name in NAMES]
    return short + long


@pytest.fixture
def written(tmp_path):
    """Writes two files, line by line, and says where they are."""

    def write(pairs, end="\n"):
        paths = tmp_path / "left.txt", tmp_path / "right.txt"
        for side, path in enumerate(paths):
            path.write_bytes("".join(pair[side] + end for pair in pairs).encode())
        return paths

    return write


@pytest.mark.parametrize(
    "sentence, expected",
    {
        "Tom's 3 cats, etc.": "tom' s 3 cats , etc .",
        "L’homme dit : « Oui ! »": "l' homme dit : « oui ! »",
        "'quoted'": "' quoted '",
        "C'est-à-dire…": "c' est - à - dire …",
        "Straße ÄRGER": "straße ärger",
        "e\u0301te\u0301": "\u00e9t\u00e9",
        "मैं घर जाता हूँ।": "मैं घर जाता हूँ ।",
        "   ": "",
    }.items(),
)
def test_words_and_marks_are_apart_and_in_lower_case(sentence, expected):
    assert tokens(sentence) == tuple(expected.split())


def test_a_line_of_each_is_a_pair_and_says_where_it_is_from(written):
    given = sentences()
    corpus = pairs_from_files(*written(given), at_least=1)
    for pair in [*corpus.train, *(pair for pair in corpus.test if UNKNOWN not in pair.source + pair.target)]:
        assert (pair.source, pair.target) == tuple(map(tokens, given[pair.about - 1]))
    assert corpus.source.words[-5:] == ["jan", "knows", "likes", "sees", UNKNOWN]  # "and", in what is held out only


def test_what_is_held_out_is_not_learned_from_in_either_language(written):
    given = sentences()
    given += [(f"{source} really", target) for source, target in given]  # a translation of two sentences
    given += given  # and each of them twice
    corpus = pairs_from_files(*written(given))
    assert len(corpus.train) > 300 and len(corpus.test) > 10
    for side in (0, 1):
        assert not {pair[side] for pair in corpus.train} & {pair[side] for pair in corpus.test}
    assert len({pair.source for pair in corpus.test}) == len(corpus.test)


def test_long_sentences_are_for_a_test_only(written):
    corpus = pairs_from_files(*written(sentences()), longest=14)
    assert max(len(sentence) for pair in corpus.train for sentence in pair[:2]) <= 14
    short, long = ([pair for pair in corpus.test if (len(pair.target) > 14) is is_long] for is_long in (False, True))
    assert (len(corpus.train), len(short), len(long)) == (360, 40, 40)
    few = pairs_from_files(*written(sentences()), test=5)
    assert (len(few.train), len(few.test)) == (395, 10)


def test_both_sides_count_for_the_length(written):
    given = [*sentences(), ("a short one", "ein " * 15), ("one " * 15, "kurz")]
    learned = {pair.about for pair in pairs_from_files(*written(given)).train}
    assert not learned & {len(given) - 1, len(given)}


def test_words_that_are_rare_where_one_learns_are_unknown(written):
    given = sentences()
    given += [("rare1 sees anna", "anna"), *[("often sees rare2", "ben")] * 4]
    corpus = pairs_from_files(*written(given), at_least=4, test=0)
    marked = {pair.about: pair for pair in corpus.train}
    assert marked[len(given) - 4].source == (UNKNOWN, "sees", "anna")
    assert marked[len(given)].source == ("often", "sees", "rare2")
    assert UNKNOWN not in corpus.target.words
    assert pairs_from_files(*written(given), at_least=1, test=0).train[-5].source == ("rare1", "sees", "anna")


def test_a_sentence_of_ones_own_can_be_asked_and_translated(written):
    corpus = pairs_from_files(*written([*sentences(), ("rare sees anna", "anna")]), test=0)
    asked = Pair(tokens("Zebras see Anna!"), (), None)
    numbers = corpus.source.encode(asked.source)
    assert corpus.source.decode(numbers) == [UNKNOWN, UNKNOWN, "anna", UNKNOWN]
    model = models.EncoderDecoder(len(corpus.source), len(corpus.target), width=8)
    assert len(model.translate(corpus, [asked])) == 1
    source, target = next(corpus.batches(20))
    assert len(source) == len(target) == 20


def test_the_same_files_give_the_same_corpus(written):
    first, again = (pairs_from_files(*written(sentences())) for _ in range(2))
    assert (first.train, first.test) == (again.train, again.test)
    windows = pairs_from_files(*written(sentences(), end="\r\n"))
    assert (first.train, first.test) == (windows.train, windows.test)


def test_blank_lines_and_marks_of_encoding_do_no_harm(written):
    given = [("", "leer"), *sentences(), ("blank", " ")]
    paths = written(given)
    paths[0].write_bytes(b"\xef\xbb\xbf" + paths[0].read_bytes() + b"\n\n")  # an editor's
    paths[1].write_bytes(paths[1].read_bytes().replace(b"Anna mag ben.", "Anna\u2028mag\x0bben.".encode()))
    with pytest.raises(ValueError, match=r"left\.txt has 442 lines and .*right\.txt has 441"):
        pairs_from_files(*paths)  # the last line of one is blank, and so a sentence lacks its translation
    paths = written(given[:-1])
    paths[0].write_bytes(b"\xef\xbb\xbf" + paths[0].read_bytes() + b"\n\n")
    paths[1].write_bytes(paths[1].read_bytes().replace(b"Anna mag ben.", "Anna\u2028mag\x0bben.".encode()))
    corpus = pairs_from_files(*paths, test=0)
    assert len(corpus.train) == 400 and corpus.train[0].about == 2
    assert ("anna", "mag", "ben", ".") in {pair.target for pair in corpus.train}
    assert not any("\ufeff" in word for word in corpus.source.words)


def test_a_missing_file_is_named(written, tmp_path):
    source, target = written(sentences())
    for paths in ((source, tmp_path / "nowhere.txt"), (tmp_path / "nowhere.txt", target)):
        with pytest.raises(OSError, match="nowhere"):
            pairs_from_files(*paths)
    with pytest.raises(OSError, match=tmp_path.name):
        pairs_from_files(source, tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_named(written, content):
    source, target = written(sentences())
    target.write_bytes(content)
    with pytest.raises(ValueError, match=r"right\.txt is empty"):
        pairs_from_files(source, target)


def test_a_file_in_another_encoding_is_named_with_the_line(written):
    source, target = written(sentences())
    target.write_bytes(target.read_bytes().decode().encode("latin-1"))
    with pytest.raises(ValueError, match=r"right\.txt is not UTF-8, from line 11 on"):
        pairs_from_files(source, target)


@pytest.mark.parametrize("count, left", [(1, 1), (99, 90), (111, 100)])
def test_too_few_pairs_are_counted(written, count, left):
    paths = written(sentences()[:count])
    if left >= 100:
        assert len(pairs_from_files(*paths).train) == left
    else:
        with pytest.raises(ValueError, match=rf"have {count} pairs.* {left} of them are left .*at most 14.*100"):
            pairs_from_files(*paths)


def test_words_without_spaces_between_them_are_noticed(written):
    with pytest.raises(ValueError, match=r"no word of .*left\.txt occurs 4 times.*spaces"):
        pairs_from_files(*written([(f"我家有{i}只猫", "we have cats") for i in range(200)]))


@pytest.mark.parametrize("wrong", [{"longest": 0}, {"at_least": 0}])
def test_an_impossible_number_is_named(written, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} should be 1 or more, and is 0"):
        pairs_from_files(*written(sentences()), **wrong)
