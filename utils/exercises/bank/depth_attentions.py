"""Attention over depth: a lookup in what the layers below gave."""

import torch
from torch import tensor
from torch.nn import functional as F

from utils.attention import reference

from ..exercise import Case, Exercise, Mistake, normal


def _with_einsum(query, sources):
    pattern = "d,lbtd->lbt" if query.dim() == 1 else "btd,lbtd->lbt"
    weights = F.softmax(torch.einsum(pattern, query, sources), dim=0)
    return torch.einsum("lbt,lbtd->btd", weights, sources)


def _with_the_library(query, sources):
    L, B, T, D = sources.shape
    key = sources.permute(1, 2, 0, 3).reshape(B * T, L, D)
    query = query.expand(B, T, D).reshape(B * T, 1, D)
    return F.scaled_dot_product_attention(query, key, key, scale=1.0).view(B, T, D)


def _layer_by_layer(query, sources):
    scores = [(query * source).sum(-1, keepdim=True) for source in sources]
    largest = torch.stack(scores).amax(0)
    exps = [torch.exp(score - largest) for score in scores]
    return sum(exp * source for exp, source in zip(exps, sources, strict=True)) / sum(exps)


def _mix(query, sources, scores=lambda scores, sources: scores, weights=lambda scores: scores.softmax(0)):
    """As it should be, except where a mistake gives other scores or weights, (L, B, T)."""
    match = scores((sources * query).sum(-1), sources)
    return (weights(match)[..., None] * sources).sum(0)


def _scaled(query, sources):
    return _mix(query, sources, lambda scores, sources: scores / sources.size(-1) ** 0.5)


def _scaled_by_the_layers(query, sources):
    return _mix(query, sources, lambda scores, sources: scores / len(sources) ** 0.5)


def _mean_of_the_products(query, sources):
    return _mix(query, sources, lambda scores, sources: scores / sources.size(-1))


def _normalised_sources(query, sources):
    return _mix(query, sources, lambda scores, s: scores * torch.rsqrt((s * s).mean(-1) + 1e-6))


def _cosine(query, sources):
    return _mix(query, sources, lambda scores, s: scores / s.norm(dim=-1) / query.norm(dim=-1).clamp(min=1e-9))


def _minus(query, sources):
    return _mix(query, sources, lambda scores, sources: -scores)


def _softmax_over_the_batch(query, sources):
    return _mix(query, sources, weights=lambda scores: scores.softmax(1))


def _softmax_over_time(query, sources):
    return _mix(query, sources, weights=lambda scores: scores.softmax(2))


def _softmax_over_everything(query, sources):
    return _mix(query, sources, weights=lambda scores: scores.flatten().softmax(0).view_as(scores))


def _no_softmax(query, sources):
    return _mix(query, sources, weights=lambda scores: scores)


def _sigmoid(query, sources):
    return _mix(query, sources, weights=torch.sigmoid)


def _naive_exponentials(query, sources):
    return _mix(query, sources, weights=lambda scores: scores.exp() / scores.exp().sum(0))


def _best_layer_only(query, sources):
    return _mix(
        query, sources, weights=lambda scores: F.one_hot(scores.argmax(0), len(scores)).movedim(-1, 0).to(scores.dtype)
    )


def _one_weight_per_layer(query, sources):
    return _mix(query, sources, weights=lambda scores: scores.mean((1, 2), keepdim=True).softmax(0).expand_as(scores))


def _weights_for_every_feature(query, sources):
    return ((sources * query).softmax(0) * sources).sum(0)


def _mean(query, sources):
    return sources.mean(0)


def _sum(query, sources):
    return sources.sum(0)


def _last_only(query, sources):
    return sources[-1]


def _residual_added(query, sources):
    return reference.depth_attention(query, sources) + sources[-1]


def _divided_by_the_layers(query, sources):
    return reference.depth_attention(query, sources) / len(sources)


def _not_summed(query, sources):
    return (sources * query).sum(-1).softmax(0)[..., None] * sources


def _returns_weights(query, sources):
    return (sources * query).sum(-1).softmax(0)


def _returns_both(query, sources):
    return reference.depth_attention(query, sources, return_weights=True)


def _weights_detached(query, sources):
    return _mix(query, sources, weights=lambda scores: scores.softmax(0).detach())


def _sources_detached(query, sources):
    return reference.depth_attention(query, sources.detach())


def _one_query_only(query, sources):
    weights = (sources @ query).softmax(0)
    return (weights[..., None] * sources).sum(0)


def _query_of_the_first_place(query, sources):
    return _mix(query if query.dim() == 1 else query[0, 0], sources)


def _layers_last(query, sources):
    scores = (sources * query).sum(-1).permute(1, 2, 0)  # (B, T, L)
    return scores.softmax(-1) @ sources


def _one_row(L, D, **inputs):
    return {"query": normal(D), "sources": normal(L, 1, 1, D)} | inputs


double = {"dtype": torch.float64}
depth_attention_of = Exercise(
    reference=reference.depth_attention,
    cases=[
        Case("two layers, by hand: weights 1/2 and 1/2 for a query of zero", query=tensor([0.0]), sources=tensor([[[[2.0]]], [[[6.0]]]])),
        Case("two layers, by hand: scores log 3 and 0, so weights 3/4 and 1/4", query=tensor([0.5493061443340549]), sources=tensor([[[[2.0]]], [[[0.0]]]])),
        Case("one place, wide states", **_one_row(3, 16)),
        Case("a zero query: the mean of the layers", query=torch.zeros(5), sources=normal(4, 2, 3, 5)),
        Case("one query for all places", query=normal(4), sources=normal(5, 2, 3, 4)),
        Case("a query for each place", query=normal(2, 3, 4), sources=normal(5, 2, 3, 4)),
        Case("as many layers as rows, places and features", query=normal(3), sources=normal(3, 3, 3, 3)),
        Case("the same, with a query for each place", query=normal(3, 3, 3), sources=normal(3, 3, 3, 3)),
        Case("one layer", query=normal(3), sources=normal(1, 2, 4, 3)),
        Case("twenty layers", query=normal(3), sources=normal(20, 2, 1, 3)),
        Case("twenty others", query=normal(3), sources=normal(20, 2, 1, 3)),
        Case("scores in the thousands", query=normal(4, scale=1000), sources=normal(6, 2, 3, 4)),
        Case("gradients", query=normal(4), sources=normal(3, 2, 2, 4), grad=["query", "sources"]),
        Case("gradients, a query for each place", query=normal(2, 3, 2), sources=normal(4, 2, 3, 2), grad=["query", "sources"]),
        Case("64-bit numbers", query=normal(2, 1, 6, **double), sources=normal(3, 2, 1, 6, **double), grad=["query", "sources"]),
    ],
    variants=[_with_einsum, _with_the_library, _layer_by_layer],
    mistakes=[
        Mistake(_scaled, "You divide the scores by √D. Here the score is the plain product of query and source."),
        Mistake(_scaled_by_the_layers, "You divide the scores by the root of the number of layers. Here the score is the plain product of query and source."),
        Mistake(_mean_of_the_products, "You take the mean over the features where their sum is wanted: a score is a dot product."),
        Mistake(_normalised_sources, "You bring every source to the same size before you compare it. That is a good idea, and not asked here: the score is query · source."),
        Mistake(_cosine, "You compare directions only (a cosine). The score is the dot product as it is."),
        Mistake(_minus, "Your scores have the opposite sign: the layer that matches best gets the smallest weight."),
        Mistake(_softmax_over_the_batch, "Your weights sum to one over the batch. At each place they should sum to one over the layers, axis 0 of the sources."),
        Mistake(_softmax_over_time, "Your weights sum to one over the places T. At each place they should sum to one over the layers, axis 0 of the sources."),
        Mistake(_softmax_over_everything, "Your weights sum to one over layers, batch and places together. Each place has a softmax of its own, over the layers."),
        Mistake(_no_softmax, "You weigh the layers by their scores. Turn these into weights first, positive and with sum one over the layers."),
        Mistake(_sigmoid, "Your weights do not compete: a sigmoid lets every layer in by itself. Use a softmax over the layers."),
        Mistake(_naive_exponentials, "For large scores `exp` overflows. `torch.softmax` subtracts the largest score first."),
        Mistake(_best_layer_only, "Only the best layer answers. Let every layer speak, in proportion to its match."),
        Mistake(_one_weight_per_layer, "You give a layer the same weight everywhere. Each place of the batch matches differently: (L, B, T) weights."),
        Mistake(_weights_for_every_feature, "You have a weight for every single feature. Sum query · source over the features first: one score for each layer and place."),
        Mistake(_mean, "You take the mean of the layers, whatever is asked. The query should decide."),
        Mistake(_sum, "You add up the layers. That is what a residual connection does; here they are weighted, with weights that sum to one."),
        Mistake(_last_only, "You return the last layer, as a plain network does. Weigh all of them."),
        Mistake(_residual_added, "You add the last source to the context. Return the context alone."),
        Mistake(_divided_by_the_layers, "You divide by the number of layers. The weights sum to one already."),
        Mistake(_not_summed, "You have weighted the sources; they are still to be summed over the layers."),
        Mistake(_returns_weights, "You return the weights. They are still to be multiplied with the sources."),
        Mistake(_returns_both, "You return a pair. Return the context (B, T, D) alone."),
        Mistake(_weights_detached, "The context is right, but the weights let no gradient through: the query would never learn."),
        Mistake(_sources_detached, "The context is right, but no gradient reaches the sources: the layers below would not learn from it."),
        Mistake(_one_query_only, "It works for one query (D,). With a query for each place, (B, T, D), `@` is another product: multiply and sum over the last axis."),
        Mistake(_query_of_the_first_place, "You use the first place's query for all. Where the query is (B, T, D), each place asks its own."),
        Mistake(_layers_last, "Weights (B, T, L) and sources (L, B, T, D) do not line up for `@`: multiply weights (L, B, T, 1) with the sources and sum over the layers."),
    ],
    points=2,
)  # fmt: skip
