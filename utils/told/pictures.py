"""What chapter 08 tells of its picture model."""

from typing import Any

import torch

from utils import data, training

from .deep_models import HERE, OTHER_SEEDS, chapter, from_seed
from .figure import Measured, told


def recognised(here: Any, places: bool, seed: int, steps: int, digits: tuple) -> tuple[float, float]:
    """The share of digits that a picture model recognises, of those learned from and of those held out."""
    learned, held_out = digits
    viewer = from_seed(seed, lambda: here.PictureModel(places))
    batches = here.batches(learned, seed)
    training.train(viewer, batches, here.digit_loss, steps, rate=3e-3, warm_up=20, decay=True, label="digits")
    with torch.no_grad():
        shares = [(viewer(each.patches).argmax(-1) == each.digit).float().mean().item() for each in digits]
    return shares[0], shares[1]


@told(
    HERE,
    "with 1,500 steps it got every training digit right, and .76 of the others",
    16,
    {"learned from": (0.99, 1), "held out": (0.7, 0.82)},
)
def heap_longer() -> Measured:
    learned, held_out = recognised(chapter(), False, 0, 1500, data.digits())
    return {"learned from": learned, "held out": held_out}


@told(
    HERE,
    "With seeds 10, 20 and 30, for the model as for which digits are held out: .97, .98 and .97 with places, .77, .73 "
    "and .74 without.",
    20,
    {"with places": (0.93, 1), "without": (0.65, 0.82)},
)
def other_digits() -> Measured:
    here = chapter()
    return {
        name: [recognised(here, places, seed, 300, data.digits(seed))[1] for seed in OTHER_SEEDS]
        for name, places in {"with places": True, "without": False}.items()
    }
