"""One step of a decoder: the word before, its state, and a context."""

import torch
from torch import tensor

from utils import models
from utils.attempts import probes

from ..exercise import Case, Exercise, Mistake, normal


def _hstack(y, s, context, cell):
    inputs = torch.hstack((y, context))
    state = cell(inputs, s)
    return state


def _filled_in(y, s, context, cell):
    inputs = y.new_zeros(len(y), y.size(1) + context.size(1))
    inputs[:, : y.size(1)] = y
    inputs[:, y.size(1) :] = context
    return cell(inputs, s)


def _row_by_row(y, s, context, cell):
    rows = [cell(torch.cat([y[i], context[i]])[None], s[i][None]) for i in range(len(y))]
    return torch.cat(rows)


def _context_first(y, s, context, cell):
    return cell(torch.cat([context, y], -1), s)


def _context_added_to_the_word(y, s, context, cell):
    return cell(y + context, s)


def _context_added_to_the_state(y, s, context, cell):
    return cell(y, s + context)


def _context_in_the_state_too(y, s, context, cell):
    return cell(torch.cat([y, context], -1), s + context)


def _state_in_the_input(y, s, context, cell):
    return cell(torch.cat([y, s, context], -1), s)


def _word_and_state(y, s, context, cell):
    return cell(torch.cat([y, s], -1), context)


def _context_as_the_state(y, s, context, cell):
    return cell(torch.cat([y, context], -1), context)


def _arguments_swapped(y, s, context, cell):
    return cell(s, torch.cat([y, context], -1))


def _without_the_state(y, s, context, cell):
    return cell(torch.cat([y, context], -1))


def _state_of_zeros(y, s, context, cell):
    return cell(torch.cat([y, context], -1), torch.zeros_like(s))


def _without_the_context(y, s, context, cell):
    return cell(y, s)


def _context_of_zeros(y, s, context, cell):
    return cell(torch.cat([y, torch.zeros_like(context)], -1), s)


def _without_the_word(y, s, context, cell):
    return cell(context, s)


def _word_of_zeros(y, s, context, cell):
    return cell(torch.cat([torch.zeros_like(y), context], -1), s)


def _joined_along_the_batch(y, s, context, cell):
    return cell(torch.cat([y, context]), s)


def _context_detached(y, s, context, cell):
    return cell(torch.cat([y, context.detach()], -1), s)


def _adds_the_old_state(y, s, context, cell):
    return s + cell(torch.cat([y, context], -1), s)


def _returns_a_pair(y, s, context, cell):
    return cell(torch.cat([y, context], -1), s), context


def _with_cell(cell, B, E, C, W, dtype=torch.float32):
    """A cell's name, its weights, and what a step is given."""
    if cell == "GRU":
        sizes = {"weight_ih": (3 * W, E + C), "weight_hh": (3 * W, W), "bias_ih": (3 * W,), "bias_hh": (3 * W,)}
    else:
        sizes = {"W_x": (E + C, W), "W_h": (W, W), "b": (W,)}
    sizes = {"y": (B, E), "s": (B, W), "context": (B, C)} | sizes
    return {"cell": cell} | {name: normal(*size, scale=0.7, dtype=dtype) for name, size in sizes.items()}


_GRAD = ("y", "s", "context")

fixed_context_step = Exercise(
    reference=models.fixed_context_step,
    probe=probes.fixed_context_step,
    cases=[
        Case(
            "a cell by hand that adds 1 · input 0, 10 · input 1, 100 · input 2 and the state",
            cell="linear",
            y=tensor([[1.0, 2.0]]),
            s=tensor([[4000.0]]),
            context=tensor([[3.0]]),
            W_x=tensor([[1.0], [10.0], [100.0]]),
            W_h=tensor([[1.0]]),
            b=tensor([0.0]),
        ),
        Case("a tanh cell, a batch of one", grad=_GRAD, **_with_cell("tanh", 1, 2, 3, 4)),
        Case("a tanh cell, all widths equal", grad=_GRAD, **_with_cell("tanh", 2, 3, 3, 3)),
        Case("a GRU cell", grad=(*_GRAD, "weight_ih", "weight_hh"), **_with_cell("GRU", 3, 2, 4, 3)),
        Case("a GRU cell, all widths equal", grad=_GRAD, **_with_cell("GRU", 3, 2, 2, 2)),
        Case("a GRU cell whose state is as wide as its input", grad=_GRAD, **_with_cell("GRU", 2, 3, 2, 5)),
        Case("64-bit numbers", grad=_GRAD, **_with_cell("GRU", 4, 3, 1, 2, dtype=torch.float64)),
    ],
    variants=[_hstack, _filled_in, _row_by_row],
    mistakes=[
        Mistake(_context_first, "You put the context before the word. The cell's weights expect the word `y` first, then the context."),
        Mistake(_context_added_to_the_word, "You add the context to the word. They may have different widths, and each has weights of its own: set them side by side."),
        Mistake(_context_added_to_the_state, "You add the context to the state. It belongs to the cell's input, beside the word."),
        Mistake(_context_in_the_state_too, "The context is in the cell's input, and you add it to the state as well. The input is enough."),
        Mistake(_state_in_the_input, "You set the state beside word and context. The cell gets it as its second argument, so the input is word and context only."),
        Mistake(_word_and_state, "You set the state beside the word and hand the context over as the state. It is the other way round: word and context make the input."),
        Mistake(_context_as_the_state, "You hand the context over as the state. The cell goes on from the state `s`."),
        Mistake(_arguments_swapped, "You give the cell its two arguments in the wrong order. The input comes first, then the state."),
        Mistake(_without_the_state, "You call the cell without a state, and a GRU cell then starts from zeros at every step. Give it `s` to go on from."),
        Mistake(_state_of_zeros, "Your cell starts from zeros at every step. It should go on from the state `s`."),
        Mistake(_without_the_context, "Your cell gets the word only. It needs the context as well, or it would not know what to translate."),
        Mistake(_context_of_zeros, "Your context is zeros, so the cell would not know what to translate. Use the one you were given."),
        Mistake(_without_the_word, "Your cell gets the context only. It needs the word before as well, or it would not know how far it has come."),
        Mistake(_word_of_zeros, "The word before is zeros in your input. Use the `y` that you were given."),
        Mistake(_joined_along_the_batch, "`torch.cat` joins along the first axis, the batch, unless you say otherwise. Word and context belong side by side in one row."),
        Mistake(_context_detached, "You detach the context, so the encoder that made it could not learn. It is fixed in that every step gets the same one; gradients still flow."),
        Mistake(_adds_the_old_state, "You add the old state to the new one. The cell has already made use of it; what it returns is the new state."),
        Mistake(_returns_a_pair, "You return the context as well. Return the new state alone: whoever called you already has the context."),
    ],
    points=1,
)  # fmt: skip
