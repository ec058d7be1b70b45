"""A recurrent network over a batch of sequences of unequal length."""

import torch
from torch import tensor

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing
from .rnn_step import rnn_step


def run_rnn(x, lengths, h0, W_x, W_h, b):
    """The states (B, T, Dh) after each step of rnn_step over x (B, T, Dx), starting from h0 (B, Dh).

    lengths (B,), whole numbers from 0 to T: sequence i is x[i, :lengths[i]], and the rest of x[i] is padding that may
    hold any number. After its last input a sequence keeps its state; a sequence of length 0 keeps h0.
    Source: Elman 1990.
    """
    return in_steps(x, lengths, h0, W_x, W_h, b)


def before_the_end(x, lengths):
    return torch.arange(x.size(1)) < lengths[:, None]  # (B, T)

def where_going(going, new, old):
    return torch.where(going[:, None], new, old)

def all_states(states, going, h0):
    return states

def in_steps(x, lengths, h0, *weights, goes=before_the_end, step=rnn_step, choose=where_going, answer=all_states):
    going, h, states = goes(x, lengths), h0, []
    for t in range(x.size(1)):
        h = choose(going[:, t], step(x[:, t], h, *weights), h)  # (B, Dh)
        states.append(h)
    return answer(torch.stack(states, 1), going, h0)  # (B, T, Dh)


# Right, and written differently

def one_sequence_at_a_time(x, lengths, h0, W_x, W_h, b):
    states = x.new_zeros(x.size(0), x.size(1), h0.size(1))
    for i, length in enumerate(lengths.tolist()):
        h = h0[i]
        for t in range(x.size(1)):
            if t < length:
                h = torch.tanh(x[i, t] @ W_x + h @ W_h + b)
            states[i, t] = h
    return states

def runs_on_and_picks(x, lengths, h0, W_x, W_h, b):
    states = [h0]
    for inputs in (x @ W_x + b).unbind(1):
        states.append(torch.tanh(inputs + states[-1] @ W_h))
    steps = torch.arange(1, x.size(1) + 1).minimum(lengths[:, None])  # (B, T): how many steps each has made
    return torch.stack(states, 1)[torch.arange(len(x))[:, None], steps]

def only_those_that_go_on(x, lengths, h0, W_x, W_h, b):
    h, states = h0.clone(), []
    for t in range(x.size(1)):
        going = lengths > t
        h[going] = torch.tanh(x[going, t] @ W_x + h[going] @ W_h + b)
        states.append(h.clone())
    return torch.stack(states, dim=1)

def mask_as_numbers(x, lengths, h0, W_x, W_h, b):
    going, h, states = before_the_end(x, lengths).to(x.dtype), h0, []
    for t in range(x.size(1)):
        share = going[:, t : t + 1]
        h = share * torch.tanh(x[:, t] * share @ W_x + h @ W_h + b) + (1 - share) * h
        states.append(h)
    return torch.stack(states).transpose(0, 1)


# Wrong

def always(x, lengths):
    return torch.ones(x.shape[:2], dtype=torch.bool)

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("reads_the_padding", but(goes=always),
    "You go on stepping through the padding. After its last input, a sequence keeps the state it has.")

@mistakes.program("You set the padding to zero, but a step with a zero input is still a step and changes the state. After the last input, take none.")
def padding_as_zeros(x, lengths, *given):
    return in_steps(x.where(before_the_end(x, lengths)[..., None], 0), lengths, *given, goes=always)

mistakes.add("choice_swapped", but(choose=lambda going, new, old: torch.where(going[:, None], old, new)),
    "Your `torch.where` has its two choices the other way round: a sequence rests while it lasts and steps through its padding. What stands first is taken where the condition is True.")

@mistakes.program("Your condition is True once a sequence is over. Say where it still goes on: which steps t does a sequence of length 2 take?")
def steps_from_the_end_on(x, lengths, *given):
    return in_steps(x, lengths, *given, goes=lambda x, lengths: torch.arange(x.size(1)) > lengths[:, None])

@mistakes.program("Your state rests where it should, but you keep the step's result instead of it: after the end your states are those of one step more. Collect the state after the choice.")
def keeps_the_step_instead(x, lengths, h0, *weights):
    going, h, states = before_the_end(x, lengths), h0, []
    for t in range(x.size(1)):
        new = rnn_step(x[:, t], h, *weights)
        h = where_going(going[:, t], new, h)
        states.append(new)
    return torch.stack(states, 1)

@mistakes.program("What you collect rests, but the state itself goes on: after the end it steps through the padding. The next step has to start from what was chosen.")
def chooses_for_the_record_only(x, lengths, h0, *weights):
    going, h, states = before_the_end(x, lengths), h0, []
    for t in range(x.size(1)):
        new = rnn_step(x[:, t], h, *weights)
        states.append(where_going(going[:, t], new, h))
        h = new
    return torch.stack(states, 1)

def each_filled(x, lengths, h0, *weights, last=lambda states, n, h0: states[n - 1] if n else h0):
    """Sequence by sequence, and the padding filled with `last`."""
    rows = []
    for i, n in enumerate(lengths.tolist()):
        h, states = h0[i : i + 1], []
        for t in range(x.size(1)):
            h = rnn_step(x[i : i + 1, t], h, *weights)
            states.append(h[0])
        rows.append(torch.stack([*states[:n], *[last(states, n, h0[i])] * (x.size(1) - n)]))
    return torch.stack(rows)

mistakes.add("state_before_the_first", lambda *given: each_filled(*given, last=lambda states, n, h0: states[n - 1]),
    "You fill the padding with the state at n - 1, and for an empty sequence, where n is 0, that is place -1: the last of all. It should keep `h0`.")
mistakes.add("zeros_for_the_empty",
    lambda *given: each_filled(*given, last=lambda states, n, h0: states[n - 1] if n else torch.zeros_like(h0)),
    "Your empty sequence gets zeros. It has read nothing, so it keeps `h0`.")

@mistakes.program("Your state is not set back to `h0` when the next sequence begins: it goes on from where the one before ended.")
def goes_on_from_the_sequence_before(x, lengths, h0, *weights):
    h, rows = h0[:1], []
    for i, n in enumerate(lengths.tolist()):
        states = []
        for t in range(x.size(1)):
            h = rnn_step(x[i : i + 1, t], h, *weights) if t < n else h
            states.append(h[0])
        rows.append(torch.stack(states))
    return torch.stack(rows)

mistakes.add("zeros_after_the_end", but(answer=lambda states, going, h0: states * going[..., None]),
    "Your states are zero after a sequence has ended. They should stay what they were at its last input.")
mistakes.add("first_state_after_the_end",
    but(answer=lambda states, going, h0: torch.where(going[..., None], states, h0[:, None])),
    "After a sequence has ended, your states are `h0` again. They should stay what they were at its last input.")
mistakes.add("last_state_only", but(answer=lambda states, going, h0: states[:, -1]),
    "You return the last state only. Every step leaves one, and all of them are wanted, in order.")
mistakes.add("starts_from_zeros", lambda x, lengths, h0, *weights: run_rnn(x, lengths, torch.zeros_like(h0), *weights),
    "You start from zeros. The state before the first input is `h0`.")

@mistakes.program("Every step of yours starts from `h0`, so nothing is remembered. Each should start from the state that the one before left.")
def always_from_the_first_state(x, lengths, h0, *weights):
    states = torch.stack([rnn_step(x[:, t], h0, *weights) for t in range(x.size(1))], 1)
    return torch.where(before_the_end(x, lengths)[..., None], states, h0[:, None])

@mistakes.program("Every step of yours starts from `h0`, so nothing is remembered. Each should start from the state that the one before left.")
def from_the_first_state_and_kept(x, lengths, h0, *weights):
    going, h, states = before_the_end(x, lengths), h0, []
    for t in range(x.size(1)):
        h = where_going(going[:, t], rnn_step(x[:, t], h0, *weights), h)
        states.append(h)
    return torch.stack(states, 1)

mistakes.add("adds_the_old_state",
    but(choose=lambda going, new, old: old + going[:, None] * new),
    "You add the new state to the old one. The new one takes its place, as long as the sequence goes on.")
mistakes.add("stops_a_step_early", lambda x, lengths, *given: run_rnn(x, lengths - 1, *given),
    "Your sequences end one step early: steps count from 0, so a sequence of length 2 takes the steps 0 and 1.")
mistakes.add("stops_a_step_late", lambda x, lengths, *given: run_rnn(x, lengths + 1, *given),
    "Your sequences take one step too many: steps count from 0, so a sequence of length 2 takes the steps 0 and 1.")
mistakes.add("first_state_included", but(answer=lambda states, going, h0: torch.cat([h0[:, None], states], 1)),
    "Your states begin with `h0`, so there is one too many. The first one to keep has read the first input.")
mistakes.add("states_before_the_step",
    but(answer=lambda states, going, h0: torch.cat([h0[:, None], states[:, :-1]], 1)),
    "Your states are one place late: you keep the state from before each step. The first one to keep has read the first input.")
mistakes.add("longest_for_all", lambda x, lengths, *given: run_rnn(x, lengths.max().expand_as(lengths), *given),
    "You run every sequence for as long as the longest. Each has a length of its own.")
@mistakes.program("You let a step count only where all sequences still go on, so every one ends with the shortest. Each has a length of its own.")
def steps_while_all_do(x, lengths, h0, *weights):
    h, states = h0, []
    for t in range(x.size(1)):
        h = rnn_step(x[:, t], h, *weights) if (t < lengths).all() else h
        states.append(h)
    return torch.stack(states, 1)

mistakes.add("shortest_for_all", lambda x, lengths, *given: run_rnn(x, lengths.min().expand_as(lengths), *given),
    "You end every sequence with the shortest. Each has a length of its own.")
mistakes.add("padding_at_the_start", but(goes=lambda x, lengths: before_the_end(x, lengths).flip(1)),
    "You take the first places for padding. A sequence begins at place 0, and the padding follows it.")
mistakes.add("ends_with_the_longest", lambda x, lengths, *given: run_rnn(x[:, :lengths.max()], lengths, *given),
    "You return as many states as the longest sequence has inputs. x may have room for more, and every place of it gets a state.")
mistakes.add("states_in_a_row", but(answer=lambda states, going, h0: states.flatten(1)),
    "Your states lie in one long row for each sequence: `torch.cat` joins along an axis that is there. `torch.stack` makes a new one, for time.")
mistakes.add("time_first", but(answer=lambda states, going, h0: states.transpose(0, 1)),
    "Your states have time before the batch. The result should be ordered as x is: the batch first, then time.")
mistakes.add("mask_along_the_states", but(choose=torch.where),
    "Your condition has one entry per sequence, and lies along the states instead of down the batch. It needs a second axis of size one.")
mistakes.add("states_and_the_last", but(answer=lambda states, going, h0: (states, states[:, -1])),
    "You return a pair, as PyTorch's recurrent layers do. Return the states alone: the last one is among them.")
mistakes.add("sequences_taken_for_steps", lambda x, *given: run_rnn(x.transpose(0, 1), *given).transpose(0, 1),
    "A loop over x goes through the sequences, not through time: the first axis is the batch. Step along the second.")
mistakes.add("first_axis_for_time",
    lambda x, lengths, h0, *weights: torch.stack([rnn_step(x[t], h0, *weights) for t in range(x.size(1))], 1),
    "`x[t]` is a sequence, not a step: the first axis is the batch. The inputs of step t are `x[:, t]`.")
mistakes.add("cut_between_steps", but(step=lambda x, h, *weights: rnn_step(x, h.detach(), *weights)),
    "You detach the state between steps, so no gradient reaches the steps before. The values are right, and long memories could not be learned.")

@mistakes.program("You read a state from the tensor that you then write into, and backpropagation still needs it as it was. Keep the state in a variable of its own.")
def reads_back_what_it_writes(x, lengths, h0, *weights):
    states = x.new_zeros(x.size(0), x.size(1), h0.size(1))
    for t in range(x.size(1)):
        h = states[:, t - 1] if t else h0
        states[:, t] = torch.where((t < lengths)[:, None], rnn_step(x[:, t], h, *weights), h)
    return states

@mistakes.program("You write into a new state, and backpropagation still needs it as it was. Choose between the new and the old one with `torch.where`.")
def overwrites_ended_states(*given):
    def choose(going, new, old):
        new[~going] = old[~going]
        return new

    return in_steps(*given, choose=choose)

@mistakes.program("You write into one tensor and collect it again and again: it is the same one at every step, and looks everywhere as it does last. Collect a copy.")
def one_tensor_collected(x, lengths, h0, *weights):
    going, h, states = before_the_end(x, lengths), h0.clone(), []
    for t in range(x.size(1)):
        h[going[:, t]] = rnn_step(x[:, t], h, *weights)[going[:, t]]
        states.append(h)
    return torch.stack(states, 1)

mistakes.add("default_type", but(answer=lambda states, going, h0: states.float()),
    "Your states lie in a tensor of PyTorch's default type, 32-bit numbers. Make it of the type of x.")

@mistakes.program("Your state is `h0` itself under a second name, so writing into it changes what you were given. Start from a copy.")
def writes_into_h0(x, lengths, h0, *weights):
    h, states = h0, []
    for t in range(x.size(1)):
        going = t < lengths
        h[going] = rnn_step(x[going, t], h[going], *weights)
        states.append(h.clone())
    return torch.stack(states, 1)

@mistakes.program("You collect one tensor again and again and go on writing into it, so every state becomes the last one. Each step needs a tensor of its own.")
def one_tensor_many_times(x, lengths, h0, *weights):
    h, states = h0.clone(), []
    for t in range(x.size(1)):
        going = t < lengths
        h[going] = rnn_step(x[going, t], h[going], *weights)
        states.append(h)
    return torch.stack(states, 1)

@mistakes.program("You count down in the `lengths` that you were given, which changes them for whoever called you. Compare them with the step instead.")
def counts_down_the_lengths(x, lengths, h0, *weights):
    h, states = h0, []
    for t in range(x.size(1)):
        h = torch.where((lengths > 0)[:, None], rnn_step(x[:, t], h, *weights), h)
        lengths -= 1
        states.append(h)
    return torch.stack(states, 1)


def by_hand(x, length, h0):
    weights = {"W_x": tensor([[1.0]]), "W_h": tensor([[1.0]]), "b": tensor([0.0])}
    return {"x": tensor(x)[None, :, None], "lengths": tensor([length]), "h0": tensor([[h0]])} | weights

def given(B, T, Dx, Dh, lengths, dtype=torch.float32, **more):
    shapes = {"h0": (B, Dh), "W_x": (Dx, Dh), "W_h": (Dh, Dh), "b": (Dh,)}
    others = {name: normal(*shape, scale=0.6, dtype=dtype) for name, shape in shapes.items()}
    all_inputs = {"x": normal(B, T, Dx, dtype=dtype), "lengths": lengths} | others | more
    return {"grad": ["x", *others]} | all_inputs

UNEQUAL = tensor([2, 4, 0])

def huge_after_the_end(generator):
    x = torch.randn(3, 5, 2, generator=generator)
    return x.where(before_the_end(x, UNEQUAL)[..., None], 1e30)


exercise = Exercise(
    reference=run_rnn,
    cases=[
        Case("one sequence by hand: tanh(1), tanh(0 + 0.7616), and then padding", **by_hand([1.0, 0.0, 7.0], 2, 0.0)),
        Case("an empty sequence keeps h0", **by_hand([5.0, -5.0, 0.5, 1.0], 0, 0.25)),
        Case("one step of one sequence", **given(1, 1, 2, 3, tensor([1]))),
        Case("one sequence to its end", **given(1, 4, 2, 3, tensor([4]))),
        Case("four lengths", **given(4, 5, 3, 4, tensor([2, 0, 5, 3]))),
        Case("all as long as can be", **given(2, 3, 4, 2, tensor([3, 3]))),
        Case("none as long as x has room for", **given(3, 6, 2, 3, tensor([2, 4, 1]))),
        Case("as many sequences as steps, inputs and states", **given(3, 3, 3, 3, tensor([3, 1, 2]))),
        Case("64-bit numbers", **given(3, 4, 3, 2, tensor([1, 4, 2]), torch.float64)),
        Case("huge numbers as padding", **given(3, 5, 2, 3, UNEQUAL, x=Draw(huge_after_the_end))),
        Case("lengths drawn at random",
            **given(6, 7, 3, 4, Draw(lambda generator: torch.randint(0, 8, (6,), generator=generator)))),
    ],
    variants=[one_sequence_at_a_time, runs_on_and_picks, only_those_that_go_on, mask_as_numbers],
    mistakes=mistakes,
    points=3,
)
