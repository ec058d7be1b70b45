"""The algebra that spares additive attention its tanh: exact, not an approximation.

score = Σ_h w_h tanh(q_h + k_h), with tanh(a + b) = 1 - 2 / (1 + e^{2a} e^{2b}).

1. E_q = e^{2q} and E_k = e^{2k} are taken once per query and once per key: (Tq + Tk) A exponentials instead of
   Tq Tk A tanhs. Per pair and channel only multiplying, adding and dividing are left.
2. w tanh(x) = |w| tanh(sign x): the sign goes into q and k, and 1/|w| into the denominator, d_h = (1 + E_q E_k)/|w_h|.
   Then score = Σ|w_h| - 2 Σ_h 1/d_h, and Σ|w_h| is the same for every key, so the softmax does not see it.
3. Fractions share one division: 1/d_0 + 1/d_1 = (d_0 + d_1) / (d_0 d_1), and so on for four.
4. Backward, with r = 1/(1 + E_q E_k): ∂tanh = 4 (r - r²), and the gradients of different channels do not mix.

e^{2q} alone overflows where tanh(q + k) is harmless, so each channel of the keys is moved to the middle of its range
and the queries the other way. That is exact as long as a channel's keys lie within ±REACH of the middle.
"""

from typing import NamedTuple

import torch
from torch import Tensor

REACH = 34.0  # e^{±2·34} and e^{±2·QUERY_REACH} are finite in float32
QUERY_REACH = 43.5  # a query further out meets keys within REACH where tanh is ±1 to 1e-8: it may be clipped
STEP = 16.0  # shifts are multiples of it, so that ordinary inputs are not shifted and lose no digit


class Vector(NamedTuple):
    """A score vector (A,) taken apart: w = sign · size · |w|/size."""

    sign: Tensor  # (A,), ±1
    size: Tensor  # scalar, the largest |w|
    relative: Tensor  # (A,), |w| / size, at least 2⁻³⁰


def fold(score_vector: Tensor) -> Vector:
    """The parts of a score vector that the sums need."""
    size = score_vector.abs().amax().clamp_min(1e-30)
    sign = torch.where(score_vector < 0, -1.0, 1.0).to(score_vector.dtype)
    return Vector(sign, size, (score_vector.abs() / size).clamp_min(2.0**-30))


def middle_of_keys(key: Tensor) -> tuple[Tensor, Tensor]:
    """The middle of each channel's keys (B, A), and how far the keys (B, Tk, A) go from it (B, A).

    The shift by the middle is exact where that distance is at most REACH; it is NaN where a key is.
    """
    low, high = key.amin(1), key.amax(1)
    middle = STEP * torch.round((low / 2 + high / 2) / STEP)
    return middle, torch.maximum(high - middle, middle - low)
