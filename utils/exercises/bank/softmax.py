"""Softmax: scores into shares of one vote."""

import math

import torch
from torch import tensor

from utils.attention import reference

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def highest(scores, dim):
    return scores.amax(dim, keepdim=True)

def highest_of_all(scores, dim):
    return scores.max()

def nothing(scores, dim):
    return 0

def total(exps, dim):
    return exps.sum(dim, keepdim=True)

def exponentials(scores, dim):
    return torch.exp(scores)

def in_steps(scores, dim=-1, subtracted=highest, shared=exponentials, divided_by=total):
    shares = shared(scores - subtracted(scores, dim), dim)
    return shares / divided_by(shares, dim)


# Right, and written differently

def exp_of_log(scores, dim=-1):
    return torch.exp(scores - torch.logsumexp(scores, dim, keepdim=True))

def maximum_detached(scores, dim=-1):
    scores = scores.movedim(dim, 0)
    exps = torch.exp(scores - scores.max(0).values.detach())
    return (exps / exps.sum(0)).movedim(0, dim)

def from_torch(scores, dim=-1):
    return scores.softmax(dim)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("no_maximum", but(subtracted=nothing),
    "Large scores overflow to infinity, and infinity over infinity is NaN. Adding the same number to every score changes no weight: which number helps?")
mistakes.add("last_axis_always", lambda scores, dim=-1: reference.softmax(scores, -1),
    "Your weights sum to one along the last axis, whatever `dim` says.")
mistakes.add("first_axis", lambda scores, dim=-1: reference.softmax(scores, 0),
    "Your weights sum to one down the first axis. Take the axis `dim`, which is the last one unless the caller says otherwise.")
mistakes.add("over_everything", but(subtracted=highest_of_all, divided_by=lambda exps, dim: exps.sum()),
    "All your weights together sum to one. Each row along `dim` shares out a vote of its own.")
mistakes.add("one_maximum_for_all", but(subtracted=highest_of_all),
    "One maximum for all rows: a row far below it underflows to zeros, and zero over zero is NaN. Take the maximum along `dim`.")
mistakes.add("axis_lost", but(divided_by=lambda exps, dim: exps.sum(dim)),
    "Your sum loses the axis it sums over, so the division pairs rows with the wrong sums. `keepdim=True` keeps it.")
mistakes.add("axis_lost_without_maximum", but(subtracted=nothing, divided_by=lambda exps, dim: exps.sum(dim)),
    "Your sum loses the axis it sums over, so the division pairs rows with the wrong sums: `keepdim=True`. After that, think of large scores.")
mistakes.add("one_maximum_and_epsilon",
    but(subtracted=highest_of_all, divided_by=lambda exps, dim: total(exps, dim) + 1e-12),
    "One maximum for all rows: a row far below it underflows, and your small number in the denominator turns it into zeros. Take the maximum along `dim`.")
mistakes.add("maximum_lost_its_axis", but(subtracted=lambda scores, dim: scores.amax(dim)),
    "Your maximum loses the axis it was taken over, so the subtraction pairs rows with the wrong maxima. `keepdim=True` keeps it.")
mistakes.add("maximum_with_indices", but(subtracted=lambda scores, dim: scores.max(dim, keepdim=True)),
    "`max` along an axis returns two things, the values and where they stand. `amax` returns the values.")

@mistakes.program("The division in place overwrites exponentials that backpropagation still needs. Write `exps = exps / …`.")
def divides_in_place(scores, dim=-1):
    exps = torch.exp(scores - highest(scores, dim))
    exps /= total(exps, dim)
    return exps

@mistakes.program("The subtraction in place overwrites numbers that backpropagation still needs. Write `scores = scores - …`.")
def subtracts_in_place(scores, dim=-1):
    shifted = scores.clone()
    shifted -= highest(shifted, dim)
    return reference.softmax(shifted, dim)

mistakes.add("not_normalised", but(divided_by=lambda exps, dim: 1),
    "Your weights are positive, and do not sum to one yet: divide by their sum along `dim`.")
mistakes.add("without_exponential", lambda scores, dim=-1: scores / total(scores, dim),
    "Scores divided by their sum stay negative where they were. Something has to make them positive first.")
mistakes.add("sigmoids", lambda scores, dim=-1: scores.sigmoid(),
    "A sigmoid looks at each score alone. The weights have to share one vote: what one gains, others lose.")
mistakes.add("logarithms", lambda scores, dim=-1: torch.log_softmax(scores, dim),
    "These are the logarithms of the weights.")

@mistakes.program("Dividing by the maximum changes the weights, and turns the order round when it is negative. Subtract it instead.")
def divides_by_the_maximum(scores, dim=-1):
    exps = torch.exp(scores / highest(scores, dim))
    return exps / total(exps, dim)

@mistakes.program("Clamping makes all large scores equal, so the best no longer wins. Subtract the largest instead.")
def clamps(scores, dim=-1):
    exps = torch.exp(scores.clamp(max=80))
    return exps / total(exps, dim)

@mistakes.program("An operation in place, such as `-=` or `exp_()`, changes the scores that you were given. `scores = scores - …` makes new ones.")
def changes_the_scores(scores, dim=-1):
    scores -= highest(scores, dim)
    return reference.softmax(scores, dim)

mistakes.add("made_from_numbers", lambda scores, dim=-1: torch.from_numpy(scores.detach().softmax(dim).numpy()),
    "The weights are right, but no gradient reaches `scores`: detach, item, numpy or a new tensor made from numbers cut the graph.")

mistakes.add("one_sum_for_all", but(divided_by=lambda exps, dim: exps.sum()),
    "You divide by the sum of all exponentials. Each row along `dim` shares out a vote of its own: sum along `dim`.")
mistakes.add("both_lost_their_axis",
    but(subtracted=lambda scores, dim: scores.amax(dim), divided_by=lambda exps, dim: exps.sum(dim)),
    "Your maximum and your sum lose the axis they are taken over, so rows meet the numbers of other rows. `keepdim=True` keeps it.")
mistakes.add("sum_along_the_last", but(divided_by=lambda exps, dim: total(exps, -1)),
    "You take the maximum along `dim` and the sum along the last axis. Both belong to `dim`.")
mistakes.add("maximum_along_the_last", but(subtracted=lambda scores, dim: scores.amax(-1, keepdim=True)),
    "You take the sum along `dim` and the maximum along the last axis. What is subtracted has to be the same for all scores that share a vote.")
mistakes.add("subtracts_the_mean", but(subtracted=lambda scores, dim: scores.mean(dim, keepdim=True)),
    "Subtracting the mean leaves exponents that may be large, and a mean is lost where one score is minus infinity. Which number makes every exponent zero or less?")
mistakes.add("subtracts_the_smallest", but(subtracted=lambda scores, dim: scores.amin(dim, keepdim=True)),
    "Subtracting the smallest score makes every exponent larger or leaves it large. Which number makes every exponent zero or less?")
mistakes.add("not_subtracted_below",
    lambda scores, dim=-1: torch.exp(scores - highest(scores, dim)) / total(torch.exp(scores), dim),
    "You subtract above the line and not below it. Numerator and denominator need the same exponentials.")
mistakes.add("absolute_values", lambda scores, dim=-1: scores.abs() / total(scores.abs(), dim),
    "Absolute values make the worst match as heavy as the best. Take something that is positive and grows with the score, for negative ones, too.")
mistakes.add("positive_parts", lambda scores, dim=-1: scores.relu() / total(scores.relu(), dim),
    "Whatever is below zero gets the weight zero, and a row of such scores has nothing to share. The exponential is positive everywhere.")
mistakes.add("squares", lambda scores, dim=-1: scores**2 / total(scores**2, dim),
    "A square takes a large negative score for a good match. The exponential grows with the score everywhere.")
mistakes.add("distances_from_the_smallest", but(
    subtracted=nothing, shared=lambda scores, dim: scores - scores.amin(dim, keepdim=True)),
    "You shift the scores so that none is negative, and then divide. A weight is in proportion to the exponential of its score.")
mistakes.add("nan_replaced", lambda scores, dim=-1: torch.nan_to_num(torch.exp(scores) / total(torch.exp(scores), dim)),
    "You replace NaN after it has happened, and the best score has lost its vote. Adding the same number to every score changes no weight: which number helps?")
mistakes.add("powers_of_two", but(shared=lambda scores, dim: torch.exp2(scores)),
    "Your weights are in proportion to powers of two. Take those of e: `torch.exp`.")
mistakes.add("winner_takes_all", lambda scores, dim=-1: (scores == highest(scores, dim)).to(scores.dtype),
    "The best score has the whole vote. In a softmax every score has a share: the exponential of it, over the sum.")
mistakes.add("opposite_sign", lambda scores, dim=-1: reference.softmax(-scores, dim),
    "Your weights fall as the scores grow. Mind the sign in the exponent: score minus maximum.")
mistakes.add("in_64_bits", lambda scores, dim=-1: but(subtracted=nothing)(scores.double(), dim).to(scores.dtype),
    "64 bits only overflow a little later. Adding the same number to every score changes no weight: which number helps?")
mistakes.add("standardised", lambda scores, dim=-1: reference.softmax(
    (scores - scores.mean(dim, keepdim=True)) / scores.std(dim, keepdim=True), dim),
    "You divide the scores by their spread, and that changes the weights. Subtracting is allowed, dividing is not.")
mistakes.add("without_maximum_from_numpy",
    lambda scores, dim=-1: torch.from_numpy((scores.detach().exp() / total(scores.detach().exp(), dim)).numpy()),
    "Large scores overflow, and no gradient comes through numpy. `torch.exp` keeps the graph; and adding the same number to every score changes no weight.")

@mistakes.program("The difference of two scores of minus infinity is NaN. Compare each score with the largest one only.")
def by_pairs(scores, dim=-1):
    scores = scores.movedim(dim, -1)
    return (1 / torch.exp(scores[..., None, :] - scores[..., :, None]).sum(-1)).movedim(-1, dim)


exercise = Exercise(
    reference=reference.softmax,
    cases=[
        Case("three scores by hand", scores=tensor([0.0, math.log(2), math.log(5)])),
        Case("two rows by hand", scores=tensor([[0.0, math.log(3)], [math.log(4), 0.0]])),
        Case("rows", scores=normal(3, 4), grad=["scores"]),
        Case("along the first axis", scores=normal(3, 4), dim=0, grad=["scores"]),
        Case("a batch, along the middle axis", scores=normal(2, 3, 5), dim=1),
        Case("a batch, along the last axis but one", scores=normal(2, 3, 5), dim=-2),
        Case("a batch, along its first axis", scores=normal(2, 3, 5), dim=0),
        Case("64-bit numbers", scores=normal(3, 4, dtype=torch.float64), grad=["scores"]),
        Case("scores in the thousands", scores=normal(3, 4, scale=1000)),
        Case("scores of some hundreds", scores=normal(2, 4, shift=300)),
        Case("one row high above the other", scores=tensor([[1000.0, 1001.0], [-1000.0, -1001.0]])),
        Case("a score of minus infinity", scores=tensor([[0.5, -math.inf, 1.5]])),
        Case("a single score", scores=normal(4, 1)),
    ],
    variants=[exp_of_log, maximum_detached, from_torch],
    mistakes=mistakes,
    points=2,
)
