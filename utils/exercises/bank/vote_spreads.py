"""How many slots share a vote."""

import torch
from torch import tensor

from ..exercise import Case, Draw, Exercise, Mistake


def effective_slots(weights):
    """The exponential of the entropy of the weights (..., M), (...): 1 if one slot has all, M if all have the same."""
    return torch.special.entr(weights).sum(-1).exp()


def _with_xlogy(weights):
    return torch.exp(-torch.xlogy(weights, weights).sum(dim=-1))


def _as_a_product(weights):
    return weights.pow(-weights).prod(-1)


def _where_positive(weights):
    safe = torch.where(weights > 0, weights, torch.ones_like(weights))
    return torch.exp(-(weights * safe.log()).sum(-1))


def _zero_is_nan(weights):
    return torch.exp(-(weights * weights.log()).sum(-1))


def _entropy(weights):
    return torch.special.entr(weights).sum(-1)


def _sign_lost(weights):
    return torch.exp(-torch.special.entr(weights).sum(-1))


def _bits(weights):
    return torch.exp(torch.special.entr(weights).sum(-1) / torch.log(tensor(2.0, dtype=weights.dtype)))


def _mean_in_place_of_sum(weights):
    return torch.special.entr(weights).mean(-1).exp()


def _over_the_first_axis(weights):
    return torch.special.entr(weights).sum(0).exp()


def _over_everything(weights):
    return torch.special.entr(weights).sum().exp()


def _mean_over_queries(weights):
    return torch.special.entr(weights).sum(-1).exp().mean()


def _of_the_mean_weights(weights):
    return torch.special.entr(weights.reshape(-1, weights.size(-1)).mean(0)).sum(-1).exp()


def _inverse_of_squares(weights):
    return 1 / weights.square().sum(-1)


def _counted(weights):
    return (weights > 0.01).to(weights.dtype).sum(-1)


def _softmaxed_again(weights):
    return torch.special.entr(weights.softmax(-1)).sum(-1).exp()


def _shared_out(*shape, sharpness=1.0, dtype=torch.float32):
    return Draw(lambda generator: (sharpness * torch.randn(shape, generator=generator, dtype=dtype)).softmax(-1))


effective_slots_of = Exercise(
    reference=effective_slots,
    cases=[
        Case("half and half", weights=tensor([0.5, 0.5])),
        Case("one slot has all", weights=tensor([0.0, 1.0, 0.0])),
        Case("four slots alike, one never asked", weights=tensor([0.25, 0.25, 0.25, 0.0, 0.25])),
        Case("several queries", weights=_shared_out(4, 6)),
        Case("as many queries as slots", weights=_shared_out(5, 5, sharpness=2.0)),
        Case("a batch", weights=_shared_out(2, 3, 7, sharpness=3.0)),
        Case("64-bit numbers", weights=_shared_out(3, 4, dtype=torch.float64)),
        Case("one slot", weights=torch.ones(3, 1)),
        Case("nearly hard", weights=_shared_out(5, 40, sharpness=30.0)),
    ],
    variants=[_with_xlogy, _as_a_product, _where_positive],
    mistakes=[
        Mistake(_zero_is_nan, "A weight of exactly zero gives NaN: zero times the logarithm of zero. It should add nothing to the entropy."),
        Mistake(_entropy, "This is the entropy. Its exponential is asked for, which counts slots."),
        Mistake(_sign_lost, "Your number is below one: the entropy needs a minus sign, as logarithms of weights are negative."),
        Mistake(_bits, "Your entropy is in bits, and `exp` wants it in natural logarithms. With bits it would be two to the power."),
        Mistake(_mean_in_place_of_sum, "You take the mean over the slots. The entropy is the sum over them."),
        Mistake(_over_the_first_axis, "You sum over the first axis. The slots are the last one; there may be any number of axes in front."),
        Mistake(_over_everything, "You give one number for everything. Each query has a number of its own: sum over the slots only."),
        Mistake(_mean_over_queries, "You average over the queries. Each of them has a number of its own."),
        Mistake(_of_the_mean_weights, "You average the weights over the queries first. Queries that each ask one slot, a different one, would then seem to ask many."),
        Mistake(_inverse_of_squares, "One over the sum of squares also counts slots, and is another number. The exponential of the entropy is asked for."),
        Mistake(_counted, "You count the weights above a threshold. The exponential of the entropy needs none."),
        Mistake(_softmaxed_again, "The weights are a softmax already. Taken once more it makes them nearly equal."),
    ],
    points=2,
)  # fmt: skip
