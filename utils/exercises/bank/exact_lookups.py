"""Exact lookup as a matrix product, and the lookup that takes the nearest key."""

import torch
from torch import eye, tensor
from torch.nn import functional

from utils.attention import reference

from ..exercise import Case, Draw, Exercise, Mistake, normal

# --- one_hot ---


def one_hot(index, size):
    """Rows (..., size) of zeros with a single 1.0 at index (...), an integer or a tensor of integers."""
    return (torch.arange(size) == torch.as_tensor(index)[..., None]).float()


def _rows_of_the_identity(index, size):
    return eye(size)[index]


def _scattered(index, size):
    index = torch.as_tensor(index)
    return torch.zeros(*index.shape, size).scatter_(-1, index[..., None], 1.0)


def _integers(index, size):
    return functional.one_hot(torch.as_tensor(index), size)


def _size_from_the_data(index, size):
    return functional.one_hot(torch.as_tensor(index)).float()


def _counts_from_one(index, size):
    return (torch.arange(1, size + 1) == torch.as_tensor(index)[..., None]).float()


def _one_row_for_all(index, size):
    row = torch.zeros(size)
    row[index] = 1.0
    return row


def _columns(index, size):
    return one_hot(index, size).mT if torch.as_tensor(index).dim() else one_hot(index, size)


def _index_in_place_of_one(index, size):
    return one_hot(index, size) * torch.as_tensor(index)[..., None]


def _index_without_its_own_axis(index, size):
    return (torch.arange(size) == index).float()


def _all_up_to(index, size):
    return (torch.arange(size) <= torch.as_tensor(index)[..., None]).float()


one_hot_rows = Exercise(
    reference=one_hot,
    cases=[
        Case("three indices by hand", index=tensor([2, 0, 1]), size=4),
        Case("one integer", index=3, size=5),
        Case("the same index twice", index=tensor([1, 1]), size=3),
        Case("a table of indices", size=7, index=Draw(lambda generator: torch.randint(7, (2, 5), generator=generator))),
        Case("a block of indices", size=3, index=Draw(lambda generator: torch.randint(3, (2, 2, 4), generator=generator))),
    ],
    variants=[_rows_of_the_identity, _scattered],
    mistakes=[
        Mistake(_integers, "Your ones are integers, and a matrix product needs floats like the values it meets: add `.float()`."),
        Mistake(_size_from_the_data, "The width of your rows depends on the largest index. It should be `size`, whatever is asked for."),
        Mistake(_counts_from_one, "Index 0 is the first place; yours is one off."),
        Mistake(_one_row_for_all, "All indices share one row. Each index has a row of its own, with a single one in it."),
        Mistake(_columns, "Your vectors stand in columns. Turn them: one row for each index."),
        Mistake(_index_in_place_of_one, "The place is right, but it should hold a one, not the index itself."),
        Mistake(_index_without_its_own_axis, "You compare the places with all indices at once. Give each index a row of its own: `index[..., None]`."),
        Mistake(_all_up_to, "Everything up to the index is one. Only the place itself should be."),
    ],
    points=1,
)  # fmt: skip


# --- matrix_lookup ---


def _with_einsum(query, key, value):
    return torch.einsum("qn,kn,kd->qd", query, key, value)


def _query_by_query(query, key, value):
    return torch.stack([sum((q @ k) * v for k, v in zip(key, value, strict=True)) for q in query])


def _by_comparison(query, key, value):
    return (query[:, None] == key).all(-1).to(value.dtype) @ value


def _order_of_the_keys_ignored(query, key, value):
    return query[:, : len(value)] @ value


def _first_value_when_missing(query, key, value):
    return value[(query @ key.mT).argmax(-1)]


def _key_not_transposed(query, key, value):
    return query @ key @ value


def _value_by_index(query, key, value):
    return value[query.argmax(-1).clamp(max=len(value) - 1)]


def _softmax_of_matches(query, key, value):
    return (query @ key.mT).softmax(-1) @ value


def _returns_weights(query, key, value):
    return query @ key.mT


def _writes_numbers(query, key, value):
    return torch.tensor((query @ key.mT @ value).tolist())


def _normalised_matches(query, key, value):
    weights = query @ key.mT
    return weights / weights.sum(-1, keepdim=True) @ value


matrix_lookup = Exercise(
    reference=reference.matrix_lookup,
    cases=[
        Case(
            "two queries by hand",
            query=one_hot(tensor([1, 0]), 3),
            key=one_hot(tensor([2, 0, 1]), 3),
            value=tensor([[10.0, 1.0], [20.0, 2.0], [30.0, 3.0]]),
        ),
        Case(
            "a word that is not in the dictionary",
            query=one_hot(tensor([3, 1]), 4),
            key=one_hot(tensor([0, 1, 2]), 4),
            value=normal(3, 2),
        ),
        Case(
            "more words than entries",
            query=one_hot(tensor([5, 0, 2, 5]), 6),
            key=one_hot(tensor([5, 2]), 6),
            value=normal(2, 3),
            grad=["value"],
        ),
        Case("every word", query=eye(5), key=eye(5)[[3, 1, 4, 0, 2]], value=normal(5, 4), grad=["value"]),
        Case("one query, one entry", query=one_hot(tensor([0]), 1), key=one_hot(tensor([0]), 1), value=normal(1, 1)),
    ],
    variants=[_with_einsum, _query_by_query, _by_comparison],
    mistakes=[
        Mistake(_order_of_the_keys_ignored, "You read `value` in the order of the words. The entries stand in the order of `key`: match query with key first."),
        Mistake(_first_value_when_missing, "A word that is not in the dictionary gets the first entry's value: `argmax` always points somewhere. It should get zeros."),
        Mistake(_key_not_transposed, "`query @ key` mixes words with entries. A query meets every key in a dot product: `key` has to be transposed."),
        Mistake(_value_by_index, "You take the word's own index for the row of `value`. The row is where that word stands in `key`."),
        Mistake(_softmax_of_matches, "Your weights are soft: every entry gets a say. Here a match is one or zero, and needs no softmax."),
        Mistake(_returns_weights, "These are the weights: which entry each query found. One more product turns them into values."),
        Mistake(_writes_numbers, "The values are right, but no gradient comes through: a new tensor made from numbers has no memory of how it was computed."),
        Mistake(_normalised_matches, "You divide by the number of matches. A missing word has none, and zero divided by zero is NaN."),
    ],
    points=1,
)  # fmt: skip


# --- nearest_lookup ---


def _above_zero(*shape):
    return Draw(lambda generator: 2 + torch.rand(shape, generator=generator))


def _below_zero(*shape):
    return Draw(lambda generator: -2 - torch.rand(shape, generator=generator))


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
        Case("every match is negative", query=_below_zero(3, 2), key=_above_zero(4, 2), value=normal(4, 2)),
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
        Mistake(_detached_value, "The values are right, but no gradient reaches `value`. The choice is a step; what was chosen can still learn, unless it is detached."),
    ],
    points=2,
)  # fmt: skip
