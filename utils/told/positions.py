"""What chapter 06 tells of positions that it does not train."""

from typing import Any

import torch

from utils import training

from .figure import Measured, defined_in, told

HERE = "06"
OTHER_SEEDS = (10, 20, 30)  # the first of five each


@told(
    HERE,
    "With fifteen other seeds rotated positions have .66 to .96 right at a length of 64.",
    10,
    {"rotated, length 64": (0.4, 1), "the best": (0.9, 1), "the worst": (0.4, 0.8)},
)
def other_rotated() -> Measured:
    found = [share for first in OTHER_SEEDS for share in _rotated(first)]
    return {"rotated, length 64": found, "the best": max(found), "the worst": min(found)}


def _rotated(first: int) -> list[float]:
    """How often five of them are right at a length of 64, from this seed on."""
    here: Any = defined_in(HERE, "SEEDS")
    models = training.Seeds(lambda: here.Reader("rotated"), range(first, first + 5))
    batches = here.sequences(16, torch.Generator().manual_seed(first))
    training.train(models, batches, here.wrong_symbol, 400, rate=0.01, decay=True, label=f"seeds from {first}")
    return here.share_known(models, 64).tolist()


@told(
    HERE,
    "No slope mends it: with slopes of .5, .1 and .02 it has .12 to .26 right at the trained length.",
    10,
    {"ALiBi, five places before": (0.08, 0.35)},
)
def other_slopes() -> Measured:
    here: Any = defined_in(HERE, "SEEDS", "lengths")
    found: list[float] = []
    for slope in (0.5, 0.1, 0.02):
        found += here.learn_to_read(f"slope {slope}", lambda slope=slope: here.Distant(slope), back=5)[0].tolist()
    return {"ALiBi, five places before": found}


@told(
    HERE,
    "At a length of 64, positions 41 to 64 give .5 to .9 of their weight to distances above 15, and hardly any to "
    "those from 2 to 15.",
    5,
    {"above 15": (0.3, 1), "from 2 to 15": (0, 0.1)},
)
def distances_never_seen() -> Measured:
    here: Any = defined_in(HERE, "SEEDS")
    models = training.Seeds(lambda: here.Reader("rotated"), range(here.SEEDS))
    batches = here.sequences(16, torch.Generator().manual_seed(3))
    training.train(models, batches, here.wrong_symbol, 400, rate=0.01, decay=True, label="rotated")
    (tokens,) = next(here.sequences(64, torch.Generator().manual_seed(7)))
    far = torch.arange(64)[:, None] - torch.arange(64)  # (64, 64)
    found: dict[str, list[float]] = {"above 15": [], "from 2 to 15": []}
    for seed in range(here.SEEDS):
        reader: Any = models.model(seed)
        x = reader.embedding(tokens[seed])
        query, key = (here.rotary(each, torch.arange(64)) for each in (reader.W_q(x), reader.W_k(x)))
        weights = here.scaled_dot_product(query, key, x, here.causal_mask(64, 64))[1][:, 40:].detach()
        found["above 15"].append((weights * (far > 15)[40:]).sum(-1).mean().item())
        found["from 2 to 15"].append((weights * ((far > 1) & (far <= 15))[40:]).sum(-1).mean().item())
    return found
