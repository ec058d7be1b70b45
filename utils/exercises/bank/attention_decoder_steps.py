"""One step of a decoder that looks back: its state asks the encoder's states, and the answer goes into the cell."""

import torch
from torch import tensor

from utils import models
from utils.attempts import probes

from ..exercise import Case, Draw, Exercise, Mistake, normal


def _by_name(y, s, encoder_states, mask, attention, cell):
    context, weights = attention(query=s.unsqueeze(1), key=encoder_states, value=encoder_states, mask=mask.unsqueeze(1))
    context, weights = context.squeeze(1), weights.squeeze(1)
    return cell(torch.hstack((y, context)), s), context, weights


def _row_by_row(y, s, encoder_states, mask, attention, cell):
    rows = []
    for i in range(len(y)):
        one = slice(i, i + 1)
        context, weights = attention(s[one, None], encoder_states[one], encoder_states[one], mask[one])
        rows.append((cell(torch.cat([y[i], context[0, 0]])[None], s[one]), context[0], weights[0]))
    states, contexts, weights = zip(*rows, strict=True)
    return torch.cat(states), torch.cat(contexts), torch.cat(weights)


def _context_from_the_weights(y, s, encoder_states, mask, attention, cell):
    _, weights = attention(s.view(len(s), 1, -1), encoder_states, encoder_states, mask)
    weights = weights.flatten(1)
    context = torch.einsum("bj,bjc->bc", weights, encoder_states)
    inputs = y.new_zeros(len(y), y.size(1) + context.size(1))
    inputs[:, : y.size(1)], inputs[:, y.size(1) :] = y, context
    return cell(inputs, s), context, weights


def _look(query, encoder_states, mask, attention):
    context, weights = attention(query[:, None], encoder_states, encoder_states, mask)
    return context[:, 0], weights[:, 0]


def _new_state_asks(y, s, encoder_states, mask, attention, cell):
    state = cell(torch.cat([y, y.new_zeros(len(y), encoder_states.size(-1))], -1), s)
    return state, *_look(state, encoder_states, mask, attention)


def _new_state_asks_for_a_second_step(y, s, encoder_states, mask, attention, cell):
    state = cell(torch.cat([y, y.new_zeros(len(y), encoder_states.size(-1))], -1), s)
    context, weights = _look(state, encoder_states, mask, attention)
    return cell(torch.cat([y, context], -1), state), context, weights


def _new_state_asks_and_the_old_one_goes_on(y, s, encoder_states, mask, attention, cell):
    state = cell(torch.cat([y, y.new_zeros(len(y), encoder_states.size(-1))], -1), s)
    context, weights = _look(state, encoder_states, mask, attention)
    return cell(torch.cat([y, context], -1), s), context, weights


def _looks_again_after_the_step(y, s, encoder_states, mask, attention, cell):
    context, _ = _look(s, encoder_states, mask, attention)
    state = cell(torch.cat([y, context], -1), s)
    return state, *_look(state, encoder_states, mask, attention)


def _new_weights_beside_the_old_context(y, s, encoder_states, mask, attention, cell):
    context, _ = _look(s, encoder_states, mask, attention)
    state = cell(torch.cat([y, context], -1), s)
    return state, context, _look(state, encoder_states, mask, attention)[1]


def _step_from_a_query(query, y, s, encoder_states, mask, attention, cell):
    context, weights = _look(query, encoder_states, mask, attention)
    return cell(torch.cat([y, context], -1), s), context, weights


def _word_asks(y, s, encoder_states, mask, attention, cell):
    return _step_from_a_query(y, y, s, encoder_states, mask, attention, cell)


def _query_detached(y, s, encoder_states, mask, attention, cell):
    return _step_from_a_query(s.detach(), y, s, encoder_states, mask, attention, cell)


def _mask_not_given(y, s, encoder_states, mask, attention, cell):
    return _step_from_a_query(s, y, s, encoder_states, None, attention, cell)


def _mask_inverted(y, s, encoder_states, mask, attention, cell):
    return _step_from_a_query(s, y, s, encoder_states, ~mask, attention, cell)


def _padding_set_to_zero(y, s, encoder_states, mask, attention, cell):
    return _step_from_a_query(s, y, s, encoder_states * mask[..., None], None, attention, cell)


def _step_with(use, y, s, encoder_states, mask, attention, cell):
    """The cell's new state from use(context, weights) in place of the context."""
    context, weights = _look(s, encoder_states, mask, attention)
    return cell(torch.cat([y, use(context)], -1), s), context, weights


def _weights_taken_for_the_context(y, s, encoder_states, mask, attention, cell):
    weights, context = attention(s[:, None], encoder_states, encoder_states, mask)
    return cell(torch.cat([y, context[:, 0]], -1), s), context[:, 0], weights[:, 0]


def _context_of_zeros(y, s, encoder_states, mask, attention, cell):
    return _step_with(torch.zeros_like, y, s, encoder_states, mask, attention, cell)


def _context_detached(y, s, encoder_states, mask, attention, cell):
    return _step_with(torch.detach, y, s, encoder_states, mask, attention, cell)


def _without_the_context(y, s, encoder_states, mask, attention, cell):
    context, weights = _look(s, encoder_states, mask, attention)
    return cell(y, s), context, weights


def _without_the_word(y, s, encoder_states, mask, attention, cell):
    context, weights = _look(s, encoder_states, mask, attention)
    return cell(context, s), context, weights


def _context_first(y, s, encoder_states, mask, attention, cell):
    context, weights = _look(s, encoder_states, mask, attention)
    return cell(torch.cat([context, y], -1), s), context, weights


def _cell_arguments_swapped(y, s, encoder_states, mask, attention, cell):
    context, weights = _look(s, encoder_states, mask, attention)
    return cell(s, torch.cat([y, context], -1)), context, weights


def _context_as_the_state(y, s, encoder_states, mask, attention, cell):
    context, weights = _look(s, encoder_states, mask, attention)
    return cell(torch.cat([y, s], -1), context), context, weights


def _context_keeps_its_axis(y, s, encoder_states, mask, attention, cell):
    state, context, weights = models.attention_decoder_step(y, s, encoder_states, mask, attention, cell)
    return state, context[:, None], weights


def _weights_keep_their_axis(y, s, encoder_states, mask, attention, cell):
    state, context, weights = models.attention_decoder_step(y, s, encoder_states, mask, attention, cell)
    return state, context, weights[:, None]


def _both_keep_their_axis(y, s, encoder_states, mask, attention, cell):
    state, context, weights = models.attention_decoder_step(y, s, encoder_states, mask, attention, cell)
    return state, context[:, None], weights[:, None]


def _axis_in_the_cell(y, s, encoder_states, mask, attention, cell):
    context, weights = attention(s[:, None], encoder_states, encoder_states, mask)
    return cell(torch.cat([y, context], -1), s), context, weights


def _squeezes_everything(y, s, encoder_states, mask, attention, cell):
    context, weights = attention(s[:, None], encoder_states, encoder_states, mask)
    return cell(torch.cat([y, context.squeeze()], -1), s), context.squeeze(), weights.squeeze()


def _query_without_axis(y, s, encoder_states, mask, attention, cell):
    context, weights = attention(s, encoder_states, encoder_states, mask)
    return cell(torch.cat([y, context], -1), s), context, weights


def _query_axis_in_front(y, s, encoder_states, mask, attention, cell):
    context, weights = attention(s[None], encoder_states, encoder_states, mask)
    return cell(torch.cat([y, context[:, 0]], -1), s), context[:, 0], weights[:, 0]


def _encoder_states_ask(y, s, encoder_states, mask, attention, cell):
    context, weights = attention(encoder_states, s[:, None], s[:, None])
    return cell(torch.cat([y, context[:, 0]], -1), s), context[:, 0], weights[:, 0]


def _encoder_states_ask_themselves(y, s, encoder_states, mask, attention, cell):
    context, weights = attention(encoder_states, encoder_states, encoder_states, mask)
    return cell(torch.cat([y, context[:, 0]], -1), s), context[:, 0], weights[:, 0]


def _mean_as_context(y, s, encoder_states, mask, attention, cell):
    _, weights = _look(s, encoder_states, mask, attention)
    context = encoder_states.mean(1)
    return cell(torch.cat([y, context], -1), s), context, weights


def _last_state_as_context(y, s, encoder_states, mask, attention, cell):
    _, weights = _look(s, encoder_states, mask, attention)
    context = encoder_states[:, -1]
    return cell(torch.cat([y, context], -1), s), context, weights


def _softmax_again(y, s, encoder_states, mask, attention, cell):
    weights = _look(s, encoder_states, mask, attention)[1].softmax(-1)
    context = (weights[:, None] @ encoder_states)[:, 0]
    return cell(torch.cat([y, context], -1), s), context, weights


def _softmax_again_on_return(y, s, encoder_states, mask, attention, cell):
    state, context, weights = models.attention_decoder_step(y, s, encoder_states, mask, attention, cell)
    return state, context, weights.softmax(-1)


def _only_the_state(y, s, encoder_states, mask, attention, cell):
    return models.attention_decoder_step(y, s, encoder_states, mask, attention, cell)[0]


def _without_the_weights(y, s, encoder_states, mask, attention, cell):
    return models.attention_decoder_step(y, s, encoder_states, mask, attention, cell)[:2]


def _state_last(y, s, encoder_states, mask, attention, cell):
    state, context, weights = models.attention_decoder_step(y, s, encoder_states, mask, attention, cell)
    return context, weights, state


def _weights_before_context(y, s, encoder_states, mask, attention, cell):
    state, context, weights = models.attention_decoder_step(y, s, encoder_states, mask, attention, cell)
    return state, weights, context


def _old_state_returned(y, s, encoder_states, mask, attention, cell):
    _, context, weights = models.attention_decoder_step(y, s, encoder_states, mask, attention, cell)
    return s, context, weights


def _mask(B, Tk):
    """True for a sentence's words, between 1 and Tk - 1 of them; False for its padding."""
    return Draw(lambda generator: torch.arange(Tk) < torch.randint(1, max(Tk, 2), (B, 1), generator=generator))


def _with_cell(cell, B, E, W, C, Tk, A, dtype=torch.float32, **others):
    """What the probe needs: a cell's name and weights, the attention's, and what a step is given."""
    if cell == "GRU":
        sizes = {"weight_ih": (3 * W, E + C), "weight_hh": (3 * W, W), "bias_ih": (3 * W,), "bias_hh": (3 * W,)}
    else:
        sizes = {"W_x": (E + C, W), "W_h": (W, W), "b": (W,)}
    sizes = {"y": (B, E), "s": (B, W), "encoder_states": (B, Tk, C)} | sizes
    sizes |= {"W_q": (W, A), "W_k": (C, A), "score_vector": (A,)}
    drawn = {name: normal(*size, dtype=dtype) for name, size in sizes.items()}
    return {"cell": cell, "mask": _mask(B, Tk)} | drawn | others


_GRADIENTS = {"joined": True, "grad": ["y", "s", "encoder_states"]}
_BY_HAND = {
    "cell": "linear", "y": tensor([[1.0]]), "s": tensor([[4000.0]]), "W_x": tensor([[1.0], [10.0]]), "W_h": tensor([[1.0]]),
    "b": tensor([0.0]), "W_q": tensor([[0.0]]), "W_k": tensor([[0.0]]), "score_vector": tensor([1.0]),
}  # fmt: skip

attention_decoder_step = Exercise(
    reference=models.attention_decoder_step,
    probe=probes.attention_decoder_step,
    cases=[
        Case(
            "equal scores for two words, and one of padding, by hand: the cell adds 1 · the word, 10 · the context and the state",
            encoder_states=tensor([[[10.0], [30.0], [500.0]]]), mask=tensor([[True, True, False]]), **_BY_HAND,
        ),
        Case("a source of one word", encoder_states=tensor([[[7.0]]]), mask=tensor([[True]]), **_BY_HAND),
        Case("all widths equal", **_with_cell("tanh", 2, 3, 3, 3, 4, 3)),
        Case("a batch of one", **_with_cell("tanh", 1, 2, 3, 4, 5, 2)),
        Case("all widths different", **_with_cell("GRU", 3, 2, 4, 5, 6, 3)),
        Case("as many sentences as words in each", **_with_cell("GRU", 3, 2, 4, 4, 3, 3)),
        Case("no padding", **_with_cell("GRU", 3, 4, 3, 4, 5, 2, mask=torch.ones(3, 5, dtype=torch.bool))),
        Case("gradients", **_GRADIENTS, **_with_cell("GRU", 3, 2, 4, 6, 5, 3)),
        Case("gradients, 64-bit numbers, all widths equal", **_GRADIENTS, **_with_cell("tanh", 2, 3, 3, 3, 4, 3, dtype=torch.float64)),
    ],
    variants=[_by_name, _row_by_row, _context_from_the_weights],
    mistakes=[
        Mistake(_new_state_asks, "Your cell steps first and its new state asks, as in Luong's decoder. Here the state from before the step asks, so that the context can take part in the step."),
        Mistake(_new_state_asks_for_a_second_step, "Your cell steps twice: once for a state that asks, and once more with the context. One step is enough: the state you were given asks."),
        Mistake(_new_state_asks_and_the_old_one_goes_on, "You take a trial step without context, and its state asks. The state `s` that you were given asks, before any step."),
        Mistake(_looks_again_after_the_step, "You look again with the new state and return what that finds. Return the context and weights that went into this step; the new state asks in the next."),
        Mistake(_new_weights_beside_the_old_context, "Your weights come from a second look, with the new state. Return the weights behind the context that the cell got."),
        Mistake(_word_asks, "Your query is the word before. It is the decoder's state `s` that asks."),
        Mistake(_mask_not_given, "Your attention does not get the mask, so it also looks at padding. Hand the mask on to it."),
        Mistake(_mask_inverted, "You turn the mask round, so only padding is looked at. True means may attend, here and in `attention`."),
        Mistake(_padding_set_to_zero, "You set the padding to zero, and it still takes a share of the weights. Hand the mask to `attention`, and it gets none."),
        Mistake(_context_of_zeros, "You find the right context, and your cell gets zeros in its place. The context belongs in its input, or the decoder never learns what was found."),
        Mistake(_without_the_context, "Your cell gets the word only. The context belongs beside it, or the decoder never learns what was found."),
        Mistake(_without_the_word, "Your cell gets the context only. The word before belongs beside it, in front."),
        Mistake(_context_first, "You put the context before the word. The cell's weights expect the word `y` first, then the context."),
        Mistake(_cell_arguments_swapped, "You give the cell its two arguments in the wrong order. The input comes first, then the state."),
        Mistake(_context_as_the_state, "You hand the context over as the cell's state. Word and context make its input, and it goes on from the state `s`."),
        Mistake(_context_keeps_its_axis, "Your context still has the axis of the queries, of which there is one. Take that axis away before you return it."),
        Mistake(_weights_keep_their_axis, "Your weights still have the axis of the queries, of which there is one. Take that axis away before you return them."),
        Mistake(_both_keep_their_axis, "Your context and weights still have the axis of the queries, of which there is one. Take that axis away before you return them."),
        Mistake(_axis_in_the_cell, "Your context still has the axis of the queries when it meets the word, (B, 1, C) beside (B, E). Take that axis away first."),
        Mistake(_squeezes_everything, "You squeeze away every axis of length one, and a batch or a source of one disappears as well. Name the axis of the queries."),
        Mistake(_query_without_axis, "You hand over the state as (B, W). `attention` expects (B, Tq, W): a query is a row of its own, so give it an axis, here of length one."),
        Mistake(_query_axis_in_front, "You put the new axis in front, (1, B, W), so each sentence is asked by all states, and the first one's answer is taken. The axis of queries comes after the batch."),
        Mistake(_encoder_states_ask, "You have the roles swapped: the decoder's state asks (query), the encoder's states answer (key and value)."),
        Mistake(_encoder_states_ask_themselves, "Your encoder's states ask themselves, and the decoder's state has no say. It is `s` that asks."),
        Mistake(_mean_as_context, "Your context is the mean of all encoder states, whatever is asked. Use the context that `attention` returns."),
        Mistake(_last_state_as_context, "Your context is the last encoder state: the fixed context of before. Use the one that `attention` returns."),
        Mistake(_softmax_again, "You take a softmax of the weights, which flattens them. `attention` has already taken it of the scores."),
        Mistake(_softmax_again_on_return, "You take a softmax of the weights before you return them. They are shares already: `attention` has taken it of the scores."),
        Mistake(_only_the_state, "You return the state alone. Return the context and the weights too: the output layer reads the one, and the figure shows the other."),
        Mistake(_without_the_weights, "You return the state and the context. Return the weights as well, as the third."),
        Mistake(_state_last, "Your three results are right and in another order. Return the next state first, then the context and the weights."),
        Mistake(_weights_before_context, "Your three results are right and in another order. The context comes before the weights."),
        Mistake(_weights_taken_for_the_context, "You take the attention's results in the wrong order: the context comes first, then the weights."),
        Mistake(_old_state_returned, "You return the state you were given. Return the one that the cell makes of it."),
        Mistake(_query_detached, "The numbers are right, but your query is cut off from the graph (detach, no_grad), so the decoder cannot learn what to ask."),
        Mistake(_context_detached, "The numbers are right, but your cell gets a context cut off from the graph (detach, no_grad), so what is read cannot teach where to look."),
    ],
    points=3,
)  # fmt: skip
