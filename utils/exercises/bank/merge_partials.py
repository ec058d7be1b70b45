"""Two halves of a dictionary: what is known of each tells what both give together."""

import math

import torch
from torch import tensor

from utils.attempts.uses import partials

from ..exercise import Case, Exercise, Mistakes, replacing


def merge_partials(one, other):
    """What two halves give together, each a (largest (Tq, 1), total (Tq, 1), sums (Tq, Dv)) of its keys.

    largest is the largest score, total the sum of exp(score - largest), sums that of exp(score - largest) times value;
    -inf, 0 and 0 for no key at all. Source: Dao et al. 2022, section 3.1.
    """
    largest = torch.maximum(one[0], other[0])
    measured_from = largest.masked_fill(largest == -math.inf, 0)  # -inf - (-inf) is NaN
    shrink_one, shrink_other = torch.exp(one[0] - measured_from), torch.exp(other[0] - measured_from)  # (Tq, 1)
    total = one[1] * shrink_one + other[1] * shrink_other
    return largest, total, one[2] * shrink_one + other[2] * shrink_other


def larger(one, other):
    return torch.maximum(one, other)

def shrinking(old, new):
    return torch.exp(old - new.masked_fill(new == -math.inf, 0))

def added(one, other, shrink_one, shrink_other):
    return one * shrink_one + other * shrink_other

def all_three(largest, total, sums):
    return largest, total, sums

def in_steps(one, other, largest=larger, shrink=shrinking, total=added, sums=added, answer=all_three):
    top = largest(one[0], other[0])
    factors = shrink(one[0], top), shrink(other[0], top)
    return answer(top, total(one[1], other[1], *factors), sums(one[2], other[2], *factors))


# Right, and written differently

def stacked(one, other):
    largest, total, sums = (torch.stack(pair) for pair in zip(one, other, strict=True))
    top = largest.amax(0)
    factor = torch.exp(largest - top).nan_to_num(0)
    return top, (factor * total).sum(0), (factor * sums).sum(0)

def smaller_into_larger(one, other):
    first = one[0] >= other[0]
    largest, total, sums = (torch.where(first, a, b) for a, b in zip(one, other, strict=True))
    lower, its_total, its_sums = (torch.where(first, b, a) for a, b in zip(one, other, strict=True))
    factor = torch.where(lower == -math.inf, 0.0, torch.exp(lower - largest))
    return largest, total + factor * its_total, sums + factor * its_sums

def through_logarithms(one, other):
    largest = torch.maximum(one[0], other[0])
    logs = [part[0] + torch.log(part[1]) for part in (one, other)]
    together = torch.logaddexp(*logs)
    means = [part[2] / part[1].clamp(min=1e-30) for part in (one, other)]
    shares = [torch.exp(log - together).nan_to_num(0) for log in logs]
    total = torch.exp(together - largest).nan_to_num(0)
    return largest, total, (shares[0] * means[0] + shares[1] * means[1]) * total

def query_by_query(one, other):
    rows = []
    for i in range(len(one[0])):
        (top, total, sums), (lower, its_total, its_sums) = sorted(
            ([part[i] for part in half] for half in (one, other)), key=lambda half: half[0].item(), reverse=True
        )
        factor = math.exp(lower - top) if lower > -math.inf else 0.0
        rows.append((top, total + factor * its_total, sums + factor * its_sums))
    return tuple(map(torch.stack, zip(*rows, strict=True)))


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("just_added", but(shrink=lambda old, new: 1.0),
    "Your totals and sums are added as they are. Each half is measured against its own largest score: bring both to the common one before you add.")
mistakes.add("all_added", but(largest=torch.add, shrink=lambda old, new: 1.0),
    "Your three are each added, the largest scores too. Of those the larger one counts, and totals and sums have to be brought to it before you add.")
mistakes.add("upside_down", but(shrink=lambda old, new: torch.exp(new - old).nan_to_num(0, posinf=0)),
    "Your halves are multiplied by exp(new - old). The common largest score is the larger one, and what was summed has to shrink: exp(old - new).")
mistakes.add("upside_down_and_unguarded", but(shrink=lambda old, new: torch.exp(new - old)),
    "Your halves are multiplied by exp(new - old), which is infinite for a half without a key, and infinity times zero is NaN. What was summed has to shrink: exp(old - new).")
mistakes.add("factors_swapped",
    but(total=lambda a, b, x, y: added(a, b, y, x), sums=lambda a, b, x, y: added(a, b, y, x)),
    "Your halves each get the factor of the other. Each shrinks by the distance of its own largest score to the common one.")
mistakes.add("factors_of_the_sums_swapped", but(sums=lambda a, b, x, y: added(a, b, y, x)),
    "Your sums each get the factor of the other half, while the totals have their own. Sums and totals shrink alike.")
mistakes.add("only_the_second_shrinks", but(total=lambda a, b, x, y: a + b * y, sums=lambda a, b, x, y: a + b * y),
    "Your second half alone is brought to the common largest score. It may be the first one that has to shrink.")
mistakes.add("only_the_first_shrinks", but(total=lambda a, b, x, y: a * x + b, sums=lambda a, b, x, y: a * x + b),
    "Your first half alone is brought to the common largest score. It may be the second one that has to shrink.")
mistakes.add("sums_not_shrunk", but(sums=lambda a, b, x, y: a + b),
    "Your totals are brought to the common largest score, the sums of values are not. They need the same factors.")
mistakes.add("total_not_shrunk", but(total=lambda a, b, x, y: a + b),
    "Your sums of values are brought to the common largest score, the totals are not. They need the same factors.")
mistakes.add("nan_for_nothing", but(shrink=lambda old, new: torch.exp(old - new)),
    "Your result is NaN for a query that has no key in either half, because -inf - (-inf) is NaN. Nothing and nothing is nothing: -inf, 0 and 0.")

@mistakes.program("Your result is NaN where some queries have no key in either half and others do. Nothing may be there for one query alone: decide it for each of them.")
def looks_at_all_queries_at_once(one, other):
    if (other[0] == -math.inf).all():
        return one
    return in_steps(one, other, shrink=lambda old, new: torch.exp(old - new))

@mistakes.program("Your result is the other half whole as soon as one query has no key in a half. Decide it for each query, or let the factor do it: exp(-inf - largest) is 0.")
def other_half_for_all(one, other):
    for half, rest in ((one, other), (other, one)):
        if (half[0] == -math.inf).any():
            return rest
    return in_steps(one, other)

def standing_in(number):
    def answer(largest, total, sums):
        return largest.masked_fill(largest == -math.inf, number), total, sums

    return but(answer=answer)

STANDS_IN = "Your largest score is {} for a query that has no key in either half. A number may stand in for -inf within exp: return -inf itself, or the next merge takes it for a score."
mistakes.add("zero_stands_in", standing_in(0.0), STANDS_IN.format("0"))
mistakes.add("ten_thousand_stands_in", standing_in(-1e4), STANDS_IN.format("-1e4"))
mistakes.add("the_lowest_number_stands_in", standing_in(torch.finfo(torch.float32).min),
    STANDS_IN.format("the lowest number there is"))
mistakes.add("a_billion_stands_in", standing_in(-1e9), STANDS_IN.format("-1e9"))

OVERFLOWS = "Your halves are multiplied by exp(largest), which overflows for large scores and vanishes for low ones. The difference of two largest scores is never above zero: exp(old - new)."

def by_way_of_zero(down):
    def program(one, other):
        largest = larger(one[0], other[0])
        whole = [[entry * one_half[0].exp() for entry in one_half[1:]] for one_half in (one, other)]
        total, sums = (a + b for a, b in zip(*whole, strict=True))
        return largest, down(total, largest), down(sums, largest)

    return program

mistakes.add("measured_from_zero", by_way_of_zero(lambda x, largest: x),
    "Your totals and sums are measured from 0, as if no largest score were subtracted, and overflow for large scores. Bring them to the common largest score: exp(old - new).")
mistakes.add("by_way_of_zero", by_way_of_zero(lambda x, largest: x / largest.exp()), OVERFLOWS)
mistakes.add("by_way_of_zero_but_for_nothing", by_way_of_zero(
        lambda x, largest: x / torch.where(largest == -math.inf, 1.0, largest.exp())), OVERFLOWS)
mistakes.add("by_way_of_zero_multiplied", by_way_of_zero(lambda x, largest: x * torch.exp(-largest)), OVERFLOWS)

mistakes.add("larger_half_alone",
    but(total=lambda a, b, x, y: torch.where(x >= y, a, b), sums=lambda a, b, x, y: torch.where(x >= y, a, b)),
    "Your result is the half with the larger score alone. The other one has a part in it too, if a smaller one.")
mistakes.add("smaller_largest", but(largest=torch.minimum, shrink=lambda old, new: torch.exp(old - new).nan_to_num(0)),
    "Your halves are measured against the smaller one of the two largest scores, so that exp grows, and overflows. Take the larger one.")
mistakes.add("measured_against_the_first",
    but(largest=lambda one, other: one, shrink=lambda old, new: torch.exp(old - new).nan_to_num(0)),
    "Your halves are measured against the first one's largest score. It may be the smaller one, and exp overflows: take the larger one of the two.")
mistakes.add("one_largest_for_all", but(largest=lambda one, other: torch.maximum(one, other).max().expand_as(one)),
    "Your largest score is one for all queries. Each query has its own: compare the two halves query by query, with `torch.maximum`.")
mistakes.add("one_number_for_all", but(largest=lambda one, other: torch.maximum(one, other).max()),
    "Your largest score is one for all queries. Each query has its own: compare the two halves query by query, with `torch.maximum`.")
mistakes.add("compared_as_a_whole", but(largest=max),
    "Your program asks one question of all queries, with `if` or Python's `max`, and a tensor of several numbers gives no one answer. Let each query have its own: `torch.maximum`, `torch.where`.")

ONCE_FOR_ALL = "Your program asks once, for all queries, which half has the larger score. It may be the first for one query and the second for another: decide it for each."

def larger_half_for_all(first_is_larger, guard=lambda factor: factor.nan_to_num(0)):
    def program(one, other):
        first, second = (one, other) if first_is_larger(one[0], other[0]) else (other, one)
        factor = guard(torch.exp(second[0] - first[0]))
        return first[0], first[1] + factor * second[1], first[2] + factor * second[2]

    return program

for name, question in {
    "all": lambda one, other: (one >= other).all(),
    "any": lambda one, other: not (other > one).all(),
    "largest": lambda one, other: one.max() >= other.max(),
}.items():
    mistakes.add(f"larger_half_by_{name}", larger_half_for_all(question), ONCE_FOR_ALL)
    mistakes.add(f"larger_half_by_{name}_unguarded", larger_half_for_all(question, lambda factor: factor), ONCE_FOR_ALL)

mistakes.add("largest_of_the_half_for_all",
    but(largest=lambda one, other: one if one.max() > other.max() else other,
        shrink=lambda old, new: torch.exp(old - new)),
    ONCE_FOR_ALL)

@mistakes.program("Your halves are measured against each other. Both are brought to the larger one of the two largest scores.")
def against_each_other(one, other):
    factors = torch.exp(one[0] - other[0]), torch.exp(other[0] - one[0])
    return larger(one[0], other[0]), added(one[1], other[1], *factors), added(one[2], other[2], *factors)

mistakes.add("largest_through_logarithms", but(largest=torch.logaddexp),
    "Your largest score is the logarithm of a sum. The larger one of the two is meant: `torch.maximum`.")

@mistakes.program("Your largest score is the logarithm of the whole sum, and your total one. That is another way to keep a part: here the largest score itself is asked for, and the sum of exp(score - largest).")
def log_total_and_one(one, other):
    largest, total, sums = in_steps(one, other)
    return largest + total.log(), (total > 0).to(total), (sums / total).nan_to_num(0)

@mistakes.program("Your `math.exp` takes one number, and there is one for each query. `torch.exp` takes them all.")
def exp_of_a_number(one, other):
    largest = larger(one[0], other[0])
    factors = math.exp(one[0] - largest), math.exp(other[0] - largest)
    return largest, added(one[1], other[1], *factors), added(one[2], other[2], *factors)

@mistakes.program("Your sums are weighed as if they were contexts, and divided by the total. They are sums already, and stay sums: the factors of the largest scores alone.")
def sums_taken_for_contexts(one, other):
    largest, total, sums = in_steps(one, other, sums=lambda a, b, x, y: a * one[1] * x + b * other[1] * y)
    return largest, total, (sums / total).nan_to_num(0)

@mistakes.program("Your sums are multiplied by the totals. They are sums already, and need the factors of the largest scores alone.")
def sums_weighed_by_the_totals(one, other):
    return in_steps((one[0], one[1], one[1] * one[2]), (other[0], other[1], other[1] * other[2]))

mistakes.add("sums_averaged", but(shrink=lambda old, new: 1.0, sums=lambda a, b, x, y: (a + b) / 2),
    "Your sums are averaged. They are sums, and stay sums: bring both to the common largest score, then add.")

@mistakes.program("Your contexts are averaged, as if both halves weighed the same. The one with the larger total has more of a say: add the sums, and leave the division to the end.")
def contexts_in_the_middle(one, other):
    largest, total, _ = in_steps(one, other)
    contexts = [half[2] / half[1].clamp(min=1e-30) for half in (one, other)]
    return largest, total, (contexts[0] + contexts[1]) / 2 * total

mistakes.add("divided", but(answer=lambda largest, total, sums: (largest, total, sums / total.clamp(min=1e-30))),
    "Your sums are divided by the total already. The next merge could not know then how much weight stands behind them: divide once, at the very end.")
mistakes.add("divided_into_nan", but(answer=lambda largest, total, sums: (largest, total, sums / total)),
    "Your sums are divided by the total already, and zero by zero is NaN. The next merge needs the sums as they are: divide once, at the very end.")
mistakes.add("context_alone", but(answer=lambda largest, total, sums: sums / total),
    "Your program returns one tensor. The next merge needs all three: largest, total and sums.")
mistakes.add("largest_left_out", but(answer=lambda largest, total, sums: (total, sums)),
    "Your program leaves the largest score out. Without it nobody knows what total and sums are measured against: return all three.")
mistakes.add("another_order", but(answer=lambda largest, total, sums: (total, largest, sums)),
    "Your three are right and in another order. Return largest, total, sums, as they come in.")
mistakes.add("largest_without_its_axis",
    but(answer=lambda largest, total, sums: (largest.squeeze(-1), total.squeeze(-1), sums)),
    "Your largest and total have lost their last axis: (Tq,) in place of (Tq, 1). They keep it so that they spread over the values' width.")

@mistakes.program("Your totals and sums are changed in place. Whoever handed over the half may still need it: `a * b` makes a new tensor, where `a *= b` changes the old one.")
def in_place(one, other):
    largest, total, sums = in_steps(one, other)
    return largest, one[1].copy_(total), one[2].copy_(sums)

@mistakes.program("Your common largest score is written over the one that you were given, before its own factor is taken, and exp(old - new) is 1 then. Give the new one a name of its own.")
def largest_written_over(one, other):
    one[0].copy_(larger(one[0], other[0]))
    return in_steps(one, other)


NAMES = [f"{half}_{part}" for half in ("one", "other") for part in ("largest", "total", "sums")]

def halves(Tq, one, other, Dv, shift=0.0, scale=1.0, unseen=(), dtype=torch.float32):
    """Two halves of so many keys, the second one's scores shifted; `unseen` (query, half) has no key."""

    def draw(generator):
        drawn = []
        for half, Tk in enumerate((one, other)):
            scores = shift * half + scale * torch.randn(Tq, Tk, generator=generator, dtype=dtype)
            for query, where in unseen:
                if where == half:
                    scores[query] = -math.inf
            largest = scores.amax(-1, keepdim=True)
            exps = torch.exp(scores - largest).nan_to_num(0)
            values = torch.randn(Tk, Dv, generator=generator, dtype=dtype)
            drawn += [largest, exps.sum(-1, keepdim=True), exps @ values]
        return dict(zip(NAMES, drawn, strict=True))

    return draw


exercise = Exercise(
    reference=merge_partials,
    use=partials.merge_partials,
    cases=[
        Case("scores 0 and log 2 in one half, log 4 in the other; values 0, 2 and 8",
            one_largest=tensor([[math.log(2)]]), one_total=tensor([[1.5]]), one_sums=tensor([[2.0]]),
            other_largest=tensor([[math.log(4)]]), other_total=tensor([[1.0]]), other_sums=tensor([[8.0]])),
        Case("one query, one key in each half", together=halves(1, 1, 1, 1)),
        Case("three keys and five", together=halves(4, 3, 5, 2)),
        Case("as many queries as the values are wide", together=halves(3, 4, 2, 3)),
        Case("sharp scores", together=halves(3, 6, 6, 4, scale=8.0)),
        Case("the second half far above", together=halves(3, 4, 5, 2, shift=90.0)),
        Case("the second half far below", together=halves(5, 2, 4, 3, shift=-90.0)),
        Case("queries apart from each other", together=halves(4, 3, 3, 2, scale=60.0)),
        Case("nothing in the second half", together=halves(2, 3, 2, 3, unseen=[(0, 1), (1, 1)])),
        Case("nothing in the first half", together=halves(2, 3, 2, 4, unseen=[(0, 0), (1, 0)])),
        Case("each half hidden from some queries", together=halves(4, 3, 4, 2, unseen=[(0, 0), (1, 1)])),
        Case("one query that sees nothing at all", together=halves(3, 2, 4, 2, unseen=[(1, 0), (1, 1), (2, 1)])),
        Case("nothing in either", together=halves(2, 3, 2, 3, unseen=[(i, half) for i in (0, 1) for half in (0, 1)])),
        Case("64-bit numbers", together=halves(2, 4, 3, 3, dtype=torch.float64)),
    ],
    variants=[stacked, smaller_into_larger, through_logarithms, query_by_query],
    mistakes=mistakes,
    points=2,
)
