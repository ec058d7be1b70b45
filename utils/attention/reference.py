"""The formulas, plain and slow: what everything else is compared with.

Shapes: query (..., Tq, Dk), key (..., Tk, Dk), value (..., Tk, Dv), mask broadcastable to (..., Tq, Tk)
with True = may attend. Leading dimensions broadcast.
"""

import math

import torch
from torch import Tensor


def softmax(scores: Tensor, dim: int = -1) -> Tensor:
    """Weights of the shape of scores: positive, summing to 1 along dim, for scores of any finite size."""
    exps = torch.exp(scores - scores.amax(dim, keepdim=True))
    return exps / exps.sum(dim, keepdim=True)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis among the scores (..., Tk) whose mask is True; zeros where no score is left."""
    empty = ~mask.any(-1, keepdim=True)
    scores = scores.masked_fill(~mask, -math.inf).masked_fill(empty, 0)
    return softmax(scores).masked_fill(~mask, 0)


def matrix_lookup(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Exact lookup as two matrix products: (Tq, Dv) from one-hot rows query (Tq, N) and key (Tk, N).

    A query that equals no key gets zeros.
    """
    return query @ key.mT @ value


def nearest_lookup(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The value (Tq, Dv) of the key with the largest dot product; the first of them where several tie."""
    return value[(query @ key.mT).argmax(-1)]


def soft_lookup(
    query: Tensor, key: Tensor, value: Tensor, temperature: float = 1.0, mask: Tensor | None = None
) -> Tensor:
    """The context (..., Tq, Dv): every value in proportion to its match, softmax(query · key / temperature) value.

    A query that may attend to nothing gets zeros. Raises ValueError if shapes do not fit, if the temperature is
    not positive, or if the mask is not boolean. Source: Vaswani et al. 2017, equation 1, with a temperature for √d.
    """
    if query.size(-1) != key.size(-1):
        raise ValueError(f"query width {query.size(-1)} and key width {key.size(-1)} differ")
    if key.size(-2) != value.size(-2):
        raise ValueError(f"{key.size(-2)} keys and {value.size(-2)} values: each key needs one value")
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    scores = query @ key.mT / temperature  # (..., Tq, Tk)
    if mask is None:
        return softmax(scores) @ value  # (..., Tq, Dv)
    if mask.dtype != torch.bool:
        raise ValueError(f"mask must be boolean (True = may attend), got {mask.dtype}")
    return masked_softmax(scores, mask) @ value  # (..., Tq, Dv)


def lookup_gradient(query: Tensor, key: Tensor, value: Tensor, temperature: float = 1.0) -> Tensor:
    """∂context/∂query (Dv, Dk) of a soft lookup with one query (Dk,), key (Tk, Dk) and value (Tk, Dv).

    It is the covariance of value and key under the weights, over the temperature.
    """
    weights = softmax(key @ query / temperature)  # (Tk,)
    centred = value - weights @ value  # (Tk, Dv)
    return (weights[:, None] * centred).mT @ key / temperature  # (Dv, Dk)


def kernel_regression(x: Tensor, x_train: Tensor, y_train: Tensor, width: float, leave_one_out: bool = False) -> Tensor:
    """The mean of y_train (N,) weighted by exp(-(x - x_train)² / (2 width²)): predictions (T,) at the points x (T,).

    With leave_one_out, x must be x_train, and no point votes for its own prediction; a point left
    without any voter gets zero. Source: Nadaraya 1964, Watson 1964.
    """
    scores = -((x[:, None] - x_train) ** 2) / (2 * width**2)  # (T, N)
    may_vote = torch.ones_like(scores, dtype=torch.bool)
    if leave_one_out:
        may_vote.fill_diagonal_(False)
    return masked_softmax(scores, may_vote) @ y_train  # (T,)


def linear_memory(key: Tensor, value: Tensor) -> Tensor:
    """The sum of the outer products key ⊗ value: a matrix (Dk, Dv), read by `query @ memory`."""
    return key.mT @ value
