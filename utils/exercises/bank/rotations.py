"""Positions as a rotation of query and key."""

import math

import torch
from torch import arange, tensor

from utils.models import rotary

from ..exercise import Case, Draw, Exercise, Mistake, normal

BASE = 10_000.0


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
