"""Softmax among those scores that count."""

import math

import torch
from torch import tensor

from utils.attention import reference

from ..exercise import Case, Exercise, Mistakes, normal
from . import wrong_weights as wrong
from .drawn import some_hidden

# Right, and written differently

def lowest_number(scores, mask):
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, lowest).softmax(-1).masked_fill(~mask, 0)

def nan_replaced(scores, mask):
    return scores.masked_fill(~mask, -math.inf).softmax(-1).nan_to_num(0)

def row_by_row(scores, mask):
    Tk, rows = scores.size(-1), []
    for row, visible in zip(scores.reshape(-1, Tk), mask.expand(scores.shape).reshape(-1, Tk), strict=True):
        rows.append(torch.zeros_like(row).masked_scatter(visible, row[visible].softmax(0)))
    return torch.stack(rows).reshape(scores.shape)

def by_hand(scores, mask):
    visible = torch.where(mask, scores, -math.inf)
    top = visible.detach().amax(-1, keepdim=True)
    exps = torch.exp(visible - torch.where(top.isinf(), 0, top))
    return exps / exps.sum(-1, keepdim=True).clamp(min=1)  # the largest of them is 1, unless the row is empty


# Wrong

def zeros_if_empty(weights, mask):
    return weights.masked_fill(~mask.any(-1, keepdim=True), 0)

def low(scores, mask):
    return scores.masked_fill(~mask, -10_000.0)

def minus_infinity_if(hidden):
    return torch.zeros(hidden.shape).masked_fill(hidden, -math.inf)


mistakes = Mistakes()

mistakes.add("mask_inverted", wrong.mask_inverted,
    "Your softmax hides the scores where mask is True. In this course True means 'may attend'.")
mistakes.add("mask_inverted_and_nan", wrong.mask_inverted_and_nan,
    "Your softmax hides the scores where mask is True. In this course True means 'may attend'. And a row with no score left gets NaN instead of zeros.")
mistakes.add("mask_inverted_and_finite", wrong.mask_inverted_and_finite,
    "Your softmax hides the scores where mask is True. In this course True means 'may attend'. And a row with no score left gets weights instead of zeros.")
mistakes.add("mask_ignored", wrong.mask_ignored,
    "Your hidden scores get weights too: `mask` is not used yet, or what `masked_fill` returns is thrown away (it changes nothing, and returns a new tensor).")
mistakes.add("only_empty_rows_masked", lambda scores, mask: zeros_if_empty(scores.softmax(-1), mask),
    "Your mask empties the rows with no score left, and does nothing in the others: hidden scores get weights there.")
mistakes.add("mask_after_softmax", wrong.mask_after_softmax,
    "Your mask is applied after the softmax, so the weights that are left no longer sum to one. Hide the scores before it.")
mistakes.add("filled_after_softmax", lambda scores, mask: scores.softmax(-1).masked_fill(~mask, 0),
    "Your zeros are written in after the softmax, so the weights that are left no longer sum to one. Hide the scores before it.")
mistakes.add("renormalised_to_nan", wrong.renormalised_to_nan,
    "Your hidden scores still set the maximum and the sum, and are taken out afterwards. Where one is far above the others, or all are hidden, nothing is left, and 0 / 0 is NaN. Hide them before the softmax.")

@mistakes.program("Your hidden scores still set the maximum and the sum, and are taken out afterwards. Where one is far above the others, nothing of them is left to share. Hide them before the softmax.")
def renormalised_to_zeros(scores, mask):
    weights = scores.softmax(-1).masked_fill(~mask, 0)
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-12)

@mistakes.program("Your empty rows are right, but hidden scores still set the maximum and the sum, and are taken out afterwards: where one is far above the others, 0 / 0 is NaN. Hide them before the softmax.")
def renormalised_except_empty(scores, mask):
    weights = scores.softmax(-1).masked_fill(~mask, 0)
    return zeros_if_empty(weights / weights.sum(-1, keepdim=True), mask)

mistakes.add("masked_scores_are_zero", wrong.hidden_scores_are_zero,
    "Your hidden scores become zero. A score of zero is a score like any other, and its weight is not zero: what score has the weight zero?")
mistakes.add("masked_scores_are_zero_except_empty",
    lambda scores, mask: zeros_if_empty(scores.masked_fill(~mask, 0).softmax(-1), mask),
    "Your empty rows are right, but elsewhere the hidden scores become zero, a score like any other. What score has the weight zero?")
mistakes.add("mask_added", wrong.mask_added,
    "Your mask is added, and adding True adds one: hidden scores still get weights. What score has the weight zero?")
mistakes.add("one_minus_mask", lambda scores, mask: (scores - 1e9 * (1 - mask)).softmax(-1),
    "Your mask holds True and False, and PyTorch does not subtract those from 1. `~mask` is True where something is hidden.")
mistakes.add("empty_row_is_nan", wrong.empty_row_is_nan,
    "Your softmax gives NaN where no score is left: infinity minus infinity. Give such a row zeros.")
mistakes.add("empty_row_is_uniform", wrong.empty_row_is_the_mean,
    "Your softmax shares the vote out among hidden scores where no other is left, since all are equally low. Give such a row zeros.")
mistakes.add("low_score", lambda scores, mask: zeros_if_empty(low(scores, mask).softmax(-1), mask),
    "Your low score is not low enough: where all visible scores are lower still, the hidden ones win. Minus infinity is below every score.")
mistakes.add("low_score_and_uniform", lambda scores, mask: low(scores, mask).softmax(-1),
    "Your low score is not low enough where all visible scores are lower still, and where no score is left the hidden ones share the vote. Take a score below every other, and give empty rows zeros.")
mistakes.add("low_score_cut_off", lambda scores, mask: low(scores, mask).softmax(-1).masked_fill(~mask, 0),
    "Your low score is not low enough: where all visible scores are lower still, the hidden ones win the vote and are then set to zero, so nothing is left. Minus infinity is below every score.")
mistakes.add("zero_times_infinity", wrong.zero_times_infinity,
    "Your mask is multiplied with infinity, and zero times infinity is NaN, not zero: even the visible scores are lost. `masked_fill` touches the hidden ones only.")
mistakes.add("nan_in_the_gradient", lambda scores, mask: (scores + minus_infinity_if(~mask)).softmax(-1).nan_to_num(0),
    "Your empty rows are NaN first and zeros afterwards, and the NaN comes back in the gradient, because adding minus infinity lets it through to the scores. Replace the hidden scores instead of adding to them.")

@mistakes.program("Your mask is added as minus infinity. A hidden score may itself be infinite or NaN, and then the sum is NaN and spoils the row: replace the hidden scores instead of adding to them.")
def infinity_minus_infinity(scores, mask):
    hide = minus_infinity_if(~mask & mask.any(-1, keepdim=True))
    return (scores + hide).softmax(-1).masked_fill(~mask, 0)

mistakes.add("large_number_subtracted", lambda scores, mask: (scores - 1e9 * (~mask)).softmax(-1) * mask,
    "Your hidden scores are lowered by a large number. One that is infinite or NaN stays so and spoils the row: replace the hidden scores instead of subtracting from them.")
mistakes.add("large_number_subtracted_and_uniform", lambda scores, mask: (scores - 1e9 * (~mask)).softmax(-1),
    "Your hidden scores are lowered by a large number. Where no other is left they share the vote, and one that is infinite stays so: replace them, and give empty rows zeros.")

@mistakes.program("Your exponentials leave the range of numbers: large scores overflow, low ones vanish. Subtracting the row's largest visible score changes no weight and prevents it.")
def no_maximum(scores, mask):
    return zeros_if_empty(no_maximum_and_nan(scores, mask), mask)

@mistakes.program("Your rows with no score left are 0 / 0, which is NaN: give them zeros. After that, think of large scores, whose exponentials overflow.")
def no_maximum_and_nan(scores, mask):
    exps = torch.exp(scores).masked_fill(~mask, 0)
    return exps / exps.sum(-1, keepdim=True)

@mistakes.program("Your exponentials overflow for large scores, and for low ones they vanish beside the small number in the denominator. Subtract the row's largest visible score; then the sum is never small.")
def no_maximum_and_epsilon(scores, mask):
    exps = torch.exp(scores).masked_fill(~mask, 0)
    return exps / (exps.sum(-1, keepdim=True) + 1e-9)

@mistakes.program("Your maximum is taken over all rows, hidden scores too. Rows far below it underflow, and the small number in the denominator turns them into zeros: take each row's largest visible score.")
def maximum_of_all(scores, mask):
    exps = torch.exp(scores - scores.max()) * mask
    return exps / (exps.sum(-1, keepdim=True) + 1e-9)

mistakes.add("softmax_over_queries", wrong.over_queries,
    "Your weights sum to one down the columns. Take the softmax over the last axis: each row shares out a vote of its own.")
mistakes.add("first_axis", lambda scores, mask: scores.masked_fill(~mask, -math.inf).softmax(0).nan_to_num(0),
    "Your weights sum to one along the first axis. Take the softmax over the last one: each row shares out a vote of its own.")

@mistakes.program("Your weights all together sum to one. Each row shares out a vote of its own.")
def over_everything(scores, mask):
    exps = reference.softmax(scores.masked_fill(~mask, -math.inf).flatten(), 0)
    return exps.nan_to_num(0).reshape(scores.shape)

@mistakes.program("Your code writes into the scores that it was given. `masked_fill_` with the underscore does that; without it, a new tensor is made.")
def filled_in_place(scores, mask):
    scores.masked_fill_(~mask, -math.inf)
    return scores.softmax(-1).nan_to_num(0)

mistakes.add("mask_as_index", wrong.mask_as_index,
    "Your mask is used as an index, and as an index it has to have all axes of the scores. `masked_fill` spreads it over those it lacks.")
mistakes.add("hidden_dropped", lambda scores, mask: scores[mask.expand(scores.shape)].softmax(-1),
    "Your hidden scores are gone, and the axes with them. The weights should have the shape of the scores, with zeros at the hidden places.")
mistakes.add("detached", wrong.detached,
    "Your values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph.")


T, F = True, False
exercise = Exercise(
    reference=reference.masked_softmax,
    cases=[
        Case("one row by hand", scores=tensor([[0.0, math.log(3), 0.5]]), mask=tensor([[T, T, F]])),
        Case("an empty row by hand", scores=tensor([[2.0, 1.0], [3.0, -1.0]]), mask=tensor([[F, T], [F, F]])),
        Case("nothing hidden", scores=normal(3, 4), mask=torch.ones(3, 4, dtype=torch.bool)),
        Case("as many queries as keys", scores=normal(4, 4), mask=some_hidden(4, 4)),
        Case("a row without other axes", scores=normal(9), mask=some_hidden(9)),
        Case("a batch, with gradients", scores=normal(2, 3, 5), mask=some_hidden(2, 3, 5), grad=["scores"]),
        Case("a batch with empty rows, with gradients",
            scores=normal(2, 4, 3), mask=some_hidden(2, 4, 3, empty=True), grad=["scores"]),
        Case("one mask for all rows", scores=normal(3, 5), mask=some_hidden(5)),
        Case("one mask for each sequence of a batch",
            scores=normal(3, 2, 4), mask=some_hidden(3, 1, 4), grad=["scores"]),
        Case("heads that share a mask, one sequence all padding",
            scores=normal(2, 2, 3, 4), mask=tensor([[T, T, F, F], [F, F, F, F]])[:, None, None]),
        Case("one key", scores=normal(3, 1), mask=tensor([[T], [F], [T]])),
        Case("everything hidden", scores=normal(2, 3), mask=torch.zeros(2, 3, dtype=torch.bool), grad=["scores"]),
        Case("64-bit numbers",
            scores=normal(4, 5, dtype=torch.float64), mask=some_hidden(4, 5, empty=True), grad=["scores"]),
        Case("scores in the thousands", scores=normal(3, 6, scale=1000), mask=some_hidden(3, 6)),
        Case("a hidden score far above the visible ones",
            scores=tensor([[1.0, 1000.0, 2.0]]), mask=tensor([[T, F, T]])),
        Case("the same, with gradients",
            scores=tensor([[1.0, 2000.0, 2.0, 0.5], [2000.0, 1.0, 0.0, 2.0]], dtype=torch.float64),
            mask=tensor([[T, F, T, T], [F, T, T, T]]), grad=["scores"]),
        Case("visible scores that are very low",
            scores=tensor([[-20_000.0, 0.5, -20_001.0]]), mask=tensor([[T, F, T]])),
        Case("one row far above the other",
            scores=tensor([[500.0, 501.0, 3.0], [-500.0, -501.0, 3.0]]), mask=tensor([[T, T, F]])),
        Case("hidden scores that are infinite or not a number",
            scores=tensor([[0.0, math.inf, 1.0], [math.nan, 0.0, 2.0], [1.0, 2.0, -math.inf]]),
            mask=tensor([[T, F, T], [F, T, T], [T, T, F]])),
    ],
    variants=[lowest_number, nan_replaced, row_by_row, by_hand],
    mistakes=mistakes,
    points=3,
    points_for_values=2,
)
