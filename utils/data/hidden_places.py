"""States of which only a hidden plane matters, and what they ask for."""

import math
from collections.abc import Sequence

import torch
from matplotlib.colors import hsv_to_rgb
from torch import Generator, Tensor

PLACES, STATE_WIDTH, ITEM_WIDTH = 8, 16, 12
RADIUS, BLUR = 3.0, 0.1


class HiddenPlaces:
    """Eight places, each of which wants a colour; the state that says which one is mostly noise. One task per seed.

    A state has 16 numbers. In a plane of two directions, drawn for each seed, it stands near one of the eight, on a
    circle; the other 14 directions hold standard normal numbers. `plane` (S, 16, 2), `places` (8, 2) in that plane,
    `colours` (S, 8, 3) in [0, 1].
    """

    def __init__(self, seeds: Sequence[int] = range(5)):
        generators = [Generator().manual_seed(seed) for seed in seeds]
        self.places = _places()
        self._turn = torch.stack([_rotation(STATE_WIDTH, generator) for generator in generators])  # (S, 16, 16)
        self.plane = self._turn[:, :2].mT
        hues = torch.arange(PLACES) / PLACES
        colours = torch.tensor(hsv_to_rgb([(hue, 0.75, 0.9) for hue in hues.tolist()]), dtype=torch.float32)
        self.colours = torch.stack([colours[torch.randperm(PLACES, generator=g)] for g in generators])

    def draw(self, count: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """States (S, count, 16), the colours they want (S, count, 3), and which place each stands near (S, count)."""
        place = torch.randint(PLACES, (len(self.colours), count), generator=generator)
        states = _blurred(self.places[place], STATE_WIDTH - 2, generator) @ self._turn
        return states, self.colours.gather(1, place[..., None].expand(-1, -1, 3)), place


class Shelves:
    """Inputs of six items, each with a place and a colour of its own; a state asks for the colour at one place.

    Places are six of eight on a circle; colours are new for every input. Both are hidden, with noise, in an item's 12
    numbers; the place asked for is hidden in the state's 16, as in HiddenPlaces.
    """

    items = 6

    def __init__(self, seed: int = 0):
        generator = Generator().manual_seed(seed)
        self._state_turn, self._item_turn = _rotation(STATE_WIDTH, generator), _rotation(ITEM_WIDTH, generator)

    def draw(self, count: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """States (count, 16), inputs (count, 6, 12), the colours asked for (count, 3), and which items have them."""
        places = _places()[torch.rand(count, PLACES, generator=generator).argsort(1)[:, : self.items]]
        colours = torch.rand(count, self.items, 3, generator=generator)
        item = torch.randint(self.items, (count,), generator=generator)
        row = torch.arange(count)
        states = _blurred(places[row, item], STATE_WIDTH - 2, generator) @ self._state_turn
        noise = torch.randn(count, self.items, ITEM_WIDTH - 5, generator=generator)
        inputs = torch.cat([places, colours, noise], -1) @ self._item_turn
        return states, inputs, colours[row, item], item


def _places() -> Tensor:
    angles = torch.arange(PLACES) * (2 * math.pi / PLACES)
    return RADIUS * torch.stack([angles.cos(), angles.sin()], -1)


def _rotation(width: int, generator: Generator) -> Tensor:
    return torch.linalg.qr(torch.randn(width, width, generator=generator))[0]


def _blurred(places: Tensor, noise: int, generator: Generator) -> Tensor:
    near = places + BLUR * torch.randn(places.shape, generator=generator)
    return torch.cat([near, torch.randn(*places.shape[:-1], noise, generator=generator)], -1)
