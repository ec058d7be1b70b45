"""A dictionary whose keys and values are parameters."""

import math

import torch
from torch import float64, nn, tensor
from torch.nn import functional as F

from utils.attempts.uses import modules

from ..exercise import Case, Exercise, Mistakes, normal, replacing


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


class InSteps(nn.Module):
    """The same as SoftDictionary, in steps that a mistake can replace."""

    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.key, self.value = self.new_key(slots, d_query), self.new_value(slots, d_value)

    def new_key(self, slots, width):
        return nn.Parameter(torch.randn(slots, width))

    def new_value(self, slots, width):
        return nn.Parameter(0.1 * torch.randn(slots, width))

    def forward(self, query):
        return self.weights(query) @ self.value

    def weights(self, query):
        return self.scores(query).softmax(-1)

    def scores(self, query):
        return query @ self.key.mT / self.key.size(1) ** 0.5


# Right, and written differently

class WithScaledDotProductAttention(nn.Module):
    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.key = nn.Parameter(torch.empty(slots, d_query))
        self.value = nn.Parameter(torch.empty(slots, d_value))
        nn.init.normal_(self.key)
        nn.init.normal_(self.value, std=0.1)

    def forward(self, query):
        return F.scaled_dot_product_attention(query[None], self.key[None], self.value[None])[0]

class ByHand(nn.Module):
    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.register_parameter("value", nn.Parameter(torch.randn(slots, d_value) / 10))
        self.register_parameter("key", nn.Parameter(torch.randn(slots, d_query)))
        self.scale = d_query**-0.5

    def forward(self, query):
        scores = torch.einsum("bd,md->bm", query * self.scale, self.key)
        exps = torch.exp(scores - scores.amax(1, keepdim=True))
        return torch.einsum("bm,mv->bv", exps / exps.sum(1, keepdim=True), self.value)


# Wrong

but = replacing(InSteps)
mistakes = Mistakes()

def start(numbers, **steps):
    """Key and value start from numbers(slots, width)."""
    return but(
        new_key=lambda self, slots, width: nn.Parameter(numbers(slots, width)),
        new_value=lambda self, slots, width: nn.Parameter(0.1 * numbers(slots, width)),
        **steps,
    )

mistakes.add("PlainTensors",
    but(new_key=lambda self, *sizes: torch.randn(sizes), new_value=lambda self, *sizes: 0.1 * torch.randn(sizes)),
    "Your key and value are plain tensors, so no optimizer will find them. `nn.Parameter` makes a tensor one that is learned.")
mistakes.add("LinearMaps",
    but(new_key=lambda self, slots, d_query: nn.Linear(d_query, slots, bias=False),
        new_value=lambda self, slots, d_value: nn.Linear(slots, d_value, bias=False),
        forward=lambda self, query: self.value((self.key(query) / query.size(1) ** 0.5).softmax(-1))),
    "Your key and value are linear layers. Make them parameters of their own, with a row for each slot: (slots, d_query) and (slots, d_value).")
mistakes.add("Transposed",
    start(lambda slots, width: torch.randn(width, slots),
        forward=lambda self, query: (query @ self.key / len(self.key) ** 0.5).softmax(-1) @ self.value.mT),
    "Your key and value have a column for each slot. Give each slot a row: (slots, d_query) and (slots, d_value).")
mistakes.add("KeyTransposed",
    but(new_key=lambda self, slots, width: nn.Parameter(torch.randn(width, slots)),
        scores=lambda self, query: query @ self.key / len(self.key) ** 0.5),
    "Your key has a column for each slot. Give each slot a row: (slots, d_query).")
mistakes.add("StartsWithZeros", start(torch.zeros),
    "All your slots start alike, as zeros: they will get the same gradient at every step and stay alike for ever. Start them at random.")
mistakes.add("StartsAllAlike", start(lambda slots, width: torch.randn(width).repeat(slots, 1)),
    "All your slots start as the same random row: they will get the same gradient at every step and stay alike for ever.")
mistakes.add("KeysAllAlike", but(new_key=lambda self, slots, width: nn.Parameter(torch.randn(width).repeat(slots, 1))),
    "All your keys start as the same random row, so at first no slot is asked more than another. Draw a row for each slot.")
mistakes.add("KeyIsPlain", but(new_key=lambda self, *sizes: torch.randn(sizes)),
    "Your key is a plain tensor, so no optimizer will find it. `nn.Parameter` makes a tensor one that is learned.")
mistakes.add("ValuesAsLargeAsKeys", but(new_value=InSteps.new_key),
    "Your values start as large as the keys. Let them start as a tenth of standard normal numbers, so that they first get the mean right.")
mistakes.add("KeysAsSmallAsValues", but(new_key=InSteps.new_value),
    "Your keys start as small as the values. Let them start as standard normal numbers; only the values start as a tenth of such.")
mistakes.add("ValuesOfZero", but(new_value=lambda self, *sizes: nn.Parameter(torch.zeros(sizes))),
    "Your values all start as zeros. Start them as a tenth of standard normal numbers, so that slots differ in what they answer, too.")
mistakes.add("KeysOfZero", but(new_key=lambda self, *sizes: nn.Parameter(torch.zeros(sizes))),
    "Your keys all start as zeros, so at first no slot is asked more than another. Start them as standard normal numbers.")
mistakes.add("KeysPositive", but(new_key=lambda self, *sizes: nn.Parameter(torch.rand(sizes))),
    "Your keys start with positive numbers only, so all of them point the same way. `torch.randn` gives both signs, `torch.rand` does not.")
mistakes.add("ValuesPositive", but(new_value=lambda self, *sizes: nn.Parameter(0.1 * torch.rand(sizes))),
    "Your values start with positive numbers only. `torch.randn` gives both signs, `torch.rand` does not.")

@mistakes.program("Every dictionary of yours starts with the same numbers: `torch.manual_seed` stands in `__init__`. Leave the seed to whoever makes the dictionary, or five seeds are one.")
class SeedOfItsOwn(InSteps):
    def __init__(self, *sizes):
        torch.manual_seed(0)
        super().__init__(*sizes)

mistakes.add("StartsPositive", start(torch.rand),
    "Your numbers start positive, all of them, so all keys point the same way. `torch.randn` gives both signs, `torch.rand` does not.")
mistakes.add("NotScaled", but(scores=lambda self, query: query @ self.key.mT),
    "Your scores are not divided by √d_query: with wide queries they are large, and the softmax starts nearly hard.")
mistakes.add("NotTransposed", but(scores=lambda self, query: query @ self.key / self.key.size(1) ** 0.5),
    "`query @ self.key` does not fit: the key has a row for each slot, and each query meets every *row*.")
mistakes.add("ScaledByTheWidth", but(scores=lambda self, query: query @ self.key.mT / self.key.size(1)),
    "You divide the scores by d_query. Divide by its square root.")
mistakes.add("ScaledByTheSlots", but(scores=lambda self, query: query @ self.key.mT / len(self.key) ** 0.5),
    "You divide the scores by the root of the number of slots. It is the width of the query that makes them large: √d_query.")
mistakes.add("ScaledByTheQueries", but(scores=lambda self, query: query @ self.key.mT / len(query) ** 0.5),
    "You divide the scores by the root of the number of queries, `len(query)`. It is their width that makes the scores large: √d_query.")
mistakes.add("ScaledByTheValues", but(scores=lambda self, query: query @ self.key.mT / self.value.size(1) ** 0.5),
    "You divide the scores by the root of the width of a value. It is the width of the query that makes them large: √d_query.")
mistakes.add("ScaledByRootTwo", but(scores=lambda self, query: query @ self.key.mT / 2**0.5),
    "You divide the scores by √2. That was the width of the six words' queries; divide by the root of this query's width.")
mistakes.add("ValueIsAProduct", but(new_value=lambda self, *sizes: 0.1 * nn.Parameter(torch.randn(sizes))),
    "Your value is no parameter, so no optimizer will find it (a product with a parameter is none either). Scale the numbers first, and give the result to `nn.Parameter`.")

@mistakes.program("Your parameters are called keys and values. Name them in the singular, as the task does: `key` and `value`.")
class OtherNames(nn.Module):
    def __init__(self, slots, d_query, d_value):
        super().__init__()
        self.keys = nn.Parameter(torch.randn(slots, d_query))
        self.values = nn.Parameter(0.1 * torch.randn(slots, d_value))

    def forward(self, query):
        return torch.softmax(query @ self.keys.mT / self.keys.size(1) ** 0.5, -1) @ self.values

mistakes.add("Multiplied", but(scores=lambda self, query: query @ self.key.mT * self.key.size(1) ** 0.5),
    "You multiply the scores by √d_query. Divide by it.")
mistakes.add("WeightsScaled",
    but(weights=lambda self, query: (query @ self.key.mT).softmax(-1) / self.key.size(1) ** 0.5),
    "You divide the weights by √d_query, after the softmax. It is the scores that are divided, before it.")
mistakes.add("SoftmaxOverQueries", but(weights=lambda self, query: self.scores(query).softmax(0)),
    "Your weights sum to one over the queries. Each query shares out its own vote: they should sum to one over the slots.")
mistakes.add("NoSoftmax", but(weights=InSteps.scores),
    "You weigh the values by their scores. Turn the scores into weights first, positive and with sum one.")
mistakes.add("Nearest",
    but(weights=lambda self, query: F.one_hot(self.scores(query).argmax(-1), len(self.key)).to(query.dtype)),
    "Only the best slot answers. Then nothing can be learned through the choice: let every slot speak, in proportion to its match.")
mistakes.add("Detached", but(scores=lambda self, query: query @ self.key.detach().mT / self.key.size(1) ** 0.5),
    "The answers are right, but no gradient reaches `key`: something cuts the graph (detach, .data, no_grad).")
mistakes.add("ReturnsWeightsToo",
    but(forward=lambda self, query: (self.weights(query) @ self.value, self.weights(query))),
    "Your `forward` returns a pair. It should return the context (B, d_value) alone.")
mistakes.add("ReturnsWeights", but(forward=InSteps.weights),
    "Your `forward` returns the weights. They are still to be multiplied with the values.")


ALL = ["query", "key", "value"]
SIZES = (5, 3, 4)  # all sizes of a case differ, and none is 2, so that no two mistakes coincide
exercise = Exercise(
    reference=SoftDictionary,
    use=modules.soft_dictionary,
    cases=[
        Case("what it is made of: 5 slots, queries of width 3, values of width 4", sizes=SIZES),
        Case("how 400 slots start", sizes=(400, 12, 9)),
        Case("by hand: three slots, one query",
            sizes=(3, 1, 1), query=tensor([[1.0]]), key=tensor([[math.log(3)], [0.0], [0.0]]),
            value=tensor([[10.0], [20.0], [30.0]])),
        Case("several queries", sizes=SIZES, query=normal(6, 3), key=normal(5, 3), value=normal(5, 4)),
        Case("as many queries as slots", sizes=(4, 4, 4), query=normal(4, 4), key=normal(4, 4), value=normal(4, 4)),
        Case("gradients", grad=ALL, sizes=(6, 4, 3), query=normal(5, 4), key=normal(6, 4), value=normal(6, 3)),
        Case("64-bit numbers", grad=ALL, sizes=(5, 4, 3),  # the root of 4 is the same in 32 bits
            query=normal(7, 4, dtype=float64), key=normal(5, 4, dtype=float64), value=normal(5, 3, dtype=float64)),
        Case("scores in the thousands",
            sizes=SIZES, query=normal(6, 3, scale=1000), key=normal(5, 3), value=normal(5, 4)),
        Case("one slot", sizes=(1, 3, 4), query=normal(5, 3), key=normal(1, 3), value=normal(1, 4)),
    ],
    variants=[WithScaledDotProductAttention, ByHand],
    mistakes=mistakes,
    points=3,
)
