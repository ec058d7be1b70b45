"""Where in the sequence a vector stands, as numbers that attention can use."""

import torch
from torch import Tensor

BASE = 10_000.0


def sinusoidal_positions(length: int, d_model: int) -> Tensor:
    """A row (d_model,) for each of the positions 0 … length - 1: sine in the even columns, cosine in the odd.

    Columns 2i and 2i + 1 turn by 10000^(-2i / d_model) radians from one position to the next. Source: Vaswani et al.
    2017, section 3.5.
    """
    angles = torch.arange(length)[:, None] * BASE ** (-torch.arange(0, d_model, 2) / d_model)  # (T, ceil(D / 2))
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :d_model]


def rotary(x: Tensor, positions: Tensor) -> Tensor:
    """x (..., T, Dk), each row turned by angles that grow with its position (T,).

    Column i of the first half and column i of the second make a pair, turned by position · 10000^(-2i / Dk) radians.
    Products of a turned query and a turned key depend on how far apart they are, not on where. Source: Su et al. 2021;
    pairs across halves as in GPT-NeoX. Raises ValueError for an odd width.
    """
    width = x.size(-1)
    if width % 2:
        raise ValueError(f"rotary turns pairs of columns: the width must be even, got {width}")
    rates = BASE ** (-torch.arange(0, width, 2, device=x.device, dtype=torch.float64) / width)  # (Dk / 2,)
    angles = positions.to(rates)[:, None] * rates  # (T, Dk / 2)
    return turned(x, angles.cos().to(x.dtype), angles.sin().to(x.dtype))


def turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """x (..., T, Dk), its pairs of columns turned by the angles whose cosine and sine (T, Dk / 2) are given.

    Column i of the first half and column i of the second make pair i.
    """
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)
