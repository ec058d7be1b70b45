"""Attention that reads its keys tile by tile, so that there is never a score for each pair."""

import math

import torch
from torch import tensor

from utils.attempts.uses import metered

from ..exercise import Case, Exercise, Mistakes, normal, replacing
from .drawn import lookup


def tiled_attention(query, key, value, tile):
    """Scaled dot-product attention: the context (Tq, Dv), reading `tile` keys at a time, without a (Tq, Tk) tensor.

    query (Tq, Dk), key (Tk, Dk), value (Tk, Dv); the last tile may be smaller. Source: Rabe and Staats 2021.
    """
    largest = query.new_full((len(query), 1), -math.inf)
    total, sums = query.new_zeros(len(query), 1), query.new_zeros(len(query), value.size(1))
    for some_keys, some_values in zip(key.split(tile), value.split(tile), strict=True):
        scores = query @ some_keys.mT / math.sqrt(query.size(1))  # (Tq, tile)
        new = torch.maximum(largest, scores.amax(-1, keepdim=True))
        weights, shrink = torch.exp(scores - new), torch.exp(largest - new)
        total = total * shrink + weights.sum(-1, keepdim=True)
        sums = sums * shrink + weights @ some_values  # (Tq, Dv)
        largest = new
    return sums / total


def tiles(key, value, tile):
    return zip(key.split(tile), value.split(tile), strict=True)

def scaled(query, key, value):
    return query @ key.mT / math.sqrt(query.size(1))

def row_by_row(scores):
    return scores.amax(-1, keepdim=True)

def shifted(scores, new):
    return torch.exp(scores - new)

def shrinking(old, new):
    return torch.exp(old - new)

def times(state, shrink):
    return state * shrink

def summed(weights):
    return weights.sum(-1, keepdim=True)

def divided(sums, total):
    return sums / total

def in_steps(
    query, key, value, tile, read=tiles, score=scaled, top=row_by_row, start=-math.inf, exps=shifted, shrink=shrinking,
    shrink_total=times, shrink_sums=times, sum_up=summed, answer=divided, axes=(1,),
):
    largest, total = query.new_full((len(query), *axes), start), query.new_zeros(len(query), *axes)
    sums = query.new_zeros(len(query), value.size(1))
    for keys, values in read(key, value, tile):
        scores = score(query, keys, values)
        new = torch.maximum(largest, top(scores))
        weights, factor = exps(scores, new), shrink(largest, new)
        total = shrink_total(total, factor) + sum_up(weights)
        sums = shrink_sums(sums, factor) + weights @ values
        largest = new
    return answer(sums, total)


# Right, and written differently

def merged(query, key, value, tile):
    part = None
    for j in range(0, len(key), tile):
        scores = query @ key[j : j + tile].mT * query.size(1) ** -0.5
        top = scores.amax(-1, keepdim=True)
        exps = torch.exp(scores - top)
        here = top, exps.sum(-1, keepdim=True), exps @ value[j : j + tile]
        if part is not None:
            common = torch.maximum(part[0], top)
            factors = torch.exp(part[0] - common), torch.exp(top - common)
            here = common, *(a * factors[0] + b * factors[1] for a, b in zip(part[1:], here[1:], strict=True))
        part = here
    return part[2] / part[1]

def through_logarithms(query, key, value, tile):
    log_total = torch.full((len(query), 1), -math.inf, dtype=query.dtype)
    context = torch.zeros(len(query), value.size(1), dtype=query.dtype)
    for j in range(0, len(key), tile):
        scores = query @ key[j : j + tile].T / query.shape[-1] ** 0.5
        new = torch.logaddexp(log_total, torch.logsumexp(scores, -1, keepdim=True))
        context = context * torch.exp(log_total - new) + torch.exp(scores - new) @ value[j : j + tile]
        log_total = new
    return context

def in_two_passes(query, key, value, tile):
    query = query / math.sqrt(key.size(-1))
    largest = torch.stack([(query @ keys.T).amax(-1) for keys in key.split(tile)]).amax(0)
    carried = torch.cat([value, torch.ones_like(value[:, :1])], -1)  # what sums up ones is the total
    sums = sum(
        torch.exp(query @ keys.T - largest[:, None]) @ values
        for keys, values in zip(key.split(tile), carried.split(tile), strict=True)
    )
    return sums[:, :-1] / sums[:, -1:]

def query_by_query(query, key, value, tile):
    rows = []
    for one in query:
        largest, total, sums = None, 0.0, 0.0
        for start in range(0, key.size(0), tile):
            scores = key[start : start + tile] @ one / math.sqrt(one.numel())
            new = scores.max() if largest is None else torch.max(largest, scores.max())
            shrink = 0.0 if largest is None else (largest - new).exp()
            exps = (scores - new).exp()
            total, sums = total * shrink + exps.sum(), sums * shrink + exps @ value[start : start + tile]
            largest = new
        rows.append(sums / total)
    return torch.stack(rows)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("sums_not_shrunk", but(shrink_sums=lambda state, shrink: state),
    "Your total shrinks when a larger score comes, the sums of values do not. They were weighed against the old largest score too.")
mistakes.add("total_not_shrunk", but(shrink_total=lambda state, shrink: state),
    "Your sums of values shrink when a larger score comes, the total does not. It was summed against the old largest score too.")
mistakes.add("nothing_shrunk", but(shrink=lambda old, new: 1.0),
    "Your total and sums stay as they are when a larger score comes. What is summed so far has to shrink then, by exp(old - new).")
mistakes.add("shrunk_upside_down", but(shrink=lambda old, new: torch.exp(new - old).nan_to_num(posinf=0)),
    "Your total and sums are multiplied by exp(new - old). The new largest score is the larger one, and they have to shrink: exp(old - new).")
mistakes.add("infinite_from_the_start", but(shrink=lambda old, new: torch.exp(new - old)),
    "Your context is NaN from the first tile on, because the largest score is -inf before it: exp(new - old) is infinite there, and exp(scores - old), too. What was summed shrinks, by exp(old - new), and a tile is measured against the new one.")
mistakes.add("not_scaled", but(score=lambda q, k, v: q @ k.mT),
    "Your scores are not scaled. Divide them by the square root of the width of query and key.")
mistakes.add("divided_by_the_width", but(score=lambda q, k, v: q @ k.mT / q.size(1)),
    "Your scores are divided by the width of query and key, or twice by its square root. Once is enough.")
mistakes.add("root_of_the_values_width", but(score=lambda q, k, v: q @ k.mT / v.size(1) ** 0.5),
    "Your scores are divided by the root of the values' width. It is queries and keys that are multiplied: take theirs.")
mistakes.add("root_of_the_tile", but(score=lambda q, k, v: q @ k.mT / len(k) ** 0.5),
    "Your scores are divided by the root of the number of keys in a tile. A score is a sum over the width of a key: take that.")
mistakes.add("root_of_the_number_of_queries", but(score=lambda q, k, v: q @ k.mT / len(q) ** 0.5),
    "Your scores are divided by the root of the number of queries, which is what `len(query)` gives. The width is `query.size(1)`.")
@mistakes.program("Your last keys are lost where the tile does not divide their number. The last tile may be smaller: count to the end of the keys.")
def last_tile_lost(query, key, value, tile):
    whole = len(key) // tile * tile
    if not whole:
        return query.new_full((len(query), value.size(1)), math.nan)
    return in_steps(query, key[:whole], value[:whole], tile)

@mistakes.program("Your last tile is filled up with zeros, and their scores of 0 count as keys. The last tile may be smaller: take it as it is.")
def zeros_count_as_keys(query, key, value, tile):
    key, value = (torch.cat([x, x.new_zeros(-len(x) % tile, x.size(1))]) for x in (key, value))
    return in_steps(query, key, value, tile)

mistakes.add("all_values_for_each_tile",
    but(read=lambda k, v, tile: [(keys, v) for keys in k.split(tile)]),
    "Your tile's weights meet all values. They belong to the tile's own: `value[start : start + tile]`.")
mistakes.add("tiles_one_apart",
    but(read=lambda k, v, tile: [(k[j : j + tile], v[j : j + tile]) for j in range(-(-len(k) // tile))]),
    "Your tiles begin one key apart, and overlap. Tile number n begins at n · tile.")
mistakes.add("full_tiles_one_apart",
    but(read=lambda k, v, tile: [(k[j : j + tile], v[j : j + tile]) for j in range(len(k) // tile)]),
    "Your tiles begin one key apart, and overlap. Tile number n begins at n · tile.")
mistakes.add("a_tile_for_each_key",
    but(read=lambda k, v, tile: [(k[j : j + tile], v[j : j + tile]) for j in range(len(k))]),
    "Your tiles overlap, one beginning at each key, so that keys count several times. Step by `tile`: `range(0, len(key), tile)`.")
mistakes.add("first_tile_only", but(read=lambda k, v, tile: [(k[:tile], v[:tile])]),
    "Your context comes from the first tile alone. Does your function return inside its loop?")
mistakes.add("last_tile_only", but(shrink=lambda old, new: 0.0),
    "Your context comes from the last tile alone. Total and sums are carried over from tile to tile.")
mistakes.add("starts_at_zero", but(start=0.0),
    "Your largest score begins at 0. Where all scores are far below that, every exp is zero, and zero over zero is NaN. Which number is below every score?")
mistakes.add("no_maximum", but(top=lambda scores: torch.zeros_like(scores[:, :1]), start=0.0),
    "Your exponentials are taken of the scores as they are, and overflow where these are large. Subtract the largest score so far, as `online_softmax` does.")
mistakes.add("one_largest_for_all", but(top=lambda scores: scores.max().expand(len(scores), 1)),
    "Your largest score is one for all queries. A query whose scores are all far below it gets zero over zero: take each row's own, `amax(-1, keepdim=True)`.")
mistakes.add("largest_over_the_queries", but(top=lambda scores: scores.amax(0, keepdim=True)),
    "Your largest score is taken over the queries. Each query has its own, over the keys of the tile: `amax(-1, keepdim=True)`.")
mistakes.add("axes_lost", but(top=lambda scores: scores.amax(-1), sum_up=lambda weights: weights.sum(-1), axes=()),
    "Your largest scores and totals have lost their axis: (Tq,) in place of (Tq, 1), which does not fit (Tq, tile). `keepdim=True` keeps it.")
mistakes.add("total_has_lost_its_axis", but(sum_up=lambda weights: weights.sum(-1)),
    "Your total has lost its axis, (Tq,) in place of (Tq, 1), and becomes (Tq, Tq) when it is added. `keepdim=True` keeps it.")
mistakes.add("largest_has_lost_its_axis", but(top=lambda scores: scores.amax(-1)),
    "Your largest scores have lost their axis: (Tq,) in place of (Tq, 1), which does not fit (Tq, tile). `keepdim=True` keeps it.")
mistakes.add("largest_with_its_place", but(top=lambda scores: scores.max(-1, keepdim=True)),
    "Your `max(-1)` gives two things, the largest scores and where they stand. Take its `.values`, or `amax`.")
mistakes.add("part_against_its_own_tile", but(exps=lambda scores, new: torch.exp(scores - row_by_row(scores))),
    "Your tile's exponentials are measured against its own largest score, while total and sums belong to the largest of all so far. Take that for all three.")
mistakes.add("softmax_in_each_tile", but(exps=lambda scores, new: scores.softmax(-1), shrink=lambda old, new: 1.0),
    "Your weights sum to one in each tile, so a tile of low scores has as much of a say as one of high scores. Keep the exponentials, and divide once, at the end.")
mistakes.add("softmax_in_each_tile_added",
    but(exps=lambda scores, new: scores.softmax(-1), shrink=lambda old, new: 1.0, answer=lambda sums, total: sums),
    "Your weights sum to one in each tile, and the tiles are added, so they sum to more than one together. Keep the exponentials, and divide once, at the end.")
mistakes.add("softmax_over_queries",
    but(exps=lambda scores, new: scores.softmax(0), shrink=lambda old, new: 1.0, answer=lambda sums, total: sums),
    "Your softmax runs over the queries. Each query shares out its own vote over the keys: the last axis.")
mistakes.add("not_divided", but(answer=lambda sums, total: sums),
    "Your sums are not divided by the total, so the weights do not sum to one. Divide once, after the last tile.")
mistakes.add("multiplied_by_the_total", but(answer=lambda sums, total: sums * total),
    "Your sums are multiplied by the total. Divide by it.")
mistakes.add("total_without_its_axis", but(sum_up=lambda weights: weights.sum()),
    "Your total is one number for all queries. Each query has its own: `sum(-1, keepdim=True)`.")
mistakes.add("total_over_the_queries", but(sum_up=lambda weights: weights.sum(0, keepdim=True)),
    "Your exponentials are summed over the queries. Each query sums its own, over the keys: `sum(-1, keepdim=True)`.")
mistakes.add("mean_of_the_exponentials", but(sum_up=lambda weights: weights.mean(-1, keepdim=True)),
    "Your total adds up means. It is the sum of the exponentials.")
mistakes.add("context_of_keys", lambda query, key, value, tile: in_steps(query, key, key, tile),
    "Your context is made of the keys. Those are for matching; what is carried away are the values.")

@mistakes.program("Your sums are divided by the total at every tile, and then added to as if they were not. Divide once, after the last tile.")
def divided_at_each_tile(query, key, value, tile):
    largest, total, sums = query.new_full((len(query), 1), -math.inf), 0.0, 0.0
    for keys, values in tiles(key, value, tile):
        scores = scaled(query, keys, values)
        new = torch.maximum(largest, row_by_row(scores))
        weights, shrink = torch.exp(scores - new), torch.exp(largest - new)
        total = total * shrink + summed(weights)
        sums, largest = (sums * shrink + weights @ values) / total, new
    return sums

ROUNDED = "Your sums are kept in 32 bits, and numbers of 64 bits are rounded when they are written there. `query.new_zeros(…)` makes zeros of the query's own type."

def in_place(query, key, value, tile, total, sums):
    largest = query.new_full((len(query), 1), -math.inf)
    for keys, values in tiles(key, value, tile):
        scores = scaled(query, keys, values)
        new = torch.maximum(largest, row_by_row(scores))
        weights, shrink = torch.exp(scores - new), torch.exp(largest - new)
        total *= shrink
        total += summed(weights)
        sums *= shrink
        sums += weights @ values
        largest = new
    return sums / total

@mistakes.program(ROUNDED)
def sums_in_32_bits(query, key, value, tile):
    return in_place(query, key, value, tile, query.new_zeros(len(query), 1), torch.zeros(len(query), value.size(1)))

@mistakes.program(ROUNDED)
def all_in_32_bits(query, key, value, tile):
    return in_place(query, key, value, tile, torch.zeros(len(query), 1), torch.zeros(len(query), value.size(1)))

@mistakes.program("Your values are right, but a tensor is filled anew at each tile whose numbers the gradients still need. Let each tile make one of its own: `weights = torch.exp(…)`, without a place to write it.")
def weights_in_one_buffer(query, key, value, tile):
    buffer = query.new_empty(len(query), tile)

    def written(scores, new):
        weights = buffer[:, : scores.size(1)]
        weights[:] = torch.exp(scores - new)
        return weights

    return in_steps(query, key, value, tile, exps=written)

@mistakes.program("Your values are right, but scores are changed in place whose old numbers the gradients still need. Let each step make a new tensor: `torch.exp(scores - new)`.")
def exponentials_in_place(query, key, value, tile):
    return in_steps(query, key, value, tile, exps=lambda scores, new: scores.sub_(new).exp_())

mistakes.add("all_scores", lambda query, key, value, tile: scaled(query, key, value).softmax(-1) @ value,
    "Your scores are there all at once: one for each pair of a query and a key, in one tensor or put together from the tiles. Take of a tile what you need, and go on to the next.")
mistakes.add("all_pairs",
    lambda q, k, v, tile: ((q[:, None] * k).sum(-1) / q.size(1) ** 0.5).softmax(-1) @ v,
    "Your query and key are multiplied number by number, for all pairs at once, which makes a tensor of (Tq, Tk, Dk). Multiply the query with one tile of keys: a matrix product.")
mistakes.add("all_pairs_of_a_tile", but(score=lambda q, k, v: (q[:, None] * k).sum(-1) / q.size(1) ** 0.5),
    "Your query and a tile of keys are multiplied number by number, which makes a tensor of (Tq, tile, Dk): it can be larger than the scores of all pairs. A matrix product needs none.")

@mistakes.program("Your blocks are of queries, and each takes all keys at once: with many keys that is as much as there is to save. Go through the keys, `tile` of them at a time, for all queries.")
def blocks_of_queries(query, key, value, tile):
    return torch.cat([scaled(some, key, value).softmax(-1) @ value for some in query.split(tile)])

mistakes.add("detached", lambda *given: in_steps(*given).detach(),
    "Your values are right, but no gradient comes through: detach, item, numpy, no_grad or a new tensor made from numbers cut the graph.")
mistakes.add("weights_detached", but(exps=lambda scores, new: torch.exp(scores - new).detach()),
    "Your values are right, but no gradient reaches `query` and `key`: something cuts the graph at the scores.")


def far_apart(Tq, Tk, Dk, Dv, tile):
    """The first query's scores are all far below zero, the second's far above."""

    def draw(generator):
        key = torch.randn(Tk, Dk, generator=generator)
        key[:, 0] = 2 + key[:, 0] / 10
        query = torch.randn(Tq, Dk, generator=generator)
        query[0, 0], query[1, 0] = -130.0, 130.0  # no larger, or 32 bits do not tell their differences
        return {"query": query, "key": key, "value": torch.randn(Tk, Dv, generator=generator), "tile": tile}

    return draw


ALL_THREE = ["query", "key", "value"]
WIDE = {"dtype": torch.float64}
exercise = Exercise(
    reference=tiled_attention,
    use=metered.tiled_attention,
    cases=[
        Case("by hand: width 4, scores 0 and log 3, a tile for each",
            query=tensor([[2.0, 0, 0, 0]]), value=tensor([[4.0], [8.0]]), tile=1,
            key=tensor([[0.0, 1, 1, 0], [math.log(3), 0, 0, 1]])),
        Case("three keys, two at a time", **lookup(2, 3, 2, 1), tile=2),
        Case("tiles that fit", **lookup(5, 12, 3, 2), tile=4),
        Case("everything of one size", **lookup(3, 3, 3, 3), tile=3),
        Case("a last tile that is not full", **lookup(4, 11, 3, 2), tile=5),
        Case("a tile larger than the keys", **lookup(3, 5, 2, 4), tile=8),
        Case("a tile for each key, one query", **lookup(1, 6, 4, 3), tile=1),
        Case("as many queries as a tile has keys", **lookup(4, 10, 6, 5), tile=4),
        Case("sharp scores", **lookup(5, 12, 4, 3) | {"query": normal(5, 4, scale=40.0)}, tile=3),
        Case("all scores far below zero",
            query=normal(4, 4, shift=9.0), key=normal(9, 4, shift=-9.0), value=normal(9, 2), tile=4),
        Case("all scores far above zero",
            query=normal(6, 4, shift=9.0), key=normal(9, 4, shift=9.0), value=normal(9, 2), tile=5),
        Case("one query far below zero, another far above", together=far_apart(3, 7, 4, 2, tile=2)),
        Case("many pairs: no tensor for all of them", **lookup(36, 40, 3, 2), tile=6),
        Case("many pairs, and wide keys", **lookup(40, 44, 8, 2), tile=9),
        Case("few queries, very many keys", **lookup(5, 75, 1, 1), tile=9),
        Case("gradients", **lookup(3, 8, 4, 2), tile=3, grad=ALL_THREE),
        Case("many pairs, with gradients", **lookup(40, 36, 2, 3), tile=8, grad=ALL_THREE),
        Case("64-bit numbers", **lookup(5, 9, 3, 4, **WIDE), tile=2),
    ],
    variants=[merged, through_logarithms, in_two_passes, query_by_query],
    mistakes=mistakes,
    points=3,
    points_for_values=2,
)
