"""Networks with a planted fault, for the diagnosis why a layer cannot give what was asked for."""

from collections.abc import Callable

import torch

# The value's code is eight signs, each of its eight words orthogonal to the others; beside it stand eight random signs
PAIR = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
WORDS = torch.kron(torch.kron(PAIR, PAIR), PAIR)

MATRICES = {  # of a layer; they do not mix the value's half of the state with the other
    "as it is": lambda generator: torch.eye(8),
    "turning": lambda generator: torch.linalg.qr(torch.randn(8, 8, generator=generator)).Q,
    "slight": lambda generator: 0.1 * torch.randn(8, 8, generator=generator) / 8**0.5,
}
LAST = 7
PLANTED: dict[str, Callable[[int, float], list]] = {  # changes to what the layer `at` gives; `small` is a small factor
    "nothing": lambda at, small: [],
    "shrunk": lambda at, small: [(at, "gate", small, small)],
    "shrunk, gradient kept": lambda at, small: [(at, "gate", small, 1.0)],
    "shrunk at the last, gradient kept": lambda at, small: [(LAST, "gate", small, 1.0)],
    "a tenth": lambda at, small: [(at, "gate", 0.1, 0.1)],
    "shrunk between": lambda at, small: [(at, "gate", small, small), (at + 1, "gate", 1 / small, 1 / small)],
    "enlarged between": lambda at, small: [(at, "gate", 1 / small, 1 / small), (at + 1, "gate", small, small)],
    "cut": lambda at, small: [(at, "gate", 1.0, 0.0)],
    "cut at the first": lambda at, small: [(1, "gate", 1.0, 0.0)],
    "faint": lambda at, small: [(at, "gate", 1.0, 1e-7)],
    "a tenth at every layer": lambda at, small: [(k, "gate", 1.0, 0.1) for k in range(1, LAST + 1)],
    "tangled": lambda at, small: [(at, "tangle")],
    "tangled at the last": lambda at, small: [(LAST, "tangle")],
    "tangled between": lambda at, small: [(at, "tangle"), (at + 1, "tangle")],
    "half of it cut": lambda at, small: [(at, "gate half", 1.0, 0.0)],
    "shifted": lambda at, small: [(at + 1, "shift", 0.2)],
}


def given(
    *planted, layers="linear", matrix="turning", depth=LAST, unit=1.0, question=(0.5, 0.5), mean=(0.0, 0.0), **more
):
    """What networks are made of that differ in what is planted (several things, joined by a +), in a drawn order.

    The question's spread and mean are a number each for the value's half of the state and for the other.
    """
    spreads, means = (torch.tensor(each).repeat_interleave(8) for each in (question, mean))

    def together(generator):
        def drawn(low, high):
            return low + (high - low) * torch.rand((), generator=generator).item()

        W = torch.stack([torch.block_diag(*(MATRICES[matrix](generator) for _ in range(2))) for _ in range(depth)])
        value = torch.randint(8, (450,), generator=generator)
        signs = 1.0 - 2 * torch.randint(2, (450, 8), generator=generator)
        networks = {}
        for number, place in enumerate(torch.randperm(len(planted), generator=generator).tolist(), 1):
            at, small = int(drawn(1, depth)), drawn(1e-4, 2e-4)
            changes = [change for name in planted[place].split(" + ") for change in PLANTED[name](at, small)]
            networks[f"network {number}"] = changes
        return {
            "networks": networks,
            "W": W,
            "readout": torch.randn(16, 8, generator=generator) / 4,
            "code": unit * torch.cat([WORDS[value], signs], 1),
            "question": unit * (spreads * torch.randn(450, 16, generator=generator) + means),
            "value": value,
        }

    return {"layers": layers, "together": together} | more
