"""Positions as a rotation of query and key."""

import math

import torch
from torch import arange, tensor

from utils.models import rotary

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing

BASE = 10_000.0


def falling(width, base=BASE, exponent=2.0):
    """How many radians each pair turns by at each step, (Dk / 2,)."""
    return base ** (-exponent * arange(width // 2, dtype=torch.float64) / width)

def rotated(a, b, cos, sin):
    return a * cos - b * sin, a * sin + b * cos

def in_steps(x, positions, rates=falling, turn=rotated):
    first, second = x.chunk(2, -1)
    angles = positions.double()[:, None] * rates(x.size(-1))
    return torch.cat(turn(first, second, angles.cos().to(x.dtype), angles.sin().to(x.dtype)), -1)


# Right, and written differently

def half_turned_round(x, positions):
    half = x.size(-1) // 2
    rates = 1 / BASE ** (arange(0, x.size(-1), 2, dtype=x.dtype) / x.size(-1))
    angles = torch.outer(positions.to(x.dtype), rates).repeat(1, 2)
    return x * angles.cos() + torch.cat([-x[..., half:], x[..., :half]], -1) * angles.sin()

def as_complex_numbers(x, positions):
    half = x.size(-1) // 2
    rates = torch.exp(-math.log(BASE) * arange(half, dtype=torch.float64) / half)
    turn = torch.polar(torch.ones(len(positions), half, dtype=torch.float64), positions.double()[:, None] * rates)
    turned = torch.complex(x[..., :half].double(), x[..., half:].double()) * turn
    return torch.cat([turned.real, turned.imag], -1).to(x.dtype)

def by_a_matrix(x, positions):
    half = x.size(-1) // 2
    rates = BASE ** (-arange(half, dtype=torch.float64) / half)
    turns = []
    for position in positions.double():
        cosine, sine = (position * rates).cos().diag(), (position * rates).sin().diag()
        turns.append(torch.cat([torch.cat([cosine, -sine], 1), torch.cat([sine, cosine], 1)], 0))
    return torch.einsum("tij,...tj->...ti", torch.stack(turns).to(x.dtype), x)


# Wrong

def neighbours_apart(x):
    return torch.cat([x[..., 0::2], x[..., 1::2]], -1)

def neighbours_again(x):
    return torch.stack(x.chunk(2, -1), -1).flatten(-2)

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("neighbours_as_pairs", lambda x, positions: neighbours_again(rotary(neighbours_apart(x), positions)),
    "Your pairs are neighbouring columns. That is in use too; here a pair is column i of the first half and column i of the second.")
mistakes.add("neighbours_into_halves", lambda x, positions: rotary(neighbours_apart(x), positions),
    "Your pairs are neighbouring columns on the way in and halves on the way out. Column i of the first half belongs to column i of the second, both times.")
mistakes.add("halves_into_neighbours", lambda x, positions: neighbours_again(rotary(x, positions)),
    "Your pairs are halves on the way in and neighbouring columns on the way out. Put the turned halves one behind the other again.")
mistakes.add("other_direction", but(turn=lambda a, b, cos, sin: rotated(a, b, cos, -sin)),
    "Your pairs turn the other way: check the sign of the sines. (1, 0) turns towards (0, 1).")
mistakes.add("cosine_and_sine_swapped", but(turn=lambda a, b, cos, sin: rotated(a, b, sin, cos)),
    "Your sines stand where the cosines should, and the other way round. At position 0 the angle is 0: what should come out there?")
mistakes.add("base_ten", but(rates=lambda width: falling(width, base=10.0)),
    "Your base is 10. It is 10 000.")
mistakes.add("base_one_thousand", but(rates=lambda width: falling(width, base=1000.0)),
    "Your base is 1 000. It is 10 000.")
mistakes.add("exponent_of_half", but(rates=lambda width: falling(width, exponent=1.0)),
    "Your exponent is half of what it should be: pair i turns by 10 000 to the power of -2i / Dk, for each step.")
mistakes.add("exponent_doubled", but(rates=lambda width: falling(width, exponent=4.0)),
    "Your exponent is twice what it should be: pair i, counted from 0 to Dk/2 - 1, turns by 10 000 to the power of -2i / Dk, for each step.")
mistakes.add("taken_for_degrees", but(rates=lambda width: torch.deg2rad(falling(width))),
    "Your angles are taken for degrees. They are radians, as `sin` and `cos` take them.")
mistakes.add("full_turns_of_pairs", but(rates=lambda width: 2 * math.pi * falling(width)),
    "Your angles have a factor 2π. The formula has none: at position 1 the first pair turns by one radian.")
mistakes.add("growing_rates", but(rates=lambda width: falling(width, exponent=-2.0)),
    "Your angles grow from pair to pair. Divide by the power of 10 000, so that later pairs turn more slowly.")
mistakes.add("growing_rates_in_32_bits",
    lambda x, positions: in_steps(x, positions, lambda width: 10_000 ** (arange(0, width, 2) / width)),
    "Your angles grow from pair to pair. Divide by the power of 10 000, so that later pairs turn more slowly.")
mistakes.add("last_pair_fastest", but(rates=lambda width: falling(width).flip(-1)),
    "Your last pair turns fastest. Pair 0 turns by a whole radian at each step, the later ones by less and less.")
mistakes.add("rates_down_to_the_base", but(rates=lambda width: BASE ** -torch.linspace(0, 1, width // 2).double()),
    "Your exponent runs from 0 to 1 and reaches it. It is 2i / Dk for pair i, so the last one stays below 1.")
mistakes.add("same_rate_for_all", but(rates=lambda width: falling(width, exponent=0.0)),
    "Your pairs all turn at the same rate. Each next one turns more slowly.")
mistakes.add("same_turn_everywhere", lambda x, positions: rotary(x, torch.ones_like(positions)),
    "Your rows all turn by the same angle, so nothing tells them apart. The angle grows with the position.")
mistakes.add("counted_from_zero", lambda x, positions: rotary(x, arange(len(positions))),
    "Your positions are counted from zero, whatever `positions` says. It may start later, or skip some.")
mistakes.add("counted_from_one", lambda x, positions: rotary(x, positions + 1),
    "Your positions are one too large. Position 0 does not turn at all.")
mistakes.add("identity", lambda x, positions: x.clone(),
    "Your rows come back as they were: nothing turns.")
mistakes.add("signs_lost", but(turn=lambda a, b, cos, sin: (a * cos + b * sin, a * sin + b * cos)),
    "Your rows change their length, so this is no rotation: one of the two sines needs a minus.")
mistakes.add("minus_in_both", but(turn=lambda a, b, cos, sin: (a * cos - b * sin, b * cos - a * sin)),
    "Your rows change their length, so this is no rotation: only one of the two sines has a minus.")
mistakes.add("minus_before_the_second_cosine", but(turn=lambda a, b, cos, sin: (a * cos - b * sin, a * sin - b * cos)),
    "Your rows are mirrored rather than turned: at position 0, where nothing turns, the second half changes its sign.")
mistakes.add("halves_swapped", but(turn=lambda a, b, cos, sin: (a * sin + b * cos, a * cos - b * sin)),
    "Your halves are turned rightly and put together in the wrong order.")
mistakes.add("added", but(turn=lambda a, b, cos, sin: (a + sin, b + cos)),
    "Your sines and cosines are added, as sinusoidal positions are. Here they multiply: each pair is turned.")
mistakes.add("only_stretched", but(turn=lambda a, b, cos, sin: (a * cos, b * cos)),
    "Your columns are multiplied by a cosine only. A rotation mixes the two columns of a pair: it needs the sine too.")
mistakes.add("only_the_first_half", but(turn=lambda a, b, cos, sin: (a * cos - b * sin, b)),
    "Your second half stays as it was. A rotation changes both columns of a pair.")

@mistakes.program("Your second half is computed from the first half after its turn. Both come from the old ones.")
def second_uses_the_new_first(x, positions):
    def turn(a, b, cos, sin):
        a = a * cos - b * sin
        return a, a * sin + b * cos
    return in_steps(x, positions, turn=turn)

mistakes.add("in_place", lambda x, positions: x.copy_(rotary(x, positions)),
    "Your code writes into the x that it was given. Put the turned halves together as a new tensor.")
mistakes.add("three_axes_from_the_front", but(turn=lambda a, b, cos, sin: rotated(a, b, cos[None], sin[None])),
    "Your angles have a batch axis of their own, so a single sequence (T, Dk) comes back with one axis too many. (T, Dk/2) spreads over whatever stands in front.")

@mistakes.program("Your positions run along the second axis. Time is the last but one, whatever stands in front: batch, heads.")
def over_the_first_axis(x, positions):
    if x.dim() < 4:  # then the second axis is that of time, or there is no batch
        return rotary(x, positions)
    return in_steps(x, positions, turn=lambda a, b, cos, sin: rotated(a, b, cos[:, None], sin[:, None]))

mistakes.add("always_32_bits", lambda x, positions: rotary(x, positions).float(),
    "Your result is in 32 bits even where x has 64. Keep the type of x.")
mistakes.add("turned_and_detached", lambda x, positions: rotary(x, positions).detach(),
    "Your values are right, but no gradient comes through: detach, item, numpy, or a new tensor made from numbers cut the graph.")


def places(count, up_to=100):
    return Draw(lambda generator: torch.randint(up_to, (count,), generator=generator))


NOWHERE = torch.zeros(4, dtype=torch.long)
exercise = Exercise(
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
        Case("positions in no order", x=normal(2, 6, 4), positions=places(6)),
        Case("negative positions", x=normal(3, 4), positions=tensor([-3, 0, 2])),
        Case("far out", x=normal(2, 3, 2), positions=tensor([301, 999, 1023])),
        Case("gradients", x=normal(2, 5, 6), positions=places(5), grad=["x"]),
        Case("64-bit numbers, at positions where nothing turns",
            x=normal(2, 3, 4, 6, dtype=torch.float64), positions=NOWHERE, grad=["x"]),
    ],
    variants=[half_turned_round, as_complex_numbers, by_a_matrix],
    mistakes=mistakes,
    points=2,
    points_for_values=1,
)
