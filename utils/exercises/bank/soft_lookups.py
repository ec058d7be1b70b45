"""Softmax, and the lookup in which every key has a say."""

import math

import torch
from torch import tensor

from utils.attention import reference

from ..exercise import Case, Draw, Exercise, Mistake, normal

# --- softmax ---


def _exp_of_log(scores, dim=-1):
    return torch.exp(scores - torch.logsumexp(scores, dim, keepdim=True))


def _maximum_detached(scores, dim=-1):
    scores = scores.movedim(dim, 0)
    exps = torch.exp(scores - scores.max(0).values.detach())
    return (exps / exps.sum(0)).movedim(0, dim)


def _from_torch(scores, dim=-1):
    return scores.softmax(dim)


def _no_maximum(scores, dim=-1):
    exps = torch.exp(scores)
    return exps / exps.sum(dim, keepdim=True)


def _last_axis_always(scores, dim=-1):
    return reference.softmax(scores, -1)


def _first_axis(scores, dim=-1):
    return reference.softmax(scores, 0)


def _over_everything(scores, dim=-1):
    exps = torch.exp(scores - scores.max())
    return exps / exps.sum()


def _one_maximum_for_all(scores, dim=-1):
    exps = torch.exp(scores - scores.max())
    return exps / exps.sum(dim, keepdim=True)


def _axis_lost(scores, dim=-1):
    exps = torch.exp(scores - scores.amax(dim, keepdim=True))
    return exps / exps.sum(dim)


def _axis_lost_without_maximum(scores, dim=-1):
    exps = torch.exp(scores)
    return exps / exps.sum(dim)


def _not_normalised(scores, dim=-1):
    return torch.exp(scores - scores.amax(dim, keepdim=True))


def _without_exponential(scores, dim=-1):
    return scores / scores.sum(dim, keepdim=True)


def _sigmoids(scores, dim=-1):
    return scores.sigmoid()


def _logarithms(scores, dim=-1):
    return torch.log_softmax(scores, dim)


def _divides_by_the_maximum(scores, dim=-1):
    exps = torch.exp(scores / scores.amax(dim, keepdim=True))
    return exps / exps.sum(dim, keepdim=True)


def _clamps(scores, dim=-1):
    exps = torch.exp(scores.clamp(max=80))
    return exps / exps.sum(dim, keepdim=True)


def _changes_the_scores(scores, dim=-1):
    scores -= scores.amax(dim, keepdim=True)
    return reference.softmax(scores, dim)


def _made_from_numbers(scores, dim=-1):
    return torch.from_numpy(reference.softmax(scores.detach(), dim).numpy())


softmax = Exercise(
    reference=reference.softmax,
    cases=[
        Case("three scores by hand", scores=tensor([0.0, math.log(2), math.log(5)])),
        Case("two rows by hand", scores=tensor([[0.0, math.log(3)], [math.log(4), 0.0]])),
        Case("rows", scores=normal(3, 4), grad=["scores"]),
        Case("along the first axis", scores=normal(3, 4), dim=0, grad=["scores"]),
        Case("a batch, along the middle axis", scores=normal(2, 3, 5), dim=1),
        Case("scores in the thousands", scores=normal(3, 4, scale=1000)),
        Case("one row high above the other", scores=tensor([[1000.0, 1001.0], [-1000.0, -1001.0]])),
        Case("a score of minus infinity", scores=tensor([[0.5, -math.inf, 1.5]])),
        Case("a single score", scores=normal(4, 1)),
    ],
    variants=[_exp_of_log, _maximum_detached, _from_torch],
    mistakes=[
        Mistake(_no_maximum, "Large scores overflow to infinity, and infinity over infinity is NaN. Adding the same number to every score changes no weight: which number helps?"),
        Mistake(_last_axis_always, "Your weights sum to one along the last axis, whatever `dim` says."),
        Mistake(_first_axis, "Your weights sum to one down the first axis. Take the axis `dim`, which is the last one unless the caller says otherwise."),
        Mistake(_over_everything, "All your weights together sum to one. Each row along `dim` shares out a vote of its own."),
        Mistake(_one_maximum_for_all, "One maximum for all rows: a row far below it underflows to zeros, and zero over zero is NaN. Take the maximum along `dim`."),
        Mistake(_axis_lost, "Your sum loses the axis it sums over, so the division pairs rows with the wrong sums. `keepdim=True` keeps it."),
        Mistake(_axis_lost_without_maximum, "Your sum loses the axis it sums over, so the division pairs rows with the wrong sums: `keepdim=True`. After that, think of large scores."),
        Mistake(_not_normalised, "Your weights are positive, and do not sum to one yet: divide by their sum along `dim`."),
        Mistake(_without_exponential, "Scores divided by their sum stay negative where they were. Something has to make them positive first."),
        Mistake(_sigmoids, "A sigmoid looks at each score alone. The weights have to share one vote: what one gains, others lose."),
        Mistake(_logarithms, "These are the logarithms of the weights."),
        Mistake(_divides_by_the_maximum, "Dividing by the maximum changes the weights, and turns the order round when it is negative. Subtract it instead."),
        Mistake(_clamps, "Clamping makes all large scores equal, so the best no longer wins. Subtract the largest instead."),
        Mistake(_changes_the_scores, "`-=` changes the scores that you were given. `scores = scores - …` makes new ones."),
        Mistake(_made_from_numbers, "The weights are right, but no gradient reaches `scores`: detach, item, numpy or a new tensor made from numbers cut the graph."),
    ],
    points=2,
)  # fmt: skip


# --- soft_lookup ---


def _full(mask, query, key):
    shape = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2]) + (query.size(-2), key.size(-2))
    return torch.ones(shape, dtype=torch.bool) if mask is None else mask.expand(shape)


def _with_einsum(query, key, value, temperature=1.0, mask=None):
    scores = torch.einsum("...id,...jd->...ij", query, key) / temperature
    scores = scores.masked_fill(~_full(mask, query, key), -math.inf)
    exps = torch.exp(scores - scores.amax(-1, keepdim=True).clamp(min=-1e30))
    return torch.einsum("...ij,...jd->...id", exps / exps.sum(-1, keepdim=True).clamp(min=1e-30), value)


def _query_by_query(query, key, value, temperature=1.0, mask=None):
    allowed = _full(mask, query, key)
    flat = [
        t.expand(*allowed.shape[:-2], *t.shape[-2:]).reshape(-1, *t.shape[-2:]) for t in (query, key, value, allowed)
    ]
    rows = []
    for queries, keys, values, may_attend in zip(*flat, strict=True):
        for q, these in zip(queries, may_attend, strict=True):
            rows.append(torch.softmax(keys[these] @ q / temperature, 0) @ values[these])
    return torch.stack(rows).reshape(*allowed.shape[:-1], value.size(-1))


def _with_torch(query, key, value, temperature=1.0, mask=None):
    hidden = ~_full(mask, query, key)
    empty = hidden.all(-1, keepdim=True)
    scores = (query @ key.mT / temperature).masked_fill(hidden & ~empty, -math.inf)
    return (scores.softmax(-1) @ value).masked_fill(empty, 0)


def _nan_replaced(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1).nan_to_num(0) @ value


def _lookup(query, key, value, temperature=1.0, mask=None, *, softmax=reference.softmax):
    scores = query @ key.mT / temperature
    if mask is None:
        return softmax(scores) @ value
    empty = ~mask.any(-1, keepdim=True)
    return softmax(scores.masked_fill(~mask & ~empty, -math.inf)).masked_fill(empty, 0) @ value


def _times_temperature(query, key, value, temperature=1.0, mask=None):
    return _lookup(query, key, value, 1 / temperature, mask)


def _temperature_ignored(query, key, value, temperature=1.0, mask=None):
    return _lookup(query, key, value, 1.0, mask)


def _weights_over_temperature(query, key, value, temperature=1.0, mask=None):
    return _lookup(query, key, value, 1.0, mask) / temperature


def _divided_by_root_of_width(query, key, value, temperature=1.0, mask=None):
    return _lookup(query, key, value, temperature * math.sqrt(query.size(-1)), mask)


def _softmax_over_queries(query, key, value, temperature=1.0, mask=None):
    return _lookup(query, key, value, temperature, mask, softmax=lambda scores: scores.softmax(-2).nan_to_num())


def _no_softmax(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    return (scores if mask is None else scores.masked_fill(~mask, 0)) @ value


def _no_maximum_in_softmax(query, key, value, temperature=1.0, mask=None):
    return _lookup(query, key, value, temperature, mask, softmax=_no_maximum)


def _mask_inverted(query, key, value, temperature=1.0, mask=None):
    return _lookup(query, key, value, temperature, None if mask is None else ~mask)


def _mask_ignored(query, key, value, temperature=1.0, mask=None):
    return _lookup(query, key, value, temperature)


def _mask_after_softmax(query, key, value, temperature=1.0, mask=None):
    weights = reference.softmax(query @ key.mT / temperature)
    return (weights if mask is None else weights * mask) @ value


def _masked_scores_are_zero(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    return reference.softmax(scores if mask is None else scores * mask) @ value


def _mask_added(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    return reference.softmax(scores if mask is None else scores + mask) @ value


def _empty_row_is_nan(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1) @ value


def _empty_row_is_the_mean(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    return (scores if mask is None else scores.masked_fill(~mask, -1e9)).softmax(-1) @ value


def _first_batch_axis_only(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.transpose(0, 1) / temperature
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1) @ value


def _returns_weights(query, key, value, temperature=1.0, mask=None):
    return reference.soft_lookup(query, key, torch.eye(key.size(-2), dtype=key.dtype), temperature, mask)


def _detached_weights(query, key, value, temperature=1.0, mask=None):
    return _lookup(query.detach(), key.detach(), value, temperature, mask)


def _detached(query, key, value, temperature=1.0, mask=None):
    return _lookup(query, key, value, temperature, mask).detach()


def _scores_filled_in_place(query, key, value, temperature=1.0, mask=None):
    query /= temperature
    return _lookup(query, key, value, 1.0, mask)


def _some_keys_hidden(*shape):
    def draw(generator):
        mask = torch.rand(shape, generator=generator) < 0.6
        mask[..., 0, :] = False
        mask[..., 1, 0], mask[..., 1, -1] = True, False
        return mask

    return Draw(draw)


soft_lookup = Exercise(
    reference=reference.soft_lookup,
    cases=[
        Case(
            "one query, three keys, by hand",
            query=tensor([[1.0, 0.0]]),
            key=tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
            value=tensor([[1.0], [2.0], [3.0]]),
        ),
        Case("as many queries as keys", query=normal(3, 4), key=normal(3, 4), value=normal(3, 2)),
        Case("cool", query=normal(3, 4), key=normal(5, 4), value=normal(5, 2), temperature=0.5, grad=["query", "key", "value"]),
        Case("warm", query=normal(2, 3), key=normal(4, 3), value=normal(4, 3), temperature=3.0),
        Case("a batch", query=normal(2, 3, 4), key=normal(2, 5, 4), value=normal(2, 5, 6), temperature=2.0, grad=["query", "key", "value"]),
        Case("two batch axes, one dictionary for all", query=normal(2, 3, 1, 4), key=normal(5, 4), value=normal(5, 2)),
        Case("scores in the thousands", query=normal(3, 4, scale=1000), key=normal(5, 4), value=normal(5, 2)),
        Case(
            "some keys hidden, one query sees none",
            query=normal(3, 4), key=normal(5, 4), value=normal(5, 2), mask=_some_keys_hidden(3, 5),
        ),
        Case(
            "the same, with gradients",
            query=normal(2, 3, 4), key=normal(2, 6, 4), value=normal(2, 6, 3), temperature=0.7, mask=_some_keys_hidden(2, 3, 6),
            grad=["query", "key", "value"],
        ),
        Case(
            "hidden keys with the largest scores",
            query=tensor([[50.0]]), key=tensor([[1.0], [9.0], [2.0], [9.0]]), value=tensor([[1.0], [2.0], [3.0], [4.0]]),
            mask=tensor([[True, False, True, False]]),
        ),
        Case("a single key", query=normal(2, 3), key=normal(1, 3), value=normal(1, 2), mask=tensor([[True], [False]])),
    ],
    variants=[_with_einsum, _query_by_query, _with_torch, _nan_replaced],
    mistakes=[
        Mistake(_times_temperature, "A higher temperature makes your weights sharper. It should make them flatter: divide the scores by it."),
        Mistake(_temperature_ignored, "Your weights are the same at every temperature."),
        Mistake(_weights_over_temperature, "You divide the answer by the temperature. It is the scores that are divided, before the softmax."),
        Mistake(_divided_by_root_of_width, "You divide by the square root of the width as well. That is a choice of temperature, and here the caller makes it."),
        Mistake(_softmax_over_queries, "Your weights sum to one over the queries. Each query shares out its own vote: they should sum to one over the keys."),
        Mistake(_no_softmax, "You weigh the values by their scores. Turn the scores into weights first, positive and with sum one."),
        Mistake(_no_maximum_in_softmax, "Large scores overflow to infinity, and infinity over infinity is NaN. Your `softmax` of exercise 2.1 has a way around it."),
        Mistake(_mask_inverted, "You hide the keys where mask is True. In this course True means 'may attend'."),
        Mistake(_mask_ignored, "The hidden keys have a say: `mask` is not used yet."),
        Mistake(_mask_after_softmax, "With some keys hidden, a query's weights no longer sum to one: hide the keys before the softmax, not after."),
        Mistake(_masked_scores_are_zero, "A score of zero is a score like any other, and its weight is not zero. What score has the weight zero?"),
        Mistake(_mask_added, "Adding True adds one to a score: the hidden keys still have a say. What score has the weight zero?"),
        Mistake(_empty_row_is_nan, "A query that may attend to nothing gets NaN. Give it zeros: nothing was found."),
        Mistake(_empty_row_is_the_mean, "A query that may attend to nothing gets the mean of all values, hidden ones too. Give it zeros: nothing was found."),
        Mistake(_first_batch_axis_only, "Your keys are transposed over the first two axes. There may be batch axes in front: swap the last two."),
        Mistake(_returns_weights, "These are the weights. One more product, with `value`, and each query gets its context."),
        Mistake(_detached_weights, "The values are right, but no gradient reaches `query` and `key`: something cuts the graph before the scores."),
        Mistake(_detached, "The values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph."),
        Mistake(_scores_filled_in_place, "`/=` changes the query that you were given. `query / temperature` makes a new one."),
    ],
    points=3,
)  # fmt: skip
