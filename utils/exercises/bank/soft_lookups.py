"""The lookup in which every key has a say."""

import math

import torch
from torch import tensor

from utils.attention import reference

from ..exercise import Case, Draw, Exercise, Mistake, normal


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


def _overflows(query, key, value, temperature=1.0, mask=None):
    return _lookup(
        query, key, value, temperature, mask, softmax=lambda scores: scores.exp() / scores.exp().sum(-1, True)
    )


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


def _with_transposed(transposed, query, key, value, temperature, mask):
    scores = query @ transposed / temperature
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1).nan_to_num() @ value


def _first_two_axes_swapped(query, key, value, temperature=1.0, mask=None):
    return _with_transposed(key.transpose(0, 1), query, key, value, temperature, mask)


def _every_axis_turned(query, key, value, temperature=1.0, mask=None):
    return _with_transposed(key.permute(*reversed(range(key.dim()))), query, key, value, temperature, mask)


def _one_batch_axis_only(query, key, value, temperature=1.0, mask=None):
    transposed = key.transpose(1, 2) if key.dim() == 3 else key.permute(*reversed(range(key.dim())))
    return _with_transposed(transposed, query, key, value, temperature, mask)


def _mask_as_index(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    if mask is not None:
        scores[~mask] = -math.inf
    return scores.softmax(-1).nan_to_num() @ value


def _shape_of_the_query(query, key, value, temperature=1.0, mask=None):
    context = reference.soft_lookup(query, key, value, temperature, mask)
    return context.reshape(*query.shape[:-1], value.size(-1))


def _low_score(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    if mask is None:
        return scores.softmax(-1) @ value
    return scores.masked_fill(~mask, -10_000.0).softmax(-1) * mask.any(-1, keepdim=True) @ value


def _renormalised_after_the_mask(query, key, value, temperature=1.0, mask=None):
    weights = reference.softmax(query @ key.mT / temperature)
    if mask is not None:
        weights = weights * mask
        weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)
    return weights @ value


def _renormalised_to_nan(query, key, value, temperature=1.0, mask=None):
    weights = reference.softmax(query @ key.mT / temperature)
    if mask is not None:
        weights = weights * mask
        weights = weights / weights.sum(-1, keepdim=True)
    return weights @ value


def _zero_times_infinity(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    return (scores if mask is None else scores + (~mask) * -math.inf).softmax(-1) @ value


def _mask_inverted_and_nan(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    return (scores if mask is None else scores.masked_fill(mask, -math.inf)).softmax(-1) @ value


def _mask_inverted_and_finite(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    return (scores if mask is None else scores.masked_fill(mask, -1e9)).softmax(-1) @ value


def _empty_context_replaced(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    if mask is None:
        return scores.softmax(-1) @ value
    context = scores.masked_fill(~mask, -math.inf).softmax(-1) @ value
    return context.masked_fill(~mask.any(-1, keepdim=True), 0)


def _returns_both(query, key, value, temperature=1.0, mask=None):
    return reference.soft_lookup(query, key, value, temperature, mask), _returns_weights(
        query, key, value, temperature, mask
    )


def _temperature_has_a_floor(query, key, value, temperature=1.0, mask=None):
    return _lookup(query, key, value, max(temperature, 0.5), mask)


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
        Case("very cold", query=normal(3, 4), key=normal(5, 4), value=normal(5, 2), temperature=0.05),
        Case("two batch axes", query=normal(2, 3, 2, 4), key=normal(2, 3, 5, 4), value=normal(2, 3, 5, 2), temperature=1.5),
        Case("two batch axes, one dictionary for all", query=normal(2, 3, 1, 4), key=normal(5, 4), value=normal(5, 2)),
        Case("one query for a batch of dictionaries", query=normal(2, 4), key=normal(3, 5, 4), value=normal(3, 5, 2)),
        Case("one mask for the whole batch", query=normal(2, 3, 4), key=normal(2, 5, 4), value=normal(2, 5, 2), mask=_some_keys_hidden(3, 5)),
        Case(
            "64-bit numbers",
            query=normal(2, 3, dtype=torch.float64), key=normal(4, 3, dtype=torch.float64), value=normal(4, 2, dtype=torch.float64),
            temperature=0.8, mask=_some_keys_hidden(2, 4), grad=["query", "key", "value"],
        ),
        Case(
            "scores in the thousands",
            query=tensor([[1000.0, 1.0], [-2000.0, 1.0]]), key=tensor([[1.0, 0.0], [1.0, 1.0], [-1.0, 2.0], [0.5, 0.0]]), value=normal(4, 2),
        ),
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
            query=tensor([[50.0]]), key=tensor([[1.0], [9.0], [2.0], [9.0]]), value=tensor([[1.0], [2.0], [3.0], [8.0]]),
            mask=tensor([[True, False, True, False]]),
        ),
        Case(
            "the visible scores are very low",
            query=tensor([[1000.0]]), key=tensor([[-40.0], [0.5], [-41.0]]), value=tensor([[1.0], [2.0], [5.0]]),
            mask=tensor([[True, False, True]]),
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
        Mistake(_overflows, "Large scores overflow to infinity, and infinity over infinity is NaN. Your `softmax` of exercise 2.1 has a way around it."),
        Mistake(_mask_inverted, "You hide the keys where mask is True. In this course True means 'may attend'."),
        Mistake(_mask_ignored, "The hidden keys have a say: `mask` is not used yet."),
        Mistake(_mask_after_softmax, "With some keys hidden, a query's weights no longer sum to one: hide the keys before the softmax, not after."),
        Mistake(_masked_scores_are_zero, "A score of zero is a score like any other, and its weight is not zero. What score has the weight zero?"),
        Mistake(_mask_added, "Adding True adds one to a score: the hidden keys still have a say. What score has the weight zero?"),
        Mistake(_empty_row_is_nan, "A query that may attend to nothing gets NaN. Give it zeros: nothing was found."),
        Mistake(_empty_row_is_the_mean, "A query that may attend to nothing gets the mean of all values, hidden ones too. Give it zeros: nothing was found."),
        Mistake(_first_two_axes_swapped, "Your keys are transposed over the first two axes. There may be batch axes in front: swap the last two."),
        Mistake(_every_axis_turned, "`.T` turns all axes round. There may be batch axes in front: `.mT` swaps the last two."),
        Mistake(_one_batch_axis_only, "Your transposition knows one batch axis at most. There may be more of them in front: swap the last two axes."),
        Mistake(_mask_as_index, "A mask without batch axes holds for the whole batch, and as an index it does not spread. `masked_fill` does."),
        Mistake(_shape_of_the_query, "Your result takes its batch axes from the query. The keys and values may have more of them, and one query serves them all."),
        Mistake(_low_score, "Your low score is not low enough: where all visible scores are lower still, the hidden keys win. Minus infinity is below every score."),
        Mistake(_renormalised_after_the_mask, "You take the hidden keys out after the softmax. Where one of them had all the weight, nothing is left to share: hide them before."),
        Mistake(_renormalised_to_nan, "You take the hidden keys out after the softmax and divide by what is left. That may be nothing, and 0 / 0 is NaN: hide them before."),
        Mistake(_zero_times_infinity, "Zero times infinity is NaN, not zero, so even the visible keys lose their scores. `masked_fill` touches the hidden ones only."),
        Mistake(_mask_inverted_and_nan, "You hide the keys where mask is True. In this course True means 'may attend'. And who sees nothing gets NaN instead of zeros."),
        Mistake(_mask_inverted_and_finite, "You hide the keys where mask is True. In this course True means 'may attend'. And who sees nothing gets the mean instead of zeros."),
        Mistake(_empty_context_replaced, "The context is right, but the NaN weights behind it come back in the gradient. Give an empty row harmless scores before the softmax, and zeros after."),
        Mistake(_returns_both, "You return two things. Here the context alone is wanted."),
        Mistake(_temperature_has_a_floor, "Your temperature cannot fall below a half. Take it as it comes."),
        Mistake(_returns_weights, "These are the weights. One more product, with `value`, and each query gets its context."),
        Mistake(_detached_weights, "The values are right, but no gradient reaches `query` and `key`: something cuts the graph before the scores."),
        Mistake(_detached, "The values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph."),
        Mistake(_scores_filled_in_place, "`/=` changes the query that you were given. `query / temperature` makes a new one."),
    ],
    points=3,
    points_for_values=2,
)  # fmt: skip
