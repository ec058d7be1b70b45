"""A dictionary whose keys and values are parameters."""

import math

import torch
from torch import nn, tensor
from torch.nn import functional as F

from utils.attempts import probes

from ..exercise import Case, Exercise, Mistake, normal


class SoftDictionary(nn.Module):
    """slots keys and values, learned; a query gets softmax(query · key / √d_query) value.

    Keys start as standard normal numbers, values as a tenth of such. Returns (B, d_value) for a query (B, d_query).
    """

    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.key = nn.Parameter(torch.randn(slots, d_query))
        self.value = nn.Parameter(0.1 * torch.randn(slots, d_value))

    def forward(self, query):
        weights = self.weights(query)
        return weights @ self.value

    def weights(self, query):
        """(B, slots): how much each slot has to say."""
        return torch.softmax(query @ self.key.mT / math.sqrt(self.key.size(1)), -1)


class _WithScaledDotProductAttention(nn.Module):
    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.key = nn.Parameter(torch.empty(slots, d_query))
        self.value = nn.Parameter(torch.empty(slots, d_value))
        nn.init.normal_(self.key)
        nn.init.normal_(self.value, std=0.1)

    def forward(self, query):
        return F.scaled_dot_product_attention(query[None], self.key[None], self.value[None])[0]


class _ByHand(nn.Module):
    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.register_parameter("value", nn.Parameter(torch.randn(slots, d_value) / 10))
        self.register_parameter("key", nn.Parameter(torch.randn(slots, d_query)))
        self.scale = d_query**-0.5

    def forward(self, query):
        scores = torch.einsum("bd,md->bm", query * self.scale, self.key)
        exps = torch.exp(scores - scores.amax(1, keepdim=True))
        return torch.einsum("bm,mv->bv", exps / exps.sum(1, keepdim=True), self.value)


class _PlainTensors(nn.Module):
    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.key = torch.randn(slots, d_query)
        self.value = 0.1 * torch.randn(slots, d_value)

    def forward(self, query):
        return torch.softmax(query @ self.key.mT / math.sqrt(self.key.size(1)), -1) @ self.value


class _StartsWithZeros(SoftDictionary):
    def __init__(self, slots, d_query, d_value):
        super().__init__(slots, d_query, d_value)
        self.key = nn.Parameter(torch.zeros(slots, d_query))
        self.value = nn.Parameter(torch.zeros(slots, d_value))


class _StartsAllAlike(SoftDictionary):
    def __init__(self, slots, d_query, d_value):
        super().__init__(slots, d_query, d_value)
        self.key = nn.Parameter(torch.randn(d_query).repeat(slots, 1))
        self.value = nn.Parameter(0.1 * torch.randn(d_value).repeat(slots, 1))


class _ValuesAsLargeAsKeys(SoftDictionary):
    def __init__(self, slots, d_query, d_value):
        super().__init__(slots, d_query, d_value)
        self.value = nn.Parameter(torch.randn(slots, d_value))


class _StartsPositive(SoftDictionary):
    def __init__(self, slots, d_query, d_value):
        super().__init__(slots, d_query, d_value)
        self.key = nn.Parameter(torch.rand(slots, d_query))
        self.value = nn.Parameter(0.1 * torch.rand(slots, d_value))


class _NotScaled(SoftDictionary):
    def weights(self, query):
        return torch.softmax(query @ self.key.mT, -1)


class _ScaledByTheWidth(SoftDictionary):
    def weights(self, query):
        return torch.softmax(query @ self.key.mT / self.key.size(1), -1)


class _ScaledByTheSlots(SoftDictionary):
    def weights(self, query):
        return torch.softmax(query @ self.key.mT / math.sqrt(len(self.key)), -1)


class _ScaledByRootTwo(SoftDictionary):
    def weights(self, query):
        return torch.softmax(query @ self.key.mT / 2**0.5, -1)


class _ValueIsAProduct(nn.Module):
    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.key = nn.Parameter(torch.randn(slots, d_query))
        self.value = 0.1 * nn.Parameter(torch.randn(slots, d_value))

    def forward(self, query):
        return torch.softmax(query @ self.key.mT / self.key.size(1) ** 0.5, -1) @ self.value


class _OtherNames(nn.Module):
    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.keys = nn.Parameter(torch.randn(slots, d_query))
        self.values = nn.Parameter(0.1 * torch.randn(slots, d_value))

    def forward(self, query):
        return torch.softmax(query @ self.keys.mT / self.keys.size(1) ** 0.5, -1) @ self.values


class _Multiplied(SoftDictionary):
    def weights(self, query):
        return torch.softmax(query @ self.key.mT * math.sqrt(self.key.size(1)), -1)


class _WeightsScaled(SoftDictionary):
    def weights(self, query):
        return torch.softmax(query @ self.key.mT, -1) / math.sqrt(self.key.size(1))


class _SoftmaxOverQueries(SoftDictionary):
    def weights(self, query):
        return torch.softmax(query @ self.key.mT / math.sqrt(self.key.size(1)), 0)


class _NoSoftmax(SoftDictionary):
    def weights(self, query):
        return query @ self.key.mT / math.sqrt(self.key.size(1))


class _Nearest(SoftDictionary):
    def weights(self, query):
        return F.one_hot((query @ self.key.mT).argmax(-1), len(self.key)).to(query.dtype)


class _Detached(SoftDictionary):
    def weights(self, query):
        return torch.softmax(query @ self.key.detach().mT / math.sqrt(self.key.size(1)), -1)


class _ReturnsWeightsToo(SoftDictionary):
    def forward(self, query):
        weights = self.weights(query)
        return weights @ self.value, weights


class _ReturnsWeights(SoftDictionary):
    def forward(self, query):
        return self.weights(query)


class _Transposed(nn.Module):
    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.key = nn.Parameter(torch.randn(d_query, slots))
        self.value = nn.Parameter(0.1 * torch.randn(d_value, slots))

    def forward(self, query):
        return torch.softmax(query @ self.key / math.sqrt(len(self.key)), -1) @ self.value.mT


class _LinearMaps(nn.Module):
    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.key = nn.Linear(d_query, slots, bias=False)
        self.value = nn.Linear(slots, d_value, bias=False)
        self.scale = d_query**-0.5

    def forward(self, query):
        return self.value(torch.softmax(self.key(query) * self.scale, -1))


SIZES = (5, 3, 2)
soft_dictionary = Exercise(
    reference=SoftDictionary,
    probe=probes.soft_dictionary,
    cases=[
        Case("what it is made of: 5 slots, queries of width 3, values of width 2", sizes=SIZES),
        Case("how 400 slots start", sizes=(400, 12, 9)),
        Case(
            "by hand: three slots, one query",
            sizes=(3, 1, 1), query=tensor([[1.0]]), key=tensor([[math.log(3)], [0.0], [0.0]]), value=tensor([[10.0], [20.0], [30.0]]),
        ),
        Case("several queries", sizes=SIZES, query=normal(4, 3), key=normal(5, 3), value=normal(5, 2)),
        Case("as many queries as slots", sizes=(4, 4, 4), query=normal(4, 4), key=normal(4, 4), value=normal(4, 4)),
        Case(
            "gradients", sizes=(6, 4, 3), query=normal(5, 4), key=normal(6, 4), value=normal(6, 3), grad=["query", "key", "value"],
        ),
        Case(
            "64-bit numbers", sizes=SIZES, query=normal(2, 3, dtype=torch.float64), key=normal(5, 3, dtype=torch.float64),
            value=normal(5, 2, dtype=torch.float64), grad=["query", "key", "value"],
        ),
        Case("scores in the thousands", sizes=SIZES, query=normal(4, 3, scale=1000), key=normal(5, 3), value=normal(5, 2)),
        Case("one slot", sizes=(1, 3, 2), query=normal(4, 3), key=normal(1, 3), value=normal(1, 2)),
    ],
    variants=[_WithScaledDotProductAttention, _ByHand],
    mistakes=[
        Mistake(_PlainTensors, "Your key and value are plain tensors, so no optimizer will find them. `nn.Parameter` makes a tensor one that is learned."),
        Mistake(_LinearMaps, "Your key and value are linear layers. Make them parameters of their own, with a row for each slot: (slots, d_query) and (slots, d_value)."),
        Mistake(_Transposed, "Your key and value have a column for each slot. Give each slot a row: (slots, d_query) and (slots, d_value)."),
        Mistake(_StartsWithZeros, "All your slots start alike, as zeros: they will get the same gradient at every step and stay alike for ever. Start them at random."),
        Mistake(_StartsAllAlike, "All your slots start as the same random row: they will get the same gradient at every step and stay alike for ever."),
        Mistake(_ValuesAsLargeAsKeys, "Your values start as large as the keys. Let them start as a tenth of standard normal numbers, so that they first get the mean right."),
        Mistake(_StartsPositive, "Your keys start with positive numbers only, so all of them point the same way. `torch.randn` gives both signs, `torch.rand` does not."),
        Mistake(_NotScaled, "Your scores are not divided by √d_query: with wide queries they are large, and the softmax starts nearly hard."),
        Mistake(_ScaledByTheWidth, "You divide the scores by d_query. Divide by its square root."),
        Mistake(_ScaledByTheSlots, "You divide the scores by the root of the number of slots. It is the width of the query that makes them large: √d_query."),
        Mistake(_ScaledByRootTwo, "You divide the scores by √2. That was the width of the six words' queries; divide by the root of this query's width."),
        Mistake(_ValueIsAProduct, "Your value is a product with a parameter, and no parameter itself. Scale the numbers first, and give the result to `nn.Parameter`."),
        Mistake(_OtherNames, "Your parameters are called keys and values. Name them in the singular, as the task does: `key` and `value`."),
        Mistake(_Multiplied, "You multiply the scores by √d_query. Divide by it."),
        Mistake(_WeightsScaled, "You divide the weights by √d_query, after the softmax. It is the scores that are divided, before it."),
        Mistake(_SoftmaxOverQueries, "Your weights sum to one over the queries. Each query shares out its own vote: they should sum to one over the slots."),
        Mistake(_NoSoftmax, "You weigh the values by their scores. Turn the scores into weights first, positive and with sum one."),
        Mistake(_Nearest, "Only the best slot answers. Then nothing can be learned through the choice: let every slot speak, in proportion to its match."),
        Mistake(_Detached, "The answers are right, but no gradient reaches `key`: something cuts the graph (detach, .data, no_grad)."),
        Mistake(_ReturnsWeightsToo, "Your `forward` returns a pair. It should return the context (B, d_value) alone."),
        Mistake(_ReturnsWeights, "Your `forward` returns the weights. They are still to be multiplied with the values."),
    ],
    points=3,
)  # fmt: skip
