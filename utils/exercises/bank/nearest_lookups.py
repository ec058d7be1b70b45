"""The lookup that takes the nearest key."""

import torch
from torch import tensor
from torch.nn import functional

from utils.attention import reference

from ..exercise import Case, Exercise, Mistake, normal
from .exact_lookups import one_hot


def _best_so_far(query, key, value):
    rows = []
    for scores in query @ key.mT:
        best = 0
        for j, score in enumerate(scores):
            if score > scores[best]:
                best = j
        rows.append(value[best])
    return torch.stack(rows)


def _through_one_hot(query, key, value):
    return one_hot((query @ key.mT).argmax(-1), len(key)).to(value.dtype) @ value


def _through_single_precision(query, key, value):
    return one_hot((query @ key.mT).argmax(-1), len(key)) @ value


def _blends_ties(query, key, value):
    scores = query @ key.mT
    winners = (scores == scores.amax(-1, keepdim=True)).float()
    return winners / winners.sum(-1, keepdim=True) @ value


def _soft(query, key, value):
    return (query @ key.mT).softmax(-1) @ value


def _overflowing_exponentials(query, key, value):
    return value[(query @ key.mT).exp().argmax(-1)]


def _starts_at(best, query, key, value):
    winners = []
    for scores in query @ key.mT:
        winner, highest = 0, best
        for j, score in enumerate(scores):
            if score > highest:
                winner, highest = j, score
        winners.append(winner)
    return value[winners]


def _starts_at_zero(query, key, value):
    return _starts_at(0, query, key, value)


def _starts_at_minus_one(query, key, value):
    return _starts_at(-1, query, key, value)


def _argmax_without_axis(query, key, value):
    return value[(query @ key.mT).argmax()]


def _farthest(query, key, value):
    return value[(query @ key.mT).argmin(-1)]


def _last_on_ties(query, key, value):
    return value[len(key) - 1 - (query @ key.mT).flip(-1).argmax(-1)]


def _by_angle(query, key, value):
    return value[functional.cosine_similarity(query[:, None], key, dim=-1).argmax(-1)]


def _by_distance(query, key, value):
    return value[torch.cdist(query, key).argmin(-1)]


def _returns_the_key(query, key, value):
    return key[(query @ key.mT).argmax(-1)]


def _returns_the_index(query, key, value):
    return (query @ key.mT).argmax(-1)


def _over_the_queries(query, key, value):
    return value[(query @ key.mT).argmax(0) % len(value)]


def _largest_size(query, key, value):
    return value[(query @ key.mT).abs().argmax(-1)]


def _detached_value(query, key, value):
    return value.detach()[(query @ key.mT).argmax(-1)]


nearest_lookup = Exercise(
    reference=reference.nearest_lookup,
    cases=[
        Case(
            "one query by hand",
            query=tensor([[1.0, 0.5]]),
            key=tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, -2.0]]),
            value=tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]),
        ),
        Case(
            "two keys tie",
            query=tensor([[1.0, 1.0], [2.0, 2.0]]),
            key=tensor([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]),
            value=tensor([[1.0], [2.0], [4.0]]),
        ),
        Case("long keys and short keys", query=normal(6, 3), key=tensor([[3.0, 0, 0], [0, 0.5, 0], [1, 1, 1], [0.1, 0, 0.2]]), value=normal(4, 2)),
        Case("more queries than keys", query=normal(7, 4), key=normal(3, 4), value=normal(3, 5), grad=["query", "key", "value"]),
        Case("every match is below zero", query=tensor([[-0.5]]), key=tensor([[1.5], [0.5], [1.0]]), value=tensor([[1.0], [2.0], [3.0]])),
        Case("every match is far below zero", query=tensor([[-3.0, -2.0], [-2.0, -3.0]]), key=tensor([[3.0, 3.0], [2.0, 2.0], [2.5, 3.0]]), value=normal(3, 2)),
        Case("64-bit numbers", query=normal(2, 3, dtype=torch.float64), key=normal(4, 3, dtype=torch.float64), value=normal(4, 2, dtype=torch.float64), grad=["value"]),
        Case("two keys nearly tie", query=tensor([[3.0]]), key=tensor([[1.0], [1.0001], [0.5]]), value=tensor([[1.0], [2.0], [3.0]])),
        Case("scores in the hundreds", query=tensor([[100.0, 0.0]]), key=tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0]]), value=normal(3, 2)),
    ],
    variants=[_best_so_far, _through_one_hot],
    mistakes=[
        Mistake(_starts_at_zero, "Your search starts from a best score of zero, so it never sees a best match below zero. Start from the first key's score."),
        Mistake(_starts_at_minus_one, "Your search starts from a best score of -1, and scores can be lower than that. Start from the first key's score."),
        Mistake(_overflowing_exponentials, "Exponentials of large scores are all infinity, and the first of them wins. Compare the scores themselves."),
        Mistake(_blends_ties, "Where several keys tie, yours mixes their values. The first of them answers alone."),
        Mistake(_soft, "Several keys speak in your answer. Here the best one answers alone; the rest comes in chapter 02."),
        Mistake(_argmax_without_axis, "Without an axis, `argmax` counts through the whole table of scores. Take it along the keys: the last axis."),
        Mistake(_farthest, "You take the key with the smallest dot product: the worst match of all."),
        Mistake(_last_on_ties, "Where several keys tie, yours takes the last of them. Take the first."),
        Mistake(_by_angle, "You compare directions only. The match here is the plain dot product, in which a long key counts for more."),
        Mistake(_by_distance, "You take the key at the smallest distance. The match here is the largest dot product, which a long key may win from afar."),
        Mistake(_returns_the_key, "You return the key that matched best. The reader of a dictionary wants its value."),
        Mistake(_returns_the_index, "This says which key matched best. Use it to pick the rows of `value`."),
        Mistake(_over_the_queries, "Your maximum runs over the queries. Each query looks for its best key: take it along the keys."),
        Mistake(_largest_size, "A large negative dot product is the opposite of a match; without the absolute value it loses, as it should."),
        Mistake(_through_single_precision, "Your one-hot rows are 32-bit numbers, and the values may be 64-bit ones: `.to(value.dtype)` fits the rows to them."),
        Mistake(_detached_value, "The values are right, but no gradient reaches `value`. The choice is a step; what was chosen can still learn, unless it is detached."),
    ],
    points=2,
)  # fmt: skip
