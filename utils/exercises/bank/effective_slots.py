"""How many slots share a vote."""

import math

import torch
from torch import tensor

from ..exercise import Case, Draw, Exercise, Mistakes, replacing


def effective_slots(weights):
    """The exponential of the entropy of the weights (..., M), (...): 1 if one slot has all, M if all have the same."""
    return torch.special.entr(weights).sum(-1).exp()


def over_slots(terms):
    return terms.sum(-1)

def in_steps(weights, terms=torch.special.entr, total=over_slots, answer=torch.exp):
    return answer(total(terms(weights)))


# Right, and written differently

def with_xlogy(weights):
    return torch.exp(-torch.xlogy(weights, weights).sum(dim=-1))

def as_a_product(weights):
    return weights.pow(-weights).prod(-1)

def where_positive(weights):
    safe = torch.where(weights > 0, weights, torch.ones_like(weights))
    return torch.exp(-(weights * safe.log()).sum(-1))


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("zero_is_nan", but(terms=lambda weights: -weights * weights.log()),
    "A weight of exactly zero gives NaN: zero times the logarithm of zero. It should add nothing to the entropy.")
mistakes.add("entropy", but(answer=lambda entropy: entropy),
    "This is the entropy. Its exponential is asked for, which counts slots.")
mistakes.add("sign_lost", but(answer=lambda entropy: torch.exp(-entropy)),
    "Your number is below one: the entropy needs a minus sign, as logarithms of weights are negative.")
mistakes.add("bits", but(answer=lambda entropy: torch.exp(entropy / math.log(2))),
    "Your entropy is in bits, and `exp` wants it in natural logarithms. With bits it would be two to the power.")
mistakes.add("two_to_the_power", but(answer=torch.exp2),
    "Your entropy is in natural logarithms, and two to the power wants it in bits. Take `exp`.")
mistakes.add("exp_before_sum", lambda weights: torch.special.entr(weights).exp().sum(-1),
    "You take the exponential of each term and then the sum. Sum first, over the slots; the exponential comes last.")
mistakes.add("logarithms_alone", but(terms=lambda weights: -weights.clamp(min=1e-12).log()),
    "You sum the logarithms alone. Each is weighed by its own weight, so that a slot that is never asked adds nothing.")
mistakes.add("axis_kept", but(total=lambda terms: terms.sum(-1, keepdim=True)),
    "Your result has one axis too many: the slots' axis is summed away, without `keepdim`.")
mistakes.add("one_over_the_largest", lambda weights: 1 / weights.amax(-1),
    "One over the largest weight also counts slots, and ignores all the others. The exponential of the entropy is asked for.")
mistakes.add("mean_in_place_of_sum", but(total=lambda terms: terms.mean(-1)),
    "You take the mean over the slots. The entropy is the sum over them.")
mistakes.add("over_the_first_axis", but(total=lambda terms: terms.sum(0)),
    "You sum over the first axis. The slots are the last one; there may be any number of axes in front.")
mistakes.add("over_everything", but(total=torch.sum),
    "You give one number for everything. Each query has a number of its own: sum over the slots only.")
mistakes.add("mean_over_queries", but(answer=lambda entropy: torch.exp(entropy).mean()),
    "You average over the queries. Each of them has a number of its own.")
mistakes.add("of_the_mean_weights", lambda weights: effective_slots(weights.reshape(-1, weights.size(-1)).mean(0)),
    "You average the weights over the queries first. Queries that each ask one slot, a different one, would then seem to ask many.")
mistakes.add("inverse_of_squares", lambda weights: 1 / weights.square().sum(-1),
    "One over the sum of squares also counts slots, and is another number. The exponential of the entropy is asked for.")
mistakes.add("counted", lambda weights: (weights > 0.01).to(weights.dtype).sum(-1),
    "You count the weights above a threshold. The exponential of the entropy needs none.")
mistakes.add("counted_above_zero", lambda weights: (weights > 0).to(weights.dtype).sum(-1),
    "You count the weights that are not zero. A softmax gives none that is: how large they are has to count.")
mistakes.add("softmaxed_again", lambda weights: effective_slots(weights.softmax(-1)),
    "The weights are a softmax already. Taken once more it makes them nearly equal.")


def shared_out(*shape, sharpness=1.0, dtype=torch.float32):
    return Draw(lambda generator: (sharpness * torch.randn(shape, generator=generator, dtype=dtype)).softmax(-1))


exercise = Exercise(
    reference=effective_slots,
    cases=[
        Case("half and half", weights=tensor([0.5, 0.5])),
        Case("one slot has all", weights=tensor([0.0, 1.0, 0.0])),
        Case("four slots alike, one never asked", weights=tensor([0.25, 0.25, 0.25, 0.0, 0.25])),
        Case("several queries", weights=shared_out(4, 6)),
        Case("as many queries as slots", weights=shared_out(5, 5, sharpness=2.0)),
        Case("a batch", weights=shared_out(2, 3, 7, sharpness=3.0)),
        Case("64-bit numbers", weights=shared_out(3, 4, dtype=torch.float64)),
        Case("one slot", weights=torch.ones(3, 1)),
        Case("nearly hard", weights=shared_out(5, 40, sharpness=30.0)),
    ],
    variants=[with_xlogy, as_a_product, where_positive],
    mistakes=mistakes,
    points=2,
)
