"""Sentences as numbers, batches, and a test set apart from the training set."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from utils.data import END, PAD, START, Corpus, Pair, Vocabulary


def pairs_of(lengths, first=0):
    """Pairs that differ, with sources of these lengths."""
    return [
        Pair((f"word {first + i}", *["and"] * (length - 1)), (str(first + i),), first + i)
        for i, length in enumerate(lengths)
    ]


def seen(corpus, batches):
    """Which pairs are in these batches, by the only word of their target."""
    return [corpus.target.words[number] for _, target in batches for number in target[:, 1].tolist()]


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="·"), min_size=1)


@given(st.lists(st.lists(words)))
def test_a_sentence_survives_encoding_and_decoding(sentences):
    vocabulary = Vocabulary(sentences)
    assert len(vocabulary) == 3 + len({word for sentence in sentences for word in sentence})
    for sentence in sentences:
        numbers = vocabulary.encode(sentence)
        assert numbers[-1] == END and all(END < number < len(vocabulary) for number in numbers[:-1])
        assert vocabulary.decode([START, *numbers, PAD, PAD]) == sentence
        assert vocabulary.decode(torch.tensor([START, PAD, *numbers, *numbers])) == sentence


def test_a_vocabulary_depends_on_the_words_and_not_on_their_order():
    assert Vocabulary(["ab", "c"]).words == Vocabulary(["c", "ba", "a"]).words


def test_an_unknown_word_is_named():
    with pytest.raises(KeyError, match="zwölf"):
        Vocabulary([["elf"]]).encode(["elf", "zwölf"])


def test_a_corpus_refuses_what_is_both_learned_and_held_out():
    train = [Pair(("a",), ("A",), 1), Pair(("b",), ("B",), 2)]
    for shared in (Pair(("c",), ("C",), 2), Pair(("b",), ("C",), 3), train[0]):
        with pytest.raises(ValueError, match="1 of|2 of"):
            Corpus(train, [shared])
    assert len(Corpus(train, [Pair(("c",), ("B",), 3)]).target) == 5  # a translation may be shared


def test_held_out_words_are_in_the_vocabularies():
    corpus = Corpus([Pair(("a",), ("A",), 1)], [Pair(("b",), ("B",), 2)])
    assert corpus.tensors(corpus.test)[0].tolist() == [[4, END]]


def test_tensors_start_end_and_are_filled_up():
    corpus = Corpus([Pair(("a", "b", "a"), ("B",), 1), Pair(("b",), ("A", "B"), 2), Pair((), (), 3)], [])
    source, target = corpus.tensors(pair for pair in corpus.train)
    assert source.tolist() == [[3, 4, 3, END], [4, END, PAD, PAD], [END, PAD, PAD, PAD]]
    assert target.tolist() == [[START, 4, END, PAD], [START, 3, 4, END], [START, END, PAD, PAD]]
    assert source.dtype == target.dtype == torch.int64


@pytest.mark.parametrize("count, size", [(60, 20), (7, 1), (5, 5), (100, 2), (90, 3), (64, 2)])
def test_every_training_pair_is_seen_once_per_epoch(count, size):
    corpus = Corpus(pairs_of(range(1, count + 1)), [])
    batches = corpus.batches(size)
    for _ in range(3):
        epoch = seen(corpus, itertools.islice(batches, count // size))
        assert sorted(epoch, key=int) == [str(i) for i in range(count)]


def test_batches_are_full_and_everything_is_seen_in_time_where_the_size_does_not_divide():
    corpus = Corpus(pairs_of([3] * 47), [])
    batches = list(itertools.islice(corpus.batches(10), 60))
    assert all(len(source) == len(target) == 10 for source, target in batches)
    assert set(seen(corpus, batches)) == {str(i) for i in range(47)}


def test_batches_follow_their_seed_and_nothing_else():
    corpus = Corpus(pairs_of([1, 2, 3] * 20), pairs_of([2], first=99))
    train = list(corpus.train)
    orders = [seen(corpus, itertools.islice(corpus.batches(6, seed), 30)) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert corpus.train == train and "99" not in orders[0]
    assert orders[0][:60] != orders[0][60:120]  # another order in each epoch


def test_sentences_of_about_the_same_length_share_a_batch():
    corpus = Corpus(pairs_of(list(range(1, 41)) * 5), [])
    batches = list(itertools.islice(corpus.batches(10), 20))
    padding = sum((source == PAD).sum().item() for source, _ in batches)
    assert padding < 0.1 * sum(source.numel() for source, _ in batches)
    shapes = [source.size(1) for source, _ in batches]
    assert shapes != sorted(shapes)  # the order of the batches does not go from short to long


@pytest.mark.parametrize("size", [0, -1, 6])
def test_an_impossible_batch_is_named(size):
    with pytest.raises(ValueError, match=f"a batch of {size} cannot be taken from 5 pairs"):
        next(Corpus(pairs_of([1] * 5), []).batches(size))
