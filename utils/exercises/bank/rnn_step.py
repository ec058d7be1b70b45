"""One step of a recurrent network."""

import math

import torch
from torch import tensor

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def rnn_step(x, h, W_x, W_h, b):
    """The next state (B, Dh) of a recurrent network: tanh(x W_x + h W_h + b).

    x (B, Dx) the input, h (B, Dh) the state before, W_x (Dx, Dh), W_h (Dh, Dh), b (Dh,).
    Source: Elman 1990.
    """
    return torch.tanh(x @ W_x + h @ W_h + b)


def in_steps(x, h, W_x, W_h, b, of_input=torch.matmul, of_state=torch.matmul, squash=torch.tanh):
    return squash(of_input(x, W_x) + of_state(h, W_h) + b)


# Right, and written differently

def one_matrix(x, h, W_x, W_h, b):
    return (torch.cat([x, h], 1) @ torch.cat([W_x, W_h]) + b).tanh()

def in_place_on_its_own(x, h, W_x, W_h, b):
    total = x @ W_x
    total += h @ W_h
    total += b
    return total.tanh_()

def state_by_state(x, h, W_x, W_h, b):
    columns = [torch.tanh((x * W_x[:, j]).sum(1) + (h * W_h[:, j]).sum(1) + b[j]) for j in range(len(b))]
    return torch.stack(columns, 1)

def cell_from_torch(x, h, W_x, W_h, b):
    return torch.rnn_tanh_cell(x, h, W_x.T, W_h.T, b, torch.zeros_like(b))


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("relu", but(squash=torch.relu),
    "You use ReLU, under which a state can only be positive and may grow without end. This network squashes with tanh, between -1 and 1.")
mistakes.add("sigmoid", but(squash=torch.sigmoid),
    "You use a sigmoid, so your states lie between 0 and 1. This network squashes with tanh, between -1 and 1.")
mistakes.add("linear", but(squash=lambda total: total),
    "You return the sum itself. It still has to go through tanh, which keeps a state between -1 and 1.")
mistakes.add("tanh_from_exponentials", but(squash=lambda s: (s.exp() - (-s).exp()) / (s.exp() + (-s).exp())),
    "The formula of tanh in exponentials overflows for large sums, and infinity over infinity is NaN. PyTorch has a tanh that does not.")
mistakes.add("squashes_the_input_only", but(of_input=lambda x, W_x: torch.tanh(x @ W_x), squash=lambda total: total),
    "Your tanh goes around the input's part only. It goes around the whole sum.")
mistakes.add("squashes_the_state_only", lambda x, h, W_x, W_h, b: x @ W_x + torch.tanh(h @ W_h + b),
    "Your tanh goes around the state's part only. It goes around the whole sum.")
mistakes.add("squashes_all_but_the_state", lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x + b) + h @ W_h,
    "Your state's part is added after tanh. It belongs inside, in the same sum.")
mistakes.add("bias_twice", lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x + h @ W_h + 2 * b),
    "Your bias comes in twice. PyTorch's own network has two, one for the input and one for the state; here there is a single one.")
mistakes.add("bias_subtracted", lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x + h @ W_h - b),
    "Your bias is subtracted. It is added.")
mistakes.add("parts_multiplied", lambda x, h, W_x, W_h, b: torch.tanh((x @ W_x) * (h @ W_h) + b),
    "You multiply the input's part by the state's. The two are added.")
mistakes.add("without_input", lambda x, h, W_x, W_h, b: torch.tanh(h @ W_h + b),
    "Your step looks at the state alone. The input has its part in the sum too, or nothing is read.")
mistakes.add("without_bias", lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x + h @ W_h),
    "Your sum leaves out the bias `b`.")
mistakes.add("bias_after_tanh", lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x + h @ W_h) + b,
    "You add the bias after tanh, so a state can leave the range from -1 to 1. Add it before.")
mistakes.add("tanh_of_each_part", lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x) + torch.tanh(h @ W_h + b),
    "You take tanh of the two parts one by one. Input, state and bias make one sum first, and tanh comes once.")
mistakes.add("tanh_of_each_part_and_the_bias_after",
    lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x) + torch.tanh(h @ W_h) + b,
    "You take tanh of the two parts one by one, and add the bias after it. Input, state and bias make one sum first, and tanh comes once.")
mistakes.add("matrices_stacked_the_other_way",
    lambda x, h, W_x, W_h, b: torch.tanh(torch.cat([x, h], 1) @ torch.cat([W_h, W_x]) + b),
    "Input and state stand side by side, and the matrices on top of each other in the other order. The first rows belong to the input.")
mistakes.add("state_without_its_matrix", lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x + h + b),
    "Your state comes into the sum as it is. It is multiplied by `W_h` first.")
mistakes.add("matrices_swapped", lambda x, h, W_x, W_h, b: torch.tanh(x @ W_h + h @ W_x + b),
    "You multiply the input by `W_h` and the state by `W_x`. The shapes only fit when inputs and states are equally many; each matrix belongs to its own.")
mistakes.add("both_transposed", but(of_input=lambda x, W_x: x @ W_x.T, of_state=lambda h, W_h: h @ W_h.T),
    "You transpose the weights, as `nn.Linear` does inside. Here they already have the inputs in their rows and the states in their columns.")
mistakes.add("input_weights_transposed", but(of_input=lambda x, W_x: x @ W_x.T),
    "You transpose `W_x`. It already has the inputs in its rows and the states in its columns.")
mistakes.add("recurrent_weights_transposed", but(of_state=lambda h, W_h: h @ W_h.T),
    "You transpose `W_h`, which no shape can tell you, as it is square. Its rows belong to the old state, its columns to the new one.")
mistakes.add("weights_first", but(of_input=lambda x, W_x: W_x @ x, of_state=lambda h, W_h: W_h @ h),
    "You write `W x`, as for one column vector. Here each row of x is one input of the batch, so the matrix stands on its right.")
mistakes.add("entry_by_entry", but(of_input=torch.mul, of_state=torch.mul),
    "`*` multiplies entry by entry. Each new state is a weighted sum over all inputs and all old states: a matrix product.")
mistakes.add("without_state", lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x + b),
    "Your step looks at the input alone. The state before has its part in the sum too, or nothing is remembered.")
mistakes.add("adds_the_old_state", lambda x, h, *weights: h + rnn_step(x, h, *weights),
    "You add the old state to the new one. The old state comes in only through `W_h`, inside tanh.")
mistakes.add("state_detached", but(of_state=lambda h, W_h: h.detach() @ W_h),
    "You detach the state, so no gradient reaches the steps before. Leave it in the graph.")
mistakes.add("writes_into_the_state", lambda x, h, *weights: h.copy_(rnn_step(x, h, *weights)),
    "You write the new state into the `h` that you were given. Whoever called you still needs the old one: return a new tensor.")
mistakes.add("state_twice", lambda *given: (rnn_step(*given), rnn_step(*given)),
    "You return a pair, as PyTorch's recurrent layers do. Return the new state alone.")


ALL = ["x", "h", "W_x", "W_h", "b"]

def given(B, Dx, Dh, scale=1.0, dtype=torch.float32):
    shapes = [(B, Dx), (B, Dh), (Dx, Dh), (Dh, Dh), (Dh,)]
    return {name: normal(*shape, scale=scale, dtype=dtype) for name, shape in zip(ALL, shapes, strict=True)}


exercise = Exercise(
    reference=rnn_step,
    cases=[
        Case("one number by hand: tanh(1 - 1 + 0.5493)",
            x=tensor([[1.0]]), h=tensor([[-0.5]]),
            W_x=tensor([[1.0]]), W_h=tensor([[2.0]]), b=tensor([math.log(3) / 2])),
        Case("two inputs by hand: tanh(1 - 2 + 1 + 0.3466)",
            x=tensor([[1.0, 2.0]]), h=tensor([[1.0]]),
            W_x=tensor([[1.0], [-1.0]]), W_h=tensor([[1.0]]), b=tensor([math.log(2) / 2])),
        Case("a batch of one, as many inputs as states", **given(1, 3, 3, 0.5), grad=ALL),
        Case("as many in the batch as inputs and states", **given(3, 3, 3, 0.5), grad=ALL),
        Case("more states than inputs", **given(4, 2, 5, 0.5), grad=ALL),
        Case("more inputs than states", **given(2, 6, 3, 0.5), grad=ALL),
        Case("one state", **given(3, 2, 1), grad=ALL),
        Case("64-bit numbers", **given(3, 4, 2, dtype=torch.float64), grad=ALL),
        Case("numbers in the hundreds", **given(2, 3, 4, 100, torch.float64)),
    ],
    variants=[one_matrix, in_place_on_its_own, state_by_state, cell_from_torch],
    mistakes=mistakes,
    points=2,
)
