"""Drawn inputs depend on every bit of a seed, and one case's say nothing of another's."""

import numpy as np
import pytest
import torch

from utils import exercises
from utils.exercises import lots

BANK = [exercises.get(name) for name in exercises.names()]


def numbers(generator):
    return torch.randn(100, generator=generator)


def test_the_state_lies_where_pytorch_keeps_it():
    """NumPy seeds the same twister in the same way, so its state has to give PyTorch's own numbers."""
    words = np.random.RandomState(5).get_state()[1]
    assert numbers(lots.with_state(words)).equal(numbers(torch.Generator().manual_seed(5)))


def test_the_same_names_give_the_same_numbers():
    assert numbers(lots.generator(3, "a")).equal(numbers(lots.generator(3, "a")))


@pytest.mark.parametrize("other", [(3, "b"), (4, "a"), (3 + 2**32, "a"), (3 + 2**127, "a"), ("3", "a"), (3, "a", "")])
def test_any_difference_gives_other_numbers(other):
    assert not numbers(lots.generator(3, "a")).isclose(numbers(lots.generator(*other))).any()


@pytest.mark.parametrize("exercise", BANK, ids=exercises.names())
def test_seeds_that_agree_in_32_bits_draw_different_cases(exercise):
    pairs = zip(exercise.trials(7), exercise.trials(7 + 2**32), strict=True)
    assert any(repr(one.inputs) != repr(two.inputs) for one, two in pairs)
