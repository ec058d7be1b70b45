"""Positions as numbers: a pattern to add, and a rotation of query and key."""

import math

import torch
from torch import arange, tensor

from utils.models import rotary, sinusoidal_positions

from ..exercise import Case, Draw, Exercise, Mistake, normal

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


sinusoidal_positions_of = Exercise(
    reference=sinusoidal_positions,
    cases=[
        Case("two positions, width 2: sine and cosine of 0 and 1", length=2, d_model=2),
        Case("two positions, width 4: the second pair turns a hundred times slower", length=2, d_model=4),
        Case("as many positions as columns", length=6, d_model=6),
        Case("one position", length=1, d_model=8),
        Case("width 10, which is no power of two", length=7, d_model=10),
        Case("wider than long", length=5, d_model=32),
        Case("a longer sequence", length=60, d_model=16),
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


def _turned(x, positions, base=BASE, exponent=2.0, direction=1.0):
    """The rotation of the halves, with one part of the formula left to choose."""
    first, second = x.chunk(2, -1)
    rates = base ** (-exponent * arange(first.size(-1), dtype=torch.float64) / x.size(-1))
    angles = direction * positions.double()[:, None] * rates
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)


def _half_turned_round(x, positions):
    half = x.size(-1) // 2
    rates = 1 / BASE ** (arange(0, x.size(-1), 2, dtype=x.dtype) / x.size(-1))
    angles = torch.outer(positions.to(x.dtype), rates).repeat(1, 2)
    return x * angles.cos() + torch.cat([-x[..., half:], x[..., :half]], -1) * angles.sin()


def _as_complex_numbers(x, positions):
    half = x.size(-1) // 2
    rates = torch.exp(-math.log(BASE) * arange(half, dtype=torch.float64) / half)
    turn = torch.polar(torch.ones(len(positions), half, dtype=torch.float64), positions.double()[:, None] * rates)
    turned = torch.complex(x[..., :half].double(), x[..., half:].double()) * turn
    return torch.cat([turned.real, turned.imag], -1).to(x.dtype)


def _by_a_matrix(x, positions):
    half = x.size(-1) // 2
    rates = BASE ** (-arange(half, dtype=torch.float64) / half)
    turns = []
    for position in positions.double():
        cosine, sine = (position * rates).cos().diag(), (position * rates).sin().diag()
        turns.append(torch.cat([torch.cat([cosine, -sine], 1), torch.cat([sine, cosine], 1)], 0))
    return torch.einsum("tij,...tj->...ti", torch.stack(turns).to(x.dtype), x)


def _neighbours_as_pairs(x, positions):
    even, odd = x[..., 0::2], x[..., 1::2]
    rates = BASE ** (-arange(0, x.size(-1), 2, dtype=x.dtype) / x.size(-1))
    angles = positions.to(x.dtype)[:, None] * rates
    turned = even * angles.cos() - odd * angles.sin(), odd * angles.cos() + even * angles.sin()
    return torch.stack(turned, -1).flatten(-2)


def _neighbours_into_halves(x, positions):
    even, odd = x[..., 0::2], x[..., 1::2]
    return _turned(torch.cat([even, odd], -1), positions)


def _other_direction(x, positions):
    return _turned(x, positions, direction=-1.0)


def _base_ten(x, positions):
    return _turned(x, positions, base=10.0)


def _base_one_thousand(x, positions):
    return _turned(x, positions, base=1000.0)


def _exponent_of_half(x, positions):
    return _turned(x, positions, exponent=1.0)


def _exponent_doubled(x, positions):
    return _turned(x, positions, exponent=4.0)


def _turned_by(x, angles):
    """The rotation of the halves by angles (T, Dk / 2)."""
    first, second = x.chunk(2, -1)
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)


def _radians(x, positions):
    half = x.size(-1) // 2
    return positions.double()[:, None] * BASE ** (-arange(half, dtype=torch.float64) / half)


def _taken_for_degrees(x, positions):
    return _turned_by(x, torch.deg2rad(_radians(x, positions)))


def _full_turns_of_pairs(x, positions):
    return _turned_by(x, 2 * math.pi * _radians(x, positions))


def _growing_rates(x, positions):
    half = x.size(-1) // 2
    return _turned_by(x, positions.double()[:, None] * BASE ** (arange(half, dtype=torch.float64) / half))


def _last_pair_fastest(x, positions):
    return _turned_by(x, _radians(x, positions).flip(-1))


def _rates_down_to_the_base(x, positions):
    rates = BASE ** -torch.linspace(0, 1, x.size(-1) // 2, dtype=torch.float64)
    return _turned_by(x, positions.double()[:, None] * rates)


def _same_rate_for_all(x, positions):
    return _turned(x, positions, exponent=0.0)


def _same_turn_everywhere(x, positions):
    return _turned(x, torch.ones_like(positions))


def _counted_from_zero(x, positions):
    return _turned(x, arange(len(positions)))


def _counted_from_one(x, positions):
    return _turned(x, positions + 1)


def _identity(x, positions):
    return x.clone()


def _signs_lost(x, positions):
    first, second = x.chunk(2, -1)
    rates = BASE ** (-arange(first.size(-1), dtype=torch.float64) / first.size(-1))
    angles = positions.double()[:, None] * rates
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([first * cosine + second * sine, first * sine + second * cosine], -1)


def _halves_swapped(x, positions):
    return torch.cat(_turned(x, positions).chunk(2, -1)[::-1], -1)


def _added(x, positions):
    rates = BASE ** (-arange(x.size(-1) // 2, dtype=torch.float64) / (x.size(-1) // 2))
    angles = (positions.double()[:, None] * rates).to(x.dtype)
    return x + torch.cat([angles.sin(), angles.cos()], -1)


def _only_stretched(x, positions):
    rates = BASE ** (-arange(x.size(-1) // 2, dtype=torch.float64) / (x.size(-1) // 2))
    return x * (positions.double()[:, None] * rates).cos().repeat(1, 2).to(x.dtype)


def _only_the_first_half(x, positions):
    return torch.cat([_turned(x, positions).chunk(2, -1)[0], x.chunk(2, -1)[1]], -1)


def _in_place(x, positions):
    return x.copy_(_turned(x, positions))


def _second_uses_the_new_first(x, positions):
    first, second = x.chunk(2, -1)
    rates = BASE ** (-arange(first.size(-1), dtype=torch.float64) / first.size(-1))
    angles = positions.double()[:, None] * rates
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first = first * cosine - second * sine
    return torch.cat([first, first * sine + second * cosine], -1)


def _three_axes_from_the_front(x, positions):
    rates = BASE ** (-arange(x.size(-1) // 2, dtype=x.dtype) / (x.size(-1) // 2))
    angles = positions.to(x.dtype)[None, :, None] * rates
    first, second = x.chunk(2, -1)
    return torch.cat([first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()], -1)


def _over_the_first_axis(x, positions):
    if x.dim() < 3:
        return _turned(x, positions)
    rates = BASE ** (-arange(x.size(-1) // 2, dtype=x.dtype) / (x.size(-1) // 2))
    angles = positions.to(x.dtype).reshape(1, -1, *[1] * (x.dim() - 2)) * rates
    first, second = x.chunk(2, -1)
    return torch.cat([first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()], -1)


def _always_32_bits(x, positions):
    return _turned(x, positions).float()


def _turned_and_detached(x, positions):
    return _turned(x, positions).detach()


def _places(*shape, up_to=100):
    return Draw(lambda generator: torch.randint(up_to, shape, generator=generator))


rotary_of = Exercise(
    reference=rotary,
    cases=[
        Case("width 2 by hand: (1, 0) turned by 0, 1 and 2 radians", x=tensor([[1.0, 0.0]] * 3), positions=arange(3)),
        Case("width 4 by hand: both pairs, position 1", x=tensor([[1.0, 2.0, 0.0, 0.0]]), positions=tensor([1])),
        Case("a sequence", x=normal(5, 6), positions=arange(5)),
        Case("as many steps as columns", x=normal(4, 4), positions=arange(4)),
        Case("a batch of heads", x=normal(2, 3, 4, 8), positions=arange(4)),
        Case("everything of one size", x=normal(4, 4, 4, 4), positions=arange(4)),
        Case("a batch", x=normal(3, 2, 10), positions=arange(2)),
        Case("positions further on, as in generation", x=normal(2, 2, 1, 6), positions=tensor([57])),
        Case("positions in no order", x=normal(2, 6, 4), positions=_places(6)),
        Case("negative positions", x=normal(3, 4), positions=tensor([-3, 0, 2])),
        Case("far out", x=normal(2, 3, 2), positions=tensor([301, 999, 1023])),
        Case("gradients", x=normal(2, 5, 6), positions=_places(5), grad=["x"]),
        Case("64-bit numbers, at positions where nothing turns", x=normal(2, 3, 4, 6, dtype=torch.float64), positions=torch.zeros(4, dtype=torch.long), grad=["x"]),
    ],
    variants=[_half_turned_round, _as_complex_numbers, _by_a_matrix],
    mistakes=[
        Mistake(_neighbours_as_pairs, "Your pairs are neighbouring columns. That is in use too; here a pair is column i of the first half and column i of the second."),
        Mistake(_neighbours_into_halves, "Your pairs are neighbouring columns on the way in and halves on the way out. Column i of the first half belongs to column i of the second, both times."),
        Mistake(_other_direction, "Your pairs turn the other way: check the sign of the sines. (1, 0) turns towards (0, 1)."),
        Mistake(_base_ten, "Your base is 10. It is 10 000."),
        Mistake(_base_one_thousand, "Your base is 1 000. It is 10 000."),
        Mistake(_exponent_of_half, "Your exponent is half of what it should be: pair i turns by 10 000 to the power of -2i / Dk, for each step."),
        Mistake(_exponent_doubled, "Your exponent is twice what it should be: pair i, counted from 0 to Dk/2 - 1, turns by 10 000 to the power of -2i / Dk, for each step."),
        Mistake(_taken_for_degrees, "Your angles are taken for degrees. They are radians, as `sin` and `cos` take them."),
        Mistake(_full_turns_of_pairs, "Your angles have a factor 2π. The formula has none: at position 1 the first pair turns by one radian."),
        Mistake(_growing_rates, "Your angles grow from pair to pair. Divide by the power of 10 000, so that later pairs turn more slowly."),
        Mistake(_last_pair_fastest, "Your last pair turns fastest. Pair 0 turns by a whole radian at each step, the later ones by less and less."),
        Mistake(_rates_down_to_the_base, "Your exponent runs from 0 to 1 and reaches it. It is 2i / Dk for pair i, so the last one stays below 1."),
        Mistake(_same_rate_for_all, "Your pairs all turn at the same rate. Each next one turns more slowly."),
        Mistake(_same_turn_everywhere, "Your rows all turn by the same angle, so nothing tells them apart. The angle grows with the position."),
        Mistake(_counted_from_zero, "Your positions are counted from zero, whatever `positions` says. It may start later, or skip some."),
        Mistake(_counted_from_one, "Your positions are one too large. Position 0 does not turn at all."),
        Mistake(_identity, "Your rows come back as they were: nothing turns."),
        Mistake(_signs_lost, "Your rows change their length, so this is no rotation: one of the two sines needs a minus."),
        Mistake(_halves_swapped, "Your halves are turned rightly and put together in the wrong order."),
        Mistake(_added, "Your sines and cosines are added, as sinusoidal positions are. Here they multiply: each pair is turned."),
        Mistake(_only_stretched, "Your columns are multiplied by a cosine only. A rotation mixes the two columns of a pair: it needs the sine too."),
        Mistake(_only_the_first_half, "Your second half stays as it was. A rotation changes both columns of a pair."),
        Mistake(_second_uses_the_new_first, "Your second half is computed from the first half after its turn. Both come from the old ones."),
        Mistake(_in_place, "Your code writes into the x that it was given. Put the turned halves together as a new tensor."),
        Mistake(_three_axes_from_the_front, "Your angles have a batch axis of their own, so a single sequence (T, Dk) comes back with one axis too many. (T, Dk/2) spreads over whatever stands in front."),
        Mistake(_over_the_first_axis, "Your positions run along the second axis. Time is the last but one, whatever stands in front: batch, heads."),
        Mistake(_always_32_bits, "Your result is in 32 bits even where x has 64. Keep the type of x."),
        Mistake(_turned_and_detached, "Your values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph."),
    ],
    points=2,
    points_for_values=1,
)  # fmt: skip
