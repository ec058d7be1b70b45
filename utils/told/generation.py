"""What chapter 10 tells of heads that it does not train."""

import functools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

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


@told(
    HERE,
    "Where each searches by a kind of its own and the key is narrow, sharing loses: `two_kinds_of_names`, two "
    "thirds against .99.",
    6,
    {"a key each": (0.95, 1.001), "one key, shared": (0.4, 0.85)},
)
def two_kinds_of_names() -> Measured:
    here = defined_in(HERE)

    class NarrowKeys(here.TwoHeads):  # type: ignore[misc, name-defined]
        """Each thing has a name, a colour and eight numbers; queries and keys have four numbers for each head."""

        def __init__(self, key_heads: int):
            super().__init__(24, key_heads)
            self.W_q, self.W_k = nn.Linear(16, 8, bias=False), nn.Linear(24, 4 * key_heads, bias=False)

    found = {}
    for name, key_heads in {"a key each": 2, "one key, shared": 1}.items():
        batches = _by_name_and_by_colour(torch.Generator().manual_seed(2))
        networks = training.Seeds(functools.partial(NarrowKeys, key_heads), range(3))
        training.train(networks, batches, here.error, 500, rate=0.01, decay=True, label=name)
        with torch.no_grad():
            errors = torch.stack([here.error(networks, *next(batches)) for _ in range(10)])
        found[name] = (1 - errors.mean(0)).tolist()
    return found


def _by_name_and_by_colour(draws: torch.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Queries of a name and a colour, things, and the numbers of the thing of that name and of that of that colour."""
    kinds = torch.eye(8)
    while True:
        numbers = torch.randn(3, 64, 8, 8, generator=draws)
        colour = torch.rand(3, 64, 8, generator=draws).argsort(-1)  # of each thing
        things = torch.cat([kinds.expand(3, 64, 8, 8), kinds[colour], numbers], -1)
        asked = torch.randint(8, (3, 64, 2), generator=draws)
        place = torch.stack([asked[..., 0], (colour == asked[..., 1:]).int().argmax(-1)], -1)
        wanted = numbers.gather(2, place[..., None].expand(3, 64, 2, 8)).flatten(-2)
        yield 3 * kinds[asked].flatten(-2)[:, :, None], things, wanted[:, :, None]
