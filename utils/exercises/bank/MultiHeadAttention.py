"""Attention in several heads, as a module with parameters."""

import math

import torch
from torch import nn, tensor

from utils.attempts.uses import modules
from utils.attention import reference
from utils.models import MultiHeadAttention, merge_heads, split_heads

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing
from . import wrong_weights as wrong

# Right, and written differently

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


# Wrong

MAPS = ["W_q", "W_k", "W_v", "W_o"]

def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)

class InSteps(nn.Module):
    """The same as MultiHeadAttention, in steps that a mistake can replace one at a time."""

    def __init__(self, d_model, heads):
        super().__init__()
        self.heads = heads
        for name, part in self.parts(d_model, heads).items():
            setattr(self, name, part)

    def forward(self, query, key, value, mask=None):
        query, key, value = (self.split(x) for x in self.project(query, key, value))
        weights = self.weigh(self.score(query, key), self.spread(mask))
        return self.answer(self.join(weights @ value), weights)

    def parts(self, d_model, heads):
        return {name: linear(d_model, d_model) for name in MAPS}

    def project(self, query, key, value):
        return self.W_q(query), self.W_k(key), self.W_v(value)

    def split(self, x):
        return split_heads(x, self.heads)

    def score(self, query, key):
        return query @ key.mT / math.sqrt(query.size(-1))

    def spread(self, mask):
        return mask if mask is None else mask.unsqueeze(-3)

    def weigh(self, scores, mask):
        return wrong.right(scores, mask)

    def join(self, context):
        return merge_heads(context)

    def answer(self, context, weights):
        return self.W_o(context), weights

but = replacing(InSteps)

def weighing(weigh):
    """With other weights (scores, mask)."""
    return but(weigh=staticmethod(weigh))

mistakes = Mistakes()

mistakes.add("Biases", but(parts=lambda self, D, heads: {name: nn.Linear(D, D) for name in MAPS}),
    "Your maps have biases. Here all four are without: `nn.Linear(…, bias=False)`.")
mistakes.add("BiasAtTheEnd",
    but(parts=lambda self, D, heads: {name: nn.Linear(D, D, bias=name == "W_o") for name in MAPS}),
    "Your `W_o` has a bias. Here all four maps are without.")
mistakes.add("MapsAsMatrices",
    but(parts=lambda self, D, heads: {name: nn.Parameter(torch.randn(D, D)) for name in MAPS}),
    "Your maps are bare matrices. Make each an `nn.Linear` without bias, so that its parameter is called `W_q.weight` and so on.")
mistakes.add("MapsInAList", but(parts=lambda self, D, heads: {"maps": [linear(D, D) for _ in MAPS]}),
    "Your maps are in a plain list, where PyTorch does not see them: no optimizer finds them. Make them attributes: `self.W_q = nn.Linear(…)`, and so on.")
mistakes.add("OneMapForThree",
    but(parts=lambda self, D, heads: {"W_qkv": linear(D, 3 * D), "W_o": linear(D, D)}),
    "Your query, key and value share one wide map. That is often done; here each has a map of its own, `W_q`, `W_k` and `W_v`, since they may come from different inputs.")
mistakes.add("MapsOfOneHead",
    but(parts=lambda self, D, heads: {name: linear(D, D // heads) for name in MAPS} | {"W_o": linear(D // heads, D)}),
    "Your maps lead to the width of one head. One map serves all heads at once: from d_model to d_model, cut up afterwards.")
mistakes.add("NoOutputMapAtAll",
    but(parts=lambda self, D, heads: {name: linear(D, D) for name in MAPS[:3]}, answer=lambda self, c, w: (c, w)),
    "Your module has no `W_o`. The merged heads go through one more linear map.")
mistakes.add("NoOutputMap", but(answer=lambda self, c, w: (c, w)),
    "Your merged heads are returned as they are. They go through `W_o` first, which mixes them.")

def split_by_reshape(self, x):
    return x.reshape(x.size(0), self.heads, x.size(1), -1)

def joined_by_reshape(self, context):
    return context.reshape(context.size(0), context.size(2), -1)

mistakes.add("SplitByReshape", but(split=split_by_reshape),
    "Your heads are cut from memory in one reshape, so they get parts of the steps instead of parts of the width. `split_heads` does it rightly.")
mistakes.add("MergedByReshape", but(join=joined_by_reshape),
    "Your heads are merged by a reshape alone, so a step gets numbers of other steps. `merge_heads` swaps the axes back first.")
mistakes.add("SplitAndMergedByReshape", but(split=split_by_reshape, join=joined_by_reshape),
    "Your heads are cut and merged by reshapes alone. That fits together, but each head saw parts of the steps instead of parts of the width: `split_heads` and `merge_heads` swap two axes.")
mistakes.add("EveryOtherColumn",
    but(split=lambda self, x: x.reshape(*x.shape[:2], -1, self.heads).permute(0, 3, 1, 2)),
    "Your heads take turns in the columns. Each gets a run of neighbouring ones, as `split_heads` gives them.")
mistakes.add("OneHead", but(split=lambda self, x: split_heads(x, 1)),
    "Your width is not divided: there is one head, whatever `heads` says.")

@mistakes.program("Your axis of heads stands where that of time should: the heads of a step attend to each other, and no step to another.")
class HeadsAndTimeSwapped(InSteps):
    def split(self, x):
        return x.unflatten(-1, (self.heads, -1))  # (B, T, heads, Dh): each step's heads attend to each other

    def spread(self, mask):
        return None

    def join(self, context):
        return context.flatten(2)

mistakes.add("NotScaled", but(score=lambda self, q, k: q @ k.mT),
    "Your scores are not scaled. Divide by the root of the width of one head; your `scaled_dot_product` does.")
mistakes.add("ScaledByTheModelsWidth", but(score=lambda self, q, k: q @ k.mT / math.sqrt(self.heads * q.size(-1))),
    "Your scores are divided by the root of d_model. A head multiplies vectors of width d_model / heads: that is the width that counts.")
mistakes.add("DividedByTheWidth", but(score=lambda self, q, k: q @ k.mT / q.size(-1)),
    "Your scores are divided by the width of a head. Divide by its square root.")
mistakes.add("ScaledByTheNumberOfHeads", but(score=lambda self, q, k: q @ k.mT / math.sqrt(self.heads)),
    "Your scores are divided by the root of the number of heads. It is the width of one head that counts.")
mistakes.add("QueryAttendsToItself", but(project=lambda self, q, k, v: (self.W_q(q), self.W_k(q), self.W_v(q))),
    "Your keys and values come from `query`. That is right where a sequence attends to itself; here `key` and `value` may be another one.")
mistakes.add("ValueFromTheKey", but(project=lambda self, q, k, v: (self.W_q(q), self.W_k(k), self.W_v(k))),
    "Your values come from `key`. They come from `value`, which may be something else.")
mistakes.add("KeyFromTheValue", but(project=lambda self, q, k, v: (self.W_q(q), self.W_k(v), self.W_v(v))),
    "Your keys come from `value`. They come from `key`, which may be something else.")
mistakes.add("RolesSwapped", but(project=lambda self, q, k, v: (self.W_k(q), self.W_q(k), self.W_v(v))),
    "Your `W_q` is used on the keys and your `W_k` on the query. Each has the map that bears its name.")
mistakes.add("OneMapForAll", but(project=lambda self, q, k, v: (self.W_q(q), self.W_q(k), self.W_q(v))),
    "Your query, key and value all go through `W_q`. Each has a map of its own.")
mistakes.add("NothingProjected", but(project=lambda self, q, k, v: (q, k, v)),
    "Your heads get the inputs as they come. Project them first, with `W_q`, `W_k` and `W_v`.")
mistakes.add("ValueNotProjected", but(project=lambda self, q, k, v: (self.W_q(q), self.W_k(k), v)),
    "Your values are not projected. They go through `W_v` before they are dealt out to the heads.")
mistakes.add("SoftmaxOverQueries", weighing(wrong.over_queries),
    "Your weights sum to one over the queries. Each query shares out its own vote: they should sum to one over the keys.")

@mistakes.program("Your weights sum to one over the heads. In each head, each query shares out a whole vote over the keys.")
class SoftmaxOverHeads(InSteps):
    def weigh(self, scores, mask):
        return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(1).nan_to_num(0)

mistakes.add("NoSoftmax", weighing(wrong.no_softmax),
    "Your values are weighed by their scores. Turn the scores into weights first, positive and with sum one.")
mistakes.add("MaskInverted", weighing(wrong.mask_inverted),
    "Your mask hides the keys where it is True. In this course True means 'may attend'.")
mistakes.add("MaskInvertedAndNan", weighing(wrong.mask_inverted_and_nan),
    "Your mask hides the keys where it is True. In this course True means 'may attend'. And who sees nothing gets NaN instead of zeros.")
mistakes.add("MaskIgnored", weighing(wrong.mask_ignored),
    "Your hidden keys have a say: `mask` is not used yet, or what came of it is thrown away.")
mistakes.add("MaskWithoutAnAxis", but(spread=lambda self, mask: mask),
    "Your mask (B, Tq, Tk) meets scores (B, heads, Tq, Tk) as it is, so its batch is taken for the heads. Give it an axis for them: it is the same for every head.")
mistakes.add("MaskAlwaysHasABatch", but(spread=lambda self, mask: mask if mask is None else mask.unsqueeze(1)),
    "Your mask gets its new axis at place 1. A mask (Tq, Tk) has no batch axis in front, so that place is another one there: count it from the end.")

@mistakes.program("Your attention remembers the mask of an earlier call. A call without a mask hides nothing, whatever was hidden before.")
class MaskIsRemembered(InSteps):
    seen = None

    def spread(self, mask):
        if mask is not None:
            self.seen = super().spread(mask)
        return self.seen

mistakes.add("MaskOfNothingIgnored",
    weighing(lambda scores, mask: wrong.right(scores, None if mask is None or not mask.any() else mask)),
    "Your mask counts for nothing where it hides everything. Then every query gets zeros.")
mistakes.add("MaskAfterSoftmax", weighing(wrong.mask_after_softmax),
    "Your mask is applied after the softmax, so the weights that are left no longer sum to one. Hide the keys before it.")
mistakes.add("EmptyRowIsNan", weighing(wrong.empty_row_is_nan),
    "Your query that may attend to nothing gets NaN. Give it zeros: nothing was found. Your `scaled_dot_product` does.")
mistakes.add("EmptyRowIsTheMean", weighing(wrong.empty_row_is_the_mean),
    "Your query that may attend to nothing gets the mean of all values. Give it zeros: nothing was found. Your `scaled_dot_product` does.")

@mistakes.program("Your attention never looks ahead. It should do so when the mask says so, and not on its own account.")
class AlwaysCausal(InSteps):
    def weigh(self, scores, mask):
        order = reference.causal_mask(*scores.shape[-2:])
        return super().weigh(scores, order if mask is None else mask & order)

mistakes.add("MeanOfTheHeads", but(join=lambda self, context: context.mean(1).repeat(1, 1, self.heads)),
    "Your heads are averaged, so what they found apart is mixed again. They go side by side: `merge_heads`.")
mistakes.add("LastHeadFirst", but(join=lambda self, context: merge_heads(context.flip(1))),
    "Your heads are merged in reverse order. The first head's columns come first.")
mistakes.add("WeightsAveraged", but(answer=lambda self, context, weights: (self.W_o(context), weights.mean(1))),
    "Your weights are averaged over the heads. Return those of each head: (B, heads, Tq, Tk).")
mistakes.add("WeightsFirst", but(answer=lambda self, context, weights: (weights, self.W_o(context))),
    "Your two results are right and in the other order. Return the context first, then the weights.")
mistakes.add("ContextAlone", but(answer=lambda self, context, weights: self.W_o(context)),
    "Your `forward` returns the context alone. Return the weights with it, so that one can look at them.")

@mistakes.program("Your context has the query added to it. That comes later, around the attention; the lookup itself returns what it found.")
class ResidualAdded(InSteps):
    def forward(self, query, key, value, mask=None):
        context, weights = super().forward(query, key, value, mask)
        return query + context, weights

mistakes.add("WeightsDetached", weighing(wrong.detached),
    "Your values are right, but the weights are cut off from the graph before the context, so nothing learns where to look.")
mistakes.add("ReturnsDetachedWeights", but(answer=lambda self, context, weights: (self.W_o(context), weights.detach())),
    "Your context is right, but the weights that you return are cut off from the graph. Return them as they are; who draws them can detach them.")


def given(B, Tq, Tk, d_model, heads, dtype=torch.float32, **more):
    """Inputs of a module of that size, and the four maps that replace its own."""
    tensors = {"query": (B, Tq, d_model), "key": (B, Tk, d_model), "value": (B, Tk, d_model)}
    drawn = {name: normal(*shape, dtype=dtype) for name, shape in tensors.items()}
    maps = {f"{name}.weight": normal(d_model, d_model, scale=d_model**-0.5, dtype=dtype) for name in MAPS}
    return {"sizes": (d_model, heads)} | drawn | maps | more

def visible(*shape):
    """A random mask: the first query sees nothing, the second everything, the others the first key and not the last."""

    def draw(generator):
        mask = torch.rand(shape, generator=generator) < 0.6
        mask[..., 0], mask[..., -1] = True, False
        mask[..., 0, :], mask[..., 1, :] = False, True
        return mask

    return Draw(draw)

def by_hand():
    """Width 2 in two heads: the first matches first columns, the second has scores of 0, so it takes the mean."""
    query = tensor([[[100.0, 1.0]]])
    key, value = tensor([[[1.0, 5.0], [-1.0, 5.0]]]), tensor([[[3.0, 10.0], [7.0, 20.0]]])
    maps = {f"{name}.weight": torch.eye(2) for name in MAPS} | {"W_k.weight": tensor([[1.0, 0.0], [0.0, 0.0]])}
    return {"sizes": (2, 2), "query": query, "key": key, "value": value} | maps

def same_sequence(generator):
    return dict.fromkeys(["query", "key", "value"], torch.randn(2, 5, 8, generator=generator))


ALL = {"joined": True, "grad": ["query", "key", "value", *(f"{name}.weight" for name in MAPS)]}
exercise = Exercise(
    reference=MultiHeadAttention,
    use=modules.module,
    cases=[
        Case("what it is made of: width 6 in two heads", sizes=(6, 2)),
        Case("what it is made of: width 4 in one head", sizes=(4, 1)),
        Case("by hand: the first head finds the first key, the second takes the mean", **by_hand()),
        Case("one head", **given(2, 3, 4, 3, 1)),
        Case("two heads", **given(1, 2, 3, 4, 2)),
        Case("as many of everything", **given(4, 4, 4, 16, 4)),
        Case("three heads over five keys", **given(2, 3, 5, 6, 3)),
        Case("heads of width one", **given(2, 3, 4, 3, 3)),
        Case("a single query", **given(3, 1, 6, 8, 2)),
        Case("the same sequence asks and answers", together=same_sequence, **given(2, 5, 5, 8, 4)),
        Case("one mask for the whole batch", **given(2, 4, 4, 6, 2, mask=visible(4, 4))),
        Case("a mask for each sequence", **given(2, 3, 5, 4, 2, mask=visible(2, 3, 5))),
        Case("as many sequences as heads, a mask for each", **given(2, 4, 4, 6, 2, mask=visible(2, 4, 4))),
        Case("a causal mask", **given(2, 5, 5, 8, 2, mask=torch.ones(5, 5, dtype=torch.bool).tril())),
        Case("everything hidden", **given(2, 3, 4, 6, 2, mask=torch.zeros(3, 4, dtype=torch.bool))),
        Case("called once before, with a mask", **given(2, 3, 3, 6, 2, earlier_mask=torch.eye(3, dtype=torch.bool))),
        Case("large scores", **given(2, 3, 4, 6, 2) | {"query": normal(2, 3, 6, scale=100)}),
        Case("gradients", **given(2, 3, 4, 6, 3), **ALL),
        Case("gradients with a mask, in 64-bit numbers",
            **given(2, 3, 4, 6, 2, torch.float64, mask=visible(2, 3, 4)), **ALL),
    ],
    variants=[WithEinsum, HeadByHead, ThroughTheBatch],
    mistakes=mistakes,
    points=4,
    points_for_values=3,
)
