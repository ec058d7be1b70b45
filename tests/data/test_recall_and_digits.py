"""Pairs to recall, and digits in patches."""

import pytest
import torch

from utils import data


@pytest.mark.parametrize("pairs", [1, 3, 8, 32])
def test_the_answer_to_a_key_is_the_value_that_stood_behind_it(pairs):
    tokens, answers = data.associative_recall(100, torch.Generator().manual_seed(0), pairs)
    assert tokens.shape == (100, 3 * pairs) and answers.shape == (100, pairs)
    keys, values, questions = tokens[:, 0 : 2 * pairs : 2], tokens[:, 1 : 2 * pairs : 2], tokens[:, 2 * pairs :]
    for i in range(100):
        pairing = dict(zip(keys[i].tolist(), values[i].tolist(), strict=True))
        assert len(pairing) == pairs and sorted(questions[i].tolist()) == sorted(pairing)
        assert answers[i].tolist() == [pairing[question] for question in questions[i].tolist()]
    assert keys.max() < 32 <= values.min() and values.max() < 64


def test_pairings_orders_and_sequences_are_drawn_anew():
    tokens, answers = data.associative_recall(3000, torch.Generator().manual_seed(0))
    assert len(tokens.unique(dim=0)) == 3000
    by_key = answers[tokens[:, 16:] == 5]
    assert by_key.unique().tolist() == list(range(32, 64))
    assert ((tokens[:, 16:] == tokens[:, 0:16:2]).float().mean(0) - 1 / 8).abs().max() < 0.03
    again = data.associative_recall(3000, torch.Generator().manual_seed(0))
    assert torch.equal(again[0], tokens) and torch.equal(again[1], answers)


@pytest.mark.parametrize("pairs", [0, 33])
def test_pairs_that_there_are_no_keys_for_are_an_error(pairs):
    with pytest.raises(ValueError, match=f"^{pairs} pairs"):
        data.associative_recall(2, torch.Generator(), pairs)


def test_digits_are_the_librarys_pictures_in_patches():
    from sklearn.datasets import load_digits

    learned, held_out = data.digits()
    assert learned.patches.shape == (1400, 16, 4) and held_out.patches.shape == (397, 16, 4)
    assert learned.patches.dtype == torch.float32 and (learned.patches.min(), learned.patches.max()) == (0, 1)
    found = torch.cat([data.pictures(side.patches) for side in (learned, held_out)])
    digit = torch.cat([learned.digit, held_out.digit])
    loaded = load_digits()
    expected = sorted(zip((loaded.images / 16).reshape(-1, 64).tolist(), loaded.target.tolist(), strict=True))
    assert sorted(zip(found.flatten(1).double().tolist(), digit.tolist(), strict=True)) == expected


def test_a_patch_is_two_by_two_and_patches_go_row_by_row():
    patches = torch.arange(64.0).view(16, 4)
    picture = data.pictures(patches)
    assert picture[:2, :4].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]] and picture[2, 0] == 16
    assert torch.equal(data.pictures(patches.expand(2, 3, 16, 4)), picture.expand(2, 3, 8, 8))


def test_other_seeds_hold_out_other_digits():
    one, again, other = (data.digits(seed)[1].patches for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)
