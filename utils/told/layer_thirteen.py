"""What chapter 07 tells of networks that it does not train."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from utils import data, models, training

from .figure import Measured, defined_in, told

HERE = "07"
OTHER_SEEDS = ([10, 11, 12], [20, 21, 22])  # two blocks of three


def chapter(seeds: Sequence[int] = (0, 1, 2)) -> Any:
    """The chapter's functions, for these seeds."""
    here = defined_in(HERE, "kinds", "some_layers")
    here.seeds = list(seeds)
    return here


def right(
    here: Any,
    slots: int = 4,
    steps: int = 400,
    rate: float = 3e-3,
    loss: Callable = models.table_loss,
    asked: Callable | None = None,
    network: Callable = models.DeepNetwork,
    reader: Callable[[], nn.Module] | None = None,
    **options: Any,
) -> list[float]:
    """The share of right values for each seed, learned as in the chapter, of networks with these options."""

    def build() -> nn.Module:
        return network(slots, **options, **({"reader": reader()} if reader else {}))

    return here.learn(build, slots, loss=loss, asked=asked, steps=steps, rate=rate)[-1].tolist()


@told(
    HERE,
    "After 2,000 steps orthogonal networks had over 95 % right, and a line read .6 to .9.",
    13,
    {"right": (0.95, 1), "read by a line at layer 12": (0.55, 0.95)},
)
def longer() -> Measured:
    here = chapter()
    networks, _, values = here.learn(lambda: models.DeepNetwork(4, orthogonal=True), steps=2000)
    read = [here.left_of_the_table(networks.model(seed), [12]).mean().item() for seed in here.seeds]
    return {"right": values.tolist(), "read by a line at layer 12": read}


@told(HERE, "With PyTorch's start 2,000 steps changed nothing: .11 to .13.", 13, {"right": (0.08, 0.2)})
def plain_for_longer() -> Measured:
    return {"right": right(chapter(), steps=2000)}


@told(
    HERE,
    "mending the gradient by itself, with a gate of 1.75 on the way back alone, left .28 at most",
    6,
    {"right, nine seeds": (0.08, 0.32)},
)
def plain_gradient_mended() -> Measured:
    here = chapter([0, 1, 2, *range(10, 16)])

    def carry(number: int, state: Tensor) -> Tensor:
        return here.gate(state, 1, 1.75)

    return {"right, nine seeds": right(here, carry=carry, loss=models.value_loss)}


class NormsAlone(models.DeepNetwork):
    """Norms and matrices, without an activation."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.activation = torch.clone


@told(HERE, "without it a line reads nearly all", 5, {"with tanh": (0.5, 0.75), "without": (0.95, 1)})
def norms_alone() -> Measured:
    here = chapter()
    found: dict[str, list[float]] = {"with tanh": [], "without": []}
    for seed in here.seeds:
        for name, network in zip(found, (models.DeepNetwork, NormsAlone), strict=True):
            torch.manual_seed(seed)
            found[name].append(here.left_of_the_table(network(4, **here.kinds["LayerNorm"]), [12]).mean().item())
    return found


@told(
    HERE,
    "finds more than a line, in untrained LayerNorm networks .06 to .12 more, in ReLU networks .05 to .07",
    8,
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


def _read_with_a_hidden_layer(network: models.DeepNetwork) -> float:
    """How much of the table a reader with a hidden layer finds in what layer 13 reads, on tables that it has not seen.

    It is trained on 6,000 tables, where a line has enough with 1,000; the same blur of one per cent.
    """
    draws = torch.Generator().manual_seed(2)
    tables, a, b, question = data.table_questions((7000,), 4, draws)
    with torch.no_grad():
        seen = network.read(network.states(tables, a, b, question)[12], question)
    seen = seen + 0.01 * seen.std() * torch.randn(seen.shape, generator=draws)
    seen = (seen - seen[:6000].mean(0)) / seen[:6000].std(0)

    def rows() -> Iterator[tuple[Tensor, Tensor]]:
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
    "without other work ReLU networks had .50 to .59 right",
    3,
    {"ReLU, the value alone": (0.45, 0.7)},
)
def relu_alone() -> Measured:
    return {"ReLU, the value alone": right(chapter(), loss=models.value_loss, activation="relu")}


@told(
    HERE,
    "a sharper probe reads no more of it",
    4,
    {"blur of a hundredth": (0.5, 0.95), "more with a blur of a ten-thousandth": (-0.03, 0.03)},
)
def sharper_probe() -> Measured:
    here = chapter()
    networks = here.learn(lambda: models.DeepNetwork(4, orthogonal=True))[0]
    blurred, sharp = (
        [here.left_of_the_table(networks.model(seed), [12], blur).mean().item() for seed in here.seeds]
        for blur in (0.01, 0.0001)
    )
    more = [fine - coarse for fine, coarse in zip(sharp, blurred, strict=True)]
    return {"blur of a hundredth": blurred, "more with a blur of a ten-thousandth": more}


@told(HERE, "to name a alone did no less harm", 5, {"right": (0.4, 0.75)})
def easier_work() -> Measured:
    def loss(network: nn.Module, table: Tensor, a: Tensor, b: Tensor, question: Tensor) -> Tensor:
        sums, _ = network(table, a, b, question)  # of three numbers, as a is
        named = nn.functional.cross_entropy(sums.flatten(0, 1), a.flatten(), reduction="none").view(a.shape).mean(-1)
        return named + models.value_loss(network, table, a, b, question)

    return {"right": right(chapter(), loss=loss, orthogonal=True)}


@told(
    HERE,
    "by SGD it costs a few points in these 200 steps, and none in 600",
    7,
    {"no gate": (0.97, 1), "gradient vanishes": (0.97, 1)},
)
def sgd_longer() -> Measured:
    here = chapter()
    gates = {"no gate": None, "gradient vanishes": here.vanishing_gradient}
    found = {}
    for name, carry in gates.items():

        def build(carry: Callable | None = carry) -> nn.Module:
            return here.orthogonal_gated(carry)

        found[name] = here.learn_with_sgd(build, steps=600).tolist()
    return found


@told(
    HERE,
    "Enlarging the last state a hundredfold, in a network that is trained throughout, gave .27 to .33",
    4,
    {"state 12 × 100": (0.2, 0.4)},
)
def enlarged() -> Measured:
    here = chapter()
    return {"state 12 × 100": right(here, carry=here.at_layer_12(100), loss=models.value_loss)}


@told(
    HERE,
    "mending the size at each layer, by a gate of 1.75, gave .35 to .39 without other work, and .13 to .31 with it, "
    "over five seeds",
    9,
    {"without other work": (0.3, 0.45), "with it": (0.1, 0.35)},
)
def size_alone() -> Measured:
    here = chapter(range(5))

    def carry(number: int, state: Tensor) -> Tensor:
        return here.gate(state, 1.75, 1.75)

    return {
        "without other work": right(here, carry=carry, loss=models.value_loss),
        "with it": right(here, carry=carry),
    }


class SmallOrthogonal(models.DeepNetwork):
    """Orthogonal matrices as small as PyTorch's usual ones, and after each layer below a gate that mends the size."""

    def __init__(self, slots: int, gate: Callable, frozen: bool = False):
        super().__init__(slots, orthogonal=True, carry=lambda number, state: gate(state, 1.9, 1.9))
        with torch.no_grad():
            for parameter in self.layers.parameters():  # the biases are zero
                parameter.mul_(0.577 / 1.1)
        if frozen:
            for parameter in [*self.layers[:12].parameters(), self.table_code, self.number_code]:
                parameter.requires_grad_(False)


@told(
    HERE,
    "Orthogonal layers made as small as plain ones, and mended by a gate of 1.9, had .37 to .42, although nothing "
    "vanishes in them;",
    16,
    {"trained": (0.3, 0.5), "frozen below": (0.95, 1), "a tenth of the rate, 2,000 steps": (0.95, 1)},
)
def small_orthogonal() -> Measured:
    here = chapter()
    same = {"network": SmallOrthogonal, "gate": here.gate, "loss": models.value_loss}
    return {
        "trained": right(here, **same),
        "frozen below": right(here, frozen=True, **same),
        "a tenth of the rate, 2,000 steps": right(here, steps=2000, rate=3e-4, **same),
    }


@told(
    HERE,
    "and they do so in the course of training: at the start they agree as well as the control's",
    15,
    {"at the start, as a share of the control": (0.8, 1.6), "after 150 steps": (0.1, 0.8)},
)
def agreement_over_time() -> Measured:
    found: dict[str, list[float]] = {"at the start, as a share of the control": [], "after 150 steps": []}
    for name, steps in zip(found, (0, 150), strict=True):
        for seeds in (range(10, 16), range(20, 26)):
            control, vanished = (_agreement(seeds, steps, carry) for carry in (None, chapter().vanishing_signal))
            found[name].append(vanished / control)
    return found


def _agreement(seeds: Sequence[int], steps: int = 150, carry: Callable | None = None) -> float:
    """The chapter's measure after so many steps, the mean over layers 12 and 16 and these seeds."""
    here, draws = chapter(seeds), torch.Generator().manual_seed(seeds[0])
    half = training.Seeds(lambda: models.DeepNetwork(4, orthogonal=True, carry=carry), seeds)
    if steps:
        batches = iter(lambda: data.table_questions((len(seeds), 100), 4, draws), None)
        training.train(half, batches, models.table_loss, steps, warm_up=60, clip=1.0, label=f"seeds {seeds}")
    return torch.stack([here.agreement(half.model(seed), draws)[3:] for seed in seeds]).mean().item()
