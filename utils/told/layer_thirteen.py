"""What chapter 07 tells of networks that it does not train."""

from collections.abc import Callable, Sequence
from types import ModuleType

import torch
from torch import Tensor, nn

from utils import data, models, training
from utils.models import deep_network

from .figure import Measured, defined_in, told

HERE = "07"
OTHER_SEEDS = ([10, 11, 12], [20, 21, 22])


def chapter(seeds: Sequence[int] = (0, 1, 2)) -> ModuleType:
    """The chapter's functions, for these seeds."""
    here = defined_in(HERE, "kinds")
    here.seeds = list(seeds)
    return here


def right(
    here: ModuleType,
    slots: int = 4,
    steps: int = 400,
    loss: Callable = models.table_loss,
    asked: Callable | None = None,
    network: Callable = models.DeepNetwork,
    reader: Callable[[], nn.Module] | None = None,
    **options: object,
) -> list[float]:
    """The share of right values for each seed, learned as in the chapter, of networks with these options."""

    def build() -> nn.Module:
        return network(slots, **options, **({"reader": reader()} if reader else {}))

    return here.learn(build, slots, loss=loss, asked=asked, steps=steps)[-1].tolist()


@told(
    HERE,
    "with orthogonal matrices at the start, and 2,000 steps instead of 400, plain layers had over 95 % right with "
    "each seed",
    14,
    {"orthogonal, 2,000 steps": (0.95, 1)},
)
def longer() -> Measured:
    return {"orthogonal, 2,000 steps": right(chapter(), steps=2000, orthogonal=True)}


@told(
    HERE,
    "in untrained LayerNorm networks .06 to .12 more, in ReLU networks .05 to .07",
    15,
    {"LayerNorm, a hidden layer more": (0.04, 0.16), "ReLU, a hidden layer more": (0.03, 0.1)},
)
def curved_reader() -> Measured:
    here, found = chapter(), {}
    for name in ("LayerNorm", "ReLU"):
        more = []
        for seed in here.seeds:
            torch.manual_seed(seed)
            network = models.DeepNetwork(4, **here.kinds[name])
            line = here.left_of_the_table(network, [12]).mean().item()
            more.append(_read_with_a_hidden_layer(network) - line)
        found[f"{name}, a hidden layer more"] = more
    return found


def _read_with_a_hidden_layer(network: nn.Module) -> float:
    """How much of the table a reader with a hidden layer finds in what layer 13 reads, on tables that it has not seen.

    It is trained on 6,000 tables, where a line has enough with 1,000; the same blur of one per cent.
    """
    draws = torch.Generator().manual_seed(2)
    tables, a, b, question = data.table_questions((7000,), 4, draws)
    with torch.no_grad():
        seen = network.read(network.states(tables, a, b, question)[12], question)
    seen = seen + 0.01 * seen.std() * torch.randn(seen.shape, generator=draws)
    seen = (seen - seen[:6000].mean(0)) / seen[:6000].std(0)

    def rows():
        while True:
            chosen = torch.randint(6000, (256,), generator=draws)
            yield seen[chosen], tables[chosen]

    def loss(reader: nn.Module, x: Tensor, wanted: Tensor) -> Tensor:
        return nn.functional.cross_entropy(reader(x).view(-1, 8), wanted.flatten())

    reader = nn.Sequential(nn.Linear(seen.size(1), 256), nn.ReLU(), nn.Linear(256, 4 * 8))
    training.train(reader, rows(), loss, 1500, rate=2e-3, warm_up=50, decay=True, label="a reader with a hidden layer")
    with torch.no_grad():
        guesses = reader(seen[6000:]).view(1000, 4, 8).argmax(-1)
    return (guesses == tables[6000:]).float().mean().item()


@told(
    HERE,
    "by a gate of 1.75 at each layer, it had .35 to .39 right without other work, and .13 to .31 with it, over five "
    "seeds",
    15,
    {"without other work": (0.3, 0.45), "with it": (0.1, 0.35)},
)
def size_alone() -> Measured:
    here = chapter(range(5))

    def enlarged(number: int, state: Tensor) -> Tensor:
        return here.gate(state, 1.75, 1.75)

    return {
        "without other work": right(here, carry=enlarged, loss=models.value_loss),
        "with it": right(here, carry=enlarged),
    }


@told(HERE, "Small random queries had .88 to 1.00.", 6, {"queries of a tenth": (0.8, 1)})
def random_queries() -> Measured:
    here = chapter()

    def reader() -> nn.Module:
        reader = models.DepthReader(here.depth_attention)
        nn.init.normal_(reader.query, std=0.1)
        return reader

    return {"queries of a tenth": right(here, reader=reader)}


@told(HERE, "A query that is held at zero, the mean of all, got .4", 6, {"the mean of three seeds": (0.3, 0.5)})
def mean_of_all_layers() -> Measured:
    here = chapter()

    def reader() -> nn.Module:
        reader = models.DepthReader(here.depth_attention)
        reader.query.requires_grad_(False)
        return reader

    return {"the mean of three seeds": sum(right(here, reader=reader)) / 3}


OWN_QUERY = {"slots": 3, "told": False, "asked": lambda a, b: (a + b) % 3}


class Lookups(models.DeepNetwork):
    """Before every layer a lookup in what all layers below have given, in place of their sum; queries start at zero."""

    def __init__(self, slots: int, **options: object):
        super().__init__(slots, **options)
        self.queries = nn.Parameter(torch.zeros(len(self.layers) + 1, deep_network.WIDTH))

    def states(self, table: Tensor, a: Tensor, b: Tensor, question: Tensor) -> list[Tensor]:
        given = [self.code(table, a, b)]
        states = [given[0]]
        for number, layer in enumerate(self.layers, 1):
            state = self.read(states[-1], question) if number == self.asked_at else states[-1]
            given.append(torch.tanh(layer(state)))
            states.append(self._found(self.queries[number], torch.stack(given)))
        return states

    def _found(self, query: Tensor, sources: Tensor) -> Tensor:
        keys = sources / sources.square().mean(-1, keepdim=True).sqrt()
        weights = torch.softmax(keys @ query, 0)  # (L, B)
        return (weights[..., None] * sources).sum(0)


@told(
    HERE,
    "A lookup before *every* layer, in all that was given below and in place of the sum, trains as well: with its own "
    "query and three slots everything was right, as with the sum; with a question handed in and four slots .43 to .46, "
    "where the sum has 1.00.",
    45,
    {"its own query, three slots": (0.98, 1), "a question handed in, four slots": (0.35, 0.55)},
)
def lookups_everywhere() -> Measured:
    here = chapter()
    return {
        "its own query, three slots": right(here, network=Lookups, **OWN_QUERY),
        "a question handed in, four slots": right(here, network=Lookups),
    }


@told(
    HERE,
    "asked at layer 4 of seven, or at layer 8 of eleven, plain layers alone had everything right",
    8,
    {"at layer 4 of 7": (0.95, 1), "at layer 8 of 11": (0.95, 1)},
)
def asked_earlier() -> Measured:
    here = chapter()
    return {
        f"at layer {layer} of {layer + 3}": right(here, depth=layer + 3, asked_at=layer, **OWN_QUERY)
        for layer in (4, 8)
    }


@told(
    HERE,
    "at layer 13 of sixteen a skip had 1.00, and attention over depth .86 to .97",
    10,
    {"a skip": (0.97, 1), "attention over depth": (0.78, 1)},
)
def other_ways() -> Measured:
    here = chapter()
    return {
        "a skip": right(here, reader=here.Skip, **OWN_QUERY),
        "attention over depth": right(here, reader=lambda: models.DepthReader(here.depth_attention), **OWN_QUERY),
    }


@told(
    HERE,
    "Trained for 3,000 steps, the reader of the state without noise was right in over 99 %, with noise in PLACE.",
    60,
    {"the state, without noise": (0.99, 1), "the state, with noise": (0.0, 0.9)},
)
def carried_longer() -> Measured:
    here = chapter()
    same = {
        "slots": 8,
        "steps": 3000,
        "residual": True,
        "reader": lambda: models.StateReader(8, here.attend_to_input),
    }
    return {"the state, without noise": right(here, **same), "the state, with noise": right(here, noise=0.2, **same)}


@told(
    HERE,
    "after 4,000 steps 16 slots reached 97 %, and 32 slots 63 %",
    40,
    {"16 slots": (0.93, 1), "32 slots": (0.5, 0.75)},
)
def size_longer() -> Measured:
    here, found = chapter(), {}
    for slots in (16, 32):

        def reader(slots: int = slots) -> nn.Module:
            return models.StateReader(slots, here.attend_to_input)

        found[f"{slots} slots"] = right(here, slots, 4000, reader=reader, residual=True, depth=4, asked_at=1)
    return found


@told(
    HERE,
    "set by hand, two numbers for each slot, they hold 32 entries without a mistake",
    1,
    {"32 entries, read by lines": (1, 1)},
)
def held_by_hand() -> Measured:
    """A value is a point on a circle, so that each of the eight is the furthest in a direction of its own."""
    table = torch.randint(8, (1000, 32), generator=torch.Generator().manual_seed(0))
    angles = torch.arange(8) * torch.pi / 4
    points = torch.stack([angles.cos(), angles.sin()], 1)  # (8, 2)
    state = points[table].flatten(1)  # (1000, 64)
    guesses = (state.view(1000, 32, 2) @ points.mT).argmax(-1)
    return {"32 entries, read by lines": (guesses == table).float().mean().item()}


@told(
    HERE,
    "Six other seeds, in two blocks of three, gave .19 and .17 for the control, .15 and .18 without the gradient, .04 "
    "and .08 without the signal.",
    30,
    {"control": (0.1, 0.3), "gradient vanishes": (0.1, 0.3), "signal vanishes": (0.0, 0.12)},
)
def agreement_again() -> Measured:
    here = chapter()
    gates = {"control": None, "gradient vanishes": here.vanishing_gradient, "signal vanishes": here.vanishing_signal}
    return {name: [_agreement(seeds, carry=carry) for seeds in OTHER_SEEDS] for name, carry in gates.items()}


@told(
    HERE,
    "In the plain network itself the figure jumped from seed to seed",
    15,
    {"plain: the largest less the smallest, of six seeds": (0.3, 2)},
)
def agreement_of_plain() -> Measured:
    each = [_agreement([seed], orthogonal=False) for seeds in OTHER_SEEDS for seed in seeds]
    return {"plain: the largest less the smallest, of six seeds": max(each) - min(each)}


def _agreement(seeds: list[int], orthogonal: bool = True, carry: Callable | None = None) -> float:
    """The chapter's measure after 150 steps, the mean over its layers and these seeds."""
    here, draws = chapter(seeds), torch.Generator().manual_seed(seeds[0])
    half = training.Seeds(lambda: models.DeepNetwork(4, orthogonal=orthogonal, carry=carry), seeds)
    batches = iter(lambda: data.table_questions((len(seeds), 100), 4, draws), None)
    training.train(half, batches, models.table_loss, 150, warm_up=60, clip=1.0, label=f"seeds {seeds}")
    return torch.stack([here.agreement(half.model(seed), draws) for seed in seeds]).mean().item()


@told(
    HERE,
    "A residual network answers .24 on a table of sixteen, attention to the input 1.0.",
    20,
    {"residual, sixteen layers": (0.15, 0.35), "residual, four layers": (0.1, 0.45), "the input": (0.99, 1)},
)
def sixteen_slots() -> Measured:
    here = chapter()
    return {
        "residual, sixteen layers": right(here, 16, residual=True),
        "residual, four layers": right(here, 16, residual=True, depth=4, asked_at=1),
        "the input": right(here, 16, residual=True, reader=lambda: models.InputReader(16, here.attend_to_input)),
    }
