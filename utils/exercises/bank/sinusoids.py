"""Positions as sines and cosines, to be added."""

import math

import torch
from torch import arange, tensor

from utils.models import sinusoidal_positions

from ..exercise import Case, Draw, Exercise, Mistake

BASE = 10_000.0


def _angles(length, d_model, base=BASE, exponent=2.0, first=0):
    i = arange(d_model // 2)
    return arange(first, first + length)[:, None] / base ** (exponent * i / d_model)  # (T, D / 2)


def _interleaved(sines, cosines):
    return torch.stack([sines, cosines], -1).flatten(1)


def _column_by_column(length, d_model):
    table = torch.zeros(length, d_model)
    for i in range(0, d_model, 2):
        angle = arange(length) * math.exp(-math.log(BASE) * i / d_model)
        table[:, i] = angle.sin()
        table[:, i + 1] = angle.cos()
    return table


def _every_number_alone(length, d_model):
    rows = []
    for position in range(length):
        angles = [position / BASE ** ((c - c % 2) / d_model) for c in range(d_model)]
        rows.append([math.cos(a) if c % 2 else math.sin(a) for c, a in enumerate(angles)])
    return tensor(rows).reshape(length, d_model)


def _as_one_complex_number(length, d_model):
    turned = torch.polar(torch.ones(length, d_model // 2), _angles(length, d_model).float())
    return torch.view_as_real(turned).flip(-1).flatten(1)


def _halves(length, d_model):
    angles = _angles(length, d_model)
    return torch.cat([angles.sin(), angles.cos()], -1)


def _cosine_first(length, d_model):
    angles = _angles(length, d_model)
    return _interleaved(angles.cos(), angles.sin())


def _sine_everywhere(length, d_model):
    angles = _angles(length, d_model)
    return _interleaved(angles.sin(), angles.sin())


def _cosine_of_the_next_rate(length, d_model):
    columns = arange(d_model)
    angles = arange(length)[:, None] / BASE ** (columns / d_model)
    return torch.where(columns % 2 == 0, angles.sin(), angles.cos())


def _twice_the_exponent_of_each_column(length, d_model):
    columns = arange(d_model)
    angles = arange(length)[:, None] / BASE ** (2 * columns / d_model)
    return torch.where(columns % 2 == 0, angles.sin(), angles.cos())


def _half_the_exponent(length, d_model):
    angles = _angles(length, d_model, exponent=1.0)
    return _interleaved(angles.sin(), angles.cos())


def _base_of_ten(length, d_model):
    angles = _angles(length, d_model, base=10.0)
    return _interleaved(angles.sin(), angles.cos())


def _base_of_a_thousand(length, d_model):
    angles = _angles(length, d_model, base=1000.0)
    return _interleaved(angles.sin(), angles.cos())


def _multiplied_by_the_base(length, d_model):
    angles = arange(length)[:, None] * BASE ** (2 * arange(d_model // 2) / d_model)
    return _interleaved(angles.sin(), angles.cos())


def _rates_up_to_the_base(length, d_model):
    angles = arange(length)[:, None] / BASE ** torch.linspace(0, 1, d_model // 2)
    return _interleaved(angles.sin(), angles.cos())


def _from_one(length, d_model):
    angles = _angles(length, d_model, first=1)
    return _interleaved(angles.sin(), angles.cos())


def _one_rate(length, d_model):
    angles = _angles(length, d_model)[:, :1].expand(-1, d_model // 2)
    return _interleaved(angles.sin(), angles.cos())


def _degrees(length, d_model):
    angles = torch.deg2rad(_angles(length, d_model))
    return _interleaved(angles.sin(), angles.cos())


def _full_turns(length, d_model):
    angles = 2 * math.pi * _angles(length, d_model)
    return _interleaved(angles.sin(), angles.cos())


def _positions_as_columns(length, d_model):
    return sinusoidal_positions(length, d_model).mT


def _scaled(length, d_model):
    return sinusoidal_positions(length, d_model) / math.sqrt(d_model)


def _positions_divided_by_the_length(length, d_model):
    angles = _angles(length, d_model) / length
    return _interleaved(angles.sin(), angles.cos())


def _with_a_batch(length, d_model):
    return sinusoidal_positions(length, d_model)[None]


def _in_64_bits(length, d_model):
    return sinusoidal_positions(length, d_model).double()


def _sizes(generator):
    length, half = (int(torch.randint(2, 20, (), generator=generator)) for _ in range(2))
    return {"length": length, "d_model": 2 * half}


def _one_size(generator):
    size = 2 * int(torch.randint(3, 20, (), generator=generator))
    return {"length": size, "d_model": size}


def _even(least, most):
    """An even number, twice one from least to below most."""
    return Draw(lambda generator: 2 * int(torch.randint(least, most, (), generator=generator)))


sinusoidal_positions_of = Exercise(
    reference=sinusoidal_positions,
    cases=[
        Case("two positions, width 2: sine and cosine of 0 and 1", length=2, d_model=2),
        Case("two positions, width 4: the second pair turns a hundred times slower", length=2, d_model=4),
        Case("as many positions as columns", together=_one_size),
        Case("one position", length=1, d_model=_even(4, 40)),
        Case("width 10, which is no power of two", length=7, d_model=10),
        Case("wider than long", length=5, d_model=_even(8, 40)),
        Case("a longer sequence", length=60, d_model=_even(4, 16)),
        Case("a long sequence", length=400, d_model=2),
        Case("sizes that are drawn", together=_sizes),
        Case("other sizes that are drawn", together=_sizes),
    ],
    variants=[_column_by_column, _every_number_alone, _as_one_complex_number],
    mistakes=[
        Mistake(_halves, "Your sines stand in the first half and your cosines in the second. Here they take turns: sine in the even columns, cosine in the odd."),
        Mistake(_cosine_first, "Your columns begin with a cosine. The even ones, from 0, are sines."),
        Mistake(_sine_everywhere, "Your odd columns are sines too. They should be the cosines of the same angles."),
        Mistake(_cosine_of_the_next_rate, "Your sine and cosine of a pair turn at different rates. Columns 2i and 2i + 1 share one: the exponent is 2i / d_model for both."),
        Mistake(_twice_the_exponent_of_each_column, "Your exponent is twice the column's number. In the formula i counts pairs, so 2i is the number of the pair's even column."),
        Mistake(_half_the_exponent, "Your exponent is half of what it should be, so the last pairs turn too fast. It runs from 0 to almost 1: 2i / d_model, for pair i."),
        Mistake(_base_of_ten, "Your base is 10. It is 10 000, so that the slowest pair does not come round in any sequence."),
        Mistake(_base_of_a_thousand, "Your base is 1 000. The paper's is 10 000."),
        Mistake(_multiplied_by_the_base, "Your angles grow from pair to pair. Divide by the power of 10 000, so that later pairs turn more slowly."),
        Mistake(_rates_up_to_the_base, "Your exponent runs from 0 to 1 and reaches it. It is 2i / d_model for pair i, so the last one stays below 1."),
        Mistake(_from_one, "Your positions begin with 1. They begin with 0, where all sines are 0 and all cosines 1."),
        Mistake(_one_rate, "Your pairs all turn at the same rate. Each next one turns more slowly."),
        Mistake(_degrees, "Your angles are taken for degrees. They are radians, as `sin` and `cos` take them."),
        Mistake(_full_turns, "Your angles have a factor 2π. The formula has none: position 1 turns the first pair by one radian."),
        Mistake(_positions_as_columns, "Your table lies on its side: a row for each position, a column for each part of the width."),
        Mistake(_scaled, "Your table is divided by the root of the width. Leave sine and cosine as they are."),
        Mistake(_positions_divided_by_the_length, "Your positions are divided by the length, so the same place has other numbers in a longer sequence."),
        Mistake(_with_a_batch, "Your table has one axis too many. (length, d_model) is enough: it spreads over a batch by itself."),
        Mistake(_in_64_bits, "Your table has 64-bit numbers. PyTorch's usual 32 bits are what the embeddings have that it is added to."),
    ],
    points=2,
)  # fmt: skip
