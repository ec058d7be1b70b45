"""The lookup that takes the nearest key."""

import torch
from torch import float64, tensor
from torch.nn import functional as F

from utils.attention import reference

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def dot_products(query, key):
    return query @ key.mT

def first_of_the_best(scores):
    return scores.argmax(-1)

def in_steps(query, key, value, match=dot_products, choose=first_of_the_best):
    return value[choose(match(query, key))]


# Right, and written differently

def best_so_far(query, key, value):
    rows = []
    for scores in query @ key.mT:
        best = 0
        for j, score in enumerate(scores):
            if score > scores[best]:
                best = j
        rows.append(value[best])
    return torch.stack(rows)

def through_one_hot(query, key, value):
    return F.one_hot((query @ key.mT).argmax(-1), len(key)).to(value.dtype) @ value


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

def best_above(start, scores):
    winners = []
    for row in scores:
        winner, highest = 0, start
        for j, score in enumerate(row):
            if score > highest:
                winner, highest = j, score
        winners.append(winner)
    return winners

mistakes.add("starts_at_zero", but(choose=lambda scores: best_above(0, scores)),
    "Your search starts from a best score of zero, so it never sees a best match below zero. Start from the first key's score.")
mistakes.add("starts_at_minus_one", but(choose=lambda scores: best_above(-1, scores)),
    "Your search starts from a best score of -1, and scores can be lower than that. Start from the first key's score.")
mistakes.add("overflowing_exponentials", but(choose=lambda scores: scores.exp().argmax(-1)),
    "Exponentials of large scores are all infinity, and the first of them wins. Compare the scores themselves.")

@mistakes.program("Where several keys tie, yours mixes their values. The first of them answers alone.")
def blends_ties(query, key, value):
    scores = query @ key.mT
    winners = (scores == scores.amax(-1, keepdim=True)).float()
    return winners / winners.sum(-1, keepdim=True) @ value

@mistakes.program("Where several keys tie, yours adds up the values of all of them. The first of them answers alone.")
def adds_ties(query, key, value):
    scores = query @ key.mT
    return (scores == scores.amax(-1, keepdim=True)).float() @ value

@mistakes.program(
    "True and False cannot be multiplied with values, which are floats. And where several keys tie, there is more than one True.")
def truths_times_values(query, key, value):
    scores = query @ key.mT
    return (scores == scores.amax(-1, keepdim=True)) @ value

mistakes.add("numbers_as_weights", lambda query, key, value: (query @ key.mT).argmax(-1) @ value,
    "`argmax` gives the *numbers* of rows, and a product would take them for weights. How do you pick rows by their number?")
mistakes.add("largest_as_index", but(choose=lambda scores: scores.max(-1).values),
    "`max(-1)` gives the largest scores first, then the places where they stand. A place is what picks a row of `value`.")
mistakes.add("one_hot_without_size",
    lambda query, key, value: F.one_hot((query @ key.mT).argmax(-1)).float() @ value,
    "Your one-hot rows are as wide as the largest place that was chosen. They need a column for every key.")
mistakes.add("returns_the_score", lambda query, key, value: (query @ key.mT).amax(-1),
    "This is how well the best key matched. Which key was it, and what is its value?")
mistakes.add("an_axis_too_many", but(choose=lambda scores: scores.argmax(-1, keepdim=True)),
    "The values are those of the best keys, but with an axis too many: there should be one row number for each query.")
mistakes.add("soft", lambda query, key, value: (query @ key.mT).softmax(-1) @ value,
    "Several keys speak in your answer. Here the best one answers alone; the rest comes in chapter 02.")
mistakes.add("argmax_without_axis", but(choose=lambda scores: scores.argmax()),
    "Without an axis, `argmax` counts through the whole table of scores. Take it along the keys: the last axis.")
mistakes.add("farthest", but(choose=lambda scores: scores.argmin(-1)),
    "You take the key with the smallest dot product: the worst match of all.")
mistakes.add("last_on_ties", but(choose=lambda scores: scores.size(-1) - 1 - scores.flip(-1).argmax(-1)),
    "Where several keys tie, yours takes the last of them. Take the first.")
mistakes.add("by_angle", but(match=lambda query, key: F.cosine_similarity(query[:, None], key, dim=-1)),
    "You compare directions only. The match here is the plain dot product, in which a long key counts for more.")
mistakes.add("by_distance", but(match=lambda query, key: -torch.cdist(query, key)),
    "You take the key at the smallest distance. The match here is the largest dot product, which a long key may win from afar.")
mistakes.add("returns_the_key", lambda query, key, value: in_steps(query, key, key),
    "You return the key that matched best. The reader of a dictionary wants its value.")
mistakes.add("returns_the_index", lambda query, key, value: (query @ key.mT).argmax(-1),
    "This says which key matched best. Use it to pick the rows of `value`.")
mistakes.add("over_the_queries", but(choose=lambda scores: scores.argmax(0) % scores.size(-1)),
    "Your maximum runs over the queries. Each query looks for its best key: take it along the keys.")
mistakes.add("largest_size", but(choose=lambda scores: scores.abs().argmax(-1)),
    "A large negative dot product is the opposite of a match; without the absolute value it loses, as it should.")

@mistakes.program("Your one-hot rows are 32-bit numbers, and the values may be 64-bit ones: `.to(value.dtype)` fits the rows to them.")
def through_single_precision(query, key, value):
    return F.one_hot((query @ key.mT).argmax(-1), len(key)).float() @ value

mistakes.add("detached_value", lambda query, key, value: in_steps(query, key, value.detach()),
    "The values are right, but no gradient reaches `value`. The choice is a step; what was chosen can still learn, unless it is detached.")


exercise = Exercise(
    reference=reference.nearest_lookup,
    cases=[
        Case("one query by hand",
            query=tensor([[1.0, 0.5]]), key=tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, -2.0]]),
            value=tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])),
        Case("two keys tie",
            query=tensor([[1.0, 1.0], [2.0, 2.0]]), key=tensor([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]),
            value=tensor([[1.0], [2.0], [4.0]])),
        Case("long keys and short keys",
            query=normal(6, 3), key=tensor([[3.0, 0, 0], [0, 0.5, 0], [1, 1, 1], [0.1, 0, 0.2]]), value=normal(4, 2)),
        Case("more queries than keys", grad=["query", "key", "value"],
            query=normal(7, 4), key=normal(3, 4), value=normal(3, 5)),
        Case("every match is below zero",
            query=tensor([[-0.5]]), key=tensor([[1.5], [0.5], [1.0]]), value=tensor([[1.0], [2.0], [3.0]])),
        Case("every match is far below zero",
            query=tensor([[-3.0, -2.0], [-2.0, -3.0]]), key=tensor([[3.0, 3.0], [2.0, 2.0], [2.5, 3.0]]),
            value=normal(3, 2)),
        Case("64-bit numbers", grad=["value"],
            query=normal(2, 3, dtype=float64), key=normal(4, 3, dtype=float64), value=normal(4, 2, dtype=float64)),
        Case("two keys nearly tie",
            query=tensor([[3.0]]), key=tensor([[1.0], [1.0001], [0.5]]), value=tensor([[1.0], [2.0], [3.0]])),
        Case("scores in the hundreds",
            query=tensor([[100.0, 0.0]]), key=tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0]]), value=normal(3, 2)),
    ],
    variants=[best_so_far, through_one_hot],
    mistakes=mistakes,
    points=2,
)
