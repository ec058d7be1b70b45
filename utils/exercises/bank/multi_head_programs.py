"""Right and wrong ways to write MultiHeadAttention: the variants and mistakes of its exercise."""

import math

import torch
from torch import nn

from utils.attention import reference
from utils.models import MultiHeadAttention, merge_heads, split_heads


class WithEinsum(nn.Module):
    def __init__(self, d_model, heads):
        super().__init__()
        self.heads, self.width = heads, d_model // heads
        self.W_o = nn.Linear(d_model, d_model, bias=False)
        self.W_v, self.W_k, self.W_q = (nn.Linear(d_model, d_model, bias=False) for _ in range(3))

    def forward(self, query, key, value, mask=None):
        q, k, v = (
            W(x).unflatten(-1, (self.heads, self.width))
            for W, x in [(self.W_q, query), (self.W_k, key), (self.W_v, value)]
        )
        scores = torch.einsum("bihd,bjhd->bhij", q, k) / self.width**0.5
        if mask is not None:
            hidden = ~(mask if mask.dim() == 2 else mask.unsqueeze(1)).expand(scores.shape)
            empty = hidden.all(-1, keepdim=True)
            weights = scores.masked_fill(hidden & ~empty, -math.inf).softmax(-1).masked_fill(hidden, 0)
        else:
            weights = scores.softmax(-1)
        return self.W_o(torch.einsum("bhij,bjhd->bihd", weights, v).flatten(2)), weights


class HeadByHead(nn.Module):
    def __init__(self, d_model, heads):
        super().__init__()
        self.parts = [slice(h * d_model // heads, (h + 1) * d_model // heads) for h in range(heads)]
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)

    def forward(self, query, key, value, mask=None):
        query, key, value = self.W_q(query), self.W_k(key), self.W_v(value)
        contexts, all_weights = [], []
        for part in self.parts:
            scores = query[..., part] @ key[..., part].mT / math.sqrt(part.stop - part.start)  # (B, Tq, Tk)
            weights = reference.softmax(scores) if mask is None else reference.masked_softmax(scores, mask)
            contexts.append(weights @ value[..., part])
            all_weights.append(weights)
        return self.W_o(torch.cat(contexts, -1)), torch.stack(all_weights, 1)


class ThroughTheBatch(nn.Module):
    def __init__(self, d_model, heads):
        super().__init__()
        self.heads = heads
        for name in ("W_q", "W_k", "W_v", "W_o"):
            setattr(self, name, nn.Linear(d_model, d_model, bias=False))

    def deal(self, x):
        return torch.cat(x.chunk(self.heads, -1), 0)  # (heads · B, T, Dh)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.deal(self.W_q(query)), self.deal(self.W_k(key)), self.deal(self.W_v(value))
        scores = torch.bmm(q, k.transpose(1, 2)) * q.size(-1) ** -0.5
        if mask is not None:
            repeated = mask if mask.dim() == 2 else mask.repeat(self.heads, 1, 1)
            weights = scores.masked_fill(~repeated, -math.inf).softmax(-1)
            weights = torch.where(repeated, weights, 0.0)
        else:
            weights = scores.softmax(-1)
        context = torch.cat(torch.bmm(weights, v).chunk(self.heads, 0), -1)  # (B, Tq, D)
        return self.W_o(context), torch.stack(weights.chunk(self.heads, 0), 1)


class InSteps(MultiHeadAttention):
    """The same as MultiHeadAttention, in steps that a mistake can replace one at a time."""

    def forward(self, query, key, value, mask=None):
        query, key, value = (self.split(x) for x in self.project(query, key, value))
        weights = self.weigh(self.score(query, key), self.spread(mask))
        context = self.join(weights @ value)
        return self.answer(context, weights)

    def project(self, query, key, value):
        return self.W_q(query), self.W_k(key), self.W_v(value)

    def split(self, x):
        return split_heads(x, self.heads)

    def score(self, query, key):
        return query @ key.mT / math.sqrt(query.size(-1))

    def spread(self, mask):
        return mask if mask is None else mask.unsqueeze(-3)

    def weigh(self, scores, mask):
        return reference.softmax(scores) if mask is None else reference.masked_softmax(scores, mask)

    def join(self, context):
        return merge_heads(context)

    def answer(self, context, weights):
        return self.W_o(context), weights


class Biases(InSteps):
    def __init__(self, d_model, heads):
        super().__init__(d_model, heads)
        self.W_q, self.W_k = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.W_v, self.W_o = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)


class BiasAtTheEnd(InSteps):
    def __init__(self, d_model, heads):
        super().__init__(d_model, heads)
        self.W_o = nn.Linear(d_model, d_model)


class MapsAsMatrices(InSteps):
    def __init__(self, d_model, heads):
        super().__init__(d_model, heads)
        del self.W_q, self.W_k, self.W_v, self.W_o
        self.W_q, self.W_k = nn.Parameter(torch.randn(d_model, d_model)), nn.Parameter(torch.randn(d_model, d_model))
        self.W_v, self.W_o = nn.Parameter(torch.randn(d_model, d_model)), nn.Parameter(torch.randn(d_model, d_model))


class MapsInAList(InSteps):
    def __init__(self, d_model, heads):
        super().__init__(d_model, heads)
        del self.W_q, self.W_k, self.W_v, self.W_o
        self.maps = [nn.Linear(d_model, d_model, bias=False) for _ in range(4)]


class OneMapForThree(InSteps):
    def __init__(self, d_model, heads):
        super().__init__(d_model, heads)
        del self.W_q, self.W_k, self.W_v
        self.W_qkv = nn.Linear(d_model, 3 * d_model, bias=False)


class MapsOfOneHead(InSteps):
    def __init__(self, d_model, heads):
        super().__init__(d_model, heads)
        width = d_model // heads
        self.W_q, self.W_k = nn.Linear(d_model, width, bias=False), nn.Linear(d_model, width, bias=False)
        self.W_v, self.W_o = nn.Linear(d_model, width, bias=False), nn.Linear(width, d_model, bias=False)


class NoOutputMap(InSteps):
    def answer(self, context, weights):
        return context, weights


class NoOutputMapAtAll(NoOutputMap):
    def __init__(self, d_model, heads):
        super().__init__(d_model, heads)
        del self.W_o


class SplitByReshape(InSteps):
    def split(self, x):
        return x.reshape(x.size(0), self.heads, x.size(1), -1)


class MergedByReshape(InSteps):
    def join(self, context):
        return context.reshape(context.size(0), context.size(2), -1)


class SplitAndMergedByReshape(SplitByReshape):
    def join(self, context):
        return context.reshape(context.size(0), context.size(2), -1)


class EveryOtherColumn(InSteps):
    def split(self, x):
        return x.reshape(*x.shape[:2], -1, self.heads).permute(0, 3, 1, 2)


class OneHead(InSteps):
    def split(self, x):
        return split_heads(x, 1)


class HeadsAndTimeSwapped(InSteps):
    def split(self, x):
        return x.unflatten(-1, (self.heads, -1))  # (B, T, heads, Dh): each step's heads attend to each other

    def spread(self, mask):
        return None

    def join(self, context):
        return context.flatten(2)


class NotScaled(InSteps):
    def score(self, query, key):
        return query @ key.mT


class ScaledByTheModelsWidth(InSteps):
    def score(self, query, key):
        return query @ key.mT / math.sqrt(self.heads * query.size(-1))


class DividedByTheWidth(InSteps):
    def score(self, query, key):
        return query @ key.mT / query.size(-1)


class ScaledByTheNumberOfHeads(InSteps):
    def score(self, query, key):
        return query @ key.mT / math.sqrt(self.heads)


class QueryAttendsToItself(InSteps):
    def project(self, query, key, value):
        return self.W_q(query), self.W_k(query), self.W_v(query)


class ValueFromTheKey(InSteps):
    def project(self, query, key, value):
        return self.W_q(query), self.W_k(key), self.W_v(key)


class KeyFromTheValue(InSteps):
    def project(self, query, key, value):
        return self.W_q(query), self.W_k(value), self.W_v(value)


class RolesSwapped(InSteps):
    def project(self, query, key, value):
        return self.W_k(query), self.W_q(key), self.W_v(value)


class OneMapForAll(InSteps):
    def project(self, query, key, value):
        return self.W_q(query), self.W_q(key), self.W_q(value)


class NothingProjected(InSteps):
    def project(self, query, key, value):
        return query, key, value


class ValueNotProjected(InSteps):
    def project(self, query, key, value):
        return self.W_q(query), self.W_k(key), value


class SoftmaxOverQueries(InSteps):
    def weigh(self, scores, mask):
        return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-2).nan_to_num(0)


class SoftmaxOverHeads(InSteps):
    def weigh(self, scores, mask):
        return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(1).nan_to_num(0)


class NoSoftmax(InSteps):
    def weigh(self, scores, mask):
        return scores if mask is None else scores.masked_fill(~mask, 0)


class MaskInverted(InSteps):
    def spread(self, mask):
        return None if mask is None else ~super().spread(mask)


class MaskIgnored(InSteps):
    def spread(self, mask):
        return None


class MaskWithoutAnAxis(InSteps):
    def spread(self, mask):
        return mask


class MaskAlwaysHasABatch(InSteps):
    def spread(self, mask):
        return mask if mask is None else mask.unsqueeze(1)


class MaskIsRemembered(InSteps):
    seen = None

    def spread(self, mask):
        if mask is not None:
            self.seen = super().spread(mask)
        return self.seen


class MaskOfNothingIgnored(InSteps):
    def weigh(self, scores, mask):
        return super().weigh(scores, None if mask is not None and not mask.any() else mask)


class MaskAfterSoftmax(InSteps):
    def weigh(self, scores, mask):
        weights = reference.softmax(scores)
        return weights if mask is None else weights * mask


class EmptyRowIsNan(InSteps):
    def weigh(self, scores, mask):
        return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)


class EmptyRowIsTheMean(InSteps):
    def weigh(self, scores, mask):
        return (scores if mask is None else scores.masked_fill(~mask, -1e9)).softmax(-1)


class AlwaysCausal(InSteps):
    def weigh(self, scores, mask):
        order = reference.causal_mask(*scores.shape[-2:])
        return reference.masked_softmax(scores, order if mask is None else mask & order)


class MeanOfTheHeads(InSteps):
    def join(self, context):
        return context.mean(1).repeat(1, 1, self.heads)


class LastHeadFirst(InSteps):
    def join(self, context):
        return merge_heads(context.flip(1))


class WeightsAveraged(InSteps):
    def answer(self, context, weights):
        return self.W_o(context), weights.mean(1)


class WeightsFirst(InSteps):
    def answer(self, context, weights):
        return weights, self.W_o(context)


class ContextAlone(InSteps):
    def answer(self, context, weights):
        return self.W_o(context)


class ResidualAdded(InSteps):
    def forward(self, query, key, value, mask=None):
        context, weights = super().forward(query, key, value, mask)
        return query + context, weights


class WeightsDetached(InSteps):
    def weigh(self, scores, mask):
        return super().weigh(scores, mask).detach()


class ReturnsDetachedWeights(InSteps):
    def answer(self, context, weights):
        return self.W_o(context), weights.detach()
