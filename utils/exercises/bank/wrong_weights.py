"""Wrong ways to turn scores (..., Tq, Tk) into weights, under a mask or without one, that several exercises know."""

import math

import torch

from utils.attention import reference


def right(scores, mask=None):
    return reference.softmax(scores) if mask is None else reference.masked_softmax(scores, mask)


def no_softmax(scores, mask=None):
    return scores if mask is None else scores.masked_fill(~mask, 0)


def over_queries(scores, mask=None):
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-2).nan_to_num(0)


def mask_ignored(scores, mask=None):
    return right(scores)


def mask_inverted(scores, mask=None):
    return right(scores, None if mask is None else ~mask)


def mask_inverted_and_nan(scores, mask=None):
    return (scores if mask is None else scores.masked_fill(mask, -math.inf)).softmax(-1)


def mask_after_softmax(scores, mask=None):
    return right(scores) if mask is None else right(scores) * mask


def hidden_scores_are_zero(scores, mask=None):
    return right(scores if mask is None else scores * mask)


def mask_added(scores, mask=None):
    return right(scores if mask is None else scores + mask)


def empty_row_is_nan(scores, mask=None):
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)


def empty_row_is_the_mean(scores, mask=None):
    return (scores if mask is None else scores.masked_fill(~mask, -1e9)).softmax(-1)


def low_score(scores, mask=None):
    if mask is None:
        return right(scores)
    return scores.masked_fill(~mask, -1000.0).softmax(-1) * mask.any(-1, keepdim=True)


def renormalised(scores, mask=None):
    weights = mask_after_softmax(scores, mask)
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)


def overflows(scores, mask=None):
    exps = scores.exp() if mask is None else scores.exp() * mask
    sums = exps.sum(-1, keepdim=True)
    return torch.where(sums == 0, 0, exps / sums)


def detached(scores, mask=None):
    return right(scores, mask).detach()


def mask_inverted_and_finite(scores, mask=None):
    return (scores if mask is None else scores.masked_fill(mask, -1e9)).softmax(-1)


def renormalised_to_nan(scores, mask=None):
    weights = mask_after_softmax(scores, mask)
    return weights / weights.sum(-1, keepdim=True)


def zero_times_infinity(scores, mask=None):
    return (scores if mask is None else scores + (~mask) * -math.inf).softmax(-1)


def mask_as_index(scores, mask=None):
    scores = scores.clone()
    if mask is not None:
        scores[~mask] = -math.inf
    return scores.softmax(-1).nan_to_num(0)
