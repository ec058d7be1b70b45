"""Dot-product attention: its scores are divided by the root of the width, and it returns its weights too."""

import math

import torch
from torch import tensor

from utils.attempts import probes
from utils.attention import reference

from ..exercise import Case, Draw, Exercise, Mistake, normal


def scaled_dot_product(query, key, value, mask=None):
    """Context (..., Tq, Dv) and weights (..., Tq, Tk): softmax(query · key / √Dk) over the keys, times value.

    query (..., Tq, Dk), key (..., Tk, Dk), value (..., Tk, Dv), mask broadcastable to (..., Tq, Tk), True = may attend.
    A query that may attend to nothing gets zeros. Source: Vaswani et al. 2017, equation 1.
    """
    return _attend(query, key, value, mask)


def _weigh(scores, mask):
    return reference.softmax(scores) if mask is None else reference.masked_softmax(scores, mask)


def _scores(query, key):
    return query @ key.mT / math.sqrt(query.size(-1))


def _attend(query, key, value, mask, scores=_scores, weigh=_weigh):
    """The same in two steps, so that a mistake can replace one."""
    weights = weigh(scores(query, key), mask)
    return weights @ value, weights


def _einsum(query, key, value, mask=None):
    scores = torch.einsum("...id,...jd->...ij", query, key) * key.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, -math.inf)
    weights = torch.nn.functional.softmax(scores, dim=-1)
    if mask is not None:
        weights = torch.where(mask, weights, 0.0)
    return torch.einsum("...ij,...jd->...id", weights, value), weights


def _key_scaled(query, key, value, mask=None):
    scores = query @ (key / key.size(-1) ** 0.5).transpose(-2, -1)
    if mask is None:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool)
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    exps = torch.exp(scores - scores.max(-1, keepdim=True).values) * mask
    weights = exps / exps.sum(-1, keepdim=True).clamp(min=1e-30)
    return weights.matmul(value), weights


def _through_pytorch(query, key, value, mask=None):
    everywhere = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    query, key = query.expand(*everywhere, *query.shape[-2:]), key.expand(*everywhere, *key.shape[-2:])
    value = value.expand(*everywhere, *value.shape[-2:])
    eye = torch.eye(key.size(-2), dtype=value.dtype).expand(*everywhere, -1, -1)
    carried = torch.cat([value, eye], -1)  # what is carried away beside the values is the weights
    found = torch.nn.functional.scaled_dot_product_attention(query, key, carried, attn_mask=mask)
    if mask is not None:
        found = found.masked_fill(~mask.any(-1, keepdim=True), 0)
    return found.split([value.size(-1), key.size(-2)], -1)


def _not_scaled(query, key, value, mask=None):
    return _attend(query, key, value, mask, scores=lambda q, k: q @ k.mT)


def _divided_by_the_width(query, key, value, mask=None):
    return _attend(query, key, value, mask, scores=lambda q, k: q @ k.mT / q.size(-1))


def _power_before_division(query, key, value, mask=None):
    return _attend(query, key, value, mask, scores=lambda q, k: q @ k.mT / q.size(-1) ** 1 / 2)


def _not_scaled_under_a_mask(query, key, value, mask=None):
    return (_attend if mask is None else _not_scaled)(query, key, value, mask)


def _multiplied_by_the_root(query, key, value, mask=None):
    return _attend(query, key, value, mask, scores=lambda q, k: q @ k.mT * q.size(-1) ** 0.5)


def _root_of_the_values_width(query, key, value, mask=None):
    return _attend(query, key, value, mask, scores=lambda q, k: q @ k.mT / value.size(-1) ** 0.5)


def _root_of_the_number_of_keys(query, key, value, mask=None):
    return _attend(query, key, value, mask, scores=lambda q, k: q @ k.mT / k.size(-2) ** 0.5)


def _root_of_the_number_of_queries(query, key, value, mask=None):
    return _attend(query, key, value, mask, scores=lambda q, k: q @ k.mT / q.size(-2) ** 0.5)


def _normalised(query, key, value, mask=None):
    cosine = torch.nn.functional.normalize
    return _attend(cosine(query, dim=-1), cosine(key, dim=-1), value, mask, scores=lambda q, k: q @ k.mT)


def _scaled_after_the_softmax(query, key, value, mask=None):
    return _attend(query, key, value, mask, lambda q, k: q @ k.mT, lambda s, m: _weigh(s, m) / query.size(-1) ** 0.5)


def _softmax_over_queries(query, key, value, mask=None):
    def weigh(scores, mask):
        return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-2).nan_to_num(0)

    return _attend(query, key, value, mask, weigh=weigh)


def _no_softmax(query, key, value, mask=None):
    return _attend(query, key, value, mask, weigh=lambda s, m: s if m is None else s.masked_fill(~m, 0))


def _mask_inverted(query, key, value, mask=None):
    return _attend(query, key, value, None if mask is None else ~mask)


def _mask_inverted_and_nan(query, key, value, mask=None):
    def weigh(scores, mask):
        return (scores if mask is None else scores.masked_fill(mask, -math.inf)).softmax(-1)

    return _attend(query, key, value, mask, weigh=weigh)


def _mask_ignored(query, key, value, mask=None):
    return _attend(query, key, value, None)


def _one_mask_for_all_queries(query, key, value, mask=None):
    if mask is not None and mask.dim() > 1:
        mask = mask.any(-2, keepdim=True)
    return _attend(query, key, value, mask)


def _mask_after_softmax(query, key, value, mask=None):
    def weigh(scores, mask):
        return reference.softmax(scores) if mask is None else reference.softmax(scores) * mask

    return _attend(query, key, value, mask, weigh=weigh)


def _masked_scores_are_zero(query, key, value, mask=None):
    return _attend(query, key, value, mask, weigh=lambda s, m: reference.softmax(s if m is None else s * m))


def _mask_added(query, key, value, mask=None):
    return _attend(query, key, value, mask, weigh=lambda s, m: reference.softmax(s if m is None else s + m))


def _empty_row_is_nan(query, key, value, mask=None):
    def weigh(scores, mask):
        return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)

    return _attend(query, key, value, mask, weigh=weigh)


def _empty_row_is_the_mean(query, key, value, mask=None):
    def weigh(scores, mask):
        return (scores if mask is None else scores.masked_fill(~mask, -1e9)).softmax(-1)

    return _attend(query, key, value, mask, weigh=weigh)


def _low_score(query, key, value, mask=None):
    def weigh(scores, mask):
        if mask is None:
            return scores.softmax(-1)
        return scores.masked_fill(~mask, -1000.0).softmax(-1) * mask.any(-1, keepdim=True)

    return _attend(query, key, value, mask, weigh=weigh)


def _renormalised(query, key, value, mask=None):
    def weigh(scores, mask):
        weights = reference.softmax(scores)
        if mask is not None:
            weights = weights * mask
            weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)
        return weights

    return _attend(query, key, value, mask, weigh=weigh)


def _empty_context_replaced(query, key, value, mask=None):
    context, weights = _empty_row_is_nan(query, key, value, mask)
    return context.nan_to_num(0), weights


def _overflows(query, key, value, mask=None):
    def weigh(scores, mask):
        exps = scores.exp() if mask is None else scores.exp() * mask
        sums = exps.sum(-1, keepdim=True)
        return torch.where(sums == 0, 0, exps / sums)

    return _attend(query, key, value, mask, weigh=weigh)


def _every_axis_turned(query, key, value, mask=None):
    turned = key.permute(*reversed(range(key.dim())))
    return _attend(query, key, value, mask, scores=lambda q, k: q @ turned / q.size(-1) ** 0.5)


def _three_axes_only(query, key, value, mask=None):
    return _attend(query, key, value, mask, scores=lambda q, k: q @ k.transpose(1, 2) / q.size(-1) ** 0.5)


def _mask_as_index(query, key, value, mask=None):
    scores = _scores(query, key)
    if mask is not None:
        scores[~mask] = -math.inf
    weights = scores.softmax(-1).nan_to_num(0)
    return weights @ value, weights


def _context_of_keys(query, key, value, mask=None):
    weights = _attend(query, key, value, mask)[1]
    return weights @ key, weights


def _weights_first(query, key, value, mask=None):
    return _attend(query, key, value, mask)[::-1]


def _context_alone(query, key, value, mask=None):
    return _attend(query, key, value, mask)[0]


def _scores_returned(query, key, value, mask=None):
    return _attend(query, key, value, mask)[0], _scores(query, key)


def _residual_added(query, key, value, mask=None):
    context, weights = _attend(query, key, value, mask)
    return context + query if context.shape == query.shape else context, weights


def _query_in_place(query, key, value, mask=None):
    query /= query.size(-1) ** 0.5
    return _attend(query, key, value, mask, scores=lambda q, k: q @ k.mT)


def _detached(query, key, value, mask=None):
    return _attend(query.detach(), key.detach(), value, mask)


def _returns_detached_weights(query, key, value, mask=None):
    context, weights = _attend(query, key, value, mask)
    return context, weights.detach()


def _some_keys_hidden(*shape):
    """A random mask: the first query sees nothing, the second not all and not nothing."""

    def draw(generator):
        mask = torch.rand(shape, generator=generator) < 0.6
        mask[..., 0, :] = False
        mask[..., 1, 0], mask[..., 1, -1] = True, False
        return mask

    return Draw(draw)


ALL = ["query", "key", "value"]
scaled_dot_product_of = Exercise(
    reference=scaled_dot_product,
    probe=probes.lookup,
    cases=[
        Case(
            "by hand: width 4, scores 0 and log(3)", query=tensor([[2.0, 0, 0, 0]]), key=tensor([[0.0, 1, 1, 0], [math.log(3), 0, 0, 1]]),
            value=tensor([[4.0], [8.0]]),
        ),
        Case("as many queries as keys", query=normal(3, 4), key=normal(3, 4), value=normal(3, 2)),
        Case("everything of one size", query=normal(4, 4, 4), key=normal(4, 4, 4), value=normal(4, 4, 4)),
        Case("more keys than queries", query=normal(2, 9), key=normal(5, 9), value=normal(5, 3)),
        Case("a batch", query=normal(2, 3, 4), key=normal(2, 5, 4), value=normal(2, 5, 6)),
        Case("a batch of heads", query=normal(2, 3, 4, 6), key=normal(2, 3, 5, 6), value=normal(2, 3, 5, 2)),
        Case("width one", query=normal(3, 1), key=normal(4, 1), value=normal(4, 1)),
        Case("a single key", query=normal(2, 3, 4), key=normal(2, 1, 4), value=normal(2, 1, 4)),
        Case("one dictionary for a batch of queries", query=normal(3, 2, 4), key=normal(5, 4), value=normal(5, 2)),
        Case("some keys hidden, one query sees none", query=normal(3, 4), key=normal(5, 4), value=normal(5, 2), mask=_some_keys_hidden(3, 5)),
        Case(
            "one query sees everything, one nothing", query=normal(2, 3), key=normal(4, 3), value=normal(4, 1),
            mask=tensor([[True] * 4, [False] * 4]),
        ),
        Case("nobody may attend to anything", query=normal(2, 3), key=normal(4, 3), value=normal(4, 2), mask=torch.zeros(2, 4, dtype=torch.bool)),
        Case("a mask, and visible scores of exactly zero", query=torch.eye(3), key=torch.eye(3), value=normal(3, 2), mask=torch.ones(3, 3, dtype=torch.bool).tril()),
        Case("one row of the mask for all queries", query=normal(2, 3, 4), key=normal(2, 5, 4), value=normal(2, 5, 2), mask=tensor([True, True, False, True, False])),
        Case("whole queries hidden", query=normal(2, 3, 4), key=normal(2, 5, 4), value=normal(2, 5, 2), mask=tensor([[True], [False], [True]])),
        Case("wide vectors", query=normal(3, 200), key=normal(4, 200), value=normal(4, 100)),
        Case("one mask for all heads", query=normal(2, 3, 4, 6), key=normal(2, 3, 4, 6), value=normal(2, 3, 4, 2), mask=_some_keys_hidden(4, 4)),
        Case("one mask for each sequence", query=normal(2, 3, 4, 2), key=normal(2, 3, 5, 2), value=normal(2, 3, 5, 2), mask=_some_keys_hidden(2, 1, 4, 5)),
        Case("scores in the thousands", query=normal(3, 4, scale=1000), key=normal(5, 4), value=normal(5, 2)),
        Case(
            "a hidden key far above the visible ones", query=tensor([[50.0]]), key=tensor([[1.0], [9.0], [2.0]]), value=tensor([[1.0], [8.0], [3.0]]),
            mask=tensor([[True, False, True]]),
        ),
        Case(
            "visible scores that are very low", query=tensor([[1024.0]]), key=tensor([[-40.0], [0.5], [-40.0 - 2**-10]]), value=tensor([[1.0], [2.0], [5.0]]),
            mask=tensor([[True, False, True]]),
        ),
        Case("gradients", joined=True, query=normal(2, 3, 4), key=normal(2, 5, 4), value=normal(2, 5, 6), grad=ALL),
        Case(
            "gradients where keys are hidden", joined=True, query=normal(2, 3, 4), key=normal(2, 5, 4), value=normal(2, 5, 6),
            mask=_some_keys_hidden(2, 3, 5), grad=ALL,
        ),
        Case(
            "64-bit numbers", joined=True, query=normal(2, 3, dtype=torch.float64), key=normal(4, 3, dtype=torch.float64),
            value=normal(4, 2, dtype=torch.float64), mask=_some_keys_hidden(2, 4), grad=ALL,
        ),
    ],
    variants=[_einsum, _key_scaled, _through_pytorch],
    mistakes=[
        Mistake(_not_scaled, "Your scores are not scaled. The wider the vectors, the larger their products: divide the scores by the square root of that width."),
        Mistake(_not_scaled_under_a_mask, "Your scores are not scaled where there is a mask. The division comes first, with a mask or without."),
        Mistake(_power_before_division, "Your scores are divided by the width and then by two: in `/ d ** 1 / 2` the power binds first. `** 0.5` or `math.sqrt` gives the root."),
        Mistake(_divided_by_the_width, "Your scores are divided by the width itself. The standard deviation of a sum of so many products grows with its square root."),
        Mistake(_multiplied_by_the_root, "Your scores are multiplied by the square root of the width, so they grow where they should shrink."),
        Mistake(_root_of_the_values_width, "Your scores are divided by the root of the values' width. It is queries and keys that are multiplied: take theirs."),
        Mistake(_root_of_the_number_of_keys, "Your scores are divided by the root of the number of keys. A score is a sum over the width of a key: take that."),
        Mistake(_root_of_the_number_of_queries, "Your scores are divided by the root of the number of queries. A score is a sum over the width of a query: take that, the last axis."),
        Mistake(_normalised, "Your vectors are brought to length one first, which makes cosines. Here the length of a query and a key counts too; only the width is divided out."),
        Mistake(_scaled_after_the_softmax, "Your weights are divided by the root of the width, after the softmax, so they no longer sum to one. It is the scores that are scaled."),
        Mistake(_softmax_over_queries, "Your weights sum to one over the queries. Each query shares out its own vote: they should sum to one over the keys."),
        Mistake(_no_softmax, "Your values are weighed by their scores. Turn the scores into weights first, positive and with sum one."),
        Mistake(_mask_inverted, "Your mask hides the keys where it is True. In this course True means 'may attend'."),
        Mistake(_mask_inverted_and_nan, "Your mask hides the keys where it is True. In this course True means 'may attend'. And who sees nothing gets NaN instead of zeros."),
        Mistake(_mask_ignored, "Your hidden keys have a say: `mask` is not used yet."),
        Mistake(_one_mask_for_all_queries, "Your mask is used, but not each query's own row of it: all queries see the same keys."),
        Mistake(_mask_after_softmax, "Your mask is applied after the softmax, so the weights that are left no longer sum to one. Hide the keys before it."),
        Mistake(_masked_scores_are_zero, "Your hidden scores become zero, and a score of zero is a score like any other. What score has the weight zero?"),
        Mistake(_mask_added, "Your mask is added, and adding True adds one: the hidden keys still have a say. What score has the weight zero?"),
        Mistake(_empty_row_is_nan, "Your query that may attend to nothing gets NaN. Give it zeros: nothing was found. `masked_softmax` does."),
        Mistake(_empty_row_is_the_mean, "Your query that may attend to nothing gets the mean of all values. Give it zeros: nothing was found. `masked_softmax` does."),
        Mistake(_low_score, "Your low score is not low enough: where all visible scores are lower still, the hidden keys win. Minus infinity is below every score."),
        Mistake(_renormalised, "Your hidden keys are taken out after the softmax. Where one of them had all the weight, nothing is left to share: hide them before."),
        Mistake(_empty_context_replaced, "Your context is right, but the weights behind it are NaN where there is nothing to attend to. They should be zeros there too."),
        Mistake(_overflows, "Your exponentials overflow for large scores, and infinity over infinity is NaN. `masked_softmax` and `torch.softmax` subtract the largest score first."),
        Mistake(_every_axis_turned, "Your keys have all their axes turned round. There may be batch axes in front: `.mT` swaps the last two."),
        Mistake(_three_axes_only, "Your keys are transposed over the axes 1 and 2. There may be more axes in front, or fewer: `.mT` swaps the last two."),
        Mistake(_mask_as_index, "Your mask is used as an index, and as an index it does not spread over batch and heads. `masked_fill` does."),
        Mistake(_context_of_keys, "Your context is made of the keys. Those are for matching; what is carried away are the values."),
        Mistake(_weights_first, "Your two results are right and in the other order. Return the context first, then the weights."),
        Mistake(_context_alone, "Your function returns the context alone. Return the weights with it, so that one can look at them."),
        Mistake(_scores_returned, "Your second result are the scores before the softmax. Return the weights."),
        Mistake(_residual_added, "Your context has the query added to it. That comes later, around the attention; the lookup itself returns what it found."),
        Mistake(_query_in_place, "`/=` changes the query that you were given. `query / …` makes a new one."),
        Mistake(_detached, "Your values are right, but no gradient reaches `query` and `key`: something cuts the graph before the scores."),
        Mistake(_returns_detached_weights, "Your context is right, but the weights that you return are cut off from the graph. Return them as they are; who draws them can detach them."),
    ],
    points=3,
    points_for_values=2,
)  # fmt: skip
