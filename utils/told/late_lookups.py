"""What chapter 07 tells of networks that look up late: over depth, in the input, through noise, with little room."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from utils import models
from utils.models import deep_network

from .figure import Measured, told
from .layer_thirteen import HERE, OTHER_SEEDS, chapter, right


@told(HERE, "Small random queries had .88 to 1.00.", 5, {"queries of a tenth": (0.8, 1)})
def random_queries() -> Measured:
    here = chapter()

    def reader() -> nn.Module:
        reader = models.DepthReader(here.depth_attention)
        nn.init.normal_(reader.query, std=0.1)
        return reader

    return {"queries of a tenth": right(here, reader=reader)}


@told(
    HERE,
    "A query that is held at zero, the mean of all, got .4 in these 400 steps, and .79 to 1.00 in 1,600.",
    20,
    {"400 steps, mean of three seeds": (0.3, 0.5), "1,600 steps": (0.7, 1)},
)
def mean_of_all_layers() -> Measured:
    here = chapter()

    def reader() -> nn.Module:
        reader = models.DepthReader(here.depth_attention)
        reader.query.requires_grad_(False)
        return reader

    return {
        "400 steps, mean of three seeds": sum(right(here, reader=reader)) / 3,
        "1,600 steps": right(here, steps=1600, reader=reader),
    }


class Thirteenfold(nn.Module):
    """Thirteen times the mean of all layers: their sum. Nothing of it is learned."""

    def forward(self, state: Tensor, table: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(earlier)).sum(0)


class FixedQuestion(models.DeepNetwork):
    """The question's vectors are so many times as large as usual, and are not trained."""

    def __init__(self, *arguments: Any, times: float, **options: Any):
        super().__init__(*arguments, **options)
        self.question_code = nn.Parameter(times * self.question_code.detach(), requires_grad=False)


@told(
    HERE,
    "with a question divided by 13 as well it had .4 again, and thirteen times the mean, with nothing learned, had "
    "1.00, even beside a question thirteen times as large",
    11,
    {"mean, question of a thirteenth": (0.3, 0.5), "13 × the mean": (0.97, 1), "and 13 × the question": (0.97, 1)},
)
def mean_times_13() -> Measured:
    here = chapter()

    def mean() -> nn.Module:
        reader = models.DepthReader(here.depth_attention)
        reader.query.requires_grad_(False)
        return reader

    return {
        "mean, question of a thirteenth": right(here, network=FixedQuestion, times=1 / 13, reader=mean),
        "13 × the mean": right(here, reader=Thirteenfold),
        "and 13 × the question": right(here, network=FixedQuestion, times=13, reader=Thirteenfold),
    }


OWN_QUERY: dict[str, Any] = {"slots": 3, "told": False, "asked": lambda a, b: (a + b) % 3}


class Lookups(models.DeepNetwork):
    """Before every layer a lookup in what all layers below have given, in place of their sum; queries start at zero."""

    def __init__(self, slots: int, **options: Any):
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
    25,
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
    5,
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
    "a skip had 1.00, and attention over depth .86 to .97",
    6,
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
    "after 1,200 steps plain layers alone had .96 to 1.00",
    8,
    {"plain, own query": (0.85, 1)},
)
def plain_longer() -> Measured:
    return {"plain, own query": right(chapter(), steps=1200, **OWN_QUERY)}


@told(
    HERE,
    "with attention to the input, asked at layer 25 of 28, plain layers had .45 to .61",
    10,
    {"plain + attention to the input": (0.3, 0.8)},
)
def deeper_still() -> Measured:
    here = chapter()

    def reader() -> nn.Module:
        return models.InputReader(3, here.attend_to_input)

    return {"plain + attention to the input": right(here, depth=28, asked_at=25, reader=reader, **OWN_QUERY)}


class PartlyClean(models.DeepNetwork):
    """A noisy residual network; at the asked layer the query, or the state that is passed on, is quiet."""

    def __init__(self, slots: int, clean: tuple[str, ...], **options: Any):
        super().__init__(slots, residual=True, noise=0.2, **options)
        self.clean = clean

    def states(self, table: Tensor, a: Tensor, b: Tensor, question: Tensor) -> list[Tensor]:
        states = super().states(table, a, b, question)[: self.asked_at]
        noise, self.noise = self.noise, 0.0
        quiet = super().states(table, a, b, question)[self.asked_at - 1]
        self.noise = noise
        query, state = (self.read(quiet if part in self.clean else states[-1], question) for part in ("query", "state"))
        assert self.reader is not None
        state = state + self.reader(query, table, states)
        states.append(state + self.activation(self.layers[self.asked_at - 1](state)))
        for number in range(self.asked_at + 1, len(self.layers) + 1):
            states.append(self._after(number, states, table, question))
        return states


@told(
    HERE,
    "Each of the two ways can be closed by itself, with a second state that comes up without noise",
    100,
    {"both noisy": (0.45, 0.65), "query clean": (0.6, 0.8), "state clean": (0.65, 0.85), "both clean": (0.75, 0.92)},
)
def where_noise_enters() -> Measured:
    cases = {"both noisy": (), "query clean": ("query",), "state clean": ("state",), "both clean": ("query", "state")}
    found = {}
    for name, clean in cases.items():
        shares = []
        for seeds in ([0, 1, 2], *OTHER_SEEDS):
            here = chapter(seeds)
            shares += right(here, 8, network=PartlyClean, clean=clean, reader=_of_the_code(here))
        found[name] = sum(shares) / len(shares)
    return found


def _of_the_code(here: Any) -> Callable[[], nn.Module]:
    return lambda: models.StateReader(8, here.attend_to_input, layer=0)


@told(
    HERE,
    "The reader of the state, which has to carry eight values through the noise, had .53 to .63; without noise over "
    ".99.",
    75,
    {"the code, noisy": (0.97, 1), "the state, noisy": (0.3, 0.75), "the state, quiet": (0.98, 1)},
)
def noise_longer() -> Measured:
    here = chapter()

    def of_the_state() -> nn.Module:
        return models.StateReader(8, here.attend_to_input)

    return {
        "the code, noisy": right(here, 8, 3000, residual=True, noise=0.2, reader=_of_the_code(here)),
        "the state, noisy": right(here, 8, 3000, residual=True, noise=0.2, reader=of_the_state),
        "the state, quiet": right(here, 8, 3000, residual=True, reader=of_the_state),
    }


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
    "A residual network answers .21 on a table of sixteen, attention to the input 1.0.",
    8,
    {"residual, sixteen layers": (0.15, 0.35), "residual, four layers": (0.1, 0.45), "the input": (0.99, 1)},
)
def sixteen_slots() -> Measured:
    here = chapter()
    return {
        "residual, sixteen layers": right(here, 16, residual=True),
        "residual, four layers": right(here, 16, residual=True, depth=4, asked_at=1),
        "the input": right(here, 16, residual=True, reader=lambda: models.InputReader(16, here.attend_to_input)),
    }
