"""A recurrent network by hand: one step, and a run over a batch of sequences."""

import math

import torch
from torch import tensor

from ..exercise import Case, Exercise, Mistake, normal


def rnn_step(x, h, W_x, W_h, b):
    """The next state (B, Dh) of a recurrent network: tanh(x W_x + h W_h + b).

    x (B, Dx) the input, h (B, Dh) the state before, W_x (Dx, Dh), W_h (Dh, Dh), b (Dh,).
    Source: Elman 1990.
    """
    return torch.tanh(x @ W_x + h @ W_h + b)


def run_rnn(x, lengths, h0, W_x, W_h, b):
    """The states (B, T, Dh) after each step of rnn_step over x (B, T, Dx), starting from h0 (B, Dh).

    lengths (B,), whole numbers from 0 to T: sequence i is x[i, :lengths[i]], and the rest of x[i] is padding that may
    hold any number. After its last input a sequence keeps its state; a sequence of length 0 keeps h0.
    Source: Elman 1990.
    """
    states, h = [], h0
    for t in range(x.size(1)):
        going = (t < lengths)[:, None]  # (B, 1)
        h = torch.where(going, rnn_step(x[:, t], h, W_x, W_h, b), h)  # (B, Dh)
        states.append(h)
    return torch.stack(states, 1)  # (B, T, Dh)


def _one_matrix(x, h, W_x, W_h, b):
    return (torch.cat([x, h], 1) @ torch.cat([W_x, W_h]) + b).tanh()


def _in_place_on_its_own(x, h, W_x, W_h, b):
    total = x @ W_x
    total += h @ W_h
    total += b
    return total.tanh_()


def _state_by_state(x, h, W_x, W_h, b):
    columns = [torch.tanh((x * W_x[:, j]).sum(1) + (h * W_h[:, j]).sum(1) + b[j]) for j in range(len(b))]
    return torch.stack(columns, 1)


def _cell_from_torch(x, h, W_x, W_h, b):
    return torch.rnn_tanh_cell(x, h, W_x.T, W_h.T, b, torch.zeros_like(b))


def _relu(x, h, W_x, W_h, b):
    return torch.relu(x @ W_x + h @ W_h + b)


def _sigmoid(x, h, W_x, W_h, b):
    return torch.sigmoid(x @ W_x + h @ W_h + b)


def _linear(x, h, W_x, W_h, b):
    return x @ W_x + h @ W_h + b


def _tanh_from_exponentials(x, h, W_x, W_h, b):
    up = torch.exp(x @ W_x + h @ W_h + b)
    return (up - 1 / up) / (up + 1 / up)


def _squashes_the_input_only(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x) + h @ W_h + b


def _without_bias(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x + h @ W_h)


def _bias_after_tanh(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x + h @ W_h) + b


def _tanh_of_each_part(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x) + torch.tanh(h @ W_h + b)


def _matrices_swapped(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_h + h @ W_x + b)


def _both_transposed(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h.T + b)


def _input_weights_transposed(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h + b)


def _recurrent_weights_transposed(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x + h @ W_h.T + b)


def _weights_first(x, h, W_x, W_h, b):
    return torch.tanh(W_x @ x + W_h @ h + b)


def _entry_by_entry(x, h, W_x, W_h, b):
    return torch.tanh(x * W_x + h * W_h + b)


def _without_state(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x + b)


def _adds_the_old_state(x, h, W_x, W_h, b):
    return h + torch.tanh(x @ W_x + h @ W_h + b)


def _state_detached(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x + h.detach() @ W_h + b)


def _writes_into_the_state(x, h, W_x, W_h, b):
    h.copy_(rnn_step(x, h, W_x, W_h, b))
    return h


def _state_twice(x, h, W_x, W_h, b):
    h = rnn_step(x, h, W_x, W_h, b)
    return h, h


def _step_case(name, B, Dx, Dh, dtype=torch.float32, scale=1.0, grad=("x", "h", "W_x", "W_h", "b")):
    sizes = {"x": (B, Dx), "h": (B, Dh), "W_x": (Dx, Dh), "W_h": (Dh, Dh), "b": (Dh,)}
    return Case(name, grad=grad, **{key: normal(*size, scale=scale, dtype=dtype) for key, size in sizes.items()})


recurrent_step = Exercise(
    reference=rnn_step,
    cases=[
        Case("one number by hand: tanh(1 - 1 + 0.5493)", x=tensor([[1.0]]), h=tensor([[-0.5]]), W_x=tensor([[1.0]]), W_h=tensor([[2.0]]), b=tensor([math.log(3) / 2])),
        Case("two inputs by hand: tanh(1 - 2 + 1 + 0.3466)", x=tensor([[1.0, 2.0]]), h=tensor([[1.0]]), W_x=tensor([[1.0], [-1.0]]), W_h=tensor([[1.0]]), b=tensor([math.log(2) / 2])),
        _step_case("a batch of one, as many inputs as states", 1, 3, 3, scale=0.5),
        _step_case("as many in the batch as inputs and states", 3, 3, 3, scale=0.5),
        _step_case("more states than inputs", 4, 2, 5, scale=0.5),
        _step_case("more inputs than states", 2, 6, 3, scale=0.5),
        _step_case("one state", 3, 2, 1),
        _step_case("64-bit numbers", 3, 4, 2, dtype=torch.float64),
        _step_case("numbers in the hundreds", 2, 3, 4, dtype=torch.float64, scale=100, grad=()),
    ],
    variants=[_one_matrix, _in_place_on_its_own, _state_by_state, _cell_from_torch],
    mistakes=[
        Mistake(_relu, "You use ReLU, under which a state can only be positive and may grow without end. This network squashes with tanh, between -1 and 1."),
        Mistake(_sigmoid, "You use a sigmoid, so your states lie between 0 and 1. This network squashes with tanh, between -1 and 1."),
        Mistake(_linear, "You return the sum itself. It still has to go through tanh, which keeps a state between -1 and 1."),
        Mistake(_tanh_from_exponentials, "The formula of tanh in exponentials overflows for large sums, and infinity over infinity is NaN. PyTorch has a tanh that does not."),
        Mistake(_squashes_the_input_only, "Your tanh goes around the input's part only. It goes around the whole sum."),
        Mistake(_without_bias, "Your sum leaves out the bias `b`."),
        Mistake(_bias_after_tanh, "You add the bias after tanh, so a state can leave the range from -1 to 1. Add it before."),
        Mistake(_tanh_of_each_part, "You take tanh of the two parts one by one. Input, state and bias make one sum first, and tanh comes once."),
        Mistake(_matrices_swapped, "You multiply the input by `W_h` and the state by `W_x`. The shapes only fit when inputs and states are equally many; each matrix belongs to its own."),
        Mistake(_both_transposed, "You transpose the weights, as `nn.Linear` does inside. Here they already have the inputs in their rows and the states in their columns."),
        Mistake(_input_weights_transposed, "You transpose `W_x`. It already has the inputs in its rows and the states in its columns."),
        Mistake(_recurrent_weights_transposed, "You transpose `W_h`, which no shape can tell you, as it is square. Its rows belong to the old state, its columns to the new one."),
        Mistake(_weights_first, "You write `W x`, as for one column vector. Here each row of x is one input of the batch, so the matrix stands on its right."),
        Mistake(_entry_by_entry, "`*` multiplies entry by entry. Each new state is a weighted sum over all inputs and all old states: a matrix product."),
        Mistake(_without_state, "Your step looks at the input alone. The state before has its part in the sum too, or nothing is remembered."),
        Mistake(_adds_the_old_state, "You add the old state to the new one. The old state comes in only through `W_h`, inside tanh."),
        Mistake(_state_detached, "You detach the state, so no gradient reaches the steps before. Leave it in the graph."),
        Mistake(_writes_into_the_state, "You write the new state into the `h` that you were given. Whoever called you still needs the old one: return a new tensor."),
        Mistake(_state_twice, "You return a pair, as PyTorch's recurrent layers do. Return the new state alone."),
    ],
    points=2,
)  # fmt: skip
