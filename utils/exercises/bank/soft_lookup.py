"""The lookup in which every key has a say."""

import math
from functools import partial

import torch
from torch import tensor
from torch.nn.functional import normalize

from utils.attention import reference

from ..exercise import Case, Exercise, Mistakes, normal, replacing
from . import wrong_weights as wrong
from .drawn import first_sees_nothing, lookup


def divided(query, key, temperature):
    return query @ key.mT / temperature

def context(weights, value):
    return weights @ value

def in_steps(query, key, value, temperature=1.0, mask=None, scores=divided, weigh=wrong.right, answer=context):
    return answer(weigh(scores(query, key, temperature), mask), value)


# Right, and written differently

def full(mask, query, key):
    shape = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2]) + (query.size(-2), key.size(-2))
    return torch.ones(shape, dtype=torch.bool) if mask is None else mask.expand(shape)

def with_einsum(query, key, value, temperature=1.0, mask=None):
    scores = torch.einsum("...id,...jd->...ij", query, key) / temperature
    scores = scores.masked_fill(~full(mask, query, key), -math.inf)
    exps = torch.exp(scores - scores.amax(-1, keepdim=True).clamp(min=-1e30))
    return torch.einsum("...ij,...jd->...id", exps / exps.sum(-1, keepdim=True).clamp(min=1e-30), value)

def query_by_query(query, key, value, temperature=1.0, mask=None):
    allowed = full(mask, query, key)
    everywhere = allowed.shape[:-2]
    flat = [t.expand(*everywhere, *t.shape[-2:]).reshape(-1, *t.shape[-2:]) for t in (query, key, value, allowed)]
    rows = []
    for queries, keys, values, may_attend in zip(*flat, strict=True):
        for q, these in zip(queries, may_attend, strict=True):
            rows.append(torch.softmax(keys[these] @ q / temperature, 0) @ values[these])
    return torch.stack(rows).reshape(*allowed.shape[:-1], value.size(-1))

def with_torch(query, key, value, temperature=1.0, mask=None):
    hidden = ~full(mask, query, key)
    empty = hidden.all(-1, keepdim=True)
    scores = (query @ key.mT / temperature).masked_fill(hidden & ~empty, -math.inf)
    return (scores.softmax(-1) @ value).masked_fill(empty, 0)

def nan_replaced(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1).nan_to_num(0) @ value


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

def lowest_and_no_more(scores, mask=None):
    return (scores if mask is None else scores.masked_fill(~mask, torch.finfo(scores.dtype).min)).softmax(-1)

def turned(key):
    return key.permute(*reversed(range(key.dim())))

mistakes.add("times_temperature", but(scores=lambda q, k, t: q @ k.mT * t),
    "A higher temperature makes your weights sharper. It should make them flatter: divide the scores by it.")
mistakes.add("temperature_ignored", but(scores=lambda q, k, t: q @ k.mT),
    "Your weights are the same at every temperature.")

@mistakes.program("You divide the answer by the temperature. It is the scores that are divided, before the softmax.")
def weights_over_temperature(query, key, value, temperature=1.0, mask=None):
    return in_steps(query, key, value, mask=mask) / temperature

mistakes.add("divided_by_root_of_width", but(scores=lambda q, k, t: q @ k.mT / t / q.size(-1) ** 0.5),
    "You divide by the square root of the width as well. That is a choice of temperature, and here the caller makes it.")
mistakes.add("softmax_over_queries", but(weigh=wrong.over_queries),
    "Your weights sum to one over the queries. Each query shares out its own vote: they should sum to one over the keys.")
mistakes.add("no_softmax", but(weigh=wrong.no_softmax),
    "You weigh the values by their scores. Turn the scores into weights first, positive and with sum one.")
mistakes.add("overflows", but(weigh=wrong.overflows),
    "Large scores overflow to infinity, and infinity over infinity is NaN. Your `softmax` of exercise 2.1 has a way around it.")
mistakes.add("mask_inverted", but(weigh=wrong.mask_inverted),
    "You hide the keys where mask is True. In this course True means 'may attend'.")
mistakes.add("mask_ignored", but(weigh=wrong.mask_ignored),
    "The hidden keys have a say: `mask` is not used yet.")
mistakes.add("mask_after_softmax", but(weigh=wrong.mask_after_softmax),
    "With some keys hidden, a query's weights no longer sum to one: hide the keys before the softmax, not after.")
mistakes.add("masked_scores_are_zero", but(weigh=wrong.hidden_scores_are_zero),
    "A score of zero is a score like any other, and its weight is not zero. What score has the weight zero?")
mistakes.add("mask_added", but(weigh=wrong.mask_added),
    "Adding True adds one to a score: the hidden keys still have a say. What score has the weight zero?")
mistakes.add("empty_row_is_nan", but(weigh=wrong.empty_row_is_nan),
    "A query that may attend to nothing gets NaN. Give it zeros: nothing was found.")
mistakes.add("empty_row_is_the_mean", but(weigh=lowest_and_no_more),
    "A query that may attend to nothing gets the mean of all values, hidden ones too. Give it zeros: nothing was found.")
mistakes.add("first_two_axes_swapped", but(scores=lambda q, k, t: q @ k.transpose(0, 1) / t),
    "Your keys are transposed over the first two axes. There may be batch axes in front: swap the last two.")
mistakes.add("every_axis_turned", but(scores=lambda q, k, t: q @ turned(k) / t),
    "`.T` turns all axes round. There may be batch axes in front: `.mT` swaps the last two.")
mistakes.add("one_batch_axis_only",
    but(scores=lambda q, k, t: q @ (k.transpose(1, 2) if k.dim() == 3 else turned(k)) / t),
    "Your transposition knows one batch axis at most. There may be more of them in front: swap the last two axes.")
mistakes.add("mask_as_index", but(weigh=wrong.mask_as_index),
    "A mask without batch axes holds for the whole batch, and as an index it does not spread. `masked_fill` does.")

@mistakes.program("Your result takes its batch axes from the query. The keys and values may have more of them, and one query serves them all.")
def shape_of_the_query(query, key, value, temperature=1.0, mask=None):
    return in_steps(query, key, value, temperature, mask).reshape(*query.shape[:-1], value.size(-1))

mistakes.add("low_score", but(weigh=wrong.low_score),
    "Your low score is not low enough: where all visible scores are lower still, the hidden keys win. Minus infinity is below every score.")
mistakes.add("renormalised_after_the_mask", but(weigh=wrong.renormalised),
    "You take the hidden keys out after the softmax. Where one of them had all the weight, nothing is left to share: hide them before.")
mistakes.add("renormalised_to_nan", but(weigh=wrong.renormalised_to_nan),
    "You take the hidden keys out after the softmax and divide by what is left. That may be nothing, and 0 / 0 is NaN: hide them before.")
mistakes.add("zero_times_infinity", but(weigh=wrong.zero_times_infinity),
    "Zero times infinity is NaN, not zero, so even the visible keys lose their scores. `masked_fill` touches the hidden ones only.")
mistakes.add("mask_inverted_and_nan", but(weigh=wrong.mask_inverted_and_nan),
    "You hide the keys where mask is True. In this course True means 'may attend'. And who sees nothing gets NaN instead of zeros.")
mistakes.add("mask_inverted_and_finite", but(weigh=wrong.mask_inverted_and_finite),
    "You hide the keys where mask is True. In this course True means 'may attend'. And who sees nothing gets the mean instead of zeros.")
mistakes.add("empty_context_replaced",
    but(weigh=wrong.empty_row_is_nan, answer=lambda weights, value: (weights @ value).nan_to_num(0)),
    "The context is right, but the NaN weights behind it come back in the gradient. Give an empty row harmless scores before the softmax, and zeros after.")
mistakes.add("returns_both", but(answer=lambda weights, value: (weights @ value, weights)),
    "You return two things. Here the context alone is wanted.")
mistakes.add("temperature_has_a_floor", but(scores=lambda q, k, t: q @ k.mT / max(t, 0.5)),
    "Your temperature cannot fall below a half. Take it as it comes.")
mistakes.add("returns_weights", but(answer=lambda weights, value: weights),
    "These are the weights. One more product, with `value`, and each query gets its context.")
mistakes.add("detached_weights", but(weigh=wrong.detached),
    "The values are right, but no gradient reaches `query` and `key`: something cuts the graph before the scores.")
mistakes.add("detached", but(answer=lambda weights, value: (weights @ value).detach()),
    "The values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph.")

@mistakes.program("`/=` changes the query that you were given. `query / temperature` makes a new one.")
def scores_filled_in_place(query, key, value, temperature=1.0, mask=None):
    query /= temperature
    return in_steps(query, key, value, mask=mask)

# Common ones together, and some that are rarer

def hidden(scores, mask, low=-math.inf):
    return scores if mask is None else scores.masked_fill(~mask, low)

def low_and_taken_out(scores, mask=None):
    return wrong.right(scores) if mask is None else hidden(scores, mask, -1e9).softmax(-1) * mask

def low_score_added(scores, mask=None):
    return (scores if mask is None else scores + ~mask * -1e9).softmax(-1)

def infinity_added(scores, mask=None):
    return (scores if mask is None else scores + mask.log()).softmax(-1).nan_to_num(0)

def only_empty_rows(scores, mask=None):
    return wrong.right(scores) if mask is None else wrong.right(scores) * mask.any(-1, keepdim=True)

def mask_decides_once(scores, mask=None):
    return scores.softmax(-1) if mask is None else hidden(scores, mask).softmax(-1) if mask.any() else scores * 0

LOW = "Your low score is not low enough: where all visible scores are lower still, the hidden keys win. Which score is below every number?"
mistakes.add("low_and_taken_out", but(weigh=low_and_taken_out), LOW)
mistakes.add("low_and_the_mean", but(weigh=wrong.empty_row_is_the_mean),
    LOW + " And a query that may attend to nothing gets a mean of what is hidden; give it zeros.")
mistakes.add("low_score_added", but(weigh=low_score_added),
    LOW + " And a query that may attend to nothing still shares out its vote among hidden keys; give it zeros.")
mistakes.add("infinity_added", but(weigh=infinity_added),
    "The values are right, but the row with nothing to see sends NaN back: an added minus infinity lets the gradient through. `masked_fill` does not, or give such a row harmless scores.")
mistakes.add("only_empty_rows", but(weigh=only_empty_rows),
    "A query that sees nothing gets zeros, and all others still see the hidden keys: hide these, one by one, before the softmax.")
mistakes.add("nearest_value", lambda query, key, value, temperature=1.0, mask=None: value[(query @ key.mT).argmax(-1)],
    "This is the nearest lookup of chapter 01. Here every key answers, in proportion to its weight: a softmax, then a product with `value`.")
mistakes.add("root_of_width_instead", but(scores=lambda q, k, t: q @ k.mT / q.size(-1) ** 0.5),
    "You divide by the square root of the width, whatever `temperature` says. Here the caller chooses: divide by the temperature alone.")
mistakes.add("softmax_over_the_first_axis",
    but(weigh=lambda scores, mask=None: hidden(scores, mask).softmax(0).nan_to_num(0)),
    "Your weights sum to one over the first axis. They should sum to one over the keys, which are the last.")
mistakes.add("softmax_over_the_second_axis",
    but(weigh=lambda scores, mask=None: hidden(scores, mask).softmax(1).nan_to_num(0)),
    "Axis 1 holds the keys only as long as there is no batch. Counted from the end it is always the last one.")
mistakes.add("keys_not_turned", but(scores=lambda q, k, t: q @ k / t),
    "A product of query (Tq, Dk) and key (Tk, Dk) does not fit: the keys need their last two axes swapped.")
mistakes.add("lengths_divided_out", but(scores=lambda q, k, t: normalize(q, dim=-1) @ normalize(k, dim=-1).mT / t),
    "You divide by the lengths of query and key. Here a score is their plain dot product, so a longer query asks more sharply.")
mistakes.add("mask_decides_once", but(weigh=mask_decides_once),
    "You ask whether the whole mask is empty. Each query has a row of its own in it, and any one of them may see nothing: NaN.")
NAN_TOO = " And a query that may attend to nothing gets NaN instead of zeros."
mistakes.add("every_axis_turned_and_nan", but(scores=lambda q, k, t: q @ turned(k) / t, weigh=wrong.empty_row_is_nan),
    "`.T` turns all axes round. There may be batch axes in front: `.mT` swaps the last two." + NAN_TOO)

ON_THE_WAY = ("temperature_ignored", "root_of_width_instead")
for each in [each for each in mistakes if each.name in ON_THE_WAY]:  # what else is wrong with an answer that is begun
    mistakes.add(f"{each.name}_and_nan", partial(each.program, weigh=wrong.empty_row_is_nan), each.sentence + NAN_TOO)
for axis, place in ((0, "first"), (1, "second")):
    mistakes.add(f"softmax_over_the_{place}_axis_and_nan",
        but(weigh=lambda scores, mask=None, axis=axis: hidden(scores, mask).softmax(axis)),
        f"You take the softmax over axis {axis}. Weights should sum to one over the keys, which are the last axis, whatever stands in front." + NAN_TOO)

@mistakes.program("`if mask` asks whether a tensor is true, and one with many numbers is neither. Ask `if mask is not None`.")
def truth_of_the_mask(query, key, value, temperature=1.0, mask=None):
    return in_steps(query, key, value, temperature, mask if mask else None)


ALL = ["query", "key", "value"]
exercise = Exercise(
    reference=reference.soft_lookup,
    cases=[
        Case("one query, three keys, by hand",
            query=tensor([[1.0, 0.0]]), key=tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
            value=tensor([[1.0], [2.0], [3.0]])),
        Case("as many queries as keys", **lookup(3, 3, 4, 2)),
        Case("cool", **lookup(3, 5, 4, 2, temperature=0.5), grad=ALL),
        Case("warm", **lookup(2, 4, 3, 3, temperature=3.0)),
        Case("a batch", **lookup(3, 5, 4, 6, 2, temperature=2.0), grad=ALL),
        Case("very cold", **lookup(3, 5, 4, 2, temperature=0.05)),
        Case("two batch axes", **lookup(2, 5, 4, 2, 2, 3, temperature=1.5)),
        Case("two batch axes, one dictionary for all", query=normal(2, 3, 1, 4), key=normal(5, 4), value=normal(5, 2)),
        Case("one query for a batch of dictionaries", query=normal(2, 4), key=normal(3, 5, 4), value=normal(3, 5, 2)),
        Case("one mask for the whole batch", **lookup(3, 5, 4, 2, 2, mask=first_sees_nothing(3, 5))),
        Case("64-bit numbers",
            **lookup(2, 4, 3, 2, dtype=torch.float64, temperature=0.8, mask=first_sees_nothing(2, 4)), grad=ALL),
        Case("scores in the thousands",
            query=tensor([[1000.0, 1.0], [-2000.0, 1.0]]), value=normal(4, 2),
            key=tensor([[1.0, 0.0], [1.0, 1.0], [-1.0, 2.0], [0.5, 0.0]])),
        Case("some keys hidden, one query sees none", **lookup(3, 5, 4, 2, mask=first_sees_nothing(3, 5))),
        Case("the same, with gradients",
            **lookup(3, 6, 4, 3, 2, temperature=0.7, mask=first_sees_nothing(2, 3, 6)), grad=ALL),
        Case("hidden keys with the largest scores",
            query=tensor([[50.0]]), key=tensor([[1.0], [9.0], [2.0], [9.0]]),
            value=tensor([[1.0], [2.0], [3.0], [8.0]]), mask=tensor([[True, False, True, False]])),
        Case("the best key of each query is hidden",
            query=tensor([[30.0], [-20.0]]), key=tensor([[1.0], [-9.0], [2.0], [9.0]]), value=normal(4, 3),
            mask=tensor([[True, False, True, False], [True, False, True, False]])),
        Case("the visible scores are very low",
            query=tensor([[2e5]]), key=tensor([[-4e5], [0.5], [-4.1e5]]),
            value=tensor([[1.0], [2.0], [5.0]]), mask=tensor([[True, False, True]])),
        Case("nobody sees anything", **lookup(2, 4, 3, 2, mask=torch.zeros(2, 4, dtype=torch.bool))),
        Case("a single key", query=normal(2, 3), key=normal(1, 3), value=normal(1, 2), mask=tensor([[True], [False]])),
    ],
    variants=[with_einsum, query_by_query, with_torch, nan_replaced],
    mistakes=mistakes,
    points=3,
    points_for_values=2,
)
