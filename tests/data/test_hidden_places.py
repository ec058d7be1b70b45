"""States in which little matters: what they ask for is there, and no single number gives it away."""

import pytest
import torch
from torch import Generator

from utils.data import HiddenPlaces, Shelves


def drawn(count=2000, seeds=range(3), seed=0):
    tasks = HiddenPlaces(seeds)
    return tasks, *tasks.draw(count, Generator().manual_seed(seed))


def test_a_state_stands_near_its_place_in_the_hidden_plane_and_is_noise_elsewhere():
    tasks, states, _, place = drawn()
    near = states @ tasks.plane - tasks.places[place]  # (S, count, 2)
    assert near.std() == pytest.approx(0.1, rel=0.05)
    outside = states.square().sum(-1) - (states @ tasks.plane).square().sum(-1)  # 14 squared normal numbers
    assert outside.mean() == pytest.approx(14, rel=0.05)


def test_the_colour_wanted_is_the_one_of_the_place():
    tasks, _, wanted, place = drawn()
    for seed in range(3):
        assert torch.equal(wanted[seed], tasks.colours[seed][place[seed]])
        assert len(tasks.colours[seed].unique(dim=0)) == 8
    assert wanted.min() >= 0 and wanted.max() <= 1
    assert not torch.equal(tasks.colours[0], tasks.colours[1])


def test_every_place_is_equally_frequent():
    _, _, _, place = drawn(8000)
    assert torch.bincount(place.flatten(), minlength=8).float() / place.numel() == pytest.approx(1 / 8, abs=0.01)


def test_the_same_seeds_give_the_same_tasks_and_each_seed_its_own_plane():
    tasks, states, *_ = drawn()
    again, same, *_ = drawn()
    assert torch.equal(states, same) and torch.equal(tasks.plane, again.plane)
    assert not torch.allclose(tasks.plane[0], tasks.plane[1])
    alone = HiddenPlaces([1])
    assert torch.equal(alone.plane[0], tasks.plane[1])
    assert torch.allclose(tasks.plane.mT @ tasks.plane, torch.eye(2).expand(3, 2, 2), atol=1e-5)


def test_a_shelf_holds_the_colour_asked_for_at_the_place_asked_for():
    shelves = Shelves(seed=4)
    states, inputs, wanted, item = shelves.draw(500, Generator().manual_seed(0))
    assert (states.shape, inputs.shape, wanted.shape) == ((500, 16), (500, 6, 12), (500, 3))
    one_hot = torch.nn.functional.one_hot(item, 6).bool()
    asked, others = inputs[one_hot], inputs[~one_hot]
    to_colour = torch.linalg.lstsq(asked, wanted).solution  # a linear map from an item to its colour
    assert (asked @ to_colour - wanted).abs().max() < 1e-3
    assert (others @ to_colour).std() > 0.1


def test_the_state_says_where_to_look():
    states, inputs, _, item = Shelves(seed=4).draw(2000, Generator().manual_seed(0))

    def explained(items):
        """The share of the items' variance that a linear map from the states explains."""
        residual = items - states @ torch.linalg.lstsq(states, items).solution
        return 1 - residual.square().sum() / (items - items.mean(0)).square().sum()

    rows = torch.arange(len(item))
    assert explained(inputs[rows, item]) > 0.5  # all of the place; neither colour nor noise
    assert explained(inputs[rows, (item + 1) % 6]) < 0.1


def test_places_on_a_shelf_differ_and_colours_are_new_every_time():
    shelves = Shelves()
    _, inputs, wanted, _ = shelves.draw(300, Generator().manual_seed(1))
    _, _, others, _ = shelves.draw(300, Generator().manual_seed(2))
    distances = torch.cdist(inputs, inputs) + 100 * torch.eye(6)
    assert distances.min() > 1  # places are at least 2.3 apart, before noise
    assert not torch.allclose(wanted, others)
    assert len(wanted.unique(dim=0)) == 300
