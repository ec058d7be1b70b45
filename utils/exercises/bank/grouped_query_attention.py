"""Causal attention in which several query heads share one head of keys and values."""

import math

import torch
from torch import tensor
from torch.nn import functional as F

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def grouped_query_attention(query, key, value):
    """Causal attention: the context (B, H, T, Dv) of query (B, H, T, D) on fewer heads of keys and values.

    key (B, G, T, D), value (B, G, T, Dv), H a multiple of G: H / G neighbouring query heads share one head of keys
    and values. Source: Ainslie et al. 2023.
    """
    share = query.size(1) // key.size(1)
    key, value = (heads.repeat_interleave(share, 1) for heads in (key, value))  # (B, H, T, D), (B, H, T, Dv)
    scores = query @ key.mT / math.sqrt(query.size(-1))  # (B, H, T, T)
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    return scores.masked_fill(~seen, -math.inf).softmax(-1) @ value


def neighbours(heads, query):
    return heads.repeat_interleave(query.size(1) // heads.size(1), 1)

def root_of_the_width(query, key, value):
    return math.sqrt(query.size(-1))

def hiding(hidden):
    """Scores without those of the pairs where hidden(ones (T, T)) is not zero."""
    return lambda scores: scores.masked_fill(hidden(torch.ones(scores.shape[-2:])) != 0, -math.inf)

up_to_itself = hiding(lambda ones: ones.triu(1))

def over_the_keys(scores):
    return scores.softmax(-1)

def as_it_is(tensor, *_):
    return tensor

def in_steps(query, key, value, keys=neighbours, values=neighbours, scale=root_of_the_width, hide=up_to_itself,
             weights=over_the_keys, answer=as_it_is):
    scores = query @ keys(key, query).mT / scale(query, key, value)
    return answer(weights(hide(scores)) @ values(value, query), key)


# Right, and written differently

def an_axis_for_the_groups(query, key, value):
    B, H, T, D = query.shape
    G = key.size(1)
    scores = torch.einsum("bgsid,bgjd->bgsij", query.reshape(B, G, H // G, T, D), key) * D**-0.5
    ahead = torch.arange(T) > torch.arange(T)[:, None]
    context = torch.einsum("bgsij,bgje->bgsie", scores.masked_fill(ahead, -math.inf).softmax(-1), value)
    return context.reshape(B, H, T, -1)

def head_by_head(query, key, value):
    share, T = query.size(1) // key.size(1), query.size(2)
    mask = torch.full((T, T), -math.inf, dtype=query.dtype).triu(1)
    contexts = []
    for h, one in enumerate(query.unbind(1)):
        scores = one @ key[:, h // share].transpose(1, 2) / one.size(-1) ** 0.5 + mask
        contexts.append(torch.softmax(scores, dim=-1) @ value[:, h // share])
    return torch.stack(contexts, dim=1)

def group_by_group(query, key, value):
    groups = zip(query.chunk(key.size(1), 1), key.split(1, 1), value.split(1, 1), strict=True)
    return torch.cat([F.scaled_dot_product_attention(q, k.expand(-1, q.size(1), -1, -1),
                                                     v.expand(-1, q.size(1), -1, -1), is_causal=True)
                      for q, k, v in groups], 1)

def token_by_token(query, key, value):
    (B, H, T, D), G = query.shape, key.size(1)
    rows = []
    for i in range(T):
        asked = query[:, :, i].view(B, G, H // G, D)
        weights = (asked @ key[:, :, : i + 1].mT / math.sqrt(D)).softmax(-1)  # (B, G, H // G, i + 1)
        rows.append((weights @ value[:, :, : i + 1]).flatten(1, 2))
    return torch.stack(rows, 2)


# Wrong

def every_other(heads, query):
    return heads.repeat(1, query.size(1) // heads.size(1), 1, 1)

def first_alone(heads, query):
    return heads[:, :1]

def mean_of_all(heads, query):
    return heads.mean(1, keepdim=True)

def along_the_tokens(heads, query):
    share = query.size(1) // heads.size(1)
    return heads.repeat_interleave(share, 2).reshape(heads.size(0), query.size(1), *heads.shape[2:])

def reshaped(heads, query):
    """The rows of all heads, dealt out anew."""
    share = query.size(1) // heads.size(1)
    rows = heads.transpose(1, 2).repeat_interleave(share, 2)
    return rows.reshape(heads.size(0), query.size(1), *heads.shape[2:])

def in_the_batch(heads, query):
    return heads.repeat_interleave(query.size(1) // heads.size(1), 0)

def backwards(heads, query):
    return neighbours(heads.flip(1), query)

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("every_other", but(keys=every_other, values=every_other),
    "Your query heads that share are not neighbours: `repeat` and `expand` deal the heads of keys out in turns. With four on two, heads 0 and 1 share the first, 2 and 3 the second.")
mistakes.add("values_dealt_out_in_turns", but(values=every_other),
    "Your keys go to neighbours, your values are dealt out in turns, so a head matches with one group's keys and brings back another's values. Do with both the same.")
mistakes.add("keys_dealt_out_in_turns", but(keys=every_other),
    "Your values go to neighbours, your keys are dealt out in turns, so a head matches with one group's keys and brings back another's values. Do with both the same.")
mistakes.add("first_head_of_keys_alone", but(keys=first_alone, values=first_alone),
    "Your query heads all use the first head of keys and values. There are G of them, one for each group of neighbours.")
mistakes.add("mean_of_the_heads", but(keys=mean_of_all, values=mean_of_all),
    "Your heads of keys and values are averaged. They stay apart: each serves a group of neighbouring query heads.")
mistakes.add("groups_backwards", but(keys=backwards, values=backwards),
    "Your groups are turned round: the first query heads use the last head of keys. They share in order.")
mistakes.add("along_the_tokens", but(keys=along_the_tokens, values=along_the_tokens),
    "Your keys and values are repeated along the tokens. It is heads that are missing: axis 1 of (B, G, T, D).")
mistakes.add("dealt_out_anew", but(keys=reshaped, values=reshaped),
    "Your rows of different tokens and heads are mixed by a `reshape`. It keeps the order of the numbers in memory, so the axis that is split or filled has to be in its place before.")
mistakes.add("in_the_batch", but(keys=in_the_batch, values=in_the_batch),
    "Your keys and values are repeated along the batch. It is heads that are missing: axis 1 of (B, G, T, D).")
def expanded(heads, query):
    return heads.expand(-1, query.size(1), -1, -1)

def expanded_to_sizes(heads, query):
    return heads.expand(heads.size(0), query.size(1), *heads.shape[2:])  # which raises other words

for keys in (expanded, expanded_to_sizes):
    mistakes.add(keys.__name__, but(keys=keys),
        "Your keys have G heads, and `expand` makes many of one alone. Each is needed by H / G neighbours: repeat it so often, or give the groups an axis of their own.")
mistakes.add("flattened", but(keys=lambda heads, query: heads.repeat_interleave(query.size(1) // heads.size(1))),
    "Your keys become one long row: `repeat_interleave` without an axis goes through all numbers. It is heads that are missing: axis 1 of (B, G, T, D).")

def as_often_as_heads_of_keys(heads, query):
    return heads.repeat_interleave(heads.size(1), 1)

mistakes.add("repeated_as_often_as_there_are_heads_of_keys",
    but(keys=as_often_as_heads_of_keys, values=as_often_as_heads_of_keys),
    "Your keys and values are repeated G times. G is how many heads of them there are; each serves H / G query heads.")
mistakes.add("not_shared", but(keys=as_it_is, values=as_it_is),
    "Your keys have fewer heads than the queries, and the product finds no partner for each. Which head of keys does query head h use?")

def divided_by_the_groups(bounded):
    def program(query, key, value):
        G = key.size(1)
        used = [bounded(h // G, G) for h in range(query.size(1))]
        return in_steps(query, *(torch.stack([heads[:, h] for h in used], 1) for heads in (key, value)))

    return program

for name, bounded in {
    "": lambda g, G: g,
    "_by_remainder": lambda g, G: g % G,
    "_by_min": lambda g, G: min(g, G - 1),
}.items():
    mistakes.add(f"divided_by_the_groups{name}", divided_by_the_groups(bounded),
        "Your query head h uses the head of keys h // G. G is how many heads of keys there are; H / G query heads share one: divide by that.")

def grouped(query, key):
    return query.unflatten(1, (key.size(1), -1))

@mistakes.program("Your queries of a group are averaged. Each query head asks for itself; only keys and values are shared.")
def queries_averaged(query, key, value):
    share = query.size(1) // key.size(1)
    return in_steps(grouped(query, key).mean(2), key, value).repeat_interleave(share, 1)

@mistakes.program("Your result has the heads of keys, and the queries of a group are averaged or added. All H query heads ask, and each has its own context.")
def queries_averaged_for_good(query, key, value):
    return in_steps(grouped(query, key).mean(2), key, value)

mistakes.add("first_query_heads", lambda query, key, value: in_steps(query[:, : key.size(1)], key, value),
    "Your result has the context of the first G query heads alone. All H of them ask.")
mistakes.add("first_query_head_of_a_group",
    lambda query, key, value: in_steps(query[:, :: query.size(1) // key.size(1)], key, value),
    "Your result has the context of one query head of each group. All H of them ask.")
mistakes.add("contexts_of_a_group_averaged", but(answer=lambda context, key: grouped(context, key).mean(2)),
    "Your contexts of a group are averaged. Each query head keeps its own: (B, H, T, Dv).")
mistakes.add("groups_left_apart", but(answer=grouped),
    "Your result still has an axis for the groups, (B, G, H / G, T, Dv). Put the two together: (B, H, T, Dv).")
mistakes.add("heads_merged", but(answer=lambda context, key: context.transpose(1, 2).flatten(2)),
    "Your heads are merged, (B, T, H · Dv). Keep them apart: (B, H, T, Dv).")
mistakes.add("tokens_first", but(answer=lambda context, key: context.transpose(1, 2)),
    "Your heads and tokens have changed places, (B, T, H, Dv). Heads come first: (B, H, T, Dv).")
@mistakes.program("Your heads come back in another order: as if the groups took turns. Groups first, then the heads inside: (G, H / G) makes H.")
def heads_in_turns(query, key, value):
    share = query.size(1) // key.size(1)
    return in_steps(query, key, value).unflatten(1, (-1, share)).transpose(1, 2).flatten(1, 2)

mistakes.add("not_causal", but(hide=as_it_is),
    "Your queries see the tokens after them. The attention is causal: each sees itself and those before.")
NOT_ITSELF = "Your queries do not see their own token, and the first one sees nothing. Each sees itself and those before."
mistakes.add("not_itself", but(hide=hiding(lambda ones: ones.triu())), NOT_ITSELF)
mistakes.add("not_itself_to_zero",
    but(hide=hiding(lambda ones: ones.triu()), weights=lambda scores: scores.softmax(-1).nan_to_num(0)), NOT_ITSELF)
mistakes.add("not_itself_to_the_mean",
    but(hide=lambda scores: scores.masked_fill(torch.ones(scores.shape[-2:]).triu() != 0, -1e9)), NOT_ITSELF)
mistakes.add("one_ahead", but(hide=hiding(lambda ones: ones.triu(2))),
    "Your queries see one token too far. The next token is what is to be predicted.")
MASK_INVERTED = "Your mask is turned round: what is hidden are the query's own token and those before. `masked_fill` fills where its mask is True, `scaled_dot_product_attention` looks there."
mistakes.add("mask_inverted", but(hide=hiding(lambda ones: ones.tril())),
    MASK_INVERTED)
mistakes.add("mask_inverted_to_zero",
    but(hide=hiding(lambda ones: ones.tril()), weights=lambda scores: scores.softmax(-1).nan_to_num(0)), MASK_INVERTED)
mistakes.add("mask_inverted_to_the_mean",
    but(hide=lambda scores: scores.masked_fill(torch.ones(scores.shape[-2:]).tril() != 0, -1e9)), MASK_INVERTED)
mistakes.add("looks_ahead", but(hide=hiding(lambda ones: ones.tril(-1))),
    "Your mask is turned round: each query sees itself and the tokens after it. It should see those before.")
mistakes.add("hidden_scores_are_zero", but(hide=lambda scores: scores.tril()),
    "Your hidden scores become 0, and after the softmax they have a weight like any other. Which score has a weight of zero?")
mistakes.add("zero_times_infinity",
    but(hide=lambda scores: scores + torch.ones(scores.shape[-2:]).triu(1) * -math.inf),
    "Your mask is multiplied by -inf, and zero times infinity is NaN. `masked_fill` writes -inf where it belongs, and nothing elsewhere.")
mistakes.add("mask_after_the_softmax", but(hide=as_it_is, weights=lambda scores: scores.softmax(-1).tril()),
    "Your mask comes after the softmax, so the weights that are left do not sum to one. Hide scores, before the softmax.")
mistakes.add("not_scaled", but(scale=lambda q, k, v: 1.0),
    "Your scores are not scaled. Divide them by the square root of the width of query and key.")
mistakes.add("divided_by_the_width", but(scale=lambda q, k, v: q.size(-1)),
    "Your scores are divided by the width of query and key, or twice by its square root. Once is enough.")
mistakes.add("root_of_all_heads_widths", but(scale=lambda q, k, v: math.sqrt(q.size(1) * q.size(-1))),
    "Your scores are divided by the root of all query heads' width together. A score is a sum over the width of one head.")
mistakes.add("root_of_the_values_width", but(scale=lambda q, k, v: math.sqrt(v.size(-1))),
    "Your scores are divided by the root of the values' width. It is queries and keys that are multiplied: take theirs.")
mistakes.add("root_of_the_tokens", but(scale=lambda q, k, v: math.sqrt(q.size(2))),
    "Your scores are divided by the root of the number of tokens. A score is a sum over the width of a key: take that.")
mistakes.add("softmax_over_queries", but(weights=lambda scores: scores.softmax(-2)),
    "Your softmax runs over the queries. Each query shares out its own vote over the keys: the last axis.")
mistakes.add("softmax_over_heads", but(weights=lambda scores: scores.softmax(1).nan_to_num(0)),
    "Your softmax runs over the heads. Each head has weights of its own, which sum to one over the keys: the last axis.")
mistakes.add("no_softmax", but(weights=lambda scores: scores.tril(), hide=as_it_is),
    "Your values are weighed by the scores as they are. A softmax over the keys makes weights of them.")
mistakes.add("context_of_keys", lambda query, key, value: in_steps(query, key, key),
    "Your context is made of keys. Those are for matching; what is carried away are the values.")

@mistakes.program("Your result has something beside the context. Return the context alone.")
def weights_too(query, key, value):
    everything = torch.eye(query.size(2), dtype=query.dtype).expand(*key.shape[:3], -1)  # brings back the weights
    return in_steps(query, key, value), in_steps(query, key, everything)

mistakes.add("detached", but(answer=lambda context, key: context.detach()),
    "Your values are right, but no gradient comes through: detach, item, numpy, no_grad or a new tensor made from numbers cut the graph.")


def given(B, H, G, T, D, Dv, dtype=torch.float32):
    shapes = {"query": (B, H, T, D), "key": (B, G, T, D), "value": (B, G, T, Dv)}
    return {name: normal(*shape, dtype=dtype) for name, shape in shapes.items()}


ALL = ["query", "key", "value"]
exercise = Exercise(
    reference=grouped_query_attention,
    cases=[
        Case("four heads on two, two tokens, by hand: weights 1/2, or 1/4 and 3/4",
            query=tensor([[[[0.0], [0.0]], [[0.0], [1.0]], [[0.0], [0.0]], [[0.0], [1.0]]]]),
            key=tensor([[[[0.0], [math.log(3)]], [[math.log(3)], [0.0]]]]),
            value=tensor([[[[4.0], [8.0]], [[40.0], [80.0]]]])),
        Case("two heads on one", **given(1, 2, 1, 3, 2, 2)),
        Case("four heads on two", **given(2, 4, 2, 5, 3, 3)),
        Case("six heads on two", **given(2, 6, 2, 5, 4, 3)),
        Case("six heads on three, values wider than keys", **given(1, 6, 3, 4, 2, 5)),
        Case("eight heads on two, values narrower than keys", **given(3, 8, 2, 7, 6, 5)),
        Case("as many heads of keys as of queries", **given(2, 3, 3, 5, 4, 2)),
        Case("one token", **given(1, 4, 2, 1, 3, 2)),
        Case("gradients", **given(2, 6, 2, 4, 3, 5), grad=ALL),
        Case("64-bit numbers", **given(2, 6, 3, 5, 4, 7, dtype=torch.float64), grad=ALL),
    ],
    variants=[an_axis_for_the_groups, head_by_head, group_by_group, token_by_token],
    mistakes=mistakes,
    points=2,
    points_for_values=1,
)  # fmt: skip
