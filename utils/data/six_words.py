"""The small dictionary that several chapters look things up in."""

from torch import Tensor, tensor

SIX_WORDS = {
    "cherry": ((1.0, 0.0), (0.85, 0.10, 0.20)),
    "orange": ((0.6, 0.8), (1.00, 0.60, 0.10)),
    "lemon": ((-0.6, 0.8), (0.95, 0.90, 0.20)),
    "lime": ((-1.0, 0.0), (0.40, 0.80, 0.20)),
    "blueberry": ((-0.6, -0.8), (0.25, 0.35, 0.80)),
    "plum": ((0.6, -0.8), (0.55, 0.20, 0.60)),
}


def small_dictionary() -> tuple[list[str], Tensor, Tensor]:
    """Six words, their keys (6, 2) on a circle of radius one, and their colours (6, 3): red, green, blue in [0, 1].

    Neighbours on the circle have neighbouring colours. The places are invented.
    """
    places, colours = zip(*SIX_WORDS.values(), strict=True)
    return list(SIX_WORDS), tensor(places), tensor(colours)
