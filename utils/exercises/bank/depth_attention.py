"""Attention over depth: a lookup in what the layers below gave."""

import torch
from torch import tensor
from torch.nn import functional as F

from utils.attention.reference import depth_attention

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def products(query, sources):
    return (sources * query).sum(-1)

def mixed(weights, sources):
    return (weights[..., None] * sources).sum(0)

def in_steps(query, sources, scores=products, weigh=lambda scores: scores.softmax(0), mix=mixed):
    weights = weigh(scores(query, sources))  # (L, B, T)
    return mix(weights, sources)


# Right, and written differently

def with_einsum(query, sources):
    pattern = "d,lbtd->lbt" if query.dim() == 1 else "btd,lbtd->lbt"
    weights = F.softmax(torch.einsum(pattern, query, sources), dim=0)
    return torch.einsum("lbt,lbtd->btd", weights, sources)

def with_the_library(query, sources):
    L, B, T, D = sources.shape
    key = sources.permute(1, 2, 0, 3).reshape(B * T, L, D)
    query = query.expand(B, T, D).reshape(B * T, 1, D)
    return F.scaled_dot_product_attention(query, key, key, scale=1.0).view(B, T, D)

def layer_by_layer(query, sources):
    scores = [(query * source).sum(-1, keepdim=True) for source in sources]
    largest = torch.stack(scores).amax(0)
    exps = [torch.exp(score - largest) for score in scores]
    return sum(exp * source for exp, source in zip(exps, sources, strict=True)) / sum(exps)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("scaled", but(scores=lambda query, sources: products(query, sources) / sources.size(-1) ** 0.5),
    "You divide the scores by √D. Here the score is the plain product of query and source.")
mistakes.add("scaled_by_the_layers", but(scores=lambda query, sources: products(query, sources) / len(sources) ** 0.5),
    "You divide the scores by the root of the number of layers. Here the score is the plain product of query and source.")
mistakes.add("mean_of_the_products", but(scores=lambda query, sources: (sources * query).mean(-1)),
    "You take the mean over the features where their sum is wanted: a score is a dot product.")
mistakes.add("normalised_sources",
    but(scores=lambda query, sources: products(query, sources) * torch.rsqrt((sources**2).mean(-1) + 1e-6)),
    "You bring every source to the same size before you compare it. That is a good idea, and not asked here: the score is query · source.")
mistakes.add("unit_sources", but(scores=lambda query, sources: products(query, F.normalize(sources, dim=-1))),
    "You bring every source to the length one before you compare it. That is a good idea, and not asked here: the score is query · source.")
mistakes.add("cosine", but(scores=lambda query, sources:
    products(query, sources) / sources.norm(dim=-1) / query.norm(dim=-1).clamp(min=1e-9)),
    "You compare directions only (a cosine). The score is the dot product as it is.")
mistakes.add("minus", but(scores=lambda query, sources: -products(query, sources)),
    "Your scores have the opposite sign: the layer that matches best gets the smallest weight.")
mistakes.add("softmax_over_the_batch", but(weigh=lambda scores: scores.softmax(1)),
    "Your weights sum to one over the batch. At each place they should sum to one over the layers, axis 0 of the sources.")
mistakes.add("softmax_over_time", but(weigh=lambda scores: scores.softmax(2)),
    "Your weights sum to one over the places T. At each place they should sum to one over the layers, axis 0 of the sources.")
mistakes.add("softmax_over_everything", but(weigh=lambda scores: scores.flatten().softmax(0).view_as(scores)),
    "Your weights sum to one over layers, batch and places together. Each place has a softmax of its own, over the layers.")
mistakes.add("no_softmax", but(weigh=lambda scores: scores),
    "You weigh the layers by their scores. Turn these into weights first, positive and with sum one over the layers.")
mistakes.add("sigmoid", but(weigh=torch.sigmoid),
    "Your weights do not compete: a sigmoid lets every layer in by itself. Use a softmax over the layers.")
mistakes.add("naive_exponentials", but(weigh=lambda scores: scores.exp() / scores.exp().sum(0)),
    "For large scores `exp` overflows. `torch.softmax` subtracts the largest score first.")
mistakes.add("one_maximum_for_all",
    but(weigh=lambda scores: (scores - scores.max()).exp() / (scores - scores.max()).exp().sum(0)),
    "You subtract one maximum for all places, and where all scores lie far below it you divide zero by zero. Each place has its own: `scores.amax(0)`.")

def first_places_query(query, sources):
    return products(query if query.dim() == 1 else query[:, :1], sources)

mistakes.add("first_places_query", but(scores=first_places_query),
    "You ask with the first place's query everywhere. A query (B, T, D) has one for each place.")

def first_rows_query(query, sources):
    return products(query if query.dim() == 1 else query[:1], sources)

mistakes.add("first_rows_query", but(scores=first_rows_query),
    "You ask with the first row's query in the whole batch. A query (B, T, D) has one for each row and place.")
mistakes.add("best_layer_only",
    but(weigh=lambda scores: F.one_hot(scores.argmax(0), len(scores)).movedim(-1, 0).to(scores.dtype)),
    "Only the best layer answers. Let every layer speak, in proportion to its match.")
mistakes.add("one_weight_per_layer",
    but(weigh=lambda scores: scores.mean((1, 2), keepdim=True).softmax(0).expand_as(scores)),
    "You give a layer the same weight everywhere. Each place of the batch matches differently: (L, B, T) weights.")
mistakes.add("weights_for_every_feature", lambda query, sources: ((sources * query).softmax(0) * sources).sum(0),
    "You have a weight for every single feature. Sum query · source over the features first: one score for each layer and place.")
mistakes.add("mean", lambda query, sources: sources.mean(0),
    "You take the mean of the layers, whatever is asked. The query should decide.")
mistakes.add("sum", lambda query, sources: sources.sum(0),
    "You add up the layers. That is what a residual connection does; here they are weighted, with weights that sum to one.")
mistakes.add("last_only", lambda query, sources: sources[-1],
    "You return the last layer, as a plain network does. Weigh all of them.")
mistakes.add("residual_added", lambda query, sources: depth_attention(query, sources) + sources[-1],
    "You add the last source to the context. Return the context alone.")
mistakes.add("divided_by_the_layers", lambda query, sources: depth_attention(query, sources) / len(sources),
    "You divide by the number of layers. The weights sum to one already.")
mistakes.add("not_summed", but(mix=lambda weights, sources: weights[..., None] * sources),
    "You have weighted the sources; they are still to be summed over the layers.")
mistakes.add("returns_weights", but(mix=lambda weights, sources: weights),
    "You return the weights. They are still to be multiplied with the sources.")
mistakes.add("layers_axis_kept", but(mix=lambda weights, sources: (weights[..., None] * sources).sum(0, keepdim=True)),
    "Your context has kept the axis of the layers, (1, B, T, D). It is (B, T, D).")
mistakes.add("shares", but(weigh=lambda scores: scores / scores.sum(0)),
    "You divide each score by the sum of the scores. These may be negative, or zero: the softmax comes first.")
mistakes.add("returns_both", but(mix=lambda weights, sources: (mixed(weights, sources), weights)),
    "You return a pair. Return the context (B, T, D) alone.")
mistakes.add("weights_detached", but(weigh=lambda scores: scores.softmax(0).detach()),
    "The context is right, but the weights let no gradient through: the query would never learn.")
mistakes.add("sources_detached", lambda query, sources: depth_attention(query, sources.detach()),
    "The context is right, but no gradient reaches the sources: the layers below would not learn from it.")
mistakes.add("one_query_only", but(scores=lambda query, sources: sources @ query),
    "It works for one query (D,). With a query for each place, (B, T, D), `@` is another product: multiply and sum over the last axis.")
mistakes.add("query_of_the_first_place",
    lambda query, sources: depth_attention(query if query.dim() == 1 else query[0, 0], sources),
    "You use the first place's query for all. Where the query is (B, T, D), each place asks its own.")
mistakes.add("layers_last", lambda query, sources: products(query, sources).permute(1, 2, 0).softmax(-1) @ sources,
    "Weights (B, T, L) and sources (L, B, T, D) do not line up for `@`: multiply weights (L, B, T, 1) with the sources and sum over the layers.")


double = {"dtype": torch.float64}
BOTH = ["query", "sources"]
exercise = Exercise(
    reference=depth_attention,
    cases=[
        Case("two layers, by hand: weights 1/2 and 1/2 for a query of zero",
            query=tensor([0.0]), sources=tensor([[[[2.0]]], [[[6.0]]]])),
        Case("two layers, by hand: scores log 3 and 0, so weights 3/4 and 1/4",
            query=tensor([0.5493061443340549]), sources=tensor([[[[2.0]]], [[[0.0]]]])),
        Case("one place, wide states", query=normal(16), sources=normal(3, 1, 1, 16)),
        Case("a zero query: the mean of the layers", query=torch.zeros(5), sources=normal(4, 2, 3, 5)),
        Case("one query for all places", query=normal(4), sources=normal(5, 2, 3, 4)),
        Case("a query for each place", query=normal(2, 3, 4), sources=normal(5, 2, 3, 4)),
        Case("as many layers as rows, places and features", query=normal(3), sources=normal(3, 3, 3, 3)),
        Case("the same, with a query for each place", query=normal(3, 3, 3), sources=normal(3, 3, 3, 3)),
        Case("one layer", query=normal(3), sources=normal(1, 2, 4, 3)),
        Case("twenty layers", query=normal(3), sources=normal(20, 2, 1, 3)),
        Case("twenty others", query=normal(3), sources=normal(20, 2, 1, 3)),
        Case("scores in the thousands", query=normal(4, scale=1000), sources=normal(6, 2, 3, 4)),
        Case("gradients", query=normal(4), sources=normal(3, 2, 2, 4), grad=BOTH),
        Case("gradients, a query for each place", query=normal(2, 3, 2), sources=normal(4, 2, 3, 2), grad=BOTH),
        Case("64-bit numbers", query=normal(2, 1, 6, **double), sources=normal(3, 2, 1, 6, **double), grad=BOTH),
    ],
    variants=[with_einsum, with_the_library, layer_by_layer],
    mistakes=mistakes,
    points=2,
)
