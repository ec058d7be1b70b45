"""The formulas, plain and slow: what everything else is compared with.

Shapes: query (..., Tq, Dk), key (..., Tk, Dk), value (..., Tk, Dv), mask broadcastable to (..., Tq, Tk)
with True = may attend. Leading dimensions broadcast.
"""

import math
from typing import Literal, overload

import torch
from torch import Tensor

RMS_EPSILON = 1e-6  # keeps a row of zeros from being divided by zero


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
    if mask is not None and mask.dtype != torch.bool:
        raise ValueError(f"mask must be boolean (True = may attend), got {mask.dtype}")
    scores = query @ key.mT / temperature  # (..., Tq, Tk)
    return _weights(scores, mask) @ value  # (..., Tq, Dv)


def _weights(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over the keys, of those whose mask is True; zeros where there is no key."""
    if scores.size(-1) == 0:
        return scores
    return softmax(scores) if mask is None else masked_softmax(scores, mask)


def causal_mask(queries: int, keys: int, device: torch.device | str = "cpu") -> Tensor:
    """(Tq, Tk), True = may attend: a query sees the keys up to its own place, the last query all of them."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


@overload
def dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False,
    scale: float | None = None, return_weights: Literal[False] = False,
) -> Tensor: ...  # fmt: skip
@overload
def dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False,
    scale: float | None = None, *, return_weights: Literal[True],
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    scale: float | None = None,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """softmax(scale · query key^T) value: the context (..., Tq, Dv), and the weights (..., Tq, Tk) if asked for.

    query (..., H, Tq, Dk), key (..., G, Tk, Dk), value (..., G, Tk, Dv); where there are fewer key heads G than query
    heads H, H / G neighbouring query heads share one. scale is 1/√Dk unless given. Source: Vaswani et al. 2017,
    equation 1; grouped heads: Ainslie et al. 2023.
    """
    if query.ndim > 3:
        key, value = (x.repeat_interleave(query.size(-3) // x.size(-3), -3) for x in (key, value))
    scores = query @ key.mT * (query.size(-1) ** -0.5 if scale is None else scale)  # (..., H, Tq, Tk)
    if causal:
        order = causal_mask(scores.size(-2), scores.size(-1), scores.device)
        mask = order if mask is None else mask & order
    weights = _weights(scores, mask)
    return (weights @ value, weights) if return_weights else weights @ value


@overload
def additive_attention(
    query: Tensor, key: Tensor, value: Tensor, score_vector: Tensor, mask: Tensor | None = None,
    lengths: Tensor | None = None, return_weights: Literal[False] = False,
) -> Tensor: ...  # fmt: skip
@overload
def additive_attention(
    query: Tensor, key: Tensor, value: Tensor, score_vector: Tensor, mask: Tensor | None = None,
    lengths: Tensor | None = None, *, return_weights: Literal[True],
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def additive_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_vector: Tensor,
    mask: Tensor | None = None,
    lengths: Tensor | None = None,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """softmax(Σ_h w_h tanh(query_h + key_h)) value: the context (B, Tq, Dv), and the weights (B, Tq, Tk) if asked for.

    query (B, Tq, A) and key (B, Tk, A) already projected, value (B, Tk, Dv), score_vector w (A,); mask broadcastable to
    (B, Tq, Tk), True = may attend; lengths (B,): how many keys of each sequence count. Holds (B, Tq, Tk, A) numbers.
    Source: Bahdanau et al. 2015, equations 5 and 6 and appendix A.1.2.
    """
    scores = torch.tanh(query[:, :, None] + key[:, None]) @ score_vector  # (B, Tq, Tk)
    if lengths is not None:
        counts = torch.arange(key.size(1), device=key.device) < lengths[:, None, None]  # (B, 1, Tk)
        mask = counts if mask is None else mask & counts
    weights = _weights(scores, mask)
    return (weights @ value, weights) if return_weights else weights @ value


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    """x (..., D) divided by the root of its mean square and times weight (D,). Source: Zhang and Sennrich 2019."""
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + RMS_EPSILON) * weight


@overload
def depth_attention(
    query: Tensor, sources: Tensor, norm_weight: Tensor | None = None, return_weights: Literal[False] = False
) -> Tensor: ...
@overload
def depth_attention(
    query: Tensor, sources: Tensor, norm_weight: Tensor | None = None, *, return_weights: Literal[True]
) -> tuple[Tensor, Tensor]: ...
def depth_attention(
    query: Tensor, sources: Tensor, norm_weight: Tensor | None = None, return_weights: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """At each place, attention over the layers below: the context (B, T, D), and the weights (B, T, L) if asked for.

    sources (L, B, T, D): what L layers gave; query (D,), the same everywhere, or (B, T, D). The score of a source is
    query · source, or query · rms_norm(source, norm_weight). Source: arXiv 2603.15031 (Attention Residuals).
    """
    sources = sources.permute(1, 2, 0, 3)  # (B, T, L, D)
    key = sources if norm_weight is None else rms_norm(sources, norm_weight)
    weights = softmax((key * query.unsqueeze(-2)).sum(-1))  # (B, T, L)
    context = (weights.unsqueeze(-1) * sources).sum(-2)  # (B, T, D)
    return (context, weights) if return_weights else context


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
