"""A deep network that does other work and is asked about its input late, and three ways to look up the answer.

What it is given, and what is wanted of it: utils/data/table_questions.py.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.attention import reference
from utils.data.table_questions import NUMBERS, VALUES

WIDTH, KEY_WIDTH = 64, 32
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu}


def attend_to_input(state: Tensor, key: Tensor, value: Tensor, W_q: Tensor) -> tuple[Tensor, Tensor]:
    """The context (B, Dv) that each state (B, D) finds in its own input, and the weights (B, N) behind it.

    key (N, Dk), one for each slot, the same for every input, value (B, N, Dv), W_q (D, Dk); query = state W_q,
    scores = query · key / √Dk.
    """
    query = (state @ W_q)[:, None]  # (B, 1, Dk)
    context, weights = reference.dot_product_attention(query, key, value, return_weights=True)
    return context[:, 0], weights[:, 0]


class DeepNetwork(nn.Module):
    """`depth` layers of 64 numbers, each a matrix and an activation. The question is added at layer `asked_at`.

    The state that reaches this layer has to hold (a + b) mod 3, the other work; the last state the value asked for.
    With `told` false no question is added: the network has to find it in its own state. With `residual`, each layer's
    output is added to the state that it was given. A `reader` is asked with the state and the question, and what it
    brings is added to them. With `norm`, a layer and a head see their state through a LayerNorm without parameters.
    `noise`: every layer below adds normal noise of so many times its state's root mean square, always, not in training
    alone. `carry(number, state)`: what becomes of the state after each layer below. Layers start as PyTorch's do,
    ReLU's as He et al. (2015) advise; `orthogonal` ones as a rotation, times 1.1 for what tanh takes away; biases at 0.
    """

    def __init__(
        self,
        slots: int,
        depth: int = 16,
        asked_at: int = 13,
        residual: bool = False,
        reader: nn.Module | None = None,
        activation: str = "tanh",
        norm: bool = False,
        orthogonal: bool = False,
        noise: float = 0.0,
        told: bool = True,
        carry: Callable[[int, Tensor], Tensor] | None = None,
    ):
        super().__init__()
        self.slots, self.asked_at, self.residual, self.reader, self.noise = slots, asked_at, residual, reader, noise
        self.told, self.carry = told, carry
        self.activation = ACTIVATIONS[activation]
        self.norm = nn.LayerNorm(WIDTH, elementwise_affine=False) if norm else nn.Identity()
        self.table_code = nn.Parameter(torch.randn(slots * VALUES, WIDTH))
        self.number_code = nn.Parameter(torch.randn(2 * NUMBERS, WIDTH))
        self.question_code = nn.Parameter(torch.randn(slots, WIDTH))
        layers = [nn.Linear(WIDTH, WIDTH) for _ in range(depth)]
        self.layers = nn.ModuleList(layers)
        for layer in layers:
            nn.init.zeros_(layer.bias)
            if activation == "relu":
                nn.init.kaiming_normal_(layer.weight)
            if orthogonal:
                nn.init.orthogonal_(layer.weight, gain=1.1)
        self.sum_head, self.value_head = nn.Linear(WIDTH, NUMBERS), nn.Linear(WIDTH, VALUES)

    def forward(self, table: Tensor, a: Tensor, b: Tensor, question: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, 3) of the sum and (B, 8) of the value, for table (B, slots), a, b and question (B,)."""
        states = self.states(table, a, b, question)
        return self.sum_head(self.norm(states[self.asked_at - 1])), self.value_head(self.norm(states[-1]))

    def states(self, table: Tensor, a: Tensor, b: Tensor, question: Tensor) -> list[Tensor]:
        """The input's code and the state after each layer: depth + 1 tensors (B, 64)."""
        states = [self.code(table, a, b)]
        for number in range(1, len(self.layers) + 1):
            states.append(self._after(number, states, table, question))
        return states

    def steps(self, table: Tensor, question: Tensor) -> list[Callable[[Tensor], Tensor]]:
        """The layers as functions of the state before, (B, 64) to (B, 64), for these tables and questions.

        A reader of earlier states finds only the one that its layer was given.
        """

        def step(number: int) -> Callable[[Tensor], Tensor]:
            return lambda state: self._after(number, [state], table, question)

        return [step(number) for number in range(1, len(self.layers) + 1)]

    def code(self, table: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The input as a state (B, 64): the sum of a random, learned vector for each entry, of a mean square of 1."""
        entries = one_hot(table, VALUES).flatten(1) @ self.table_code
        numbers = torch.cat([one_hot(a, NUMBERS), one_hot(b, NUMBERS)], 1) @ self.number_code
        return (entries + numbers) / (self.slots + 2) ** 0.5

    def _after(self, number: int, states: Sequence[Tensor], table: Tensor, question: Tensor) -> Tensor:
        state = states[-1]
        if number == self.asked_at:
            state = self.read(state, question)
            if self.reader is not None:
                state = state + self.reader(self.norm(state), table, [self.norm(earlier) for earlier in states])
        new = self.activation(self.layers[number - 1](self.norm(state)))
        new = state + new if self.residual else new
        if self.noise and number < self.asked_at:
            new = new + self.noise * new.detach().square().mean().sqrt() * torch.randn_like(new)
        if self.carry is not None and number < self.asked_at:
            new = self.carry(number, new)
        return new

    def read(self, state: Tensor, question: Tensor) -> Tensor:
        """What the asked layer reads: the state before it (B, 64), and the question if the network is told it."""
        return state + one_hot(question, self.slots) @ self.question_code if self.told else state


class SlotReader(nn.Module):
    """A lookup with a learned key for each slot of the table; where its values come from, its two kinds say.

    `attend` is attend_to_input or another program that does the same.
    """

    def __init__(self, slots: int, attend: Callable = attend_to_input):
        super().__init__()
        self.attend = attend
        self.key = nn.Parameter(torch.randn(slots, KEY_WIDTH))
        self.W_q = nn.Parameter(torch.randn(WIDTH, KEY_WIDTH) / WIDTH**0.5)
        self.W_o = nn.Parameter(torch.randn(KEY_WIDTH, WIDTH) / KEY_WIDTH**0.5)

    def forward(self, state: Tensor, table: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """What the state (B, 64) finds, (B, 64), given the table (B, slots) and the states before, (B, 64) each."""
        context, _ = self.attend(state, self.key, self.values(table, earlier), self.W_q)
        return context @ self.W_o

    def values(self, table: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        raise NotImplementedError


class InputReader(SlotReader):
    """Reads the input itself: a learned vector for each value that may stand in a slot. No state plays a part."""

    def __init__(self, slots: int, attend: Callable = attend_to_input):
        super().__init__(slots, attend)
        self.value_code = nn.Parameter(torch.randn(VALUES, KEY_WIDTH))

    def values(self, table: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """(B, slots, 32), from the table."""
        return one_hot(table, VALUES) @ self.value_code


class StateReader(SlotReader):
    """Reads a state: a learned map makes each slot's value. The table itself plays no part.

    Which state: the last, after all layers before (-1), or the one after `layer` of them; 0 is the input's code.
    """

    def __init__(self, slots: int, attend: Callable = attend_to_input, layer: int = -1):
        super().__init__(slots, attend)
        self.layer = layer
        self.W_v = nn.Parameter(torch.randn(WIDTH, slots * KEY_WIDTH) / WIDTH**0.5)

    def values(self, table: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """(B, slots, 32), from one of the states before."""
        return (earlier[self.layer] @ self.W_v).unflatten(1, (-1, KEY_WIDTH))


class DepthReader(nn.Module):
    """Attention over depth: a lookup in the states of all layers before, with one learned query that starts at zero.

    `attend` is reference.depth_attention or another program that does the same.
    """

    def __init__(self, attend: Callable = reference.depth_attention):
        super().__init__()
        self.attend = attend
        self.query = nn.Parameter(torch.zeros(WIDTH))

    def forward(self, state: Tensor, table: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """A mixture (B, 64) of the states before, each (B, 64); neither state nor table is looked at."""
        return self.attend(self.query, torch.stack(list(earlier))[:, :, None])[:, 0]  # sources (L, B, 1, 64)


def value_loss(model: nn.Module, table: Tensor, a: Tensor, b: Tensor, question: Tensor) -> Tensor:
    """The mean cross-entropy of the value alone: no other work. One number, or one per seed (S,)."""
    return _cross_entropy(model(table, a, b, question)[1], _asked_for(table, question))


def table_loss(model: nn.Module, table: Tensor, a: Tensor, b: Tensor, question: Tensor) -> Tensor:
    """The mean cross-entropy of the sum plus that of the value; one number, or one per seed (S,) for training.Seeds."""
    sums, values = model(table, a, b, question)
    return _cross_entropy(sums, (a + b) % NUMBERS) + _cross_entropy(values, _asked_for(table, question))


@torch.no_grad()
def table_accuracy(model: nn.Module, table: Tensor, a: Tensor, b: Tensor, question: Tensor) -> tuple[Tensor, Tensor]:
    """The share of right sums and of right values; a number each, or one per seed (S,) for training.Seeds."""
    sums, values = model(table, a, b, question)
    right = (sums.argmax(-1) == (a + b) % NUMBERS, values.argmax(-1) == _asked_for(table, question))
    return tuple(each.float().mean(-1) for each in right)


def one_hot(numbers: Tensor, choices: int) -> Tensor:
    """Rows (…, choices) of floats, with a one where the number says."""
    return F.one_hot(numbers, choices).float()


def _asked_for(table: Tensor, question: Tensor) -> Tensor:
    return table.gather(-1, question[..., None])[..., 0]


def _cross_entropy(logits: Tensor, wanted: Tensor) -> Tensor:
    each = F.cross_entropy(logits.flatten(0, -2), wanted.flatten(), reduction="none")
    return each.view(wanted.shape).mean(-1)
