"""Dot-product attention: its scores are divided by the root of the width, and it returns its weights too."""

import math

import torch
from torch import tensor
from torch.nn.functional import normalize

from utils.attempts.uses import lookups

from ..exercise import Case, Exercise, Mistakes, normal, replacing
from . import wrong_weights as wrong
from .drawn import first_sees_nothing, lookup


def scaled_dot_product(query, key, value, mask=None):
    """Context (..., Tq, Dv) and weights (..., Tq, Tk): softmax(query · key / √Dk) over the keys, times value.

    query (..., Tq, Dk), key (..., Tk, Dk), value (..., Tk, Dv), mask broadcastable to (..., Tq, Tk), True = may attend.
    A query that may attend to nothing gets zeros. Source: Vaswani et al. 2017, equation 1.
    """
    return in_steps(query, key, value, mask)


def scaled(query, key):
    return query @ key.mT / math.sqrt(query.size(-1))

def both(context, weights):
    return context, weights

def in_steps(query, key, value, mask=None, scores=scaled, weigh=wrong.right, answer=both):
    weights = weigh(scores(query, key), mask)
    return answer(weights @ value, weights)


# Right, and written differently

def with_einsum(query, key, value, mask=None):
    scores = torch.einsum("...id,...jd->...ij", query, key) * key.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, -math.inf)
    weights = torch.nn.functional.softmax(scores, dim=-1)
    if mask is not None:
        weights = torch.where(mask, weights, 0.0)
    return torch.einsum("...ij,...jd->...id", weights, value), weights

def key_scaled(query, key, value, mask=None):
    scores = query @ (key / key.size(-1) ** 0.5).transpose(-2, -1)
    if mask is None:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool)
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    exps = torch.exp(scores - scores.max(-1, keepdim=True).values) * mask
    weights = exps / exps.sum(-1, keepdim=True).clamp(min=1e-30)
    return weights.matmul(value), weights

def through_pytorch(query, key, value, mask=None):
    everywhere = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    query, key = query.expand(*everywhere, *query.shape[-2:]), key.expand(*everywhere, *key.shape[-2:])
    value = value.expand(*everywhere, *value.shape[-2:])
    eye = torch.eye(key.size(-2), dtype=value.dtype).expand(*everywhere, -1, -1)
    carried = torch.cat([value, eye], -1)  # what is carried away beside the values is the weights
    found = torch.nn.functional.scaled_dot_product_attention(query, key, carried, attn_mask=mask)
    if mask is not None:
        found = found.masked_fill(~mask.any(-1, keepdim=True), 0)
    return found.split([value.size(-1), key.size(-2)], -1)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("not_scaled", but(scores=lambda q, k: q @ k.mT),
    "Your scores are not scaled. The wider the vectors, the larger their products: divide the scores by the square root of that width.")

@mistakes.program("Your scores are not scaled where there is a mask. The division comes first, with a mask or without.")
def not_scaled_under_a_mask(query, key, value, mask=None):
    return in_steps(query, key, value, mask, scores=scaled if mask is None else lambda q, k: q @ k.mT)

mistakes.add("power_before_division", but(scores=lambda q, k: q @ k.mT / q.size(-1) ** 1 / 2),
    "Your scores are divided by the width and then by two: in `/ d ** 1 / 2` the power binds first. `** 0.5` or `math.sqrt` gives the root.")
mistakes.add("divided_by_the_width", but(scores=lambda q, k: q @ k.mT / q.size(-1)),
    "Your scores are divided by the width itself. The standard deviation of a sum of so many products grows with its square root.")
mistakes.add("multiplied_by_the_root", but(scores=lambda q, k: q @ k.mT * q.size(-1) ** 0.5),
    "Your scores are multiplied by the square root of the width, so they grow where they should shrink.")

@mistakes.program("Your scores are divided by the root of the values' width. It is queries and keys that are multiplied: take theirs.")
def root_of_the_values_width(query, key, value, mask=None):
    return in_steps(query, key, value, mask, scores=lambda q, k: q @ k.mT / value.size(-1) ** 0.5)

mistakes.add("root_of_the_number_of_keys", but(scores=lambda q, k: q @ k.mT / k.size(-2) ** 0.5),
    "Your scores are divided by the root of the number of keys. A score is a sum over the width of a key: take that.")
mistakes.add("root_of_the_number_of_queries", but(scores=lambda q, k: q @ k.mT / q.size(-2) ** 0.5),
    "Your scores are divided by the root of the number of queries. A score is a sum over the width of a query: take that, the last axis.")
mistakes.add("root_of_the_first_axis", but(scores=lambda q, k: q @ k.mT / q.size(0) ** 0.5),
    "Your scores are divided by the root of the first axis' size, which `len(query)` and `query.size(0)` give. The width is the last axis: `query.size(-1)`.")
mistakes.add("whole_division", but(scores=lambda q, k: q @ k.mT // q.size(-1) ** 0.5),
    "Your scores are whole numbers: `//` rounds down. Divide with `/`.")
mistakes.add("normalised", but(scores=lambda q, k: normalize(q, dim=-1) @ normalize(k, dim=-1).mT),
    "Your vectors are brought to length one first, which makes cosines. Here the length of a query and a key counts too; only the width is divided out.")

@mistakes.program("Your weights are divided by the root of the width, after the softmax, so they no longer sum to one. It is the scores that are scaled.")
def scaled_after_the_softmax(query, key, value, mask=None):
    root = query.size(-1) ** 0.5
    return in_steps(query, key, value, mask, lambda q, k: q @ k.mT, lambda s, m: wrong.right(s, m) / root)

mistakes.add("softmax_over_queries", but(weigh=wrong.over_queries),
    "Your weights sum to one over the queries. Each query shares out its own vote: they should sum to one over the keys.")
mistakes.add("softmax_over_all_pairs",
    but(weigh=lambda scores, mask: wrong.right(scores.flatten(-2), None if mask is None else
        mask.expand(scores.shape).flatten(-2)).view(scores.shape)),
    "Your weights sum to one over all pairs of a query and a key. Each query has a whole vote of its own: they should sum to one over the keys, the last axis.")
mistakes.add("no_softmax", but(weigh=wrong.no_softmax),
    "Your values are weighed by their scores. Turn the scores into weights first, positive and with sum one.")
mistakes.add("mask_inverted", but(weigh=wrong.mask_inverted),
    "Your mask hides the keys where it is True. In this course True means 'may attend'.")
mistakes.add("mask_inverted_and_nan", but(weigh=wrong.mask_inverted_and_nan),
    "Your mask hides the keys where it is True. In this course True means 'may attend'. And who sees nothing gets NaN instead of zeros.")
mistakes.add("mask_of_nothing_ignored",
    but(weigh=lambda scores, mask: wrong.right(scores, None if mask is None or not mask.any() else mask)),
    "Your mask counts for nothing where it hides everything. Then every query gets zeros.")
mistakes.add("mask_ignored", but(weigh=wrong.mask_ignored),
    "Your hidden keys have a say: `mask` is not used yet, or what came of it is thrown away (`masked_fill` returns a new tensor).")

@mistakes.program("Your mask is used, but not each query's own row of it: all queries see the same keys.")
def one_mask_for_all_queries(query, key, value, mask=None):
    return in_steps(query, key, value, mask.any(-2, keepdim=True) if mask is not None and mask.dim() > 1 else mask)

mistakes.add("mask_after_softmax", but(weigh=wrong.mask_after_softmax),
    "Your mask is applied after the softmax, so the weights that are left no longer sum to one. Hide the keys before it.")
mistakes.add("masked_scores_are_zero", but(weigh=wrong.hidden_scores_are_zero),
    "Your hidden scores become zero, and a score of zero is a score like any other. What score has the weight zero?")
mistakes.add("mask_added", but(weigh=wrong.mask_added),
    "Your mask is added, and adding True adds one: the hidden keys still have a say. What score has the weight zero?")
mistakes.add("empty_row_is_nan", but(weigh=wrong.empty_row_is_nan),
    "Your query that may attend to nothing gets NaN. Give it zeros: nothing was found. `masked_softmax` does.")
mistakes.add("empty_row_is_the_mean", but(weigh=wrong.empty_row_is_the_mean),
    "Your query that may attend to nothing gets the mean of all values. Give it zeros: nothing was found. `masked_softmax` does.")
mistakes.add("low_score", but(weigh=wrong.low_score),
    "Your low score is not low enough: where all visible scores are lower still, the hidden keys win. Minus infinity is below every score.")
mistakes.add("renormalised", but(weigh=wrong.renormalised),
    "Your hidden keys are taken out after the softmax. Where one of them had all the weight, nothing is left to share: hide them before.")
mistakes.add("empty_context_replaced", but(weigh=wrong.empty_row_is_nan, answer=lambda c, w: (c.nan_to_num(0), w)),
    "Your context is right, but the weights behind it are NaN where there is nothing to attend to. They should be zeros there too.")
mistakes.add("overflows", but(weigh=wrong.overflows),
    "Your exponentials overflow for large scores, and infinity over infinity is NaN. `masked_softmax` and `torch.softmax` subtract the largest score first.")
mistakes.add("every_axis_turned", but(scores=lambda q, k: q @ k.permute(*reversed(range(k.dim()))) / q.size(-1) ** 0.5),
    "Your keys have all their axes turned round. There may be batch axes in front: `.mT` swaps the last two.")
mistakes.add("keys_ask", but(scores=lambda q, k: k @ q.mT / q.size(-1) ** 0.5),
    "Your scores have a row for each key. It is the queries that ask: a row for each query, a column for each key.")
mistakes.add("the_first_two_axes", but(scores=lambda q, k: q @ k.transpose(0, 1) / q.size(-1) ** 0.5),
    "Your keys are transposed over the axes 0 and 1. There may be batch axes in front: `.mT` swaps the last two.")
mistakes.add("no_matrix_product", but(scores=lambda q, k: (q * k).sum(-1) / q.size(-1) ** 0.5),
    "Your query i is matched with key i alone. Every query is matched with every key: a matrix product.")
mistakes.add("three_axes_only", but(scores=lambda q, k: q @ k.transpose(1, 2) / q.size(-1) ** 0.5),
    "Your keys are transposed over the axes 1 and 2. There may be more axes in front, or fewer: `.mT` swaps the last two.")

@mistakes.program("Your mask is used as an index, and as an index it does not spread over batch and heads. `masked_fill` does.")
def mask_as_index(query, key, value, mask=None):
    scores = scaled(query, key)
    if mask is not None:
        scores[~mask] = -math.inf
    weights = scores.softmax(-1).nan_to_num(0)
    return weights @ value, weights

@mistakes.program("Your context is made of the keys. Those are for matching; what is carried away are the values.")
def context_of_keys(query, key, value, mask=None):
    return in_steps(query, key, key, mask)

mistakes.add("weights_first", but(answer=lambda context, weights: (weights, context)),
    "Your two results are right and in the other order. Return the context first, then the weights.")
mistakes.add("context_alone", but(answer=lambda context, weights: context),
    "Your function returns the context alone. Return the weights with it, so that one can look at them.")

@mistakes.program("Your second result are the scores before the softmax. Return the weights.")
def scores_returned(query, key, value, mask=None):
    return in_steps(query, key, value, mask)[0], scaled(query, key)

@mistakes.program("Your context has the query added to it. That comes later, around the attention; the lookup itself returns what it found.")
def residual_added(query, key, value, mask=None):
    context, weights = in_steps(query, key, value, mask)
    return context + query if context.shape == query.shape else context, weights

@mistakes.program("`/=` changes the query that you were given. `query / …` makes a new one.")
def query_in_place(query, key, value, mask=None):
    query /= query.size(-1) ** 0.5
    return in_steps(query, key, value, mask, scores=lambda q, k: q @ k.mT)

mistakes.add("detached", but(scores=lambda q, k: scaled(q.detach(), k.detach())),
    "Your values are right, but no gradient reaches `query` and `key`: something cuts the graph before the scores.")
mistakes.add("returns_detached_weights", but(answer=lambda context, weights: (context, weights.detach())),
    "Your context is right, but the weights that you return are cut off from the graph. Return them as they are; who draws them can detach them.")


T, F = True, False
ALL = {"joined": True, "grad": ["query", "key", "value"]}
exercise = Exercise(
    reference=scaled_dot_product,
    use=lookups.lookup,
    cases=[
        Case("by hand: width 4, scores 0 and log(3)",
            query=tensor([[2.0, 0, 0, 0]]), value=tensor([[4.0], [8.0]]),
            key=tensor([[0.0, 1, 1, 0], [math.log(3), 0, 0, 1]])),
        Case("as many queries as keys", **lookup(3, 3, 4, 2)),
        Case("everything of one size", **lookup(4, 4, 4, 4, 4)),
        Case("more keys than queries", **lookup(2, 5, 9, 3)),
        Case("a batch", **lookup(3, 5, 4, 6, 2)),
        Case("a batch of heads", **lookup(4, 5, 6, 2, 2, 3)),
        Case("width one", **lookup(3, 4, 1, 1)),
        Case("a single key", **lookup(3, 1, 4, 4, 2)),
        Case("one dictionary for a batch of queries", query=normal(3, 2, 4), key=normal(5, 4), value=normal(5, 2)),
        Case("some keys hidden, one query sees none", **lookup(3, 5, 4, 2, mask=first_sees_nothing(3, 5))),
        Case("one query sees everything, one nothing", **lookup(2, 4, 3, 1, mask=tensor([[T] * 4, [F] * 4]))),
        Case("nobody may attend to anything", **lookup(2, 4, 3, 2, mask=torch.zeros(2, 4, dtype=torch.bool))),
        Case("a mask, and visible scores of exactly zero",
            query=torch.eye(3), key=torch.eye(3), value=normal(3, 2), mask=torch.ones(3, 3, dtype=torch.bool).tril()),
        Case("one row of the mask for all queries", **lookup(3, 5, 4, 2, 2, mask=tensor([T, T, F, T, F]))),
        Case("whole queries hidden", **lookup(3, 5, 4, 2, 2, mask=tensor([[T], [F], [T]]))),
        Case("wide vectors", **lookup(3, 4, 200, 100)),
        Case("one mask for all heads", **lookup(4, 4, 6, 2, 2, 3, mask=first_sees_nothing(4, 4))),
        Case("one mask for each sequence", **lookup(4, 5, 2, 2, 2, 3, mask=first_sees_nothing(2, 1, 4, 5))),
        Case("scores in the thousands", **lookup(3, 5, 4, 2) | {"query": normal(3, 4, scale=1000)}),
        Case("a hidden key far above the visible ones",
            query=tensor([[50.0]]), key=tensor([[1.0], [9.0], [2.0]]), value=tensor([[1.0], [8.0], [3.0]]),
            mask=tensor([[T, F, T]])),
        Case("visible scores that are very low",
            query=tensor([[1024.0]]), key=tensor([[-40.0], [0.5], [-40.0 - 2**-10]]),
            value=tensor([[1.0], [2.0], [5.0]]), mask=tensor([[T, F, T]])),
        Case("gradients", **lookup(3, 5, 4, 6, 2), **ALL),
        Case("gradients where keys are hidden", **lookup(3, 5, 4, 6, 2, mask=first_sees_nothing(2, 3, 5)), **ALL),
        Case("64-bit numbers", **lookup(2, 4, 3, 2, dtype=torch.float64, mask=first_sees_nothing(2, 4)), **ALL),
    ],
    variants=[with_einsum, key_scaled, through_pytorch],
    mistakes=mistakes,
    points=3,
    points_for_values=2,
)
