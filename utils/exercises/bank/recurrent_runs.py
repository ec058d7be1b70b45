"""A recurrent network over a batch of sequences of unequal length."""

import torch
from torch import tensor

from ..exercise import Case, Draw, Exercise, Mistake, normal
from .recurrent_steps import rnn_step, run_rnn


def _steps(x, going, h, *weights):
    """The states (B, T, Dh) of a network that steps where going (B, T) is true and else keeps its state."""
    states = []
    for t in range(x.size(1)):
        h = torch.where(going[:, t, None], rnn_step(x[:, t], h, *weights), h)
        states.append(h)
    return torch.stack(states, 1)


def _times(x):
    return torch.arange(x.size(1))[None]  # (1, T)


def _one_sequence_at_a_time(x, lengths, h0, W_x, W_h, b):
    states = x.new_zeros(x.size(0), x.size(1), h0.size(1))
    for i, length in enumerate(lengths.tolist()):
        h = h0[i]
        for t in range(x.size(1)):
            if t < length:
                h = torch.tanh(x[i, t] @ W_x + h @ W_h + b)
            states[i, t] = h
    return states


def _runs_on_and_picks(x, lengths, h0, W_x, W_h, b):
    states = [h0]
    for inputs in (x @ W_x + b).unbind(1):
        states.append(torch.tanh(inputs + states[-1] @ W_h))
    steps = (_times(x) + 1).minimum(lengths[:, None])  # (B, T): how many steps each has made
    return torch.stack(states, 1)[torch.arange(len(x))[:, None], steps]


def _only_those_that_go_on(x, lengths, h0, W_x, W_h, b):
    h, states = h0.clone(), []
    for t in range(x.size(1)):
        going = lengths > t
        h[going] = rnn_step(x[going, t], h[going], W_x, W_h, b)
        states.append(h.clone())
    return torch.stack(states, dim=1)


def _mask_as_numbers(x, lengths, h0, W_x, W_h, b):
    going, h, states = (_times(x) < lengths[:, None]).to(x.dtype), h0, []
    for t in range(x.size(1)):
        share = going[:, t : t + 1]
        h = share * rnn_step(x[:, t] * share, h, W_x, W_h, b) + (1 - share) * h
        states.append(h)
    return torch.stack(states).transpose(0, 1)


def _reads_the_padding(x, lengths, h0, *weights):
    return _steps(x, torch.ones(x.shape[:2], dtype=torch.bool), h0, *weights)


def _padding_as_zeros(x, lengths, h0, *weights):
    return _reads_the_padding(x.masked_fill((_times(x) >= lengths[:, None])[..., None], 0), lengths, h0, *weights)


def _zeros_after_the_end(x, lengths, h0, *weights):
    return run_rnn(x, lengths, h0, *weights) * (_times(x) < lengths[:, None])[..., None]


def _first_state_after_the_end(x, lengths, h0, *weights):
    going = (_times(x) < lengths[:, None])[..., None]
    return torch.where(going, run_rnn(x, lengths, h0, *weights), h0[:, None])


def _last_state_only(x, lengths, h0, *weights):
    return run_rnn(x, lengths, h0, *weights)[:, -1]


def _starts_from_zeros(x, lengths, h0, *weights):
    return run_rnn(x, lengths, torch.zeros_like(h0), *weights)


def _always_from_the_first_state(x, lengths, h0, *weights):
    going = (_times(x) < lengths[:, None])[..., None]
    states = [rnn_step(x[:, t], h0, *weights) for t in range(x.size(1))]
    return torch.where(going, torch.stack(states, 1), h0[:, None])


def _stops_a_step_early(x, lengths, h0, *weights):
    return run_rnn(x, lengths - 1, h0, *weights)


def _stops_a_step_late(x, lengths, h0, *weights):
    return run_rnn(x, lengths + 1, h0, *weights)


def _first_state_included(x, lengths, h0, *weights):
    return torch.cat([h0[:, None], run_rnn(x, lengths, h0, *weights)], 1)


def _states_before_the_step(x, lengths, h0, *weights):
    return torch.cat([h0[:, None], run_rnn(x, lengths, h0, *weights)[:, :-1]], 1)


def _longest_for_all(x, lengths, h0, *weights):
    return run_rnn(x, lengths.max().expand_as(lengths), h0, *weights)


def _shortest_for_all(x, lengths, h0, *weights):
    return run_rnn(x, lengths.min().expand_as(lengths), h0, *weights)


def _padding_at_the_start(x, lengths, h0, *weights):
    return _steps(x, _times(x) >= x.size(1) - lengths[:, None], h0, *weights)


def _ends_with_the_longest(x, lengths, h0, *weights):
    h, states = h0, []
    for t in range(int(lengths.max())):
        h = torch.where((t < lengths)[:, None], rnn_step(x[:, t], h, *weights), h)
        states.append(h)
    return torch.stack(states, 1)


def _time_first(x, lengths, h0, *weights):
    return run_rnn(x, lengths, h0, *weights).transpose(0, 1)


def _mask_along_the_states(x, lengths, h0, *weights):
    h, states = h0, []
    for t in range(x.size(1)):
        h = torch.where(t < lengths, rnn_step(x[:, t], h, *weights), h)
        states.append(h)
    return torch.stack(states, 1)


def _states_and_the_last(x, lengths, h0, *weights):
    states = run_rnn(x, lengths, h0, *weights)
    return states, states[:, -1]


def _sequences_taken_for_steps(x, lengths, h0, *weights):
    h, states = h0, []
    for t, inputs in enumerate(x):
        h = torch.where((t < lengths)[:, None], rnn_step(inputs, h, *weights), h)
        states.append(h)
    return torch.stack(states)


def _cut_between_steps(x, lengths, h0, *weights):
    h, states = h0, []
    for t in range(x.size(1)):
        h = torch.where((t < lengths)[:, None], rnn_step(x[:, t], h.detach(), *weights), h)
        states.append(h)
    return torch.stack(states, 1)


def _reads_back_what_it_writes(x, lengths, h0, *weights):
    states = x.new_zeros(x.size(0), x.size(1), h0.size(1))
    for t in range(x.size(1)):
        h = states[:, t - 1] if t else h0
        states[:, t] = torch.where((t < lengths)[:, None], rnn_step(x[:, t], h, *weights), h)
    return states


def _overwrites_ended_states(x, lengths, h0, *weights):
    h, states = h0, []
    for t in range(x.size(1)):
        new = rnn_step(x[:, t], h, *weights)
        ended = t >= lengths
        new[ended] = h[ended]
        h = new
        states.append(h)
    return torch.stack(states, 1)


def _default_type(x, lengths, h0, *weights):
    states = torch.zeros(x.size(0), x.size(1), h0.size(1))
    states[:] = run_rnn(x, lengths, h0, *weights)
    return states


def _writes_into_h0(x, lengths, h0, *weights):
    h, states = h0, []
    for t in range(x.size(1)):
        going = t < lengths
        h[going] = rnn_step(x[going, t], h[going], *weights)
        states.append(h.clone())
    return torch.stack(states, 1)


def _one_tensor_many_times(x, lengths, h0, *weights):
    h, states = h0.clone(), []
    for t in range(x.size(1)):
        going = t < lengths
        h[going] = rnn_step(x[going, t], h[going], *weights)
        states.append(h)
    return torch.stack(states, 1)


def _counts_down_the_lengths(x, lengths, h0, *weights):
    h, states = h0, []
    for t in range(x.size(1)):
        h = torch.where((lengths > 0)[:, None], rnn_step(x[:, t], h, *weights), h)
        lengths -= 1
        states.append(h)
    return torch.stack(states, 1)


def _run_case(name, lengths, T, Dx, Dh, dtype=torch.float32, padding=None):
    lengths = tensor(lengths) if isinstance(lengths, list) else lengths

    def x(generator):
        drawn = torch.randn(len(lengths), T, Dx, generator=generator, dtype=dtype)
        return drawn if padding is None else drawn.masked_fill((_times(drawn) >= lengths[:, None])[..., None], padding)

    if isinstance(lengths, int):  # so many sequences, of lengths that are drawn
        B = lengths
        lengths = Draw(lambda generator: torch.randint(0, T + 1, (B,), generator=generator))
        given = normal(B, T, Dx, dtype=dtype)
    else:
        B, given = len(lengths), Draw(x)
    drawn = {"h0": (B, Dh), "W_x": (Dx, Dh), "W_h": (Dh, Dh), "b": (Dh,)}
    others = {key: normal(*size, scale=0.6, dtype=dtype) for key, size in drawn.items()}
    return Case(name, grad=("x", *others), x=given, lengths=lengths, **others)


def _by_hand(name, x, length, h0):
    weights = {"W_x": tensor([[1.0]]), "W_h": tensor([[1.0]]), "b": tensor([0.0])}
    return Case(name, x=tensor(x)[None, :, None], lengths=tensor([length]), h0=tensor([[h0]]), **weights)


recurrent_run = Exercise(
    reference=run_rnn,
    cases=[
        _by_hand("one sequence by hand: tanh(1), tanh(0 + 0.7616), and then padding", [1.0, 0.0, 7.0], 2, 0.0),
        _by_hand("an empty sequence keeps h0", [5.0, -5.0], 0, 0.25),
        _run_case("one step of one sequence", [1], 1, 2, 3),
        _run_case("one sequence to its end", [4], 4, 2, 3),
        _run_case("four lengths", [2, 0, 5, 3], 5, 3, 4),
        _run_case("all as long as can be", [3, 3], 3, 4, 2),
        _run_case("none as long as x has room for", [2, 4, 1], 6, 2, 3),
        _run_case("as many sequences as steps, inputs and states", [3, 1, 2], 3, 3, 3),
        _run_case("64-bit numbers", [1, 4, 2], 4, 3, 2, dtype=torch.float64),
        _run_case("huge numbers as padding", [2, 4, 0], 5, 2, 3, padding=1e30),
        _run_case("lengths drawn at random", 6, 7, 3, 4),
    ],
    variants=[_one_sequence_at_a_time, _runs_on_and_picks, _only_those_that_go_on, _mask_as_numbers],
    mistakes=[
        Mistake(_reads_the_padding, "You go on stepping through the padding. After its last input, a sequence keeps the state it has."),
        Mistake(_padding_as_zeros, "You set the padding to zero, but a step with a zero input is still a step and changes the state. After the last input, take none."),
        Mistake(_zeros_after_the_end, "Your states are zero after a sequence has ended. They should stay what they were at its last input."),
        Mistake(_first_state_after_the_end, "After a sequence has ended, your states are `h0` again. They should stay what they were at its last input."),
        Mistake(_last_state_only, "You return the last state only. Every step leaves one, and all of them are wanted, in order."),
        Mistake(_starts_from_zeros, "You start from zeros. The state before the first input is `h0`."),
        Mistake(_always_from_the_first_state, "Every step of yours starts from `h0`, so nothing is remembered. Each should start from the state that the one before left."),
        Mistake(_stops_a_step_early, "Your sequences end one step early: steps count from 0, so a sequence of length 2 takes the steps 0 and 1."),
        Mistake(_stops_a_step_late, "Your sequences take one step too many: steps count from 0, so a sequence of length 2 takes the steps 0 and 1."),
        Mistake(_first_state_included, "Your states begin with `h0`, so there is one too many. The first one to keep has read the first input."),
        Mistake(_states_before_the_step, "Your states are one place late: you keep the state from before each step. The first one to keep has read the first input."),
        Mistake(_longest_for_all, "You run every sequence for as long as the longest. Each has a length of its own."),
        Mistake(_shortest_for_all, "You end every sequence with the shortest. Each has a length of its own."),
        Mistake(_padding_at_the_start, "You take the first places for padding. A sequence begins at place 0, and the padding follows it."),
        Mistake(_ends_with_the_longest, "You return as many states as the longest sequence has inputs. x may have room for more, and every place of it gets a state."),
        Mistake(_time_first, "Your states have time before the batch. The result should be ordered as x is: the batch first, then time."),
        Mistake(_mask_along_the_states, "Your condition has one entry per sequence, and lies along the states instead of down the batch. It needs a second axis of size one."),
        Mistake(_states_and_the_last, "You return a pair, as PyTorch's recurrent layers do. Return the states alone: the last one is among them."),
        Mistake(_sequences_taken_for_steps, "A loop over x goes through the sequences, not through time: the first axis is the batch. Step along the second."),
        Mistake(_cut_between_steps, "You detach the state between steps, so no gradient reaches the steps before. The values are right, and long memories could not be learned."),
        Mistake(_reads_back_what_it_writes, "You read a state from the tensor that you then write into, and backpropagation still needs it as it was. Keep the state in a variable of its own."),
        Mistake(_overwrites_ended_states, "You write into a new state, and backpropagation still needs it as it was. Choose between the new and the old one with `torch.where`."),
        Mistake(_default_type, "Your states lie in a tensor of PyTorch's default type, 32-bit numbers. Make it of the type of x."),
        Mistake(_writes_into_h0, "Your state is `h0` itself under a second name, so writing into it changes what you were given. Start from a copy."),
        Mistake(_one_tensor_many_times, "You collect one tensor again and again and go on writing into it, so every state becomes the last one. Each step needs a tensor of its own."),
        Mistake(_counts_down_the_lengths, "You count down in the `lengths` that you were given, which changes them for whoever called you. Compare them with the step instead."),
    ],
    points=3,
)  # fmt: skip
