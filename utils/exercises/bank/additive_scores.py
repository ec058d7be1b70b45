"""How well each query matches each key, measured by a small network."""

import math

import torch
from torch import tensor
from torch.nn import functional as F

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def additive_scores(query, key, score_vector):
    """Scores (B, Tq, Tk) of query (B, Tq, d_hidden) and key (B, Tk, d_hidden), both projected: score_vector · tanh(query_i + key_j).

    score_vector (d_hidden,). Source: Bahdanau et al. 2015, appendix A.1.2.
    """
    return torch.tanh(query[:, :, None] + key[:, None]) @ score_vector  # (B, Tq, Tk, d_hidden) to (B, Tq, Tk)


def added(query, key):
    return query[:, :, None] + key[:, None]

def unbent(pairs):
    return pairs

def weighed(hidden, score_vector):
    return hidden @ score_vector

def in_steps(query, key, score_vector, pairs=added, bend=torch.tanh, score=weighed):
    return score(bend(pairs(query, key)), score_vector)


# Right, and written differently

def with_einsum(query, key, score_vector):
    hidden = (query.unsqueeze(2) + key.unsqueeze(1)).tanh()
    return torch.einsum("bija,a->bij", hidden, score_vector)

def query_by_query(query, key, score_vector):
    rows = []
    for i in range(query.size(1)):
        rows.append((torch.tanh(query[:, i : i + 1] + key) * score_vector).sum(-1))
    return torch.stack(rows, dim=1)

def number_by_number(query, key, score_vector):
    scores = 0
    for a, weight in enumerate(score_vector):
        scores = scores + weight * torch.tanh(query[:, :, a, None] + key[:, None, :, a])
    return scores

def as_a_linear_layer(query, key, score_vector):
    B, Tq, A = query.shape
    Tk = key.size(1)
    pairs = query.reshape(B, Tq, 1, A).expand(B, Tq, Tk, A) + key.reshape(B, 1, Tk, A)
    return F.linear(torch.tanh(pairs), score_vector[None]).squeeze(-1)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("relu", but(bend=torch.relu),
    "Your pairs go through a ReLU, which cuts off half of them and has no upper end. The formula has tanh.")
mistakes.add("sigmoid", but(bend=torch.sigmoid),
    "Your pairs go through a sigmoid, from 0 to 1. The formula has tanh, from -1 to 1.")
mistakes.add("no_tanh", but(bend=unbent),
    "Your score is a plain sum: each query adds the same number to all its scores, which a softmax drops, so every query would get the same weights. The tanh is what makes them interact.")
mistakes.add("tanh_of_each_alone", but(pairs=lambda q, k: added(q.tanh(), k.tanh()), bend=unbent),
    "Your tanh is taken of query and key apart, so each query still adds the same number to all its scores, which a softmax drops. Add first, then take the tanh.")
mistakes.add("tanh_after_the_sum", but(bend=unbent, score=lambda hidden, v: torch.tanh(hidden @ v)),
    "Your tanh comes after the weighted sum. Take it of every one of the d_hidden numbers of a pair, and weigh them afterwards.")
mistakes.add("tanh_twice", but(score=lambda hidden, v: torch.tanh(hidden @ v)),
    "Your scores go through a second tanh, which keeps them between -1 and 1. The weighted sum is the score.")
mistakes.add("product", but(pairs=lambda q, k: q[:, :, None] * k[:, None]),
    "Your query and key are multiplied. In the additive score they are added, before the tanh.")
mistakes.add("difference", but(pairs=lambda q, k: q[:, :, None] - k[:, None]),
    "Your key is subtracted from the query. Add them.")
mistakes.add("dot_product", lambda query, key, score_vector: query @ key.mT,
    "Your scores are dot products of query and key. The additive score adds the two, takes tanh, and weighs the result with `score_vector`.")
mistakes.add("dot_product_scaled", lambda query, key, score_vector: query @ key.mT / math.sqrt(query.size(-1)),
    "Your scores are scaled dot products. The additive score adds query and key, takes tanh, and weighs the result with `score_vector`.")
mistakes.add("dot_product_weighted", lambda query, key, score_vector: (query * score_vector) @ key.mT,
    "Your scores are dot products weighted by `score_vector`. The additive score adds query and key, and takes tanh, before it weighs.")
mistakes.add("score_vector_left_out", but(score=lambda hidden, v: hidden.sum(-1)),
    "Your d_hidden numbers are added up as they are. `score_vector` says how much each of them counts, and with which sign.")
mistakes.add("score_vector_inside", but(bend=unbent, score=lambda pairs, v: torch.tanh(pairs * v).sum(-1)),
    "Your `score_vector` is multiplied inside the tanh. It weighs the d_hidden numbers that come out of it.")
mistakes.add("mean", but(score=lambda hidden, v: (hidden * v).mean(-1)),
    "Your score is the mean over the d_hidden numbers. Their weighted sum is asked for.")
mistakes.add("scaled", but(score=lambda hidden, v: hidden @ v / math.sqrt(len(v))),
    "Your scores are divided by the root of the width. That belongs to dot products; the additive score is not scaled.")
mistakes.add("keys_first", but(pairs=lambda q, k: q[:, None] + k[:, :, None]),
    "Your scores have a row for each key: (B, Tk, Tq). Give each query a row: (B, Tq, Tk).")
mistakes.add("position_by_position", but(pairs=lambda q, k: q + k),
    "Your first query meets only the first key, the second only the second. Every query meets every key: give each of the two an axis of size one where the other has its positions.")
mistakes.add("across_the_batch", but(pairs=lambda q, k: q[:, None] + k[None]),
    "Your new axes pair each sequence of the batch with the others. Pair the positions within a sequence: queries on axis 1, keys on axis 2.")
mistakes.add("not_summed", but(score=lambda hidden, v: hidden * v),
    "Your result still has d_hidden numbers for each pair: (B, Tq, Tk, d_hidden). Add them up, so that a pair has one score.")
mistakes.add("an_axis_too_many", but(score=lambda hidden, v: hidden @ v[:, None]),
    "Your result has an axis of size one at its end: (B, Tq, Tk, 1). Each pair has one score: (B, Tq, Tk).")
mistakes.add("softmax_taken", but(score=lambda hidden, v: (hidden @ v).softmax(-1)),
    "Your result has been through a softmax already. The scores before it are asked for.")
mistakes.add("detached", but(score=lambda hidden, v: (hidden @ v).detach()),
    "Your values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph.")
mistakes.add("query_detached", but(pairs=lambda q, k: added(q.detach(), k)),
    "Your values are right, but no gradient reaches `query`: something cuts the graph before the sum.")
mistakes.add("keys_detached", but(pairs=lambda q, k: added(q, k.detach())),
    "Your values are right, but no gradient reaches `key`: something cuts the graph before the sum.")


def given(B, Tq, Tk, A, scale=1.0, dtype=torch.float32):
    query, key = (normal(B, T, A, scale=scale, dtype=dtype) for T in (Tq, Tk))
    return {"query": query, "key": key, "score_vector": normal(A, dtype=dtype)}


HALF = math.log(3) / 2  # tanh of it is 1/2
ALL = ["query", "key", "score_vector"]
exercise = Exercise(
    reference=additive_scores,
    cases=[
        Case("one query, two keys, by hand: tanh(log(3) / 2) is one half",
            query=tensor([[[HALF, 0.0]]]), key=tensor([[[0.0, 0.0], [-HALF, HALF]]]), score_vector=tensor([4.0, 10.0])),
        Case("everything of one size", **given(2, 2, 2, 2)),
        Case("as many queries as keys", **given(2, 3, 3, 4)),
        Case("two queries, four keys", **given(3, 2, 4, 5)),
        Case("more queries than keys, no batch to speak of", **given(1, 5, 2, 3)),
        Case("one query, as in a decoder", **given(4, 1, 5, 6)),
        Case("one key", **given(2, 3, 1, 4)),
        Case("width one", **given(2, 3, 4, 1)),
        Case("gradients", **given(2, 3, 4, 6), grad=ALL),
        Case("64-bit numbers", **given(2, 2, 5, 3, dtype=torch.float64), grad=ALL),
        Case("numbers in the thousands", **given(2, 3, 5, 4, scale=1000)),
    ],
    variants=[with_einsum, query_by_query, number_by_number, as_a_linear_layer],
    mistakes=mistakes,
    points=2,
)
