"""Additive scores without a tanh for each pair: exponentials of the rows alone, and fractions."""

import math

import torch
from torch import tensor

from utils.attempts.uses import metered

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def factored_scores(query, key, score_vector):
    """Scores (Tq, Tk) = Σ_h w_h tanh(query_ih + key_jh), with exponentials of the rows of query and key alone.

    query (Tq, A), key (Tk, A); score_vector (A,) holds w. Each channel of the keys is moved to the middle of its range,
    and the queries the other way, so that exp does not overflow.
    """
    middle = (key.amax(0) + key.amin(0)) / 2  # (A,)
    a, b = torch.exp(2 * (query + middle)), torch.exp(2 * (key - middle))  # (Tq, A), (Tk, A)
    fractions = 1 / (1 + a[:, None] * b)  # (Tq, Tk, A)
    return score_vector.sum() - 2 * fractions @ score_vector


def middle_of_each(query, key):
    return (key.amax(0) + key.amin(0)) / 2

def moved(query, key, middle):
    return query + middle, key - middle

def multiplied(a, b):
    return a[:, None] * b

def fraction(product):
    return 1 / (1 + product)

def sum_of_all(score_vector):
    return score_vector.sum()

def less_two(constant, fractions, score_vector):
    return constant - 2 * fractions @ score_vector

def in_steps(
    query, key, score_vector, middle=middle_of_each, move=moved, exp=lambda x: torch.exp(2 * x), pairs=multiplied,
    fractions=fraction, constant=sum_of_all, answer=less_two,
):
    a, b = map(exp, move(query, key, middle(query, key)))
    return answer(constant(score_vector), fractions(pairs(a, b)), score_vector)


# Right, and written differently

def ratio(query, key, score_vector):
    middle = (key.max(0).values + key.min(0).values) / 2
    a, b = torch.exp(-2 * (query + middle)), torch.exp(-2 * (key - middle))
    product = a.unsqueeze(1) * b.unsqueeze(0)
    return ((1 - product) / (1 + product)) @ score_vector

def channel_by_channel(query, key, score_vector):
    scores = 0
    for q, k, weight in zip(query.unbind(-1), key.unbind(-1), score_vector, strict=True):
        middle = (k.max() + k.min()) / 2
        product = torch.outer(torch.exp(2 * (q + middle)), torch.exp(2 * (k - middle)))
        scores = scores + weight * (1 - 2 / (1 + product))
    return scores

def with_einsum(query, key, score_vector):
    middle = key.aminmax(dim=0)
    middle = (middle.min + middle.max) / 2
    a, b = (query + middle).exp() ** 2, (key - middle).exp() ** 2
    fractions = (1 + torch.einsum("ia,ja->ija", a, b)).reciprocal()
    return torch.einsum("ija,a->ij", 1 - 2 * fractions, score_vector)

def query_by_query(query, key, score_vector):
    low, high = key.amin(0), key.amax(0)
    a = torch.exp(2 * query + (low + high))
    b = torch.exp(2 * key - (low + high))
    return torch.stack([(score_vector - 2 * score_vector / (1 + row * b)).sum(-1) for row in a])


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("a_tanh_each", lambda query, key, score_vector: torch.tanh(query[:, None] + key) @ score_vector,
    "Your program takes a tanh, or an exponential, for each query, key and channel. e^(2(q + k)) is e^(2q) times e^(2k): take exponentials of the rows, and multiply them.")

@mistakes.program("Your program takes the keys' exponentials anew for each query. They are the same for all of them: take them once, before the loop.")
def keys_again_for_each_query(query, key, score_vector):
    return torch.cat([in_steps(query[i : i + 1], key, score_vector) for i in range(len(query))])

@mistakes.program("Your program takes the queries' exponentials anew for each key. They are the same for all of them: take them once, before the loop.")
def queries_again_for_each_key(query, key, score_vector):
    middle = middle_of_each(query, key)
    query, key = query + middle, key - middle
    nowhere = lambda query, key: torch.zeros_like(key[0])  # noqa: E731
    return torch.cat([in_steps(query, key[j : j + 1], score_vector, nowhere) for j in range(len(key))], -1)

mistakes.add("exponent_not_doubled", but(exp=torch.exp),
    "Your exponent is x where tanh(x) = 1 - 2 / (1 + e^(2x)) has 2x, so you compute tanh(x / 2).")
mistakes.add("exponent_doubled_before_the_move", but(move=lambda q, k, middle: (q + middle / 2, k - middle)),
    "Your queries and keys are not moved equally far. Is one of the two doubled before it is moved, and the other after?")
mistakes.add("constant_lost", but(constant=lambda w: 0.0),
    "Your scores lack the sum of `score_vector`: each tanh is one less a fraction, and the ones are weighed too. A softmax would not see it, but scores do.")
mistakes.add("one_for_the_constant", but(constant=lambda w: 1.0),
    "Your scores begin with 1. The one of each tanh is multiplied by its own weight, and all of them sum to `score_vector.sum()`.")
mistakes.add("width_for_the_constant", but(constant=lambda w: float(len(w))),
    "Your scores begin with the number of channels. The one of each tanh is multiplied by its own weight, and all of them sum to `score_vector.sum()`.")
mistakes.add("two_above_lost", but(answer=lambda constant, fractions, w: constant - fractions @ w),
    "Your fractions are 1 / (1 + e^(2x)) where tanh(x) = 1 - 2 / (1 + e^(2x)) has two above the line.")
mistakes.add("fractions_alone", but(answer=lambda constant, fractions, w: fractions @ w),
    "Your result is the sum of the fractions alone. tanh(x) = 1 - 2 / (1 + e^(2x)): what is still to be done with it?")
mistakes.add("fractions_added", but(answer=lambda constant, fractions, w: constant + 2 * fractions @ w),
    "Your fractions are added to the sum of `score_vector`. They are taken off: tanh(x) = 1 - 2 / (1 + e^(2x)).")
mistakes.add("opposite_sign", but(answer=lambda constant, fractions, w: 2 * fractions @ w - constant),
    "Your scores have the opposite sign: tanh(x) = 1 - 2 / (1 + e^(2x)), or the other way round with e^(-2x).")
mistakes.add("exponentials_added", but(pairs=lambda a, b: a[:, None] + b),
    "Your exponentials are added. It is the exponents that are added, so the exponentials are multiplied.")
mistakes.add("one_below_lost", but(fractions=lambda product: 1 / product),
    "Your fractions have no one below the line: tanh(x) = 1 - 2 / (1 + e^(2x)).")
mistakes.add("one_less_below", but(fractions=lambda product: 1 / (1 - product)),
    "Your fractions have a minus below the line: tanh(x) = 1 - 2 / (1 + e^(2x)).")
SUMMED_TOO_EARLY = "Your products are summed over the channels before the division. Each channel is a fraction of its own: (Tq, Tk, A), then `@ score_vector`."

def summed_too_early(above, of_a=lambda a, w: a):
    def program(query, key, w):
        middle = middle_of_each(query, key)
        a, b = torch.exp(2 * (query + middle)), torch.exp(2 * (key - middle))
        return w.sum() - 2 * above(w) / (1 + of_a(a, w) @ b.mT)

    return program

mistakes.add("summed_too_early", summed_too_early(lambda w: 1.0), SUMMED_TOO_EARLY)
for name, above, of_a in (
    ("with_weights", lambda w: w.sum(), lambda a, w: a * w),
    ("with_weights_on_both_sides", lambda w: 1.0, lambda a, w: a * w),
    ("without_weights", lambda w: w.sum(), lambda a, w: a),
    ("as_a_mean", lambda w: w.sum(), lambda a, w: a / len(w)),
):
    mistakes.add(f"summed_too_early_{name}", summed_too_early(above, of_a), SUMMED_TOO_EARLY)
mistakes.add("moved_half_way", but(middle=lambda q, k: middle_of_each(q, k) / 2),
    "Your queries and keys are moved half as far as they should be: `2 * query + middle` moves by half of it. Move first, then double.")
mistakes.add("not_moved", but(middle=lambda q, k: 0.0),
    "Your exponentials overflow where keys are far from zero: e^120 is infinite in 32 bits, and infinity times zero is NaN. Move each channel of the keys to the middle of its range, half the sum of its largest and its smallest, and the queries the other way.")
mistakes.add("nan_mended", but(middle=lambda q, k: 0.0, answer=lambda *given: less_two(*given).nan_to_num(0)),
    "Your NaN is replaced by a number, and what the scores were is lost. Keep exp from overflowing: move each channel of the keys to the middle of its range, and the queries the other way.")
mistakes.add("moved_twice_as_far", but(middle=lambda q, k: 2 * middle_of_each(q, k)),
    "Your keys are moved by the sum of their largest and smallest, beyond the middle to the other side. The middle is half of it.")
mistakes.add("moved_by_the_largest_size", but(middle=lambda q, k: k.abs().amax(0)),
    "Your keys are moved by the largest of them without its sign. Where keys lie below zero, that is away from it: the middle is half the sum of the largest and the smallest.")
mistakes.add("largest_with_its_place", but(middle=lambda q, k: (k.max(0) + k.min(0)) / 2),
    "Your `max(0)` and `min(0)` each give two things, the numbers and where they stand. Take their `.values`, or `amax` and `amin`.")
mistakes.add("moved_by_the_mean", but(middle=lambda q, k: k.mean(0)),
    "Your keys are moved by their mean, or to one of them, and one that stands far apart overflows all the same. The middle of the range, half the sum of the largest and the smallest, is as far from the one as from the other.")
mistakes.add("half_the_width_of_the_range", but(middle=lambda q, k: (k.amax(0) - k.amin(0)) / 2),
    "Your keys are moved by half the difference of their largest and smallest, which is how wide the range is. Its middle is half their sum.")
mistakes.add("queries_not_moved", but(move=lambda q, k, middle: (q, k - middle)),
    "Your keys are moved and the queries are not, which changes their sum. Move the queries as far the other way.")
mistakes.add("keys_not_moved", but(move=lambda q, k, middle: (q + middle, k)),
    "Your queries are moved and the keys are not, which changes their sum. Move the keys as far the other way.")
mistakes.add("both_moved_the_same_way", but(move=lambda q, k, middle: (q - middle, k - middle)),
    "Your queries and keys are moved the same way, which changes their sum. Move the queries the other way.")
MOVED_BY_THEIR_OWN = "Your queries are moved by a number of their own, which changes the sum of query and key. What is taken off the keys is put on the queries, and nothing else."
mistakes.add("queries_by_their_own_middle", but(move=lambda q, k, middle: (q - middle_of_each(k, q), k - middle)),
    MOVED_BY_THEIR_OWN)
mistakes.add("both_by_their_own_largest", but(move=lambda q, k, middle: (q - q.amax(0), k - k.amax(0))),
    MOVED_BY_THEIR_OWN)
ONE_NOT_DOUBLED = "Your exponent is doubled for one of query and key, and not for the other. tanh(q + k) has e^(2q) times e^(2k)."
mistakes.add("keys_not_doubled", but(move=lambda q, k, middle: (q + middle, (k - middle) / 2)), ONE_NOT_DOUBLED)
mistakes.add("queries_not_doubled", but(move=lambda q, k, middle: ((q + middle) / 2, k - middle)), ONE_NOT_DOUBLED)
mistakes.add("moved_apart", but(move=lambda q, k, middle: (q - middle, k + middle)),
    "Your keys are moved away from zero. The middle of their range is subtracted from the keys, and added to the queries.")
mistakes.add("one_middle_for_all", but(middle=lambda q, k: (k.max() + k.min()) / 2),
    "Your keys are moved by one number. Each channel has a range of its own: take its middle with `amax(0)` and `amin(0)`.")
mistakes.add("largest_of_all", but(middle=lambda q, k: k.max()),
    "Your keys are moved by one number. Each channel has a range of its own: take its middle with `amax(0)` and `amin(0)`.")
mistakes.add("middle_over_the_channels", but(middle=lambda q, k: (k.amax(1) + k.amin(1)) / 2),
    "Your middle is one for each key, over its channels. It is one for each channel, over the keys: `amax(0)` and `amin(0)`.")
mistakes.add("middle_of_a_key", but(middle=lambda q, k: ((k.amax(1) + k.amin(1)) / 2)[: k.size(1)]),
    "Your middle is one for each key, over its channels. It is one for each channel, over the keys: `amax(0)` and `amin(0)`.")
CLIPPED = "Your queries and keys are cut off before they meet, so those far out add up to something else. Move them, and cut nothing."

def clipped(**steps):
    return lambda q, k, w: in_steps(q.clamp(-20, 20), k.clamp(-20, 20), w, lambda q, k: 0.0, **steps)

mistakes.add("clipped", clipped(), CLIPPED)
mistakes.add("clipped_and_ones_weighed_with_their_fractions",
    clipped(constant=lambda w: w, answer=lambda w, fractions, _: (w * (1 - 2 * fractions)).sum(-1)), CLIPPED)
mistakes.add("tanh_of_each",
    lambda q, k, w: ((q.tanh()[:, None] + k.tanh()) / (1 + q.tanh()[:, None] * k.tanh())) @ w,
    "Your tanh of a query and of a key far out are 1 and -1, whatever the two add up to, and zero over zero is left. Exponentials keep it, once query and key are moved.")
@mistakes.program("Your tanh of a query and of a key far out are 1 and -1, whatever the two add up to, even if they are moved first. Exponentials keep what is left of it.")
def tanh_of_each_moved(q, k, w):
    middle = middle_of_each(q, k)
    one, other = (q + middle).tanh()[:, None], (k - middle).tanh()
    return ((one + other) / (1 + one * other)) @ w

mistakes.add("tanh_of_each_added", lambda q, k, w: (q.tanh()[:, None] + k.tanh()) @ w,
    "Your tanh is taken of query and key apart, and then added. The tanh of a sum is another thing: e^(2(q + k)) is the product that helps.")
mistakes.add("score_vector_left_out",
    but(constant=len, answer=lambda constant, fractions, w: constant - 2 * fractions.sum(-1)),
    "Your channels are added up as they are. `score_vector` says how much each of them counts, and with which sign.")
mistakes.add("fractions_without_their_weights",
    but(answer=lambda constant, fractions, w: constant - 2 * fractions.sum(-1)),
    "Your fractions are added up as they are. `score_vector` says how much each of them counts, and with which sign.")
mistakes.add("keys_first", but(pairs=lambda a, b: multiplied(b, a)),
    "Your scores have a row for each key: (Tk, Tq). Give each query a row: (Tq, Tk).")
mistakes.add("not_summed",
    but(constant=lambda w: w, answer=lambda constant, fractions, w: constant - 2 * fractions * w),
    "Your result still has A numbers for each pair. Add them up, so that a pair has one score.")
mistakes.add("sums_detached", but(answer=lambda constant, fractions, w: constant - (2 * fractions @ w).detach()),
    "Your values are right, but no gradient comes through the sums of fractions: numpy, item, detach or a compiled loop cut the graph there.")
mistakes.add("fractions_detached", but(fractions=lambda product: 1 / (1 + product.detach())),
    "Your values are right, but no gradient reaches `query` and `key`: something cuts the graph at the exponentials.")
mistakes.add("detached", lambda *given: in_steps(*given).detach(),
    "Your values are right, but no gradient comes through: detach, item, numpy, no_grad or a new tensor made from numbers cut the graph.")


def given(Tq, Tk, A, scale=1.0, dtype=torch.float32):
    query, key = (normal(T, A, scale=scale, dtype=dtype) for T in (Tq, Tk))
    return {"query": query, "key": key, "score_vector": normal(A, dtype=dtype)}

def far_out(Tq, Tk, *places, dtype=torch.float32):
    """Keys so far out, in each channel at another place, and queries as far on the other side."""

    def draw(generator):
        def drawn(*shape):
            return torch.randn(*shape, generator=generator, dtype=dtype)

        places_of_keys, A = tensor(places, dtype=dtype), len(places)
        return {
            "query": drawn(Tq, A) - places_of_keys, "key": drawn(Tk, A) + places_of_keys, "score_vector": drawn(A)
        }

    return draw


def one_far_apart(Tq, Tk, distance):
    """One key far from all others, which lie at zero, on either side; queries as far from the others, nearly.

    In 32 bits e^(2 (q + k)) is finite for each pair, so that a program may compute with it.
    """

    def draw(generator):
        side = tensor([1.0, -1.0])
        key, near = torch.zeros(Tk, 2), torch.rand(Tq, 2, generator=generator)
        key[Tk // 3] = side * distance
        return {
            "query": -side * (distance - 2 - near / 4), "key": key,
            "score_vector": 1 + torch.rand(2, generator=generator),
        }

    return draw


ALL = ["query", "key", "score_vector"]
exercise = Exercise(
    reference=factored_scores,
    use=metered.factored_scores,
    cases=[
        Case("by hand: tanh(0) is 0, and tanh(log(3) / 2) is one half",
            query=tensor([[0.0]]), key=tensor([[0.0], [math.log(3) / 2]]), score_vector=tensor([4.0])),
        Case("two queries, three keys, two channels", **given(2, 3, 2)),
        Case("everything of one size", **given(3, 3, 3)),
        Case("three queries, five keys", **given(3, 5, 4)),
        Case("more queries than keys", **given(5, 2, 3)),
        Case("one key", **given(3, 1, 2)),
        Case("one channel, far out", **given(7, 6, 1, scale=5.0)),
        Case("many pairs", **given(14, 12, 3)),
        Case("keys far above zero, queries far below", together=far_out(4, 5, 60.0, 60.0, 60.0)),
        Case("farther out", together=far_out(5, 4, 95.0, -95.0, 95.0)),
        Case("not as far, so that numbers have room", together=far_out(3, 4, 25.0, -25.0)),
        Case("each channel far out in another direction", together=far_out(6, 5, 70.0, -50.0)),
        Case("one key far from all others", together=one_far_apart(6, 40, 46.0)),
        Case("gradients", **given(3, 4, 2), grad=ALL),
        Case("many pairs, with gradients", **given(10, 13, 2), grad=ALL),
        Case("64-bit numbers, farther out still", together=far_out(9, 8, -800.0, 750.0, dtype=torch.float64), grad=ALL),
    ],
    variants=[ratio, channel_by_channel, with_einsum, query_by_query],
    mistakes=mistakes,
    points=3,
)
