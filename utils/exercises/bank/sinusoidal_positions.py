"""Positions as sines and cosines, to be added."""

import math

import torch
from torch import arange, tensor

from utils.models import sinusoidal_positions

from ..exercise import Case, Draw, Exercise, Mistakes, replacing

BASE = 10_000.0


def angles_of(length, d_model, base=BASE, exponent=2.0, first=0):
    i = arange(d_model // 2)
    return arange(first, first + length)[:, None] / base ** (exponent * i / d_model)  # (T, D / 2)

def in_steps(length, d_model, angles=angles_of, even=torch.sin, odd=torch.cos):
    turned = angles(length, d_model)
    return torch.stack([even(turned), odd(turned)], -1).flatten(1)


# Right, and written differently

def column_by_column(length, d_model):
    table = torch.zeros(length, d_model)
    for i in range(0, d_model, 2):
        angle = arange(length) * math.exp(-math.log(BASE) * i / d_model)
        table[:, i] = angle.sin()
        table[:, i + 1] = angle.cos()
    return table

def every_number_alone(length, d_model):
    rows = []
    for position in range(length):
        angles = [position / BASE ** ((c - c % 2) / d_model) for c in range(d_model)]
        rows.append([math.cos(a) if c % 2 else math.sin(a) for c, a in enumerate(angles)])
    return tensor(rows).reshape(length, d_model)

def as_one_complex_number(length, d_model):
    turned = torch.polar(torch.ones(length, d_model // 2), angles_of(length, d_model).float())
    return torch.view_as_real(turned).flip(-1).flatten(1)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

@mistakes.program("Your sines stand in the first half and your cosines in the second. Here they take turns: sine in the even columns, cosine in the odd.")
def halves(length, d_model):
    angles = angles_of(length, d_model)
    return torch.cat([angles.sin(), angles.cos()], -1)

mistakes.add("cosine_first", but(even=torch.cos, odd=torch.sin),
    "Your columns begin with a cosine. The even ones, from 0, are sines.")
mistakes.add("sine_everywhere", but(odd=torch.sin),
    "Your odd columns are sines too. They should be the cosines of the same angles.")

def with_a_rate_for_each_column(length, exponents):
    angles = arange(length)[:, None] / BASE**exponents
    return torch.where(arange(len(exponents)) % 2 == 0, angles.sin(), angles.cos())

mistakes.add("cosine_of_the_next_rate",
    lambda length, d_model: with_a_rate_for_each_column(length, arange(d_model) / d_model),
    "Your sine and cosine of a pair turn at different rates. Columns 2i and 2i + 1 share one: the exponent is 2i / d_model for both.")
mistakes.add("a_sine_for_each_column",
    lambda length, d_model: (arange(length)[:, None] / BASE ** (arange(d_model) / d_model)).sin(),
    "Your columns are all sines, each with a rate of its own. Columns 2i and 2i + 1 share a rate; the even one is its sine, the odd one its cosine.")
mistakes.add("twice_the_exponent_of_each_column",
    lambda length, d_model: with_a_rate_for_each_column(length, 2 * arange(d_model) / d_model),
    "Your exponent is twice the column's number. In the formula i counts pairs, so 2i is the number of the pair's even column.")
mistakes.add("exponent_doubled_again", but(angles=lambda T, D: angles_of(T, D, exponent=4.0)),
    "Your exponent is doubled once too often: pair i has 2i / d_model, with i from 0 to d_model / 2 - 1. Does your `arange` count pairs, or is it 2i already?")
@mistakes.program("Your power is taken before the division: without brackets, `… / 10000 ** a / b` divides by the power and then by b. The exponent is all of 2i / d_model.")
def divided_twice(length, d_model):
    return in_steps(length, d_model, lambda T, D: arange(T)[:, None] / BASE ** arange(0, D, 2) / D)

@mistakes.program("Your power is taken before the division: without brackets, `… / 10000 ** a / b` divides by the power and then by b. The exponent is all of 2i / d_model. Powers of whole numbers also overflow.")
def divided_twice_in_whole_numbers(length, d_model):
    return in_steps(length, d_model, lambda T, D: arange(T)[:, None] / 10_000 ** arange(0, D, 2) / D)

mistakes.add("pairs_counted_from_one",
    but(angles=lambda T, D: arange(T)[:, None] / BASE ** (2 * arange(1, D // 2 + 1) / D)),
    "Your pairs are counted from 1. The first is pair 0: its exponent is 0, so it turns by a whole radian at each step.")
mistakes.add("half_the_exponent", but(angles=lambda T, D: angles_of(T, D, exponent=1.0)),
    "Your exponent is half of what it should be, so the last pairs turn too fast. It runs from 0 to almost 1: 2i / d_model, for pair i.")
mistakes.add("base_of_ten", but(angles=lambda T, D: angles_of(T, D, base=10.0)),
    "Your base is 10. It is 10 000, so that the slowest pair does not come round in any sequence.")
mistakes.add("base_of_a_hundred_thousand", but(angles=lambda T, D: angles_of(T, D, base=100_000.0)),
    "Your base is 100 000. It is 10 000.")
mistakes.add("base_of_a_thousand", but(angles=lambda T, D: angles_of(T, D, base=1000.0)),
    "Your base is 1 000. The paper's is 10 000.")
mistakes.add("multiplied_by_the_base", but(angles=lambda T, D: arange(T)[:, None] * BASE ** (2 * arange(D // 2) / D)),
    "Your angles grow from pair to pair. Divide by the power of 10 000, so that later pairs turn more slowly.")
mistakes.add("rates_up_to_the_base", but(angles=lambda T, D: arange(T)[:, None] / BASE ** torch.linspace(0, 1, D // 2)),
    "Your exponent runs from 0 to 1 and reaches it. It is 2i / d_model for pair i, so the last one stays below 1.")
mistakes.add("from_one", but(angles=lambda T, D: angles_of(T, D, first=1)),
    "Your positions begin with 1. They begin with 0, where all sines are 0 and all cosines 1.")
mistakes.add("one_rate", but(angles=lambda T, D: angles_of(T, D, exponent=0.0)),
    "Your pairs all turn at the same rate. Each next one turns more slowly.")
mistakes.add("degrees", but(angles=lambda T, D: torch.deg2rad(angles_of(T, D))),
    "Your angles are taken for degrees. They are radians, as `sin` and `cos` take them.")
mistakes.add("full_turns", but(angles=lambda T, D: 2 * math.pi * angles_of(T, D)),
    "Your angles have a factor 2π. The formula has none: position 1 turns the first pair by one radian.")
mistakes.add("positions_as_columns", lambda length, d_model: sinusoidal_positions(length, d_model).mT,
    "Your table lies on its side: a row for each position, a column for each part of the width.")
mistakes.add("scaled", lambda length, d_model: sinusoidal_positions(length, d_model) / math.sqrt(d_model),
    "Your table is divided by the root of the width. Leave sine and cosine as they are.")
mistakes.add("positions_divided_by_the_length", but(angles=lambda T, D: angles_of(T, D) / T),
    "Your positions are divided by the length, so the same place has other numbers in a longer sequence.")
mistakes.add("with_a_batch", lambda length, d_model: sinusoidal_positions(length, d_model)[None],
    "Your table has one axis too many. (length, d_model) is enough: it spreads over a batch by itself.")
mistakes.add("in_64_bits", lambda length, d_model: sinusoidal_positions(length, d_model).double(),
    "Your table has 64-bit numbers. PyTorch's usual 32 bits are what the embeddings have that it is added to.")


def drawn(generator, least, most):
    return int(torch.randint(least, most, (), generator=generator))

def sizes(generator):
    return {"length": drawn(generator, 2, 20), "d_model": 2 * drawn(generator, 2, 20)}

def one_size(generator):
    return dict.fromkeys(["length", "d_model"], 2 * drawn(generator, 3, 20))

def twice(least, most):
    return Draw(lambda generator: 2 * drawn(generator, least, most))


exercise = Exercise(
    reference=sinusoidal_positions,
    cases=[
        Case("two positions, width 2: sine and cosine of 0 and 1", length=2, d_model=2),
        Case("three positions, width 4: the second pair turns a hundred times slower", length=3, d_model=4),
        Case("two positions, width 6: three pairs", length=2, d_model=6),
        Case("as many positions as columns", together=one_size),
        Case("one position", length=1, d_model=twice(4, 40)),
        Case("width 10, which is no power of two", length=7, d_model=10),
        Case("wider than long", length=5, d_model=twice(8, 40)),
        Case("a longer sequence", length=61, d_model=twice(4, 16)),
        Case("a long sequence", length=400, d_model=2),
        Case("sizes that are drawn", together=sizes),
        Case("other sizes that are drawn", together=sizes),
    ],
    variants=[column_by_column, every_number_alone, as_one_complex_number],
    mistakes=mistakes,
    points=2,
)
