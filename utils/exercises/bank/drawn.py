"""Inputs that exercises draw: masks (…, Tq, Tk) in which something is hidden, what a lookup takes, and a sequence in parts."""

import torch

from ..exercise import Draw, normal


def some_hidden(*shape, empty=False):
    """A random mask whose first key is visible and last hidden; with `empty`, the first row hides everything."""

    def draw(generator):
        mask = torch.rand(shape, generator=generator) < 0.6
        mask[..., 0], mask[..., -1] = True, False
        if empty:
            mask[..., 0, :] = False
        return mask

    return Draw(draw)


def first_sees_nothing(*shape):
    """A random mask whose first query sees nothing, and the second the first key and not the last."""

    def draw(generator):
        mask = torch.rand(shape, generator=generator) < 0.6
        mask[..., 0, :] = False
        mask[..., 1, 0], mask[..., 1, -1] = True, False
        return mask

    return Draw(draw)


def lookup(Tq, Tk, Dk, Dv, *batch, dtype=torch.float32, **more):
    """A query, keys and values of these sizes, and what else a case is given."""
    shapes = {"query": (Tq, Dk), "key": (Tk, Dk), "value": (Tk, Dv)}
    return {name: normal(*batch, *shape, dtype=dtype) for name, shape in shapes.items()} | more


def exponentials(Tq, Tk, A, scale=1.0):
    """What additive scores are made of once the exponentials are taken: a (Tq, A), b (Tk, A) and the score vector."""
    shapes = {"a": (Tq, A), "b": (Tk, A)}
    drawn = {name: _exponential(shape, scale) for name, shape in shapes.items()}
    return {**drawn, "score_vector": normal(A)}


def _exponential(shape, scale):
    return Draw(lambda generator: torch.exp(scale * torch.randn(shape, generator=generator)))


ORDERS = {
    "contiguous": lambda n, places: places.view(n, -1),
    "striped": lambda n, places: places.view(-1, n).T.contiguous(),
    "zigzag": lambda n, places: torch.cat([places.view(2 * n, -1)[:n], places.view(2 * n, -1)[n:].flip(0)], 1),
    "shuffled": lambda n, places: places.view(n, -1),
}

def parts(n, length, Dk, Dv, *batch, order="contiguous", query=(0, 1), key=(0, 1), dtype=torch.float32, **more):
    """n parts of so many places in that order; query and key: their mean and spread."""

    def draw(generator):
        sizes = {"query": (Dk, *query), "key": (Dk, *key), "value": (Dv, 0, 1)}
        places = torch.randperm(n * length, generator=generator) if order == "shuffled" else torch.arange(n * length)
        return more | {"positions": ORDERS[order](n, places)} | {
            name: mean + spread * torch.randn(n, *batch, length, width, generator=generator, dtype=dtype)
            for name, (width, mean, spread) in sizes.items()
        }

    return {"together": draw}
