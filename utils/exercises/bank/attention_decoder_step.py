"""One step of a decoder that looks back: its state asks the encoder's states, and the answer goes into the cell."""

import torch
from torch import tensor

from utils import models
from utils.attempts.uses import recurrent

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing


def asked(y, s, states, mask):
    """Query, key, value and mask."""
    return s[:, None], states, states, mask

def only(context, weights):
    """What the one query got, its axis taken away."""
    return context[:, 0], weights[:, 0]

def next_state(y, context, s, cell):
    return cell(torch.cat([y, context], -1), s)

def as_they_are(*results):
    return results

def in_steps(y, s, encoder_states, mask, attention, cell, ask=asked, found=only, move=next_state, answer=as_they_are):
    context, weights = found(*attention(*ask(y, s, encoder_states, mask)))
    return answer(move(y, context, s, cell), context, weights)


# Right, and written differently

def by_name(y, s, encoder_states, mask, attention, cell):
    context, weights = attention(query=s.unsqueeze(1), key=encoder_states, value=encoder_states, mask=mask.unsqueeze(1))
    context, weights = context.squeeze(1), weights.squeeze(1)
    return cell(torch.hstack((y, context)), s), context, weights

def row_by_row(y, s, encoder_states, mask, attention, cell):
    rows = []
    for i in range(len(y)):
        one = slice(i, i + 1)
        context, weights = attention(s[one, None], encoder_states[one], encoder_states[one], mask[one])
        rows.append((cell(torch.cat([y[i], context[0, 0]])[None], s[one]), context[0], weights[0]))
    states, contexts, weights = zip(*rows, strict=True)
    return torch.cat(states), torch.cat(contexts), torch.cat(weights)

def context_from_the_weights(y, s, encoder_states, mask, attention, cell):
    _, weights = attention(s.view(len(s), 1, -1), encoder_states, encoder_states, mask)
    weights = weights.flatten(1)
    context = torch.einsum("bj,bjc->bc", weights, encoder_states)
    inputs = y.new_zeros(len(y), y.size(1) + context.size(1))
    inputs[:, : y.size(1)], inputs[:, y.size(1) :] = y, context
    return cell(inputs, s), context, weights


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

def look(query, encoder_states, mask, attention):
    return only(*attention(query[:, None], encoder_states, encoder_states, mask))

def step_before_looking(y, s, encoder_states, cell):
    return next_state(y, y.new_zeros(len(y), encoder_states.size(-1)), s, cell)

@mistakes.program("Your cell steps first and its new state asks, as in Luong's decoder. Here the state from before the step asks, so that the context can take part in the step.")
def new_state_asks(y, s, encoder_states, mask, attention, cell):
    state = step_before_looking(y, s, encoder_states, cell)
    return state, *look(state, encoder_states, mask, attention)

@mistakes.program("Your cell steps twice: once for a state that asks, and once more with the context. One step is enough: the state you were given asks.")
def new_state_asks_for_a_second_step(y, s, encoder_states, mask, attention, cell):
    return in_steps(y, step_before_looking(y, s, encoder_states, cell), encoder_states, mask, attention, cell)

@mistakes.program("You take a trial step without context, and its state asks. The state `s` that you were given asks, before any step.")
def new_state_asks_and_the_old_one_goes_on(y, s, encoder_states, mask, attention, cell):
    context, weights = look(step_before_looking(y, s, encoder_states, cell), encoder_states, mask, attention)
    return next_state(y, context, s, cell), context, weights

@mistakes.program("You look again with the new state and return what that finds. Return the context and weights that went into this step; the new state asks in the next.")
def looks_again_after_the_step(y, s, encoder_states, mask, attention, cell):
    state, _, _ = in_steps(y, s, encoder_states, mask, attention, cell)
    return state, *look(state, encoder_states, mask, attention)

@mistakes.program("Your weights come from a second look, with the new state. Return the weights behind the context that the cell got.")
def new_weights_beside_the_old_context(y, s, encoder_states, mask, attention, cell):
    state, context, _ = in_steps(y, s, encoder_states, mask, attention, cell)
    return state, context, look(state, encoder_states, mask, attention)[1]

mistakes.add("word_asks", but(ask=lambda y, s, states, mask: (y[:, None], states, states, mask)),
    "Your query is the word before. It is the decoder's state `s` that asks.")
mistakes.add("mask_not_given", but(ask=lambda y, s, states, mask: (s[:, None], states, states, None)),
    "Your attention does not get the mask, so it also looks at padding. Hand the mask on to it.")
mistakes.add("mask_inverted", but(ask=lambda y, s, states, mask: (s[:, None], states, states, ~mask)),
    "You turn the mask round, so only padding is looked at. True means may attend, here and in `attention`.")
mistakes.add("padding_set_to_zero", but(ask=lambda y, s, states, mask: asked(y, s, states * mask[..., None], None)),
    "You set the padding to zero, and it still takes a share of the weights. Hand the mask to `attention`, and it gets none.")
mistakes.add("context_of_zeros", but(move=lambda y, c, s, cell: next_state(y, torch.zeros_like(c), s, cell)),
    "You find the right context, and your cell gets zeros in its place. The context belongs in its input, or the decoder never learns what was found.")
mistakes.add("without_the_context", but(move=lambda y, context, s, cell: cell(y, s)),
    "Your cell gets the word only. The context belongs beside it, or the decoder never learns what was found.")
mistakes.add("without_the_word", but(move=lambda y, context, s, cell: cell(context, s)),
    "Your cell gets the context only. The word before belongs beside it, in front.")
mistakes.add("context_first", but(move=lambda y, context, s, cell: next_state(context, y, s, cell)),
    "You put the context before the word. The cell's weights expect the word `y` first, then the context.")
mistakes.add("cell_arguments_swapped", but(move=lambda y, context, s, cell: cell(s, torch.cat([y, context], -1))),
    "You give the cell its two arguments in the wrong order. The input comes first, then the state.")
mistakes.add("context_as_the_state", but(move=lambda y, context, s, cell: cell(torch.cat([y, s], -1), context)),
    "You hand the context over as the cell's state. Word and context make its input, and it goes on from the state `s`.")
mistakes.add("context_keeps_its_axis", but(answer=lambda state, context, weights: (state, context[:, None], weights)),
    "Your context still has the axis of the queries, of which there is one. Take that axis away before you return it.")
mistakes.add("weights_keep_their_axis", but(answer=lambda state, context, weights: (state, context, weights[:, None])),
    "Your weights still have the axis of the queries, of which there is one. Take that axis away before you return them.")
mistakes.add("both_keep_their_axis", but(answer=lambda state, c, weights: (state, c[:, None], weights[:, None])),
    "Your context and weights still have the axis of the queries, of which there is one. Take that axis away before you return them.")
mistakes.add("axis_in_the_cell", but(found=as_they_are),
    "Your context still has the axis of the queries when it meets the word, (B, 1, C) beside (B, E). Take that axis away first.")
mistakes.add("squeezes_everything", but(found=lambda context, weights: (context.squeeze(), weights.squeeze())),
    "You squeeze away every axis of length one, and a batch or a source of one disappears as well. Name the axis of the queries.")
mistakes.add("query_without_axis", but(ask=lambda y, s, states, mask: (s, states, states, mask), found=as_they_are),
    "You hand over the state as (B, W). `attention` expects (B, Tq, W): a query is a row of its own, so give it an axis, here of length one.")
mistakes.add("query_axis_in_front", but(ask=lambda y, s, states, mask: (s[None], states, states, mask)),
    "You put the new axis in front, (1, B, W), so each sentence is asked by all states, and the first one's answer is taken. The axis of queries comes after the batch.")
mistakes.add("encoder_states_ask", but(ask=lambda y, s, states, mask: (states, s[:, None], s[:, None])),
    "You have the roles swapped: the decoder's state asks (query), the encoder's states answer (key and value).")
mistakes.add("encoder_states_ask_themselves", but(ask=lambda y, s, states, mask: (states, states, states, mask)),
    "Your encoder's states ask themselves, and the decoder's state has no say. It is `s` that asks.")

@mistakes.program("Your context is the mean of all encoder states, whatever is asked. Use the context that `attention` returns.")
def mean_as_context(y, s, encoder_states, mask, attention, cell):
    return in_steps(y, s, encoder_states, mask, attention, cell, found=lambda _, w: (encoder_states.mean(1), w[:, 0]))

@mistakes.program("Your context is the last encoder state: the fixed context of before. Use the one that `attention` returns.")
def last_state_as_context(y, s, encoder_states, mask, attention, cell):
    return in_steps(y, s, encoder_states, mask, attention, cell, found=lambda _, w: (encoder_states[:, -1], w[:, 0]))

@mistakes.program("You take a softmax of the weights, which flattens them. `attention` has already taken it of the scores.")
def softmax_again(y, s, encoder_states, mask, attention, cell):
    weights = look(s, encoder_states, mask, attention)[1].softmax(-1)
    context = (weights[:, None] @ encoder_states)[:, 0]
    return next_state(y, context, s, cell), context, weights

mistakes.add("softmax_again_on_return", but(answer=lambda state, context, w: (state, context, w.softmax(-1))),
    "You take a softmax of the weights before you return them. They are shares already: `attention` has taken it of the scores.")
mistakes.add("only_the_state", but(answer=lambda state, context, weights: state),
    "You return the state alone. Return the context and the weights too: the output layer reads the one, and the figure shows the other.")
mistakes.add("without_the_weights", but(answer=lambda state, context, weights: (state, context)),
    "You return the state and the context. Return the weights as well, as the third.")
mistakes.add("state_last", but(answer=lambda state, context, weights: (context, weights, state)),
    "Your three results are right and in another order. Return the next state first, then the context and the weights.")
mistakes.add("weights_before_context", but(answer=lambda state, context, weights: (state, weights, context)),
    "Your three results are right and in another order. The context comes before the weights.")
mistakes.add("weights_taken_for_the_context", but(found=lambda weights, context: only(context, weights)),
    "You take the attention's results in the wrong order: the context comes first, then the weights.")
mistakes.add("old_state_returned", but(move=lambda y, context, s, cell: s),
    "You return the state you were given. Return the one that the cell makes of it.")
mistakes.add("query_detached", but(ask=lambda y, s, states, mask: (s.detach()[:, None], states, states, mask)),
    "The numbers are right, but your query is cut off from the graph (detach, no_grad), so the decoder cannot learn what to ask.")
mistakes.add("context_detached", but(move=lambda y, context, s, cell: next_state(y, context.detach(), s, cell)),
    "The numbers are right, but your cell gets a context cut off from the graph (detach, no_grad), so what is read cannot teach where to look.")


def some_padded(B, Tk):
    """True for a sentence's words, between 1 and Tk - 1 of them; False for its padding."""
    return Draw(lambda generator: torch.arange(Tk) < torch.randint(1, max(Tk, 2), (B, 1), generator=generator))


def given(cell, B, E, W, C, Tk, A, dtype=torch.float32, **others):
    """A cell's name and weights, the attention's, and what a step is given."""
    if cell == "GRU":
        sizes = {"weight_ih": (3 * W, E + C), "weight_hh": (3 * W, W), "bias_ih": (3 * W,), "bias_hh": (3 * W,)}
    else:
        sizes = {"W_x": (E + C, W), "W_h": (W, W), "b": (W,)}
    sizes = {"y": (B, E), "s": (B, W), "encoder_states": (B, Tk, C)} | sizes
    sizes |= {"W_q": (W, A), "W_k": (C, A), "score_vector": (A,)}
    drawn = {name: normal(*size, dtype=dtype) for name, size in sizes.items()}
    return {"cell": cell, "mask": some_padded(B, Tk)} | drawn | others


ALL = {"joined": True, "grad": ["y", "s", "encoder_states"]}
BY_HAND = {
    "cell": "linear", "y": tensor([[1.0]]), "s": tensor([[4000.0]]),
    "W_x": tensor([[1.0], [10.0]]), "W_h": tensor([[1.0]]), "b": tensor([0.0]),
    "W_q": tensor([[0.0]]), "W_k": tensor([[0.0]]), "score_vector": tensor([1.0]),
}
exercise = Exercise(
    reference=models.attention_decoder_step,
    use=recurrent.attention_decoder_step,
    cases=[
        Case("equal scores for two words, and one of padding, by hand: the cell adds 1 · the word, 10 · the context and the state",
            encoder_states=tensor([[[10.0], [30.0], [500.0]]]), mask=tensor([[True, True, False]]), **BY_HAND),
        Case("a source of one word", encoder_states=tensor([[[7.0]]]), mask=tensor([[True]]), **BY_HAND),
        Case("all widths equal", **given("tanh", 2, 3, 3, 3, 4, 3)),
        Case("a batch of one", **given("tanh", 1, 2, 3, 4, 5, 2)),
        Case("all widths different", **given("GRU", 3, 2, 4, 5, 6, 3)),
        Case("as many sentences as words in each", **given("GRU", 3, 2, 4, 4, 3, 3)),
        Case("no padding", **given("GRU", 3, 4, 3, 4, 5, 2, mask=torch.ones(3, 5, dtype=torch.bool))),
        Case("gradients", **given("GRU", 3, 2, 4, 6, 5, 3), **ALL),
        Case("gradients, 64-bit numbers, all widths equal", **given("tanh", 2, 3, 3, 3, 4, 3, torch.float64), **ALL),
    ],
    variants=[by_name, row_by_row, context_from_the_weights],
    mistakes=mistakes,
    points=3,
)
