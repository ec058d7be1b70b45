"""Additive attention as a module with parameters."""

import math

import torch
from torch import nn, tensor
from torch.nn import functional as F

from utils.attempts.uses import modules
from utils.models import BahdanauAttention

from ..exercise import Case, Exercise, Mistakes, normal, replacing
from . import wrong_weights as wrong
from .drawn import some_hidden


class InSteps(nn.Module):
    """The same as BahdanauAttention, in steps that a mistake can replace."""

    def __init__(self, d_query, d_key, d_hidden):
        super().__init__()
        self.W_q, self.W_k = self.map(d_query, d_hidden), self.map(d_key, d_hidden)
        self.score_vector = self.vector(d_hidden)

    def map(self, d_in, d_hidden):
        return nn.Linear(d_in, d_hidden, bias=False)

    def vector(self, d_hidden):
        return nn.Parameter(torch.randn(d_hidden) / math.sqrt(d_hidden))

    def forward(self, query, key, value, mask=None):
        q, k = self.project(query, key)
        weights = self.weigh(self.score(q, k), None if mask is None else self.spread(mask))
        return self.answer(weights, k, key, value)

    def project(self, query, key):
        return self.W_q(query), self.W_k(key)

    def score(self, q, k):
        return self.pairs(q, k) @ self.score_vector

    def pairs(self, q, k):
        return torch.tanh(q[:, :, None] + k[:, None])

    def spread(self, mask):
        return mask[:, None] if mask.dim() == 2 else mask

    def weigh(self, scores, mask):
        return wrong.right(scores, mask)

    def answer(self, weights, k, key, value):
        return weights @ value, weights


# Right, and written differently

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
        self.score_vector = nn.Parameter(torch.zeros(d_hidden))  # as in the paper

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


# Wrong

but = replacing(InSteps)
mistakes = Mistakes()

mistakes.add("Biases", but(map=lambda self, d_in, d_hidden: nn.Linear(d_in, d_hidden)),
    "Your maps have a bias. Leave it out: `W_q` and `W_k` are matrices alone, and one of two biases that are added would be enough anyway.")

@mistakes.program("Your maps have each other's widths: `W_q` takes numbers of width d_query, `W_k` of width d_key.")
class MapsSwapped(InSteps):
    def __init__(self, d_query, d_key, d_hidden):
        super().__init__(d_key, d_query, d_hidden)

@mistakes.program("Your `W_q` and `W_k` are bare parameters. Make them linear layers without bias, which hold their matrix as `weight`.")
class MapsAsMatrices(InSteps):
    def map(self, d_in, d_hidden):
        return nn.Parameter(torch.randn(d_in, d_hidden))

    def project(self, query, key):
        return query @ self.W_q, key @ self.W_k

@mistakes.program("Your `score_vector` is a linear layer. That computes the same; here it is a parameter of shape (d_hidden,), so that formula and code have the same parts.")
class ScoreVectorAsALayer(InSteps):
    def vector(self, d_hidden):
        return nn.Linear(d_hidden, 1, bias=False)

    def score(self, q, k):
        return self.score_vector(self.pairs(q, k)).squeeze(-1)

@mistakes.program("Your `score_vector` is a linear layer with a bias, which adds the same to every score and falls out of the softmax. Make it a parameter of shape (d_hidden,).")
class ScoreVectorAsALayerWithBias(ScoreVectorAsALayer):
    def vector(self, d_hidden):
        return nn.Linear(d_hidden, 1)

@mistakes.program("Your `score_vector` is a column, (d_hidden, 1). Give it one axis, (d_hidden,): a product with it then leaves (B, Tq, Tk).")
class ScoreVectorAsAColumn(InSteps):
    def vector(self, d_hidden):
        return nn.Parameter(torch.randn(d_hidden, 1) / math.sqrt(d_hidden))

    def score(self, q, k):
        return super().score(q, k).squeeze(-1)

@mistakes.program("Your `score_vector` is a row, (1, d_hidden). Give it one axis, (d_hidden,): a product with it then leaves (B, Tq, Tk).")
class ScoreVectorAsARow(InSteps):
    def vector(self, d_hidden):
        return nn.Parameter(torch.randn(1, d_hidden) / math.sqrt(d_hidden))

    def score(self, q, k):
        return (self.pairs(q, k) * self.score_vector).sum(-1)

mistakes.add("ScoreVectorNotLearned", but(vector=lambda self, d_hidden: torch.randn(d_hidden) / math.sqrt(d_hidden)),
    "Your `score_vector` is not among the parameters, so no optimizer will find it. `nn.Parameter` makes a tensor one that is learned.")
mistakes.add("StartsAtOne", but(vector=lambda self, d_hidden: nn.Parameter(torch.randn(d_hidden))),
    "Your `score_vector` starts with numbers of size one, and a score sums up d_hidden of them. Start it small: how large is 1/√d_hidden?")
mistakes.add("StartsTimesTheRoot",
    but(vector=lambda self, d_hidden: nn.Parameter(torch.randn(d_hidden) * math.sqrt(d_hidden))),
    "Your `score_vector` is multiplied by the root of d_hidden, which makes it larger still. Divide by it: the start is to be small.")
mistakes.add("StartsUniform", but(vector=lambda self, d_hidden: nn.Parameter(torch.rand(d_hidden))),
    "Your `score_vector` starts with numbers between 0 and 1, and a score sums up d_hidden of them. Start it small: how large is 1/√d_hidden?")
mistakes.add("Relu", but(pairs=lambda self, q, k: torch.relu(q[:, :, None] + k[:, None])),
    "Your pairs go through a ReLU. The formula has tanh.")
mistakes.add("NoTanh", but(pairs=lambda self, q, k: q[:, :, None] + k[:, None]),
    "Your score lacks its tanh. A plain sum adds the same number to all scores of a query, the softmax drops it, and every query gets the same weights.")
mistakes.add("Multiplied", but(pairs=lambda self, q, k: torch.tanh(q[:, :, None] * k[:, None])),
    "Your projected query and key are multiplied. In the additive score they are added, before the tanh.")
mistakes.add("DotProduct", but(score=lambda self, q, k: q @ k.mT),
    "Your scores are dot products of the projected query and key. The additive score adds the two, takes tanh, and weighs the result with `score_vector`.")
mistakes.add("ScoreVectorUnused", but(score=lambda self, q, k: self.pairs(q, k).sum(-1)),
    "Your score adds up the hidden numbers as they are. `score_vector` says how much each of them counts.")
mistakes.add("Scaled", but(score=lambda self, q, k: self.pairs(q, k) @ self.score_vector / math.sqrt(q.size(-1))),
    "Your scores are divided by the root of d_hidden. That belongs to dot products; the additive score is not scaled.")
mistakes.add("SoftmaxOverHidden",
    but(score=lambda self, q, k: (self.pairs(q, k) * self.score_vector).softmax(-1).sum(-1)),
    "Your softmax is taken over the hidden numbers of each pair, so all scores come out alike. Add them up to one score per pair, and take the softmax over the keys.")
mistakes.add("RolesSwapped", but(project=lambda self, query, key: (self.W_k(query), self.W_q(key))),
    "Your `W_q` is used on the keys and your `W_k` on the query. Each has the map that bears its name.")
mistakes.add("OneMapForBoth", but(project=lambda self, query, key: (self.W_q(query), self.W_q(key))),
    "Your query and keys both go through `W_q`. The keys have a map of their own.")
mistakes.add("KeyMapForBoth", but(project=lambda self, query, key: (self.W_k(query), self.W_k(key))),
    "Your query and keys both go through `W_k`. The query has a map of its own.")
mistakes.add("QueryNotProjected", but(project=lambda self, query, key: (query, self.W_k(key))),
    "Your query is added as it comes. Bring it to the width d_hidden with its map first.")
mistakes.add("KeyNotProjected", but(project=lambda self, query, key: (self.W_q(query), key)),
    "Your keys are added as they come. Bring them to the width d_hidden with their map first.")
mistakes.add("SoftmaxOverQueries", but(weigh=staticmethod(wrong.over_queries)),
    "Your weights sum to one over the queries. Each query shares out its own vote: they should sum to one over the keys.")
mistakes.add("NoSoftmax", but(weigh=staticmethod(wrong.no_softmax)),
    "Your values are weighed by their scores. Turn the scores into weights first, positive and with sum one.")
mistakes.add("MaskInverted", but(weigh=staticmethod(wrong.mask_inverted)),
    "Your attention hides the keys where mask is True. In this course True means 'may attend'.")
mistakes.add("MaskIgnored", but(weigh=staticmethod(wrong.mask_ignored)),
    "Your hidden keys have a say: `mask` is not used yet.")
mistakes.add("MaskWithoutAnAxis", but(spread=lambda self, mask: mask),
    "Your mask (B, Tk) meets scores (B, Tq, Tk) as it is, so its first axis is taken for the queries. Give it an axis of size one in the middle.")
mistakes.add("MaskOverQueries", but(spread=lambda self, mask: mask[:, :, None] if mask.dim() == 2 else mask),
    "Your mask (B, Tk) gets its new axis at the end, and hides queries instead of keys. The axis of the queries is the middle one.")
mistakes.add("MaskAlwaysGetsAnAxis", but(spread=lambda self, mask: mask[:, None]),
    "Your mask gets a new axis even where it has three already. Only one of shape (B, Tk) needs it.")
mistakes.add("MaskAfterSoftmax", but(weigh=staticmethod(wrong.mask_after_softmax)),
    "Your mask is applied after the softmax, so the weights that are left no longer sum to one. Hide the keys before it.")
mistakes.add("MaskedScoresAreZero", but(weigh=staticmethod(wrong.hidden_scores_are_zero)),
    "Your hidden scores become zero, which is a score like any other. Your `masked_softmax` gives them the weight zero.")
mistakes.add("EmptyRowIsNan", but(weigh=staticmethod(wrong.empty_row_is_nan)),
    "Your attention gives NaN to a query that may attend to nothing. Give it zeros: nothing was found.")
mistakes.add("EmptyRowIsTheMean", but(weigh=staticmethod(wrong.empty_row_is_the_mean)),
    "Your attention gives the mean of all values to a query that may attend to nothing. Give it zeros: nothing was found.")

@mistakes.program("Your context is right, but the weights behind it are NaN where there is nothing to attend to, and so are the gradients. The weights should be zeros there too.")
class EmptyContextReplaced(InSteps):
    weigh = staticmethod(wrong.empty_row_is_nan)

    def answer(self, weights, k, key, value):
        return (weights @ value).nan_to_num(0), weights

mistakes.add("ContextOfProjectedKeys", but(answer=lambda self, weights, k, key, value: (weights @ k, weights)),
    "Your context is made of the projected keys. Those are for matching; what is carried away are the values.")
mistakes.add("ContextOfKeys", but(answer=lambda self, weights, k, key, value: (weights @ key, weights)),
    "Your context is made of the keys. What is carried away are the values, even if they are often the same states.")
mistakes.add("WeightsFirst", but(answer=lambda self, weights, k, key, value: (weights, weights @ value)),
    "Your two results are right and in the other order. Return the context first, then the weights.")
mistakes.add("ContextAlone", but(answer=lambda self, weights, k, key, value: weights @ value),
    "Your `forward` returns the context alone. Return the weights with it, so that one can look at them.")

@mistakes.program("Your second result are the scores before the softmax. Return the weights.")
class ScoresReturned(InSteps):
    def forward(self, query, key, value, mask=None):
        return super().forward(query, key, value, mask)[0], self.score(*self.project(query, key))

mistakes.add("Detached", but(answer=lambda self, weights, k, key, value: (weights.detach() @ value, weights)),
    "Your values are right, but the weights are cut off from the graph before the context, so no gradient reaches the scores and nothing learns where to look.")
mistakes.add("ReturnsDetachedWeights",
    but(answer=lambda self, weights, k, key, value: (weights @ value, weights.detach())),
    "Your context is right, but the weights that you return are cut off from the graph. Return them as they are; who draws them can detach them.")


def given(B, Tq, Tk, d_query, d_key, d_value, d_hidden, dtype=torch.float32, **more):
    shapes = {
        "query": (B, Tq, d_query), "key": (B, Tk, d_key), "value": (B, Tk, d_value),
        "W_q": (d_hidden, d_query), "W_k": (d_hidden, d_key), "score_vector": (d_hidden,),
    }
    drawn = {name: normal(*shape, dtype=dtype) for name, shape in shapes.items()}
    return {"sizes": (d_query, d_key, d_hidden)} | drawn | more


ALL = {"joined": True, "grad": ["query", "key", "value", "W_q", "W_k", "score_vector"]}
exercise = Exercise(
    reference=BahdanauAttention,
    use=modules.bahdanau_attention,
    cases=[
        Case("what it is made of: queries of width 3, keys of width 4, 5 hidden", sizes=(3, 4, 5)),
        Case("how it starts, with 400 hidden", sizes=(3, 4, 400)),
        Case("by hand: one query, two keys, scores 0 and log(3)",
            sizes=(1, 1, 1), query=tensor([[[2.0]]]), key=tensor([[[-1.0], [1.0]]]), value=tensor([[[4.0], [8.0]]]),
            W_q=tensor([[math.log(3) / 8]]), W_k=tensor([[math.log(3) / 4]]), score_vector=tensor([math.log(9)])),
        Case("everything of one size", **given(3, 3, 3, 3, 3, 3, 3)),
        Case("one query, as in a decoder", **given(3, 1, 5, 4, 6, 6, 2)),
        Case("all sizes different", **given(2, 3, 4, 5, 6, 7, 8)),
        Case("no batch to speak of", **given(1, 3, 2, 3, 4, 5, 6)),
        Case("one key", **given(2, 3, 1, 3, 2, 4, 5)),
        Case("a mask for each sequence, as many sequences as queries and keys",
            **given(2, 2, 2, 2, 2, 2, 2, mask=tensor([[True, False], [True, True]]))),
        Case("a mask for each sequence", **given(3, 4, 5, 2, 3, 4, 5, mask=some_hidden(3, 5))),
        Case("a mask for each query, as many sequences as queries", **given(2, 2, 3, 2, 2, 2, 2, mask=some_hidden(2, 2, 3))),
        Case("a mask for each query", **given(3, 2, 4, 2, 3, 5, 4, mask=some_hidden(3, 2, 4))),
        Case("one sequence all padding",
            **given(2, 1, 3, 2, 2, 2, 2, mask=tensor([[False] * 3, [True, True, False]]))),
        Case("a query that sees nothing", **given(2, 2, 3, 2, 3, 4, 3, mask=some_hidden(2, 2, 3, empty=True))),
        Case("gradients", **given(2, 3, 4, 3, 4, 2, 5), **ALL),
        Case("gradients with a mask and an empty row",
            **given(2, 3, 4, 4, 3, 2, 5, mask=some_hidden(2, 3, 4, empty=True)), **ALL),
        Case("64-bit numbers", **given(2, 2, 3, 3, 2, 4, 3, dtype=torch.float64, mask=some_hidden(2, 3)), **ALL),
        Case("scores in the thousands", **given(2, 3, 4, 3, 2, 4, 3, score_vector=normal(3, scale=1000))),
    ],
    variants=[WithEinsum, QueryByQuery, KeysFirst],
    mistakes=mistakes,
    points=4,
    points_for_values=3,
)
