"""Right and wrong ways to write BahdanauAttention: the variants and mistakes of its exercise."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from utils.attention import reference
from utils.models import BahdanauAttention


class WithEinsum(nn.Module):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__()
        self.score_vector = nn.Parameter(torch.empty(d_hidden).uniform_(-1, 1) / math.sqrt(d_hidden))
        self.W_k = nn.Linear(d_key, d_hidden, bias=False)
        self.W_q = nn.Linear(d_query, d_hidden, bias=False)

    def forward(self, query, key, value, mask=None):
        hidden = torch.tanh(self.W_q(query).unsqueeze(2) + self.W_k(key).unsqueeze(1))
        scores = torch.einsum("bija,a->bij", hidden, self.score_vector)
        if mask is None:
            weights = scores.softmax(-1)
        else:
            hide = ~(mask if mask.dim() == 3 else mask.unsqueeze(1))
            weights = scores.masked_fill(hide, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(hide, 0)
        return torch.einsum("bij,bjd->bid", weights, value), weights


class QueryByQuery(nn.Module):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__()
        self.W_q, self.W_k = nn.Linear(d_query, d_hidden, False), nn.Linear(d_key, d_hidden, False)
        self.score_vector = nn.Parameter(torch.randn(d_hidden))

    def forward(self, query, key, value, mask=None):
        keys, contexts, rows = self.W_k(key), [], []
        for i in range(query.size(1)):
            scores = torch.tanh(self.W_q(query[:, i : i + 1]) + keys) @ self.score_vector  # (B, Tk)
            weights = scores.softmax(-1)
            if mask is not None:
                visible = mask if mask.dim() == 2 else mask[:, i]
                weights = scores.masked_fill(~visible, -math.inf).softmax(-1).nan_to_num(0)
            rows.append(weights)
            contexts.append((weights.unsqueeze(-1) * value).sum(1))
        return torch.stack(contexts, 1), torch.stack(rows, 1)


class KeysFirst(nn.Module):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__()
        self.W_q, self.W_k = nn.Linear(d_query, d_hidden, bias=False), nn.Linear(d_key, d_hidden, bias=False)
        self.score_vector = nn.Parameter(nn.init.normal_(torch.empty(d_hidden), std=d_hidden**-0.5))

    def forward(self, query, key, value, mask=None):
        pairs = self.W_k(key)[:, :, None] + self.W_q(query)[:, None]  # (B, Tk, Tq, A)
        scores = F.linear(pairs.tanh(), self.score_vector[None])[..., 0]  # (B, Tk, Tq)
        if mask is not None:
            visible = mask[:, :, None] if mask.dim() == 2 else mask.transpose(1, 2)
            empty = ~visible.any(1, keepdim=True)
            weights = scores.masked_fill(~(visible | empty), -math.inf).softmax(1) * visible
        else:
            weights = scores.softmax(1)
        return weights.mT @ value, weights.mT


class InParts(BahdanauAttention):
    """The same as BahdanauAttention, in steps that a mistake can replace one at a time."""

    def forward(self, query, key, value, mask=None):
        q, k = self.project(query, key)
        weights = self.weigh(self.score(q, k), mask)
        return self.answer(weights, k, key, value)

    def project(self, query, key):
        return self.W_q(query), self.W_k(key)

    def score(self, q, k):
        return self.pairs(q, k) @ self.score_vector

    def pairs(self, q, k):
        return torch.tanh(q[:, :, None] + k[:, None])

    def weigh(self, scores, mask):
        return reference.softmax(scores) if mask is None else reference.masked_softmax(scores, self.spread(mask))

    def spread(self, mask):
        return mask[:, None] if mask.dim() == 2 else mask

    def answer(self, weights, k, key, value):
        return weights @ value, weights


class Biases(InParts):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__(d_query, d_key, d_hidden)
        self.W_q, self.W_k = nn.Linear(d_query, d_hidden), nn.Linear(d_key, d_hidden)


class MapsSwapped(InParts):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__(d_key, d_query, d_hidden)


class MapsAsMatrices(InParts):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__(d_query, d_key, d_hidden)
        del self.W_q, self.W_k
        self.W_q, self.W_k = nn.Parameter(torch.randn(d_query, d_hidden)), nn.Parameter(torch.randn(d_key, d_hidden))

    def project(self, query, key):
        return query @ self.W_q, key @ self.W_k


class ScoreVectorAsALayer(InParts):
    def __init__(self, d_query, d_key, d_hidden, bias=False):
        super().__init__(d_query, d_key, d_hidden)
        del self.score_vector
        self.score_vector = nn.Linear(d_hidden, 1, bias=bias)

    def score(self, q, k):
        return self.score_vector(self.pairs(q, k)).squeeze(-1)


class ScoreVectorAsALayerWithBias(ScoreVectorAsALayer):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__(d_query, d_key, d_hidden, bias=True)


class ScoreVectorAsAColumn(InParts):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__(d_query, d_key, d_hidden)
        self.score_vector = nn.Parameter(torch.randn(d_hidden, 1))

    def score(self, q, k):
        return (self.pairs(q, k) @ self.score_vector).squeeze(-1)


class ScoreVectorAsARow(InParts):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__(d_query, d_key, d_hidden)
        self.score_vector = nn.Parameter(torch.randn(1, d_hidden))

    def score(self, q, k):
        return (self.pairs(q, k) * self.score_vector).sum(-1)


class ScoreVectorNotLearned(InParts):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__(d_query, d_key, d_hidden)
        del self.score_vector
        self.score_vector = torch.randn(d_hidden)


class Relu(InParts):
    def pairs(self, q, k):
        return torch.relu(q[:, :, None] + k[:, None])


class NoTanh(InParts):
    def pairs(self, q, k):
        return q[:, :, None] + k[:, None]


class Multiplied(InParts):
    def pairs(self, q, k):
        return torch.tanh(q[:, :, None] * k[:, None])


class DotProduct(InParts):
    def score(self, q, k):
        return q @ k.mT


class ScoreVectorUnused(InParts):
    def score(self, q, k):
        return self.pairs(q, k).sum(-1)


class Scaled(InParts):
    def score(self, q, k):
        return super().score(q, k) / math.sqrt(q.size(-1))


class SoftmaxOverHidden(InParts):
    def score(self, q, k):
        return (self.pairs(q, k) * self.score_vector).softmax(-1).sum(-1)


class RolesSwapped(InParts):
    def project(self, query, key):
        return self.W_k(query), self.W_q(key)


class OneMapForBoth(InParts):
    def project(self, query, key):
        return self.W_q(query), self.W_q(key)


class KeyMapForBoth(InParts):
    def project(self, query, key):
        return self.W_k(query), self.W_k(key)


class QueryNotProjected(InParts):
    def project(self, query, key):
        return query, self.W_k(key)


class KeyNotProjected(InParts):
    def project(self, query, key):
        return self.W_q(query), key


class SoftmaxOverQueries(InParts):
    def weigh(self, scores, mask):
        return (scores if mask is None else scores.masked_fill(~self.spread(mask), -math.inf)).softmax(1).nan_to_num(0)


class NoSoftmax(InParts):
    def weigh(self, scores, mask):
        return scores if mask is None else scores.masked_fill(~self.spread(mask), 0)


class MaskInverted(InParts):
    def spread(self, mask):
        return ~super().spread(mask)


class MaskIgnored(InParts):
    def weigh(self, scores, mask):
        return reference.softmax(scores)


class MaskWithoutAnAxis(InParts):
    def spread(self, mask):
        return mask


class MaskOverQueries(InParts):
    def spread(self, mask):
        return mask[:, :, None] if mask.dim() == 2 else mask


class MaskAlwaysGetsAnAxis(InParts):
    def spread(self, mask):
        return mask[:, None]


class MaskAfterSoftmax(InParts):
    def weigh(self, scores, mask):
        weights = reference.softmax(scores)
        return weights if mask is None else weights * self.spread(mask)


class MaskedScoresAreZero(InParts):
    def weigh(self, scores, mask):
        return reference.softmax(scores if mask is None else scores * self.spread(mask))


class EmptyRowIsNan(InParts):
    def weigh(self, scores, mask):
        return (scores if mask is None else scores.masked_fill(~self.spread(mask), -math.inf)).softmax(-1)


class EmptyRowIsTheMean(InParts):
    def weigh(self, scores, mask):
        return (scores if mask is None else scores.masked_fill(~self.spread(mask), -1e9)).softmax(-1)


class EmptyContextReplaced(EmptyRowIsNan):
    def answer(self, weights, k, key, value):
        return (weights @ value).nan_to_num(0), weights


class ContextOfProjectedKeys(InParts):
    def answer(self, weights, k, key, value):
        return weights @ k, weights


class ContextOfKeys(InParts):
    def answer(self, weights, k, key, value):
        return weights @ key, weights


class WeightsFirst(InParts):
    def answer(self, weights, k, key, value):
        return weights, weights @ value


class ContextAlone(InParts):
    def answer(self, weights, k, key, value):
        return weights @ value


class ScoresReturned(InParts):
    def weigh(self, scores, mask):
        self.scores = scores
        return super().weigh(scores, mask)

    def answer(self, weights, k, key, value):
        return weights @ value, self.scores


class Detached(InParts):
    def answer(self, weights, k, key, value):
        return weights.detach() @ value, weights


class ReturnsDetachedWeights(InParts):
    def answer(self, weights, k, key, value):
        return weights @ value, weights.detach()
