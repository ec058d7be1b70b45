"""One step of a decoder: the word before, its state, and a context."""

import torch
from torch import tensor

from utils import models
from utils.attempts.uses import recurrent

from ..exercise import Case, Exercise, Mistakes, normal

# Right, and written differently

def hstack(y, s, context, cell):
    inputs = torch.hstack((y, context))
    state = cell(inputs, s)
    return state

def filled_in(y, s, context, cell):
    inputs = y.new_zeros(len(y), y.size(1) + context.size(1))
    inputs[:, : y.size(1)] = y
    inputs[:, y.size(1) :] = context
    return cell(inputs, s)

def row_by_row(y, s, context, cell):
    rows = [cell(torch.cat([y[i], context[i]])[None], s[i][None]) for i in range(len(y))]
    return torch.cat(rows)


# Wrong

mistakes = Mistakes()

def beside(*parts):
    return torch.cat(parts, -1)

mistakes.add("context_first", lambda y, s, context, cell: cell(beside(context, y), s),
    "You put the context before the word. The cell's weights expect the word `y` first, then the context.")
mistakes.add("context_added_to_the_word", lambda y, s, context, cell: cell(y + context, s),
    "You add the context to the word. They may have different widths, and each has weights of its own: set them side by side.")
mistakes.add("context_added_to_the_state", lambda y, s, context, cell: cell(y, s + context),
    "You add the context to the state. It belongs to the cell's input, beside the word.")
mistakes.add("context_in_the_state_too", lambda y, s, context, cell: cell(beside(y, context), s + context),
    "The context is in the cell's input, and you add it to the state as well. The input is enough.")
mistakes.add("state_in_the_input", lambda y, s, context, cell: cell(beside(y, s, context), s),
    "You set the state beside word and context. The cell gets it as its second argument, so the input is word and context only.")
mistakes.add("word_and_state", lambda y, s, context, cell: cell(beside(y, s), context),
    "You set the state beside the word and hand the context over as the state. It is the other way round: word and context make the input.")
mistakes.add("context_as_the_state", lambda y, s, context, cell: cell(beside(y, context), context),
    "You hand the context over as the state. The cell goes on from the state `s`.")
mistakes.add("arguments_swapped", lambda y, s, context, cell: cell(s, beside(y, context)),
    "You give the cell its two arguments in the wrong order. The input comes first, then the state.")
mistakes.add("without_the_state", lambda y, s, context, cell: cell(beside(y, context)),
    "You call the cell without a state, and a GRU cell then starts from zeros at every step. Give it `s` to go on from.")
mistakes.add("state_of_zeros", lambda y, s, context, cell: cell(beside(y, context), torch.zeros_like(s)),
    "Your cell starts from zeros at every step. It should go on from the state `s`.")
mistakes.add("without_the_context", lambda y, s, context, cell: cell(y, s),
    "The input that you give the cell is the word alone. The context belongs into it as well, or the cell would not know what to translate.")
mistakes.add("context_of_zeros", lambda y, s, context, cell: cell(beside(y, torch.zeros_like(context)), s),
    "Your context is zeros, so the cell would not know what to translate. Use the one you were given.")
mistakes.add("without_the_word", lambda y, s, context, cell: cell(context, s),
    "Your cell gets the context only. It needs the word before as well, or it would not know how far it has come.")
mistakes.add("word_of_zeros", lambda y, s, context, cell: cell(beside(torch.zeros_like(y), context), s),
    "The word before is zeros in your input. Use the `y` that you were given.")
mistakes.add("joined_along_the_batch", lambda y, s, context, cell: cell(torch.cat([y, context]), s),
    "`torch.cat` joins along the first axis, the batch, unless you say otherwise. Word and context belong side by side in one row.")
mistakes.add("context_detached", lambda y, s, context, cell: cell(beside(y, context.detach()), s),
    "You detach the context, so the encoder that made it could not learn. It is fixed in that every step gets the same one; gradients still flow.")
mistakes.add("adds_the_old_state", lambda y, s, context, cell: s + cell(beside(y, context), s),
    "You add the old state to the new one. The cell has already made use of it; what it returns is the new state.")
mistakes.add("first_row_only", lambda y, s, context, cell: cell(beside(y, context), s)[0],
    "You take the first row of the new state, as if the cell returned a pair. A GRU cell returns one tensor, with a row for each sentence.")
mistakes.add("squashed_once_more", lambda y, s, context, cell: torch.tanh(cell(beside(y, context), s)),
    "You put a tanh around the cell. Whatever it needs is inside it already: its result is the new state.")
mistakes.add("state_detached", lambda y, s, context, cell: cell(beside(y, context), s.detach()),
    "You detach the state, so no gradient reaches the steps before. Leave it in the graph.")
mistakes.add("word_detached", lambda y, s, context, cell: cell(beside(y.detach(), context), s),
    "You detach the word, so its embedding could not learn. Leave it in the graph.")
mistakes.add("returns_a_pair", lambda y, s, context, cell: (cell(beside(y, context), s), context),
    "You return the context as well. Return the new state alone: whoever called you already has the context.")


def given(cell, B, E, C, W, dtype=torch.float32):
    """A cell's name, its weights, and what a step is given."""
    if cell == "GRU":
        sizes = {"weight_ih": (3 * W, E + C), "weight_hh": (3 * W, W), "bias_ih": (3 * W,), "bias_hh": (3 * W,)}
    else:
        sizes = {"W_x": (E + C, W), "W_h": (W, W), "b": (W,)}
    sizes = {"y": (B, E), "s": (B, W), "context": (B, C)} | sizes
    return {"cell": cell} | {name: normal(*size, scale=0.7, dtype=dtype) for name, size in sizes.items()}


ALL = ["y", "s", "context"]
exercise = Exercise(
    reference=models.fixed_context_step,
    use=recurrent.fixed_context_step,
    cases=[
        Case("a cell by hand that adds 1 · input 0, 10 · input 1, 100 · input 2 and the state",
            cell="linear", y=tensor([[1.0, 2.0]]), s=tensor([[4000.0]]), context=tensor([[3.0]]),
            W_x=tensor([[1.0], [10.0], [100.0]]), W_h=tensor([[1.0]]), b=tensor([0.0])),
        Case("a tanh cell, a batch of one", **given("tanh", 1, 2, 3, 4), grad=ALL),
        Case("a tanh cell, all widths equal", **given("tanh", 2, 3, 3, 3), grad=ALL),
        Case("a GRU cell", **given("GRU", 3, 2, 4, 3), grad=[*ALL, "weight_ih", "weight_hh"]),
        Case("a GRU cell, all widths equal", **given("GRU", 3, 2, 2, 2), grad=ALL),
        Case("a GRU cell whose state is as wide as its input", **given("GRU", 2, 3, 2, 5), grad=ALL),
        Case("64-bit numbers", **given("GRU", 4, 3, 1, 2, dtype=torch.float64), grad=ALL),
    ],
    variants=[hstack, filled_in, row_by_row],
    mistakes=mistakes,
    points=1,
)
