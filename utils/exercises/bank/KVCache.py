"""What a model that writes one token at a time has already seen: a dictionary that grows."""

import math

import torch
from torch import tensor
from torch.nn import functional as F

from utils.attempts.uses import caches

from ..exercise import Case, Exercise, Mistakes, normal, replacing


class KVCache:
    """Keys and values (B, H, T, D) of the tokens so far: append adds n more, attend looks up with the last n queries.

    The last query stands at the cache's last token; each sees the tokens up to its own.
    """

    def __init__(self):
        self.key = self.value = None

    def append(self, key, value):
        """Add the keys (B, H, n, D) and values (B, H, n, Dv) of n further tokens."""
        self.key = key if self.key is None else torch.cat([self.key, key], 2)  # (B, H, T, D)
        self.value = value if self.value is None else torch.cat([self.value, value], 2)  # (B, H, T, Dv)

    def attend(self, query):
        """The context (B, H, n, Dv) of query (B, H, n, D)."""
        n, T = query.size(2), self.key.size(2)
        mask = torch.ones(n, T, dtype=torch.bool).tril(T - n)
        scores = query @ self.key.mT / math.sqrt(query.size(-1))  # (B, H, n, T)
        return scores.masked_fill(~mask, -math.inf).softmax(-1) @ self.value  # (B, H, n, Dv)


def places(n, T):
    """How far behind a query each key stands (n, T); below zero: ahead."""
    return torch.arange(T - n, T)[:, None] - torch.arange(T)


class InSteps:
    """The same, in steps that a mistake can replace."""

    def __init__(self):
        self.key = self.value = None

    def append(self, key, value):
        self.key, self.value = self.grown(self.key, key), self.grown(self.value, value)

    def grown(self, old, new):
        return new if old is None else self.joined(old, new)

    def joined(self, old, new):
        return torch.cat([old, new], 2)

    def attend(self, query):
        return self.answer(self.weights(self.scores(query), self.seen(query.size(2), self.key.size(2))) @ self.value)

    def scores(self, query):
        return query @ self.key.mT / self.scale(query.size(-1))

    def scale(self, d):
        return math.sqrt(d)

    def seen(self, n, T):
        return places(n, T) >= 0

    def weights(self, scores, seen):
        return scores.masked_fill(~seen, -math.inf).softmax(-1)

    def answer(self, context):
        return context


# Right, and written differently

class PiecesInLists:
    def __init__(self):
        self.keys, self.values = [], []

    def append(self, key, value):
        self.keys.append(key)
        self.values.append(value)

    def attend(self, query):
        key, value = torch.cat(self.keys, dim=-2), torch.cat(self.values, dim=-2)
        length = key.shape[-2]
        whole = torch.ones(length, length).tril().bool()
        return F.scaled_dot_product_attention(query, key, value, attn_mask=whole[length - query.shape[-2] :])

class RoomThatDoubles:
    def __init__(self):
        self.length, self.rooms = 0, None

    def append(self, key, value):
        end = self.length + key.size(2)
        if self.rooms is None or end > self.rooms[0].size(2):
            rooms = [new.new_empty(*new.shape[:2], 2 * end, new.size(3)) for new in (key, value)]
            for room, old in zip(rooms, self.rooms or [], strict=False):
                room[:, :, : self.length] = old[:, :, : self.length]
            self.rooms = rooms
        for room, new in zip(self.rooms, (key, value), strict=True):
            room[:, :, self.length : end] = new
        self.length = end

    def attend(self, query):
        key, value = (room[:, :, : self.length] for room in self.rooms)
        scores = torch.einsum("bhid,bhjd->bhij", query, key) * query.size(3) ** -0.5
        ahead = torch.full(scores.shape[-2:], -math.inf, dtype=scores.dtype).triu(self.length - query.size(2) + 1)
        return torch.einsum("bhij,bhjd->bhid", (scores + ahead).softmax(-1), value)

class QueryByQuery:
    def __init__(self):
        self.tokens = []  # a (key, value) for each, both (B, H, D)

    def append(self, key, value):
        self.tokens += list(zip(key.unbind(2), value.unbind(2), strict=True))
        return self

    def attend(self, query):
        answers, before = [], len(self.tokens) - query.size(2)
        for i, one in enumerate(query.unbind(2)):
            keys, values = (torch.stack(part, -1) for part in zip(*self.tokens[: before + i + 1], strict=True))
            weights = ((one[..., None] * keys).sum(2) / math.sqrt(one.size(-1))).softmax(-1)
            answers.append((weights[:, :, None] * values).sum(-1))
        return torch.stack(answers, 2)

class SideBySide(torch.nn.Module):
    def append(self, key, value):
        new = torch.cat([key, value], -1)
        self.register_buffer("both", torch.cat([getattr(self, "both", new[:, :, :0]), new], 2))

    def attend(self, query):
        key, value = self.both.tensor_split([query.size(-1)], -1)
        n, T = query.size(2), key.size(2)
        seen = torch.arange(T) <= torch.arange(T - n, T)[:, None]
        exps = torch.exp((query / query.size(-1) ** 0.5) @ key.transpose(2, 3)) * seen
        return exps @ value / exps.sum(-1, keepdim=True)


# Wrong

but = replacing(InSteps)
mistakes = Mistakes()

mistakes.add("SeesTheFuture", but(seen=lambda self, n, T: torch.ones(n, T, dtype=torch.bool)),
    "Your queries see all tokens of the cache. Where a piece has several tokens, those behind a query are its future: hide them.")
mistakes.add("TriangleFromTheTop", but(seen=lambda self, n, T: torch.ones(n, T, dtype=torch.bool).tril()),
    "Your triangle begins at the cache's first token, so a query that comes late sees only the beginning. The last query stands at the last token: by how many places does the diagonal move?")
mistakes.add("TriangleFromTheTopForSeveral",
    but(seen=lambda self, n, T: torch.ones(n, T, dtype=torch.bool).tril() if n > 1 else places(n, T) >= 0),
    "Your triangle begins at the cache's first token as soon as there are several queries. The last of them stands at the last token: by how many places does the diagonal move?")
mistakes.add("MaskOfTheNewTokens", but(seen=lambda self, n, T: torch.ones(n, n, dtype=torch.bool).tril()),
    "Your mask is (n, n), as if the new tokens were all there is. Each query has a score for every token of the cache: (n, T).")
mistakes.add("MaskOfAllTokens", but(seen=lambda self, n, T: torch.ones(T, T, dtype=torch.bool).tril()),
    "Your mask has a row for each token of the cache. Only n of them ask, the last ones: (n, T).")
mistakes.add("FirstPieceOnlyIsMasked",
    but(seen=lambda self, n, T: (places(n, T) >= 0) | torch.tensor(n < T)),
    "Your first piece is masked, the later ones are not. A piece of several tokens that comes after others has a future to be hidden, too.")
mistakes.add("OneAhead", but(seen=lambda self, n, T: places(n, T) >= -1),
    "Your queries see one token too far. The token after a query's own is what it has to predict.")
# who sees nothing gets NaN, zeros or the mean of all values, as the scores happen to be hidden
for name, weights in {
    "": InSteps.weights,
    "ToZero": lambda self, scores, seen: scores.masked_fill(~seen, -math.inf).softmax(-1).nan_to_num(0),
    "ToTheMean": lambda self, scores, seen: scores.masked_fill(~seen, -1e9).softmax(-1),
}.items():
    mistakes.add(f"TriangleMovedTheWrongWay{name}",
        but(seen=lambda self, n, T: torch.ones(n, T, dtype=torch.bool).tril(n - T), weights=weights),
        "Your triangle is moved the wrong way, so that late queries see nothing, or little. There are T - n tokens that even the first query of a piece may see.")
    mistakes.add(f"NotItself{name}", but(seen=lambda self, n, T: places(n, T) > 0, weights=weights),
        "Your queries do not see their own token, and the first one sees nothing. Each sees the tokens up to its own, with it.")
    mistakes.add(f"MaskInverted{name}", but(seen=lambda self, n, T: places(n, T) < 0, weights=weights),
        "Your mask is turned round: what is hidden is the past, and what is seen the future. `masked_fill` fills where its mask is True, `scaled_dot_product_attention` looks there.")
mistakes.add("HiddenScoresAreZero", but(weights=lambda self, scores, seen: scores.masked_fill(~seen, 0.0).softmax(-1)),
    "Your hidden scores become 0, and after the softmax they have a weight like any other. Which score has a weight of zero?")
mistakes.add("MaskAfterTheSoftmax", but(weights=lambda self, scores, seen: scores.softmax(-1) * seen),
    "Your mask comes after the softmax, so the weights that are left do not sum to one. Hide scores, before the softmax.")
mistakes.add("NewTokensAlone", but(joined=lambda self, old, new: new),
    "Your answers come from the last piece alone: in append the new keys and values take the place of the old ones, or attend looks at the last n of them only. Put the new ones behind what is there, and look in all of it.")

mistakes.add("FirstPieceAlone", but(joined=lambda self, old, new: old),
    "Your cache keeps its first piece alone. `torch.cat` changes nothing that it is given: what it returns has to be kept, on `self`.")

def values_forgotten(self, key, value):
    self.key = self.grown(self.key, key)
    self.value = value if self.value is None else self.value

def values_overwritten(self, key, value):
    self.key, self.value = self.grown(self.key, key), value

def keys_overwritten(self, key, value):
    self.key, self.value = key, self.grown(self.value, value)

def by_pytorch(self, query):
    mask = self.seen(query.size(2), self.key.size(2))
    return F.scaled_dot_product_attention(query, self.key, self.value, attn_mask=mask)

for name, attend in {"": InSteps.attend, "ByPyTorch": by_pytorch}.items():  # which raise other errors
    mistakes.add(f"ValuesForgotten{name}", but(append=values_forgotten, attend=attend),
        "Your values do not grow with the keys: those of the first piece are all that there is. Each token has a key and a value.")
    mistakes.add(f"ValuesOverwritten{name}", but(append=values_overwritten, attend=attend),
        "Your values do not grow with the keys: only those of the last piece are there. Each token has a key and a value.")
mistakes.add("KeysOverwritten", but(append=keys_overwritten),
    "Your keys do not grow with the values: only those of the last piece are there. Each token has a key and a value.")
mistakes.add("NothingToBeginWith", but(grown=lambda self, old, new: torch.cat([old, new], 2)),
    "Your first piece is joined to None, and `torch.cat` takes tensors. There is nothing to be joined to yet: keep the piece as it is.")

@mistakes.program("Your first piece is not kept: the cache is made when it comes, and grows only from the second one on.")
class FirstPieceLost(InSteps):
    def grown(self, old, new):
        return new[:, :, :0] if old is None else torch.cat([old, new], 2)

mistakes.add("BeginsWithZeros",
    but(grown=lambda self, old, new: torch.cat([torch.zeros_like(new[:, :, :1]) if old is None else old, new], 2)),
    "Your cache begins with a key and a value of zeros, which no token has put there, and which takes its share of the weights. Begin with nothing.")
mistakes.add("LastTokenOfAPiece",
    but(append=lambda self, key, value: InSteps.append(self, key[:, :, -1:], value[:, :, -1:])),
    "Your cache keeps the last token of each piece alone. A piece may have several, a prompt for one: keep them all.")
mistakes.add("NewOnesInFront", but(joined=lambda self, old, new: torch.cat([new, old], 2)),
    "Your new tokens stand in front of the old ones, so the mask counts them from the wrong end. Put them behind.")
mistakes.add("JoinedAlongTheBatch", but(joined=lambda self, old, new: torch.cat([old, new])),
    "Your pieces are joined along the batch, which is where `torch.cat` joins if nothing is said. Tokens are axis 2 of (B, H, T, D).")
mistakes.add("JoinedAlongTheHeads", but(joined=lambda self, old, new: torch.cat([old, new], 1)),
    "Your pieces are joined along the heads. Tokens are axis 2 of (B, H, T, D).")
mistakes.add("JoinedAlongTheWidth", but(joined=lambda self, old, new: torch.cat([old, new], -1)),
    "Your pieces are joined along the width, so that keys become longer and not more. Tokens are axis 2 of (B, H, T, D).")
mistakes.add("Added", but(joined=lambda self, old, new: old + new),
    "Your new keys and values are added to the old ones, number by number. Put them behind, as further tokens: `torch.cat`.")
mistakes.add("ValueFirst", but(append=lambda self, key, value: InSteps.append(self, value, key)),
    "Your keys and values have changed places. A query is compared with the keys, and what it brings back is made of the values.")
mistakes.add("ContextOfKeys", but(append=lambda self, key, value: InSteps.append(self, key, key)),
    "Your context is made of keys. Those are for matching; what is carried away are the values.")
mistakes.add("NotScaled", but(scale=lambda self, d: 1.0),
    "Your scores are not scaled. Divide them by the square root of the width of query and key.")
mistakes.add("DividedByTheWidth", but(scale=lambda self, d: d),
    "Your scores are divided by the width of query and key. It is its square root that keeps their size.")
mistakes.add("RootOfTheValuesWidth", but(scale=lambda self, d: math.sqrt(self.value.size(-1))),
    "Your scores are divided by the root of the values' width. It is queries and keys that are multiplied: take theirs.")
mistakes.add("RootOfTheTokens", but(scale=lambda self, d: math.sqrt(self.key.size(2))),
    "Your scores are divided by the root of the number of tokens. A score is a sum over the width of a key: take that.")
mistakes.add("SoftmaxOverTheQueries",
    but(weights=lambda self, scores, seen: scores.masked_fill(~seen, -math.inf).softmax(-2)),
    "Your softmax runs over the queries. Each query shares out its own vote over the keys: the last axis.")
mistakes.add("NoSoftmax", but(weights=lambda self, scores, seen: scores.masked_fill(~seen, 0.0)),
    "Your values are weighed by the scores as they are. A softmax over the keys makes weights of them.")
mistakes.add("LastQueryAlone", but(attend=lambda self, query: InSteps.attend(self, query[:, :, -1:])),
    "Your answer is that of the last query alone. Every query of a piece has one of its own: (B, H, n, Dv).")
mistakes.add("LastAnswerForAll",
    but(attend=lambda self, query: InSteps.attend(self, query[:, :, -1:]).expand(-1, -1, query.size(2), -1)),
    "Your answer is that of the last query, repeated for all. Every query of a piece has one of its own.")
mistakes.add("ReturnsNothing", but(answer=lambda self, context: None),
    "Your attend returns nothing. Is there a `return` in it?")
mistakes.add("HeadsMerged", but(answer=lambda self, context: context.transpose(1, 2).flatten(2)),
    "Your heads are merged, (B, n, H · Dv). Who calls the cache does that: keep them apart here, (B, H, n, Dv).")

@mistakes.program("Your attend returns something beside the context. Return the context (B, H, n, Dv) alone.")
class WeightsToo(InSteps):
    def attend(self, query):
        weights = self.weights(self.scores(query), self.seen(query.size(2), self.key.size(2)))
        return weights @ self.value, weights

@mistakes.program("Your attend puts the last piece into the cache once more. Looking up changes nothing: leave that to append.")
class AppendsWhenAsked(InSteps):
    def append(self, key, value):
        self.piece = key, value
        super().append(key, value)

    def attend(self, query):
        answer = super().attend(query)
        super().append(*self.piece)
        return answer

@mistakes.program("Your pieces are joined again at each lookup, and stay in the list beside the whole, so that old tokens are there twice. Keep the pieces or the whole, not both.")
class PiecesJoinedAgain(InSteps):
    def append(self, key, value):
        self.pieces = [*getattr(self, "pieces", []), (key, value)]

    def attend(self, query):
        for piece in self.pieces:
            super().append(*piece)
        return super().attend(query)

@mistakes.program("Your caches all share one store, so that one layer finds the keys of another. What stands in the class, or in a default argument, is made once: make it in `__init__`, on `self`.")
class OneForAll(InSteps):
    key = value = None

    def __init__(self):
        pass

    def append(self, key, value):
        kind = type(self)
        kind.key, kind.value = self.grown(kind.key, key), self.grown(kind.value, value)

ROUNDED = "Your cache holds numbers of 32 bits, whatever it is given. Room of the right kind is made by `key.new_empty(…)`, or with `dtype=key.dtype`."
mistakes.add("In32Bits", but(append=lambda self, key, value: InSteps.append(self, key.float(), value.float())),
    ROUNDED)
mistakes.add("RoundedTo32Bits",
    but(append=lambda self, key, value: InSteps.append(self, key.float().to(key.dtype), value.float().to(key.dtype))),
    ROUNDED)


def text(B, H, pieces, D, Dv, dtype=torch.float32):
    T = sum(pieces)
    widths = {"query": D, "key": D, "value": Dv}
    return {name: normal(B, H, T, width, dtype=dtype) for name, width in widths.items()} | {"pieces": pieces}


LOG_3 = 2 * math.log(3)  # over √4
exercise = Exercise(
    reference=KVCache,
    use=caches.in_pieces,
    cases=[
        Case("two tokens, one after the other, by hand: weights 1/4 and 3/4", pieces=[1, 1],
            query=tensor([[[[1.0, 0, 0, 0], [0, 1, 0, 0]]]]), key=tensor([[[[1.0, 0, 0, 1], [0, LOG_3, 1, 0]]]]),
            value=tensor([[[[4.0, 0, 1, 0], [8, 4, 0, 1]]]])),
        Case("one token, then another", **text(1, 1, [1, 1], 5, 5)),
        Case("a prompt of four", **text(1, 2, [4], 3, 3)),
        Case("a prompt, then one by one", **text(2, 3, [3, 1, 1, 1], 4, 4)),
        Case("a prompt, then another", **text(1, 2, [4, 3], 5, 5)),
        Case("three prompts, one after the other", **text(3, 2, [5, 2, 3], 4, 4)),
        Case("sixteen tokens, one by one", **text(1, 2, [1] * 16, 3, 3)),
        Case("values wider than keys", **text(2, 3, [5, 2, 1], 4, 7)),
        Case("values narrower than keys", **text(2, 1, [2, 3], 6, 4)),
        Case("64-bit numbers", **text(2, 4, [3, 2, 1, 1], 3, 5, dtype=torch.float64)),
    ],
    variants=[PiecesInLists, RoomThatDoubles, QueryByQuery, SideBySide],
    mistakes=mistakes,
    points=3,
)  # fmt: skip
