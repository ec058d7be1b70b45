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

def in_steps(scores, dim=-1, subtracted=highest, divided_by=total):
    exps = torch.exp(scores - subtracted(scores, dim))
    return exps / divided_by(exps, dim)


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
        Case("one row high above the other", scores=tensor([[1000.0, 1001.0], [-1000.0, -1001.0]])),
        Case("a score of minus infinity", scores=tensor([[0.5, -math.inf, 1.5]])),
        Case("a single score", scores=normal(4, 1)),
    ],
    variants=[exp_of_log, maximum_detached, from_torch],
    mistakes=mistakes,
    points=2,
)
