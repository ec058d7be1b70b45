"""Networks of known needs: with their own looks they are right, and without them exactly where they are said to be."""

import pytest
import torch

from utils.models import KnownNeeds, UniformAttention

LOST = {  # of the words "und" and of the others, with even looks: about a ninth is right by chance
    "ignores its context": (0, 0),
    "needs every look": (1, 1),
    "needs some looks": (0, 1),
}


@pytest.mark.parametrize("kind", LOST)
def test_even_looks_cost_what_is_known(kind):
    network = KnownNeeds(kind)
    assert torch.equal(network.write(network.attention), network.right)
    wrong = network.write(UniformAttention()) != network.right
    for where, lost in zip(network.places.values(), LOST[kind], strict=True):
        assert wrong[where].float().mean() == pytest.approx(lost, abs=0.2)


def test_all_kinds_look_alike_and_sharply():
    weights = [each.attention(each.query, each.key, each.value)[1] for each in map(KnownNeeds, LOST)]
    assert torch.equal(weights[0], weights[1]) and torch.equal(weights[0], weights[2])
    assert weights[0].max(-1).values.min() > 0.99


def test_a_mask_hides_keys():
    network = KnownNeeds("needs every look")
    mask = torch.arange(9) < 5
    _, weights = network.attention(network.query, network.key, network.value, mask.expand(40, 1, 9))
    assert not weights[..., 5:].any()


def test_the_two_kinds_of_places_share_out_all_words():
    und, others = KnownNeeds("needs some looks").places.values()
    assert torch.equal(und, ~others) and und.any()
