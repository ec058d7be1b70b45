"""An attention that looks at everything alike at some places, so that one sees what its own looks there are good for."""

import math

import torch
from torch import nn, tensor

from utils.attempts.uses import lookups

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing
from .drawn import some_hidden


def look_evenly(attention, where):
    """An attention that answers as `attention` does, but looks at all keys alike where `where` (B, Tq) is True.

    The result takes (query, key, value, mask=None) and returns the context (B, Tq, Dv) and the weights (B, Tq, Tk).
    'Alike' is over the keys that the mask (B, Tk) or (B, Tq, Tk), True = may attend, leaves; with none left, zeros.
    """
    return in_steps(attention, where)


def with_the_mask(attention, query, key, value, mask):
    return attention(query, key, value, mask)

def each_query(mask, weights):
    """1 for each key that may be looked at, else 0: (B, 1 or Tq, Tk)."""
    if mask is None:
        return torch.ones_like(weights)
    return (mask[:, None] if mask.dim() == 2 else mask).to(weights.dtype)

def shared(visible, weights):
    return visible / visible.sum(-1, keepdim=True).clamp(min=1)

def there(where):
    return where[..., None]

def both_new(new, weights, context, value, key):
    return new @ value, new

def in_steps(attention, where, ask=with_the_mask, see=each_query, share=shared, place=there, answer=both_new):
    def evened(query, key, value, mask=None):
        context, weights = ask(attention, query, key, value, mask)
        new = torch.where(place(where), share(see(mask, weights), weights), weights)
        return answer(new, weights, context, value, key)

    return evened


# Right, and written differently

def uniform_attention_where(attention, where):
    """Both answers are made whole, and one is taken."""

    def evened(query, key, value, mask=None):
        context, weights = attention(query=query, key=key, value=value, mask=mask)
        scores = torch.zeros_like(weights)
        if mask is not None:
            mask = mask if mask.dim() == 3 else mask.unsqueeze(1)
            scores = scores.masked_fill(~mask, -math.inf)
        flat = scores.softmax(-1).nan_to_num(0)
        here = where.unsqueeze(-1)
        return torch.where(here, flat @ value, context), here * flat + ~here * weights

    return evened

class _RowByRow(nn.Module):
    def __init__(self, attention, where):
        super().__init__()
        self.attention, self.where = attention, where

    def forward(self, query, key, value, mask=None):
        context, weights = (x.clone() for x in self.attention(query, key, value, mask))
        for b, i in self.where.nonzero().tolist():
            row = torch.ones(key.size(1), dtype=torch.bool)
            if mask is not None:
                row = mask[b] if mask.dim() == 2 else mask[b, i]
            weights[b, i] = row / row.sum() if row.any() else 0.0
            context[b, i] = weights[b, i] @ value[b]
        return context, weights

def row_by_row(attention, where):
    return _RowByRow(attention, where)

def keys_all_alike(attention, where):
    """Of keys that are all the same, each has the same score."""
    return lambda query, key, value, mask=None: tuple(
        torch.where(where[..., None], even, own)
        for even, own in zip(attention(query, 0 * key, value, mask), attention(query, key, value, mask), strict=True)
    )

def index_and_einsum(attention, where):
    def evened(query, key, value, mask=None):
        weights = attention(query, key, value, mask)[1].clone()
        if mask is None:
            mask = torch.ones(len(key), key.size(1)).bool()
        if mask.ndim == 2:
            mask = mask[:, None, :]
        rows = mask.expand_as(weights)[where].type_as(weights)
        weights[where] = torch.nan_to_num(rows / rows.sum(1, True))
        return torch.einsum("bij,bjd->bid", weights, value), weights

    return evened


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("attention_as_it_is", lambda attention, where: attention,
    "Your attention looks as before everywhere: `where` is not used yet.")
mistakes.add("everywhere", but(place=lambda where: torch.ones_like(where)[..., None]),
    "Your attention looks evenly at every query: `where` is not used yet. Where it is False, the own weights stay.")
mistakes.add("where_turned_round", but(place=lambda where: ~there(where)),
    "Your `where` is turned round: the queries where it is False look evenly. True says where to change.")
mistakes.add("whole_sentence", but(place=lambda where: where.any(1)[:, None, None]),
    "Your even look goes to all queries of a sentence as soon as one is to have it. `where` is (B, Tq): each query for itself.")
mistakes.add("all_sentences", but(place=lambda where: where.any(0)[None, :, None]),
    "Your even look goes to all sentences as soon as one is to have it. `where` is (B, Tq): each query of each sentence for itself.")
mistakes.add("everything", but(place=lambda where: where.any()),
    "Your even look goes to everything as soon as one query is to have it. `where` is (B, Tq): each query for itself.")
mistakes.add("where_without_an_axis", but(place=lambda where: where),
    "Your `where` (B, Tq) meets weights (B, Tq, Tk) as it is, so its last axis is taken for the keys. Give it an axis of size one at its end.")
mistakes.add("where_over_keys", but(place=lambda where: where[:, None]),
    "Your `where` gets its new axis in the middle, so its queries are taken for keys. It belongs at the end, where the keys are.")
mistakes.add("reads_padding", but(see=lambda mask, weights: torch.ones_like(weights)),
    "Your even look goes to keys that the mask hides, too. Alike is over those that it leaves.")
mistakes.add("mask_ignored",
    but(ask=lambda attention, q, k, v, mask: attention(q, k, v), see=lambda mask, weights: torch.ones_like(weights)),
    "Your hidden keys have a say, in the own looks and in the even ones: `mask` is not used yet.")
mistakes.add("mask_not_handed_on", but(ask=lambda attention, q, k, v, mask: attention(q, k, v)),
    "Your even looks are right, but `attention` does not get the mask, so its own looks go to hidden keys. Hand the mask on.")
mistakes.add("mask_inverted", but(see=lambda mask, weights: each_query(None if mask is None else ~mask, weights)),
    "Your even look goes to the keys where mask is False. In this course True means 'may attend'.")
mistakes.add("mask_never_gets_an_axis",
    but(see=lambda mask, weights: each_query(None, weights) if mask is None else mask.to(weights.dtype)),
    "Your mask (B, Tk) meets weights (B, Tq, Tk) as it is, so its first axis is taken for the queries. Give it an axis of size one in the middle.")
mistakes.add("mask_always_gets_an_axis",
    but(see=lambda mask, weights: torch.ones_like(weights) if mask is None else mask[:, None].to(weights.dtype)),
    "Your mask gets a new axis even where it has three already. Only one of shape (B, Tk) needs it.")
mistakes.add("mask_always_gets_an_axis_and_nan",
    but(see=lambda mask, weights: torch.ones_like(weights) if mask is None else mask[:, None].to(weights.dtype),
        share=lambda visible, weights: visible / visible.sum(-1, keepdim=True)),
    "Your mask gets a new axis even where it has three already, and where it leaves no key, 0 / 0 is NaN. Only one of shape (B, Tk) needs the axis; a query without any key gets zeros.")
mistakes.add("mask_is_expected", but(see=lambda mask, weights: each_query(mask if mask.dim() else None, weights)),
    "Your code expects a mask. Without one (None) all keys may be looked at.")
mistakes.add("sums_to_less_than_one", but(share=lambda visible, weights: visible / visible.size(-1)),
    "Your even weights sum to less than one where keys are hidden: divide by the number of keys that are left, not of all.")
mistakes.add("not_divided", but(share=lambda visible, weights: visible.expand_as(weights)),
    "Your even weights are ones. Weights are shares: together they sum to one.")
mistakes.add("divided_by_everything", but(share=lambda visible, weights: visible / visible.sum().clamp(min=1)),
    "Your even weights are divided by a sum over all sentences. Each row is shared out by itself: sum over the keys, and keep the axis.")
mistakes.add("divided_over_queries",
    but(share=lambda visible, weights: visible / visible.sum(1, keepdim=True).clamp(min=1)),
    "Your sum runs over axis 1, which is the queries'. Keys are on the last axis.")
mistakes.add("empty_row_is_nan", but(share=lambda visible, weights: visible / visible.sum(-1, keepdim=True)),
    "Your even look is NaN where no key is left: 0 / 0. Give such a query zeros.")
mistakes.add("empty_row_is_even",
    but(share=lambda visible, weights: torch.zeros_like(weights).masked_fill(visible == 0, -1e9).softmax(-1)),
    "Your even look goes to all hidden keys where no other is left. Give such a query zeros.")
mistakes.add("zeros", but(share=lambda visible, weights: torch.zeros_like(weights)),
    "Your query finds nothing where `where` is True: its weights are zeros. It should find the mean of the values: all weights alike, with sum one.")
mistakes.add("weights_averaged", but(share=lambda visible, weights: weights.mean(-1, keepdim=True).expand_as(weights)),
    "Your even weight is the mean over all keys, hidden ones too. Alike is over those that the mask leaves.")
mistakes.add("keys_with_a_weight", but(share=lambda visible, weights: shared((weights > 0).to(weights.dtype), weights)),
    "Your even look goes to the keys that had a weight above zero. A far smaller score can leave a visible key with a weight of 0.0: ask the mask, not the weights.")
mistakes.add("softmax_again", but(share=lambda visible, weights: weights.softmax(-1)),
    "Your weights go through a softmax once more, which only flattens them. Alike means equal, whatever they were.")
mistakes.add("query_of_zeros",
    lambda attention, where: lambda query, *others, mask=None: attention(query * ~where[..., None], *others, mask),
    "Your query is zero there. Whether that makes all scores alike depends on the attention; make the weights yourself.")
mistakes.add("value_of_all_keys",
    but(answer=lambda new, weights, context, value, key: (
        torch.where((new == weights).all(-1, keepdim=True), context, value.mean(1, keepdim=True)), new)),
    "Your weights are right, but the context is the mean of all values, hidden ones too. Make it from the weights that you return.")
mistakes.add("old_context", but(answer=lambda new, weights, context, value, key: (context, new)),
    "Your weights are right, but the context is still that of the old ones. What a network gets is the context.")
mistakes.add("old_weights", but(answer=lambda new, weights, context, value, key: (new @ value, weights)),
    "Your context is right, but the weights that you return are still the old ones.")
mistakes.add("keys_for_values", but(answer=lambda new, weights, context, value, key: (new @ key, new)),
    "Your context is made of the keys. What is carried away are the values.")
mistakes.add("weights_first", but(answer=lambda new, weights, context, value, key: (new, new @ value)),
    "Your two results are right and in the other order. Return the context first, then the weights.")
mistakes.add("context_alone", but(answer=lambda new, weights, context, value, key: new @ value),
    "Your attention returns the context alone. Return the weights with it, as `attention` does.")
mistakes.add("weights_alone", but(answer=lambda new, weights, context, value, key: new),
    "Your attention returns the weights alone. Return the context, made from them, before them.")
mistakes.add("nothing_returned", lambda attention, where: in_steps(attention, where) and None,
    "Your `look_evenly` returns nothing. It makes a function, of query, key, value and mask, and returns that function.")


def some(B, Tq):
    """Where to look evenly: at least one query and not all, of each sentence but the last, which has none."""

    def draw(generator):
        where = torch.rand(B, Tq, generator=generator) < 0.5
        where[:, 0], where[:, -1] = True, False
        where[-1] = False
        return where

    return Draw(draw)


def given(B, Tq, Tk, D, Dv, **more):
    shapes = {"query": (B, Tq, D), "key": (B, Tk, D), "value": (B, Tk, Dv)}
    return {"where": some(B, Tq)} | {name: normal(*shape) for name, shape in shapes.items()} | more


BY_HAND = {
    "query": torch.zeros(1, 2, 1), "key": tensor([[[0.0], [math.log(3)], [0.0]]]),
    "value": tensor([[[10.0], [20.0], [60.0]]]), "where": tensor([[False, True]]),
}
exercise = Exercise(
    reference=look_evenly,
    use=lookups.look_evenly,
    cases=[
        Case("by hand: own weights 0.2, 0.6 and 0.2 for both queries; the second is to look evenly", **BY_HAND),
        Case("the same, with the last key hidden", **BY_HAND, mask=tensor([[True, True, False]])),
        Case("all sizes different", **given(3, 4, 5, 6, 2)),
        Case("all sizes different, a mask for each sequence", **given(3, 4, 6, 2, 5, mask=some_hidden(3, 6))),
        Case("all sizes different, a mask for each query", **given(4, 3, 5, 6, 2, mask=some_hidden(4, 3, 5))),
        Case("everything of one size", **given(3, 3, 3, 3, 3)),
        Case("as many sequences as queries and keys, a mask for each sequence",
            **given(4, 4, 4, 2, 3, mask=some_hidden(4, 4))),
        Case("values as wide as keys, a mask for each query", **given(2, 5, 4, 3, 3, mask=some_hidden(2, 5, 4))),
        Case("one query, as in a decoder", **given(5, 1, 4, 3, 2, mask=some_hidden(5, 4),
            where=tensor([[True], [False], [True], [False], [True]]))),
        Case("a query that sees nothing", **given(3, 4, 5, 2, 6, mask=some_hidden(3, 4, 5, empty=True))),
        Case("one sequence all padding", **given(2, 3, 4, 5, 6, mask=tensor([[False] * 4, [True, True, True, False]]))),
        Case("nowhere", **given(2, 4, 3, 5, 6, where=torch.zeros(2, 4, dtype=torch.bool))),
        Case("scores in the thousands",
            **given(3, 4, 5, 2, 6, key=normal(3, 5, 2, scale=1000), mask=some_hidden(3, 5))),
    ],
    variants=[uniform_attention_where, row_by_row, keys_all_alike, index_and_einsum],
    mistakes=mistakes,
    points=3,
)
