"""Softmax: scores into shares of one vote."""

import math

import torch
from torch import tensor

from utils.attention import reference

from ..exercise import Case, Exercise, Mistake, normal


def _exp_of_log(scores, dim=-1):
    return torch.exp(scores - torch.logsumexp(scores, dim, keepdim=True))


def _maximum_detached(scores, dim=-1):
    scores = scores.movedim(dim, 0)
    exps = torch.exp(scores - scores.max(0).values.detach())
    return (exps / exps.sum(0)).movedim(0, dim)


def _from_torch(scores, dim=-1):
    return scores.softmax(dim)


def _no_maximum(scores, dim=-1):
    exps = torch.exp(scores)
    return exps / exps.sum(dim, keepdim=True)


def _last_axis_always(scores, dim=-1):
    return reference.softmax(scores, -1)


def _first_axis(scores, dim=-1):
    return reference.softmax(scores, 0)


def _over_everything(scores, dim=-1):
    exps = torch.exp(scores - scores.max())
    return exps / exps.sum()


def _one_maximum_for_all(scores, dim=-1):
    exps = torch.exp(scores - scores.max())
    return exps / exps.sum(dim, keepdim=True)


def _one_maximum_and_epsilon(scores, dim=-1):
    exps = torch.exp(scores - scores.max())
    return exps / (exps.sum(dim, keepdim=True) + 1e-12)


def _maximum_lost_its_axis(scores, dim=-1):
    exps = torch.exp(scores - scores.amax(dim))
    return exps / exps.sum(dim, keepdim=True)


def _maximum_with_indices(scores, dim=-1):
    exps = torch.exp(scores - scores.max(dim, keepdim=True))
    return exps / exps.sum(dim, keepdim=True)


def _divides_in_place(scores, dim=-1):
    exps = torch.exp(scores - scores.amax(dim, keepdim=True))
    exps /= exps.sum(dim, keepdim=True)
    return exps


def _subtracts_in_place(scores, dim=-1):
    shifted = scores.clone()
    shifted -= shifted.amax(dim, keepdim=True)
    return reference.softmax(shifted, dim)


def _axis_lost(scores, dim=-1):
    exps = torch.exp(scores - scores.amax(dim, keepdim=True))
    return exps / exps.sum(dim)


def _axis_lost_without_maximum(scores, dim=-1):
    exps = torch.exp(scores)
    return exps / exps.sum(dim)


def _not_normalised(scores, dim=-1):
    return torch.exp(scores - scores.amax(dim, keepdim=True))


def _without_exponential(scores, dim=-1):
    return scores / scores.sum(dim, keepdim=True)


def _sigmoids(scores, dim=-1):
    return scores.sigmoid()


def _logarithms(scores, dim=-1):
    return torch.log_softmax(scores, dim)


def _divides_by_the_maximum(scores, dim=-1):
    exps = torch.exp(scores / scores.amax(dim, keepdim=True))
    return exps / exps.sum(dim, keepdim=True)


def _clamps(scores, dim=-1):
    exps = torch.exp(scores.clamp(max=80))
    return exps / exps.sum(dim, keepdim=True)


def _changes_the_scores(scores, dim=-1):
    scores -= scores.amax(dim, keepdim=True)
    return reference.softmax(scores, dim)


def _made_from_numbers(scores, dim=-1):
    return torch.from_numpy(reference.softmax(scores.detach(), dim).numpy())


softmax = Exercise(
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
    variants=[_exp_of_log, _maximum_detached, _from_torch],
    mistakes=[
        Mistake(_no_maximum, "Large scores overflow to infinity, and infinity over infinity is NaN. Adding the same number to every score changes no weight: which number helps?"),
        Mistake(_last_axis_always, "Your weights sum to one along the last axis, whatever `dim` says."),
        Mistake(_first_axis, "Your weights sum to one down the first axis. Take the axis `dim`, which is the last one unless the caller says otherwise."),
        Mistake(_over_everything, "All your weights together sum to one. Each row along `dim` shares out a vote of its own."),
        Mistake(_one_maximum_for_all, "One maximum for all rows: a row far below it underflows to zeros, and zero over zero is NaN. Take the maximum along `dim`."),
        Mistake(_axis_lost, "Your sum loses the axis it sums over, so the division pairs rows with the wrong sums. `keepdim=True` keeps it."),
        Mistake(_axis_lost_without_maximum, "Your sum loses the axis it sums over, so the division pairs rows with the wrong sums: `keepdim=True`. After that, think of large scores."),
        Mistake(_one_maximum_and_epsilon, "One maximum for all rows: a row far below it underflows, and your small number in the denominator turns it into zeros. Take the maximum along `dim`."),
        Mistake(_maximum_lost_its_axis, "Your maximum loses the axis it was taken over, so the subtraction pairs rows with the wrong maxima. `keepdim=True` keeps it."),
        Mistake(_maximum_with_indices, "`max` along an axis returns two things, the values and where they stand. `amax` returns the values."),
        Mistake(_divides_in_place, "The division in place overwrites exponentials that backpropagation still needs. Write `exps = exps / …`."),
        Mistake(_subtracts_in_place, "The subtraction in place overwrites numbers that backpropagation still needs. Write `scores = scores - …`."),
        Mistake(_not_normalised, "Your weights are positive, and do not sum to one yet: divide by their sum along `dim`."),
        Mistake(_without_exponential, "Scores divided by their sum stay negative where they were. Something has to make them positive first."),
        Mistake(_sigmoids, "A sigmoid looks at each score alone. The weights have to share one vote: what one gains, others lose."),
        Mistake(_logarithms, "These are the logarithms of the weights."),
        Mistake(_divides_by_the_maximum, "Dividing by the maximum changes the weights, and turns the order round when it is negative. Subtract it instead."),
        Mistake(_clamps, "Clamping makes all large scores equal, so the best no longer wins. Subtract the largest instead."),
        Mistake(_changes_the_scores, "An operation in place, such as `-=` or `exp_()`, changes the scores that you were given. `scores = scores - …` makes new ones."),
        Mistake(_made_from_numbers, "The weights are right, but no gradient reaches `scores`: detach, item, numpy or a new tensor made from numbers cut the graph."),
    ],
    points=2,
)  # fmt: skip
