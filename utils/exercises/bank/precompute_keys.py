"""The part of additive attention that does not depend on the query, and is computed once per sentence."""

import torch
from torch import tensor
from torch.nn import functional as F

from utils.attempts.uses import modules

from ..exercise import Case, Exercise, Mistakes, normal


def precompute_keys(attention, key):
    """The projected keys (B, Tk, d_hidden) of a BahdanauAttention, from the key (B, Tk, d_key).

    They are the same for every query. Source: Bahdanau et al. 2015, appendix A.1.2.
    """
    return attention.W_k(key)


# Right, and written differently

def as_a_function(attention, key):
    return F.linear(key, attention.W_k.weight)

def as_a_product(attention, key):
    return key @ attention.W_k.weight.mT

def with_einsum(attention, key):
    return torch.einsum("ad,bjd->bja", attention.W_k.weight, key)


# Wrong

mistakes = Mistakes()

mistakes.add("query_map", lambda attention, key: attention.W_q(key),
    "Your keys go through the query's map. They have one of their own in the attention.")
mistakes.add("both_maps", lambda attention, key: attention.W_q(key) + attention.W_k(key),
    "Your keys go through both maps. One of them is the query's, and the query is not there yet.")
mistakes.add("tanh_taken", lambda attention, key: torch.tanh(attention.W_k(key)),
    "Your keys have been through tanh already. It is taken of the sum with the query, which is not there yet.")
mistakes.add("scored", lambda attention, key: attention.W_k(key) @ attention.score_vector,
    "Your keys are scores already. `score_vector` comes after the tanh, and that needs the query.")
mistakes.add("tanh_and_scored", lambda attention, key: torch.tanh(attention.W_k(key)) @ attention.score_vector,
    "Your keys are scores already, without any query. Stop before the query is needed: before the sum and its tanh.")
mistakes.add("times_score_vector", lambda attention, key: attention.W_k(key) * attention.score_vector,
    "Your keys are multiplied with `score_vector`. It weighs what comes out of the tanh, and that needs the query.")
mistakes.add("softmax_taken", lambda attention, key: attention.W_k(key).softmax(-1),
    "Your keys have been through a softmax. It comes last, when there are scores.")
mistakes.add("softmax_over_keys", lambda attention, key: attention.W_k(key).softmax(1),
    "Your keys have been through a softmax along the sentence. It comes last, when there are scores.")
mistakes.add("transposed_map", lambda attention, key: key @ attention.W_k.weight,
    "Your map is used the wrong way round: a linear layer keeps its weight as (width out, width in). Let the layer itself do the product.")
mistakes.add("transposed_result", lambda attention, key: attention.W_k(key).mT,
    "Your result is (B, d_hidden, Tk). Keep a row for each key: (B, Tk, d_hidden).")
mistakes.add("not_projected", lambda attention, key: key,
    "Your result is the key as it came. Which step does the attention do with it before it meets a query?")
mistakes.add("attention_called", lambda attention, key: attention(key, key, key),
    "Your code calls the whole attention, which needs a query. Take from it the one layer that works on the keys.")
mistakes.add("attention_called_with_the_key_alone", lambda attention, key: attention(key),
    "Your code calls the whole attention, which wants a query, too. Take from it the one layer that works on the keys.")
mistakes.add("context_of_the_attention", lambda attention, key: attention(key, key, key)[0],
    "Your result is a context. It needs a query, and the query is not there yet: which layer of the attention works on the keys alone?")
mistakes.add("last_key_only", lambda attention, key: attention.W_k(key[:, -1]),
    "Your result holds the last key alone. Project all of them: the query may look anywhere.")
mistakes.add("averaged", lambda attention, key: attention.W_k(key).mean(1),
    "Your result is the mean over the keys. Keep each of them: the query may look anywhere.")
mistakes.add("an_axis_too_many", lambda attention, key: attention.W_k(key)[:, None],
    "Your result has the axis for the queries already. Leave that to the sum: (B, Tk, d_hidden).")
mistakes.add("the_map_itself", lambda attention, key: attention.W_k.weight,
    "Your result is the attention's matrix. Apply it to the keys.")
@mistakes.program("Your keys stay on the attention, so the next sentence gets those of the first. In advance means once for each sentence: compute them from the `key` that is given.")
def kept_for_ever(attention, key):
    if not hasattr(attention, "kept"):
        attention.kept = attention.W_k(key)
    return attention.kept

mistakes.add("detached", lambda attention, key: attention.W_k(key).detach(),
    "Your numbers are right, but no gradient comes through (no_grad, detach). Computed once is not computed without learning: the map is trained through this.")
mistakes.add("map_detached", lambda attention, key: F.linear(key, attention.W_k.weight.detach()),
    "Your numbers are right, but no gradient reaches the map `W_k`, so it would never learn.")
mistakes.add("key_detached", lambda attention, key: attention.W_k(key.detach()),
    "Your numbers are right, but no gradient reaches the keys, so the encoder would never learn from the attention.")


def given(B, Tk, d_query, d_key, d_hidden, dtype=torch.float32):
    shapes = {"key": (B, Tk, d_key), "W_q": (d_hidden, d_query), "W_k": (d_hidden, d_key), "score_vector": (d_hidden,)}
    return {name: normal(*shape, dtype=dtype) for name, shape in shapes.items()}


exercise = Exercise(
    reference=precompute_keys,
    use=modules.precomputed_keys,
    cases=[
        Case("two keys by hand",
            key=tensor([[[1.0, 2.0], [3.0, 0.0]]]), W_q=tensor([[5.0, 0.0], [0.0, 7.0]]),
            W_k=tensor([[1.0, 10.0], [100.0, 0.0]]), score_vector=tensor([2.0, -1.0])),
        Case("everything of one size", **given(3, 3, 3, 3, 3)),
        Case("all sizes different", **given(2, 5, 3, 4, 6)),
        Case("one sequence, one key", **given(1, 1, 2, 3, 4)),
        Case("gradients", **given(2, 4, 3, 5, 2), grad=["key", "W_k"]),
        Case("64-bit numbers", **given(2, 3, 2, 2, 5, torch.float64), grad=["key", "W_k"]),
    ],
    variants=[as_a_function, as_a_product, with_einsum],
    mistakes=mistakes,
    points=1,
)
