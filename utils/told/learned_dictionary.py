"""What chapter 03 tells of dictionaries that it does not train for so long."""

from typing import Any

from torch import Tensor, nn

from utils import data

from .figure import Measured, defined_in, told

HERE = "03"


def chapter() -> Any:
    """The chapter's functions, with its task."""
    return defined_in(HERE, "WIDTH", "SLOTS", "SEEDS", "tasks")


def right(here: Any, times: float, scale: float, steps: int) -> float:
    """The mean share right of five seeds of eight slots, with keys so many times as long and queries so stretched."""
    return (
        here.learn(f"keys × {times:g}, queries × {scale:g}", lambda: here.eight_slots(times), scale, steps)[1]
        .mean()
        .item()
    )


class OnlyThePlane(nn.Module):
    """A dictionary that is asked with what of each state lies in a plane (16, 2)."""

    plane: Tensor

    def __init__(self, dictionary: nn.Module, plane: Tensor):
        super().__init__()
        self.dictionary = dictionary
        self.register_buffer("plane", plane)

    def forward(self, state: Tensor) -> Tensor:
        return self.dictionary(state @ self.plane @ self.plane.mT)


@told(
    HERE,
    "trained and asked without the noise, the same random keys had .52 right instead of .29",
    10,
    {"without the noise": (0.4, 0.65), "with it": (0.2, 0.4)},
)
def without_noise() -> Measured:
    here = chapter()
    planes = iter(here.tasks.plane)
    without = here.learn("without the noise", lambda: OnlyThePlane(here.keys_fixed(), next(planes)))[1]
    with_it = here.learn("with it", here.keys_fixed)[1]
    return {"without the noise": without.mean().item(), "with it": with_it.mean().item()}


@told(
    HERE,
    "after 2,400 steps the soft start of this row had .90 right, the sharp one .61",
    20,
    {"soft start, a tenth of the step": (0.8, 1), "sharp start, small step": (0.5, 0.8)},
)
def turning_slowly() -> Measured:
    here = chapter()
    return {
        "soft start, a tenth of the step": right(here, 10, 0.1, 2400),
        "sharp start, small step": right(here, 10, 1, 2400),
    }


@told(
    HERE,
    "after 2,400 steps it had .61, the soft one .93",
    20,
    {"soft start, small step": (0.75, 1), "sharp start, large step": (0.5, 0.75)},
)
def turning_as_fast() -> Measured:
    here = chapter()
    return {"soft start, small step": right(here, 1, 1, 2400), "sharp start, large step": right(here, 1, 10, 2400)}


@told(
    HERE,
    "After 9,600 steps a sharp start with the small step had .80, a soft one .92.",
    40,
    {"soft start, small step": (0.8, 1), "sharp start, small step": (0.7, 0.9)},
)
def much_longer() -> Measured:
    here = chapter()
    return {"soft start, small step": right(here, 1, 1, 9600), "sharp start, small step": right(here, 10, 1, 9600)}


@told(
    HERE,
    "With keys three times as long, and the small step, it had .65 after 600 steps and .90 after 2,400.",
    15,
    {"after 600": (0.55, 0.8), "after 2,400": (0.8, 1)},
)
def three_times_as_long() -> Measured:
    here = chapter()
    return {f"after {steps:,}": right(here, 3, 1, steps) for steps in (600, 2400)}


@told(
    HERE,
    "Over six blocks of five seeds the start that was long in the plane had .76 to .90, the soft one .78 to .93, and "
    "the one that was long elsewhere .24 to .31.",
    30,
    {"long in the plane": (0.7, 0.95), "soft": (0.75, 0.95), "long elsewhere": (0.2, 0.35)},
)
def sharp_about_what() -> Measured:
    here = chapter()
    found: dict[str, list[float]] = {"long in the plane": [], "soft": [], "long elsewhere": []}
    for first in range(0, 60, 10):
        here.SEEDS, here.tasks = range(first, first + 5), data.HiddenPlaces(range(first, first + 5))
        for name, times in {"long in the plane": (10, 1), "soft": (1, 1), "long elsewhere": (1, 10)}.items():
            found[name].append(here.learn(name, here.longer(*times))[1].mean().item())
    return found


@told(
    HERE,
    "Queries three times as long are sharp enough by themselves: then the keys in use end inside the rings, at .57 "
    "to .64 of their distance.",
    10,
    {"distance of the keys in use, in rings": (0.5, 0.72)},
)
def keys_for_longer_queries() -> Measured:
    here, times = chapter(), 3
    states, _, _ = here.tasks.draw(1000, here.torch.Generator().manual_seed(1))
    model, _ = here.learn("queries × 3", here.learned, times)
    ring, found = times * here.tasks.places[0].norm(), []
    for seed, query in zip(here.SEEDS, states, strict=True):
        dictionary = model.model(seed)
        used = here.votes_of(dictionary, times * query).mean(0) > 0.02
        distance = (dictionary.key @ here.tasks.plane[seed]).norm(dim=-1)
        found.append((distance[used].mean() / ring).item())
    return {"distance of the keys in use, in rings": found}
