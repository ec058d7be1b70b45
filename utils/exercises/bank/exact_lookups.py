"""Exact lookup as a matrix product."""

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


def _one_integer(generator):
    size = int(torch.randint(4, 20, (), generator=generator))
    return {"index": int(torch.randint(2, size, (), generator=generator)), "size": size}


one_hot_rows = Exercise(
    reference=one_hot,
    cases=[
        Case("three indices by hand", index=tensor([2, 0, 1]), size=4),
        Case("one integer", together=_one_integer),
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
