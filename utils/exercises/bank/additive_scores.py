"""How well each query matches each key, measured by a small network."""

import math

import torch
from torch import tensor
from torch.nn import functional as F

from ..exercise import Case, Exercise, Mistake, normal


def additive_scores(query, key, score_vector):
    """Scores (B, Tq, Tk) of query (B, Tq, A) and key (B, Tk, A), both projected: score_vector · tanh(query_i + key_j).

    score_vector (A,). Source: Bahdanau et al. 2015, appendix A.1.2.
    """
    return torch.tanh(query[:, :, None] + key[:, None]) @ score_vector  # (B, Tq, Tk, A) to (B, Tq, Tk)


def _with_einsum(query, key, score_vector):
    hidden = (query.unsqueeze(2) + key.unsqueeze(1)).tanh()
    return torch.einsum("bija,a->bij", hidden, score_vector)


def _query_by_query(query, key, score_vector):
    rows = []
    for i in range(query.size(1)):
        rows.append((torch.tanh(query[:, i : i + 1] + key) * score_vector).sum(-1))
    return torch.stack(rows, dim=1)


def _number_by_number(query, key, score_vector):
    scores = 0
    for a, weight in enumerate(score_vector):
        scores = scores + weight * torch.tanh(query[:, :, a, None] + key[:, None, :, a])
    return scores


def _as_a_linear_layer(query, key, score_vector):
    B, Tq, A = query.shape
    Tk = key.size(1)
    pairs = query.reshape(B, Tq, 1, A).expand(B, Tq, Tk, A) + key.reshape(B, 1, Tk, A)
    return F.linear(torch.tanh(pairs), score_vector[None]).squeeze(-1)


def _pairs(query, key):
    return query[:, :, None] + key[:, None]


def _relu(query, key, score_vector):
    return _pairs(query, key).relu() @ score_vector


def _sigmoid(query, key, score_vector):
    return _pairs(query, key).sigmoid() @ score_vector


def _no_tanh(query, key, score_vector):
    return _pairs(query, key) @ score_vector


def _tanh_of_each_alone(query, key, score_vector):
    return _pairs(query.tanh(), key.tanh()) @ score_vector


def _tanh_after_the_sum(query, key, score_vector):
    return torch.tanh(_pairs(query, key) @ score_vector)


def _tanh_twice(query, key, score_vector):
    return torch.tanh(torch.tanh(_pairs(query, key)) @ score_vector)


def _product(query, key, score_vector):
    return torch.tanh(query[:, :, None] * key[:, None]) @ score_vector


def _difference(query, key, score_vector):
    return torch.tanh(query[:, :, None] - key[:, None]) @ score_vector


def _dot_product(query, key, score_vector):
    return query @ key.mT


def _dot_product_scaled(query, key, score_vector):
    return query @ key.mT / math.sqrt(query.size(-1))


def _dot_product_weighted(query, key, score_vector):
    return (query * score_vector) @ key.mT


def _score_vector_left_out(query, key, score_vector):
    return torch.tanh(_pairs(query, key)).sum(-1)


def _score_vector_inside(query, key, score_vector):
    return torch.tanh(_pairs(query, key) * score_vector).sum(-1)


def _mean(query, key, score_vector):
    return (torch.tanh(_pairs(query, key)) * score_vector).mean(-1)


def _scaled(query, key, score_vector):
    return additive_scores(query, key, score_vector) / math.sqrt(query.size(-1))


def _keys_first(query, key, score_vector):
    return torch.tanh(query[:, None] + key[:, :, None]) @ score_vector


def _position_by_position(query, key, score_vector):
    return torch.tanh(query + key) @ score_vector


def _across_the_batch(query, key, score_vector):
    return torch.tanh(query[:, None] + key[None]) @ score_vector


def _not_summed(query, key, score_vector):
    return torch.tanh(_pairs(query, key)) * score_vector


def _an_axis_too_many(query, key, score_vector):
    return torch.tanh(_pairs(query, key)) @ score_vector[:, None]


def _softmax_taken(query, key, score_vector):
    return additive_scores(query, key, score_vector).softmax(-1)


def _detached(query, key, score_vector):
    return additive_scores(query, key, score_vector).detach()


def _query_detached(query, key, score_vector):
    return additive_scores(query.detach(), key, score_vector)


def _keys_detached(query, key, score_vector):
    return additive_scores(query, key.detach(), score_vector)


HALF = math.log(3) / 2  # tanh of it is 1/2
ALL = ["query", "key", "score_vector"]
additive_scores_of = Exercise(
    reference=additive_scores,
    cases=[
        Case(
            "one query, two keys, by hand: tanh(log(3) / 2) is one half",
            query=tensor([[[HALF, 0.0]]]), key=tensor([[[0.0, 0.0], [-HALF, HALF]]]), score_vector=tensor([4.0, 10.0]),
        ),
        Case("everything of one size", query=normal(2, 2, 2), key=normal(2, 2, 2), score_vector=normal(2)),
        Case("as many queries as keys", query=normal(2, 3, 4), key=normal(2, 3, 4), score_vector=normal(4)),
        Case("two queries, four keys", query=normal(3, 2, 5), key=normal(3, 4, 5), score_vector=normal(5)),
        Case("more queries than keys, no batch to speak of", query=normal(1, 5, 3), key=normal(1, 2, 3), score_vector=normal(3)),
        Case("one query, as in a decoder", query=normal(4, 1, 6), key=normal(4, 5, 6), score_vector=normal(6)),
        Case("one key", query=normal(2, 3, 4), key=normal(2, 1, 4), score_vector=normal(4)),
        Case("width one", query=normal(2, 3, 1), key=normal(2, 4, 1), score_vector=normal(1)),
        Case("gradients", query=normal(2, 3, 6), key=normal(2, 4, 6), score_vector=normal(6), grad=ALL),
        Case(
            "64-bit numbers", query=normal(2, 2, 3, dtype=torch.float64), key=normal(2, 5, 3, dtype=torch.float64),
            score_vector=normal(3, dtype=torch.float64), grad=ALL,
        ),
        Case("numbers in the thousands", query=normal(2, 3, 4, scale=1000), key=normal(2, 5, 4, scale=1000), score_vector=normal(4)),
    ],
    variants=[_with_einsum, _query_by_query, _number_by_number, _as_a_linear_layer],
    mistakes=[
        Mistake(_relu, "Your pairs go through a ReLU, which cuts off half of them and has no upper end. The formula has tanh."),
        Mistake(_sigmoid, "Your pairs go through a sigmoid, from 0 to 1. The formula has tanh, from -1 to 1."),
        Mistake(_no_tanh, "Your score is a plain sum: each query adds the same number to all its scores, which a softmax drops, so every query would get the same weights. The tanh is what makes them interact."),
        Mistake(_tanh_of_each_alone, "Your tanh is taken of query and key apart, so each query still adds the same number to all its scores, which a softmax drops. Add first, then take the tanh."),
        Mistake(_tanh_after_the_sum, "Your tanh comes after the weighted sum. Take it of every one of the A numbers of a pair, and weigh them afterwards."),
        Mistake(_tanh_twice, "Your scores go through a second tanh, which keeps them between -1 and 1. The weighted sum is the score."),
        Mistake(_product, "Your query and key are multiplied. In the additive score they are added, before the tanh."),
        Mistake(_difference, "Your key is subtracted from the query. Add them."),
        Mistake(_dot_product, "Your scores are dot products of query and key. The additive score adds the two, takes tanh, and weighs the result with `score_vector`."),
        Mistake(_dot_product_scaled, "Your scores are scaled dot products. The additive score adds query and key, takes tanh, and weighs the result with `score_vector`."),
        Mistake(_dot_product_weighted, "Your scores are dot products weighted by `score_vector`. The additive score adds query and key, and takes tanh, before it weighs."),
        Mistake(_score_vector_left_out, "Your A numbers are added up as they are. `score_vector` says how much each of them counts, and with which sign."),
        Mistake(_score_vector_inside, "Your `score_vector` is multiplied inside the tanh. It weighs the A numbers that come out of it."),
        Mistake(_mean, "Your score is the mean over the A numbers. Their weighted sum is asked for."),
        Mistake(_scaled, "Your scores are divided by the root of the width. That belongs to dot products; the additive score is not scaled."),
        Mistake(_keys_first, "Your scores have a row for each key: (B, Tk, Tq). Give each query a row: (B, Tq, Tk)."),
        Mistake(_position_by_position, "Your first query meets only the first key, the second only the second. Every query meets every key: give each of the two an axis of size one where the other has its positions."),
        Mistake(_across_the_batch, "Your new axes pair each sequence of the batch with the others. Pair the positions within a sequence: queries on axis 1, keys on axis 2."),
        Mistake(_not_summed, "Your result still has A numbers for each pair: (B, Tq, Tk, A). Add them up, so that a pair has one score."),
        Mistake(_an_axis_too_many, "Your result has an axis of size one at its end: (B, Tq, Tk, 1). Each pair has one score: (B, Tq, Tk)."),
        Mistake(_softmax_taken, "Your result has been through a softmax already. The scores before it are asked for."),
        Mistake(_detached, "Your values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph."),
        Mistake(_query_detached, "Your values are right, but no gradient reaches `query`: something cuts the graph before the sum."),
        Mistake(_keys_detached, "Your values are right, but no gradient reaches `key`: something cuts the graph before the sum."),
    ],
    points=2,
)  # fmt: skip
