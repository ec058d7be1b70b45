"""The loss of a translation against the sum by hand, and whatever the padding."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from utils.data import PAD
from utils.models import BahdanauAttention, EncoderDecoder, translation_loss
from utils.training import train


@pytest.fixture
def translation():
    torch.manual_seed(0)
    model = EncoderDecoder(7, 8, BahdanauAttention(6, 12, 5), width=6, embedding=4).double()
    source = torch.tensor([[3, 4, 2, 0, 0], [5, 6, 3, 4, 2], [2, 0, 0, 0, 0]])
    target = torch.tensor([[1, 3, 4, 5, 2], [1, 6, 2, 0, 0], [1, 7, 3, 2, 0]])
    return model, source, target


def test_the_loss_of_a_translation_is_the_mean_over_its_words_and_not_over_padding(translation):
    model, source, target = translation
    surprises = []
    for sentence, words in zip(source, target, strict=True):
        sentence, words = sentence[sentence != PAD][None], words[words != PAD]
        for t in range(1, len(words)):
            logits = model(sentence, words[None, :t])[0, -1]
            surprises.append(logits.exp().sum().log() - logits[words[t]])
    assert len(surprises) == 9
    torch.testing.assert_close(translation_loss(model, source, target), sum(surprises) / 9)


def test_more_padding_changes_neither_the_loss_nor_its_gradient(translation):
    model, source, target = translation
    found = []
    for padding in (0, 4):
        loss = translation_loss(model, F.pad(source, (0, padding)), F.pad(target, (0, padding)))
        found.append((loss, *torch.autograd.grad(loss, list(model.parameters()))))
    torch.testing.assert_close(*found)


def test_a_small_corpus_is_learned_by_heart(translation):
    model, source, target = translation
    losses = train(model, itertools.repeat((source, target)), translation_loss, steps=300, rate=0.05, goal=0.1)
    assert len(losses) < 300 and losses[-20:].mean() < 0.1
    words, _ = model.greedy(source)
    assert words.tolist() == target[:, 1:].tolist()
