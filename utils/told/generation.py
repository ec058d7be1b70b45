"""What chapter 10 tells of heads that it does not train."""

import functools

import torch
from torch import nn

from utils import training

from .figure import Measured, defined_in, told

HERE = "10"


@told(HERE, "over .99 with each of three seeds", 6, {"first version": (0.98, 1.001), "second version": (0.98, 1.001)})
def wider_shared_value() -> Measured:
    here = defined_in(HERE)

    class WiderValue(here.TwoHeads):  # type: ignore[misc, name-defined]
        """One head of keys, as before, and a value of sixteen numbers."""

        def __init__(self, thing: int):
            super().__init__(thing, key_heads=1)
            self.W_v, self.W_o = nn.Linear(thing, 16, bias=False), nn.Linear(32, 16, bias=False)

    found = {}
    for name, parts in {"first version": 1, "second version": 2}.items():
        batches = here.two_of_eight(parts, torch.Generator().manual_seed(2))
        networks = training.Seeds(functools.partial(WiderValue, 8 + 8 * parts), range(3))
        training.train(networks, batches, here.error, 500, rate=0.01, decay=True, label=name)
        with torch.no_grad():
            errors = torch.stack([here.error(networks, *next(batches)) for _ in range(10)])
        found[name] = (1 - errors.mean(0)).tolist()
    return found
