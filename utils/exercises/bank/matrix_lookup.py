"""Exact lookup as a matrix product."""

import torch
from torch import eye, tensor

from utils.attention import reference

from ..exercise import Case, Exercise, Mistakes, normal

# Right, and written differently

def with_einsum(query, key, value):
    return torch.einsum("qn,kn,kd->qd", query, key, value)

def query_by_query(query, key, value):
    return torch.stack([sum((q @ k) * v for k, v in zip(key, value, strict=True)) for q in query])


# Wrong

mistakes = Mistakes()

mistakes.add("order_of_the_keys_ignored", lambda query, key, value: query[:, : len(value)] @ value,
    "You read `value` in the order of the words. The entries stand in the order of `key`: match query with key first.")
mistakes.add("first_value_when_missing", lambda query, key, value: value[(query @ key.mT).argmax(-1)],
    "A word that is not in the dictionary gets the first entry's value: `argmax` always points somewhere. It should get zeros.")
mistakes.add("key_not_transposed", lambda query, key, value: query @ key @ value,
    "`query @ key` mixes words with entries. A query meets every key in a dot product: `key` has to be transposed.")
mistakes.add("value_by_index", lambda query, key, value: value[query.argmax(-1).clamp(max=len(value) - 1)],
    "You take the word's own index for the row of `value`. The row is where that word stands in `key`.")
mistakes.add("softmax_of_matches", lambda query, key, value: (query @ key.mT).softmax(-1) @ value,
    "Your weights are soft: every entry gets a say. Here a match is one or zero, and needs no softmax.")
mistakes.add("returns_weights", lambda query, key, value: query @ key.mT,
    "These are the weights: which entry each query found. One more product turns them into values.")
mistakes.add("compares_instead", lambda query, key, value: (query[:, None] == key).all(-1).to(value.dtype) @ value,
    "The values are right, but nothing passes back to query and key: equal or not is a yes or no, without a slope. Which product of two rows says the same in numbers?")
mistakes.add("query_times_value", lambda query, key, value: query @ value,
    "The keys are missing: `query @ value` takes the word's own number for a row of `value`. Match query with key first.")
mistakes.add("keys_first", lambda query, key, value: key @ query.mT @ value,
    "`key @ query.mT` has a row for each key. A lookup has a row for each *query*.")
mistakes.add("writes_numbers", lambda query, key, value: tensor((query @ key.mT @ value).tolist()),
    "The values are right, but no gradient comes through: a new tensor made from numbers has no memory of how it was computed.")

@mistakes.program("You divide by the number of matches. A missing word has none, and zero divided by zero is NaN.")
def normalised_matches(query, key, value):
    weights = query @ key.mT
    return weights / weights.sum(-1, keepdim=True) @ value


exercise = Exercise(
    reference=reference.matrix_lookup,
    cases=[
        Case("two queries by hand",
            query=eye(3)[[1, 0]], key=eye(3)[[2, 0, 1]], value=tensor([[10.0, 1.0], [20.0, 2.0], [30.0, 3.0]]),
            grad=["query", "key", "value"]),
        Case("a word that is not in the dictionary", query=eye(4)[[3, 1]], key=eye(4)[[0, 1, 2]], value=normal(3, 2)),
        Case("more words than entries",
            query=eye(6)[[5, 0, 2, 5]], key=eye(6)[[5, 2]], value=normal(2, 3),
            grad=["query", "key", "value"]),
        Case("every word", query=eye(5), key=eye(5)[[3, 1, 4, 0, 2]], value=normal(5, 4),
            grad=["query", "key", "value"]),
        Case("one query, one entry", query=eye(1), key=eye(1), value=normal(1, 1)),
    ],
    variants=[with_einsum, query_by_query],
    mistakes=mistakes,
    points=1,
)
