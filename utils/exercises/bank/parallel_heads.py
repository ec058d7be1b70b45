"""Multi-head attention whose heads are shared out over ranks."""

import math

import torch
import torch.distributed as dist
from torch import tensor
from torch.nn import functional as F

from utils.attempts.uses import groups

from ..exercise import Case, Exercise, Mistakes, normal, replacing
from .messages import gathered


def parallel_heads(x, W_q, W_k, W_v, W_o, bias, heads, group):
    """Multi-head self-attention (B, T, D) of which this rank has `heads` heads; every rank returns the whole.

    x (B, T, D) is the same on all ranks. W_q, W_k, W_v (heads · Dk, D) are this rank's rows, W_o (D, heads · Dk) its
    columns, bias (D,) the whole model's. Source: Shoeybi et al. 2019, section 3.
    """
    query, key, value = ((x @ W.T).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (W_q, W_k, W_v))
    context = F.scaled_dot_product_attention(query, key, value)  # (B, heads, T, Dk)
    output = context.transpose(1, 2).flatten(2) @ W_o.T  # (B, T, D), of this rank's heads
    dist.all_reduce(output, group=group)
    return output + bias


def apart(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)

def looked_up(query, key, value):
    return F.scaled_dot_product_attention(query, key, value)

def side_by_side(context):
    return context.transpose(1, 2).flatten(2)

def as_it_is(context, group):
    return context

def added_up(output, group):
    dist.all_reduce(output, group=group)
    return output

def of_this_rank(heads, group, W_q):
    return heads

def in_steps(
    x, W_q, W_k, W_v, W_o, bias, heads, group, count=of_this_rank, split=apart, attend=looked_up, merge=side_by_side,
    before=as_it_is, project=lambda context, W_o: context @ W_o.T, own_bias=lambda bias, group: 0 * bias,
    add=added_up, last_bias=lambda bias, group: bias, answer=lambda output, group: output,
):
    heads = count(heads, group, W_q)
    context = merge(attend(*(split(x @ W.T, heads) for W in (W_q, W_k, W_v))))
    output = project(before(context, group), W_o) + own_bias(bias, group)
    return answer(add(output, group) + last_bias(bias, group), group)


# Right, and written differently

def head_by_head(x, W_q, W_k, W_v, W_o, bias, heads, group):
    output = torch.zeros_like(x)
    for q, k, v, o in zip(W_q.chunk(heads), W_k.chunk(heads), W_v.chunk(heads), W_o.chunk(heads, 1), strict=True):
        scores = (x @ q.T) @ (x @ k.T).mT / math.sqrt(len(q))
        output = output + scores.softmax(-1) @ (x @ v.T) @ o.T
    every = [torch.empty_like(output) for _ in range(group.size())]
    dist.all_gather(every, output, group=group)
    return torch.stack(every).sum(0) + bias

def a_share_of_the_bias(x, W_q, W_k, W_v, W_o, bias, heads, group):
    B, T, D = x.shape
    projected = torch.nn.functional.linear(x, torch.cat([W_q, W_k, W_v])).view(B, T, 3, heads, -1)
    query, key, value = projected.permute(2, 0, 3, 1, 4)
    weights = torch.softmax(torch.einsum("bhid,bhjd->bhij", query, key) * query.shape[-1] ** -0.5, dim=3)
    columns = W_o.reshape(D, heads, -1)
    output = torch.einsum("bhij,bhjd,ohd->bio", weights, value, columns) + bias / dist.get_world_size(group)
    dist.all_reduce(output, op=dist.ReduceOp.SUM, group=group)
    return output

def with_the_bias_of_rank_0(x, W_q, W_k, W_v, W_o, bias, heads, group):
    width = W_q.size(0) // heads
    parts = []
    for h in range(heads):
        rows = slice(h * width, (h + 1) * width)
        scores = (x @ W_q[rows].mT) @ (x @ W_k[rows].mT).transpose(1, 2) / width**0.5
        exps = torch.exp(scores - scores.amax(-1, keepdim=True))
        parts.append(exps / exps.sum(-1, keepdim=True) @ (x @ W_v[rows].mT))
    output = torch.cat(parts, -1) @ W_o.mT
    if group.rank() == 0:
        output = output + bias
    dist.reduce(output, group_dst=0, group=group)
    dist.broadcast(output, group_src=0, group=group)
    return output


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

EACH = "Your bias is added on every rank before the sum, so that it is in the result once for each of them. Add it once: after the sum, say."
mistakes.add("bias_on_every_rank", but(own_bias=lambda bias, group: bias, last_bias=lambda bias, group: 0), EACH)
mistakes.add("bias_on_every_rank_and_in_the_end", but(own_bias=lambda bias, group: bias),
    "Your bias is added on every rank before the sum, and once more after it. Once is enough.")
@mistakes.program("Your bias is added for each head, so that it is in the result as often as the model has heads. Add it once: after the sum, say.")
def bias_for_each_head(x, W_q, W_k, W_v, W_o, bias, heads, group):
    return in_steps(x, W_q, W_k, W_v, W_o, heads * bias, heads, group,
        own_bias=lambda bias, group: bias, last_bias=lambda bias, group: 0)

mistakes.add("bias_of_rank_0_after_the_sum",
    but(last_bias=lambda bias, group: bias * (group.rank() == 0)),
    "Your bias is added on rank 0 alone, after the sum, so that the others return a result without it. After the sum every rank adds it.")
mistakes.add("bias_divided", but(last_bias=lambda bias, group: bias / group.size()),
    "Your bias is divided by the number of ranks and added after the sum. A share of it belongs before the sum, the whole after it.")
mistakes.add("no_bias", but(last_bias=lambda bias, group: 0), "Your bias is left out.")
mistakes.add("bias_subtracted", but(last_bias=lambda bias, group: -bias), "Your bias is subtracted. Add it.")

def not_at_all(output, group):
    return output

def averaged(output, group):
    dist.all_reduce(output, op=dist.ReduceOp.AVG, group=group)
    return output

NOT_ADDED = "Your ranks return what their own heads contribute. The whole is the sum over all ranks: `dist.all_reduce`, which changes its tensor in place and returns nothing."
mistakes.add("not_added_up", but(add=not_at_all), NOT_ADDED)
mistakes.add("not_added_up_and_no_bias", but(add=not_at_all, last_bias=lambda bias, group: 0), NOT_ADDED)
mistakes.add("averaged", but(add=averaged),
    "Your ranks' contributions are averaged. Each head adds its own part to the output: the sum.")
def largest(output, group):
    dist.all_reduce(output, op=dist.ReduceOp.MAX, group=group)
    return output

mistakes.add("largest", but(add=largest),
    "Your output has the largest number of all ranks at each place. Contributions are added.")
mistakes.add("result_of_all_reduce", but(add=lambda output, group: dist.all_reduce(output, group=group)),
    "Your program goes on with what `all_reduce` returns, which is nothing: it changes the tensor that it is given, in place.")

@mistakes.program("Your function returns nothing, or what `all_reduce` returns, which is nothing: that changes the tensor that it is given, in place.")
def returns_what_all_reduce_does(*given):
    return in_steps(*given, answer=lambda output, group: dist.all_reduce(output, group=group))

def at_rank_0(output, group):
    dist.reduce(output, group_dst=0, group=group)
    return output

mistakes.add("whole_on_rank_0_alone", but(add=at_rank_0),
    "Your sum arrives on rank 0 alone, which is what `reduce` does. Every rank returns the whole: `all_reduce`.")

def from_rank_0(output, group):
    dist.broadcast(output, group_src=0, group=group)
    return output

mistakes.add("heads_of_rank_0_alone", but(add=from_rank_0),
    "Your ranks all return what the heads of rank 0 contribute, which is what `broadcast` gives them. Contributions are added: `all_reduce`.")
mistakes.add("rank_0_calls", but(add=lambda output, group: added_up(output, group) if group.rank() == 0 else output),
    "Your rank 0 calls all_reduce and the others do not, so it waits for ever. A collective is a call that every rank makes.")
mistakes.add("rank_0_does_not_call", but(add=lambda output, group: added_up(output, group) if group.rank() else output),
    "Your other ranks call all_reduce and rank 0 does not, so they wait for ever. A collective is a call that every rank makes.")
def side_by_side_over_ranks(x, group):
    return torch.cat(gathered(x, group), -1)

mistakes.add("outputs_side_by_side", but(add=side_by_side_over_ranks, last_bias=lambda bias, group: 0),
    "Your ranks' outputs stand side by side, (B, T, n · D). Each rank's is (B, T, D) already, and they are added.")
mistakes.add("outputs_side_by_side_and_a_bias", but(add=side_by_side_over_ranks),
    "Your ranks' outputs stand side by side, (B, T, n · D), to which a bias (D,) does not fit. Each rank's is (B, T, D) already, and they are added.")
mistakes.add("outputs_stacked", but(add=lambda output, group: torch.stack(gathered(output, group))),
    "Your ranks' outputs are stacked, (n, B, T, D). They are added: `all_reduce`.")

BEFORE = "Your contexts are added over the ranks before W_o. They belong to different heads, each with its own columns of W_o: multiply first, then add."
mistakes.add("contexts_added", but(before=added_up, add=not_at_all), BEFORE)
mistakes.add("contexts_averaged", but(before=averaged, add=not_at_all), BEFORE)
mistakes.add("contexts_and_outputs_added", but(before=added_up),
    "Your contexts are added over the ranks, and the outputs as well. Contexts belong to different heads: leave them, and add outputs alone.")
mistakes.add("contexts_side_by_side", but(before=side_by_side_over_ranks, add=not_at_all),
    "Your contexts of all ranks are put side by side, and this rank's columns of W_o fit its own heads alone. Multiply each rank's context with its own columns, then add.")

@mistakes.program("Your queries, keys or values are added over the ranks. They belong to different heads, which do not meet before W_o: outputs alone are added.")
def projections_added(x, *given):
    return in_steps(x, *given, split=lambda rows, heads: apart(added_up(rows, given[-1]), heads))

def head_after_head(x, W_q, W_k, W_v, W_o, bias, heads, group):
    for q, k, v, o in zip(W_q.chunk(heads), W_k.chunk(heads), W_v.chunk(heads), W_o.chunk(heads, 1), strict=True):
        yield in_steps(x, q, k, v, o, 0 * bias, 1, group, add=not_at_all)

@mistakes.program("Your total is added up over the ranks after each head, so that what is in it already is added again. Add your own heads first, then all ranks', once.")
def total_added_up_again(*given):
    total = 0
    for output in head_after_head(*given):
        total = added_up(total + output, given[-1])
    return total + given[5]

@mistakes.program("Your heads are added up over the ranks one by one, a call for each. Add your own first: then one call sends all of them.")
def a_call_for_each_head(*given):
    return sum(added_up(output, given[-1]) for output in head_after_head(*given)) + given[5]

def all_gathered(x, W_q, W_k, W_v, W_o, bias, heads, group):
    W_q, W_k, W_v = (torch.cat(gathered(W, group)) for W in (W_q, W_k, W_v))
    W_o = torch.cat(gathered(W_o, group), 1)
    return in_steps(x, W_q, W_k, W_v, W_o, bias, heads * group.size(), group, add=not_at_all)

mistakes.add("weights_gathered", all_gathered,
    "Your ranks send each other their weights, and each computes all heads. Let each compute its own, and add the results: that is what the heads were shared out for.")

ALL_HEADS = "Your rows are split into the heads of the whole model. This rank has `heads` of them, and each has its whole width: split its rows into `heads`."
mistakes.add("heads_of_all_ranks", but(count=lambda heads, group, W_q: heads * group.size()), ALL_HEADS)
mistakes.add("heads_shared_out_again", but(count=lambda heads, group, W_q: max(heads // group.size(), 1)),
    "Your number of heads is divided by the number of ranks. `heads` is this rank's own number already.")
mistakes.add("one_head", but(count=lambda heads, group, W_q: 1),
    "Your rank looks up once, over the whole width of its rows. They make `heads` heads, each with weights of its own.")
mistakes.add("heads_and_width_swapped", but(count=lambda heads, group, W_q: len(W_q) // heads),
    "Your heads are as wide as there are heads. The rows make `heads` heads of neighbouring rows, each rows / heads wide.")
mistakes.add("rows_dealt_out", but(split=lambda x, heads: x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2),
        merge=lambda context: context.permute(0, 2, 3, 1).flatten(2)),
    "Your heads have every heads-th row. A head has neighbouring rows: `unflatten(-1, (heads, -1))`.")
mistakes.add("split_with_every_hth_row", but(split=lambda x, heads: x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)),
    "Your heads have every heads-th row. A head has neighbouring rows: `unflatten(-1, (heads, -1))`.")

def viewed(x, heads):
    return x.reshape(x.size(0), heads, x.size(1), -1)

mistakes.add("viewed", but(split=viewed, merge=lambda context: context.reshape(len(context), context.size(2), -1)),
    "Your heads are cut along the tokens: `view(B, heads, T, -1)` mixes them. First `view(B, T, heads, -1)`, then `transpose(1, 2)`.")
mistakes.add("viewed_and_merged", but(split=viewed),
    "Your heads are cut along the tokens: `view(B, heads, T, -1)` mixes them. First `view(B, T, heads, -1)`, then `transpose(1, 2)`.")
mistakes.add("merged_by_a_view", but(merge=lambda context: context.reshape(len(context), context.size(2), -1)),
    "Your heads are merged without being turned back, so that tokens mix: `transpose(1, 2)` before `flatten(2)`.")
mistakes.add("not_transposed",
    but(split=lambda x, heads: x.unflatten(-1, (heads, -1)), merge=lambda context: context.flatten(2)),
    "Your heads look at each other within a token: (B, T, heads, Dk) has tokens and heads in the wrong order. `transpose(1, 2)`.")

mistakes.add("not_transposed_and_turned_back", but(split=lambda x, heads: x.unflatten(-1, (heads, -1))),
    "Your heads look at each other within a token: (B, T, heads, Dk) has tokens and heads in the wrong order. `transpose(1, 2)`.")
mistakes.add("merged_without_turning", but(merge=lambda context: context.flatten(2)),
    "Your heads are merged without being turned back, so that a head's tokens stand side by side: `transpose(1, 2)` before `flatten(2)`.")

def width_of(heads_of):
    def program(x, *given):
        def split(rows, heads):
            width = x.size(-1) // heads_of(heads, given[-1].size())
            return rows.view(rows.size(0), rows.size(1), heads, width).transpose(1, 2)

        return in_steps(x, *given, split=split)

    return program

WIDTH = "Your heads are as wide as the model's width divided by a number of heads. Rows make them: they may be wider or narrower together than the model. `unflatten(-1, (heads, -1))`, or rows / heads."
mistakes.add("width_of_the_model_over_heads", width_of(lambda heads, n: heads), WIDTH)
mistakes.add("width_of_the_model_over_all_heads", width_of(lambda heads, n: heads * n), WIDTH)

@mistakes.program("Your heads are merged into the shape of x. This rank's heads are as wide together as it has rows, which is another number: `flatten(2)`.")
def merged_into_the_width_of_the_model(x, *given):
    return in_steps(x, *given, merge=lambda context: context.transpose(1, 2).reshape(x.shape))

def scaled(scale, axis=-1):
    def attend(query, key, value):
        return (query @ key.mT / scale(query)).softmax(axis) @ value

    return attend

mistakes.add("not_scaled", but(attend=scaled(lambda q: 1.0)),
    "Your scores are not scaled. Divide them by the square root of a head's width.")
mistakes.add("root_of_all_rows", but(attend=scaled(lambda q: math.sqrt(q.size(1) * q.size(-1)))),
    "Your scores are divided by the root of all this rank's rows. The width of one head counts.")
mistakes.add("divided_by_the_width", but(attend=scaled(lambda q: q.size(-1))),
    "Your scores are divided by a head's width. It is its square root that keeps their size.")
mistakes.add("root_of_the_heads", but(attend=scaled(lambda q: math.sqrt(q.size(1)))),
    "Your scores are divided by the root of the number of heads. The width of one head counts.")
mistakes.add("scaled_after_the_softmax", but(attend=lambda q, k, v: (q @ k.mT).softmax(-1) / math.sqrt(q.size(-1)) @ v),
    "Your weights are divided by the root, so that they no longer sum to 1. Divide the scores, before the softmax.")
mistakes.add("softmax_over_heads", but(attend=scaled(lambda q: math.sqrt(q.size(-1)), 1)),
    "Your softmax runs over the heads. Each query shares out its own vote over the keys: the last axis.")
mistakes.add("softmax_over_queries", but(attend=scaled(lambda q: math.sqrt(q.size(-1)), -2)),
    "Your softmax runs over the queries. Each query shares out its own vote over the keys: the last axis.")
mistakes.add("causal",
    but(attend=lambda query, key, value: F.scaled_dot_product_attention(query, key, value, is_causal=True)),
    "Your queries see no later keys. There is no mask here: each sees all.")
mistakes.add("root_of_the_model",
    lambda x, *given: in_steps(x, *given, attend=scaled(lambda q: math.sqrt(x.size(-1)))),
    "Your scores are divided by the root of the model's width. The width of one head counts, which is another number.")
mistakes.add("no_softmax", but(attend=lambda query, key, value: query @ key.mT / math.sqrt(query.size(-1)) @ value),
    "Your values are weighed by the scores as they are. A softmax over the keys makes weights of them.")
mistakes.add("keys_as_values", lambda x, W_q, W_k, W_v, *rest: in_steps(x, W_q, W_k, W_k, *rest),
    "Your context is made of the keys. Those are for matching; what is carried away are the values, made by W_v.")
mistakes.add("keys_as_queries", lambda x, W_q, W_k, *rest: in_steps(x, W_k, W_k, *rest),
    "Your queries are made by W_k, as the keys are. They have a map of their own: W_q.")
mistakes.add("weights_not_transposed",
    lambda x, W_q, W_k, W_v, *rest: in_steps(x, W_q.T.contiguous(), W_k.T.contiguous(), W_v.T.contiguous(), *rest),
    "Your x is multiplied by the weights as they stand, (heads · Dk, D). Rows make outputs, as in `nn.Linear`: `x @ W_q.T`.")
mistakes.add("output_not_transposed", but(project=lambda context, W_o: context @ W_o),
    "Your contexts are multiplied by W_o as it stands, (D, heads · Dk). `context @ W_o.T` is (B, T, D).")
mistakes.add("no_output_weights", but(project=lambda context, W_o: context),
    "Your contexts are returned without W_o. It brings what the heads have found to the model's width.")
mistakes.add("x_added", lambda x, *given: in_steps(x, *given) + x,
    "Your result has x added, as a transformer's block does. The attention alone is asked for.")

@mistakes.program("Your x is changed: `x += …` writes into what you were given. Make a new tensor.")
def into_x(x, *given):
    return x.copy_(in_steps(x.clone(), *given))


def shared_out(ranks, heads, Dk, D, B=2, T=3, scale=1.0, dtype=torch.float32):
    """Weights whose products keep the size of x; scores grow with the scale."""
    rows = (ranks, heads * Dk, D)
    spread = {"W_q": scale, "W_k": 1.0, "W_v": 1.0}
    return {
        "x": normal(B, T, D, dtype=dtype), "bias": normal(D, dtype=dtype), "heads": heads,
        "W_o": normal(ranks, D, heads * Dk, dtype=dtype),
    } | {name: normal(*rows, scale=size, dtype=dtype) for name, size in spread.items()}


exercise = Exercise(
    reference=parallel_heads,
    use=groups.parallel_heads,
    cases=[
        Case("by hand: two ranks, a head of width 1 on each, one token, whose context is its value",
            x=tensor([[[1.0, 2.0]]]), W_q=tensor([[[1.0, 0.0]], [[0.0, 1.0]]]),
            W_k=tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), W_v=tensor([[[3.0, 0.0]], [[0.0, 5.0]]]),
            W_o=tensor([[[1.0], [0.0]], [[1.0], [2.0]]]), bias=tensor([100.0, 200.0]), heads=1),
        Case("two ranks, a head on each", **shared_out(2, 1, 3, 6)),
        Case("two ranks, two heads on each", **shared_out(2, 2, 4, 16)),
        Case("three ranks, two heads on each", **shared_out(3, 2, 2, 12, B=1)),
        Case("four ranks, two heads on each", **shared_out(4, 2, 4, 8, B=1, T=4)),
        Case("heads wider together than the model", **shared_out(2, 2, 6, 5, T=4)),
        Case("heads narrower together than the model", **shared_out(2, 3, 2, 20, T=5)),
        Case("as many tokens as heads", **shared_out(2, 4, 4, 12, B=3, T=4)),
        Case("one rank has them all", **shared_out(1, 4, 2, 7)),
        Case("sharp scores", **shared_out(3, 2, 4, 9, scale=20.0)),
        Case("64-bit numbers", **shared_out(2, 2, 3, 10, dtype=torch.float64)),
    ],
    variants=[head_by_head, a_share_of_the_bias, with_the_bias_of_rank_0],
    mistakes=mistakes,
    points=2,
)  # fmt: skip
