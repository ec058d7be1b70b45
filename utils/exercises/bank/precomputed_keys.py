"""The part of additive attention that does not depend on the query, and is computed once per sentence."""

import torch
from torch import tensor
from torch.nn import functional as F

from utils.attempts import probes

from ..exercise import Case, Exercise, Mistake, normal


def precompute_keys(attention, key):
    """The projected keys (B, Tk, d_hidden) of a BahdanauAttention, from the key (B, Tk, d_key).

    They are the same for every query. Source: Bahdanau et al. 2015, appendix A.1.2.
    """
    return attention.W_k(key)


def _as_a_function(attention, key):
    return F.linear(key, attention.W_k.weight)


def _as_a_product(attention, key):
    return key @ attention.W_k.weight.mT


def _with_einsum(attention, key):
    return torch.einsum("ad,bjd->bja", attention.W_k.weight, key)


def _query_map(attention, key):
    return attention.W_q(key)


def _both_maps(attention, key):
    return attention.W_q(key) + attention.W_k(key)


def _tanh_taken(attention, key):
    return torch.tanh(attention.W_k(key))


def _scored(attention, key):
    return attention.W_k(key) @ attention.score_vector


def _tanh_and_scored(attention, key):
    return torch.tanh(attention.W_k(key)) @ attention.score_vector


def _times_score_vector(attention, key):
    return attention.W_k(key) * attention.score_vector


def _softmax_taken(attention, key):
    return attention.W_k(key).softmax(-1)


def _softmax_over_keys(attention, key):
    return attention.W_k(key).softmax(1)


def _transposed_map(attention, key):
    return key @ attention.W_k.weight


def _transposed_result(attention, key):
    return attention.W_k(key).mT


def _not_projected(attention, key):
    return key


def _last_key_only(attention, key):
    return attention.W_k(key[:, -1])


def _averaged(attention, key):
    return attention.W_k(key).mean(1)


def _an_axis_too_many(attention, key):
    return attention.W_k(key)[:, None]


def _the_map_itself(attention, key):
    return attention.W_k.weight


def _detached(attention, key):
    with torch.no_grad():
        return attention.W_k(key)


def _map_detached(attention, key):
    return F.linear(key, attention.W_k.weight.detach())


def _key_detached(attention, key):
    return attention.W_k(key.detach())


def _given(B, Tk, d_query, d_key, d_hidden, dtype=torch.float32):
    return {
        "key": normal(B, Tk, d_key, dtype=dtype),
        "W_q": normal(d_hidden, d_query, dtype=dtype),
        "W_k": normal(d_hidden, d_key, dtype=dtype),
        "score_vector": normal(d_hidden, dtype=dtype),
    }


precompute_keys_of = Exercise(
    reference=precompute_keys,
    probe=probes.precomputed_keys,
    cases=[
        Case(
            "two keys by hand", key=tensor([[[1.0, 2.0], [3.0, 0.0]]]), W_q=tensor([[5.0, 0.0], [0.0, 7.0]]),
            W_k=tensor([[1.0, 10.0], [100.0, 0.0]]), score_vector=tensor([2.0, -1.0]),
        ),
        Case("everything of one size", **_given(3, 3, 3, 3, 3)),
        Case("all sizes different", **_given(2, 5, 3, 4, 6)),
        Case("one sequence, one key", **_given(1, 1, 2, 3, 4)),
        Case("gradients", **_given(2, 4, 3, 5, 2), grad=["key", "W_k"]),
        Case("64-bit numbers", **_given(2, 3, 2, 2, 5, torch.float64), grad=["key", "W_k"]),
    ],
    variants=[_as_a_function, _as_a_product, _with_einsum],
    mistakes=[
        Mistake(_query_map, "Your keys go through the query's map. They have one of their own in the attention."),
        Mistake(_both_maps, "Your keys go through both maps. One of them is the query's, and the query is not there yet."),
        Mistake(_tanh_taken, "Your keys have been through tanh already. It is taken of the sum with the query, which is not there yet."),
        Mistake(_scored, "Your keys are scores already. `score_vector` comes after the tanh, and that needs the query."),
        Mistake(_tanh_and_scored, "Your keys are scores already, without any query. Stop before the query is needed: before the sum and its tanh."),
        Mistake(_times_score_vector, "Your keys are multiplied with `score_vector`. It weighs what comes out of the tanh, and that needs the query."),
        Mistake(_softmax_taken, "Your keys have been through a softmax. It comes last, when there are scores."),
        Mistake(_softmax_over_keys, "Your keys have been through a softmax along the sentence. It comes last, when there are scores."),
        Mistake(_transposed_map, "Your map is used the wrong way round: a linear layer keeps its weight as (width out, width in). Let the layer itself do the product."),
        Mistake(_transposed_result, "Your result is (B, d_hidden, Tk). Keep a row for each key: (B, Tk, d_hidden)."),
        Mistake(_not_projected, "Your result is the key as it came. Which step does the attention do with it before it meets a query?"),
        Mistake(_last_key_only, "Your result holds the last key alone. Project all of them: the query may look anywhere."),
        Mistake(_averaged, "Your result is the mean over the keys. Keep each of them: the query may look anywhere."),
        Mistake(_an_axis_too_many, "Your result has the axis for the queries already. Leave that to the sum: (B, Tk, d_hidden)."),
        Mistake(_the_map_itself, "Your result is the attention's matrix. Apply it to the keys."),
        Mistake(_detached, "Your numbers are right, but no gradient comes through (no_grad, detach). Computed once is not computed without learning: the map is trained through this."),
        Mistake(_map_detached, "Your numbers are right, but no gradient reaches the map `W_k`, so it would never learn."),
        Mistake(_key_detached, "Your numbers are right, but no gradient reaches the keys, so the encoder would never learn from the attention."),
    ],
    points=1,
)  # fmt: skip
