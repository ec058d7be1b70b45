"""The slope of a function, measured by small steps."""

from itertools import product

import torch
from torch import float64, tensor

from utils.attempts.uses import functions

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def numerical_gradient(function, x, step=1e-4):
    """The slope of function (a tensor to one number) at x, in each entry of x: (f(x + step) - f(x - step)) / (2 step).

    Only that entry moves. It has the shape and the type of x.
    """
    slope = torch.zeros_like(x)
    for index in range(x.numel()):
        ahead, behind = x.flatten().clone(), x.flatten().clone()
        ahead[index] += step
        behind[index] -= step
        slope.view(-1)[index] = (function(ahead.view(x.shape)) - function(behind.view(x.shape))) / (2 * step)
    return slope


def one_entry_each(x, step):
    return step * torch.eye(x.numel(), dtype=x.dtype).reshape(x.numel(), *x.shape)

def both_ways(f, x, move, step):
    return (f(x + move) - f(x - move)) / (2 * step)

def in_steps(function, x, step=1e-4, moves=one_entry_each, slope=both_ways):
    return torch.stack([slope(function, x, move, step) for move in moves(x, step)]).reshape(x.shape)


# Right, and written differently

def with_one_hot_steps(function, x, step=1e-4):
    steps = step * torch.eye(x.numel(), dtype=x.dtype).reshape(x.numel(), *x.shape)
    slopes = [(function(x + s) - function(x - s)) / (2 * step) for s in steps]
    return torch.stack(slopes).reshape(x.shape)

def by_position(function, x, step=1e-4):
    slope = torch.empty_like(x)
    for place in product(*map(range, x.shape)):
        moved = x.clone()
        moved[place] = x[place] + step
        ahead = function(moved)
        moved[place] = x[place] - step
        slope[place] = (ahead - function(moved)) / (2 * step)
    return slope


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("forward_difference", but(slope=lambda f, x, move, step: (f(x + move) - f(x)) / step),
    "You step ahead only, which leans to one side where the function bends. Step both ways and divide by the distance between.")
mistakes.add("backward_difference", but(slope=lambda f, x, move, step: (f(x) - f(x - move)) / step),
    "You step behind only, which leans to one side where the function bends. Step both ways and divide by the distance between.")
mistakes.add("half_a_step_each_way", but(slope=lambda f, x, move, step: (f(x + move / 2) - f(x - move / 2)) / step),
    "You go half a step each way. Go a whole `step` ahead and a whole one behind: two steps from end to end.")
mistakes.add("no_brackets", but(slope=lambda f, x, move, step: (f(x + move) - f(x - move)) / 2 * step),
    "`/ 2 * step` divides by two and then multiplies by the step. Put brackets around the whole denominator.")

@mistakes.program("In a matrix, `x[i]` is a whole row, and all its entries move together. Move one entry at a time.")
def row_by_row(function, x, step=1e-4):
    if x.dim() < 2:
        return numerical_gradient(function, x, step)
    slope = torch.zeros_like(x)
    for i in range(len(x)):
        move = torch.zeros_like(x)
        move[i] = step
        slope[i] = both_ways(function, x, move, step)
    return slope

@mistakes.program("A second name for x is not a copy: ahead and behind are the same tensor, and it is x that moves. Use `x.clone()`.")
def second_name(function, x, step=1e-4):
    slope = torch.zeros_like(x)
    for index in range(x.numel()):
        ahead = behind = x
        ahead.view(-1)[index] += step
        behind.view(-1)[index] -= step
        slope.view(-1)[index] = (function(ahead) - function(behind)) / (2 * step)
    return slope

@mistakes.program("x may also be a number without any axis, and that has no `len`. `x.numel()` counts the entries of any shape.")
def needs_an_axis(function, x, step=1e-4):
    len(x)
    return numerical_gradient(function, x, step)

@mistakes.program("`len(x)` counts the rows of x: a matrix has more entries than rows, and a single number has no `len`.")
def row_by_row_by_len(function, x, step=1e-4):
    slope = torch.zeros_like(x)
    for i in range(len(x)):
        move = torch.zeros_like(x)
        move[i] = step
        slope[i] = both_ways(function, x, move, step)
    return slope

mistakes.add("divides_by_one_step", but(slope=lambda f, x, move, step: (f(x + move) - f(x - move)) / step),
    "Your slopes are twice too large: from x - step to x + step is a distance of two steps.")
mistakes.add("difference_only", but(slope=lambda f, x, move, step: f(x + move) - f(x - move)),
    "This is how much the function changes. The slope is that change divided by the distance.")
mistakes.add("moves_all_at_once", but(moves=lambda x, step: [torch.full_like(x, step)] * x.numel()),
    "You move every entry of x at once, so all share one slope. Move one entry at a time.")
mistakes.add("formula_as_it_stands",
    lambda function, x, step=1e-4: (function(x + step) - function(x - step)) / (2 * step),
    "`x + step` moves every entry of x at once, so there is one slope for all. Each entry has a slope of its own, when only *it* moves.")
mistakes.add("formula_without_brackets",
    lambda function, x, step=1e-4: (function(x + step) - function(x - step)) / 2 * step,
    "`x + step` moves every entry of x at once, so there is one slope for all. Each entry has a slope of its own, when only *it* moves.")
mistakes.add("each_entry_alone",
    lambda function, x, step=1e-4: torch.stack(
        [(function(entry + step) - function(entry - step)) / (2 * step) for entry in x.flatten()]).reshape(x.shape),
    "The function is given one entry alone. It needs all of x, with that one entry moved.")
mistakes.add("backwards", but(slope=lambda f, x, move, step: (f(x - move) - f(x + move)) / (2 * step)),
    "Your slopes point the wrong way: subtract the value behind from the value ahead.")
mistakes.add("own_step", lambda function, x, step=1e-4: numerical_gradient(function, x),
    "Your step is always the same. Use the `step` that the caller gave.")
mistakes.add("derivative_from_torch", lambda function, x, step=1e-4: torch.autograd.functional.jacobian(function, x),
    "This is the exact derivative, as PyTorch computes it. Measure the slope instead: it will be the judge of such derivatives.")

def in_place(function, x, step, back):
    """Moves each entry of x itself: ahead, then behind, then forward by `back`."""
    slope = torch.zeros_like(x)
    for index in range(x.numel()):
        x.view(-1)[index] += step
        ahead = function(x)
        x.view(-1)[index] -= 2 * step
        slope.view(-1)[index] = (ahead - function(x)) / (2 * step)
        x.view(-1)[index] += back
    return slope

mistakes.add("steps_pile_up", lambda function, x, step=1e-4: in_place(function, x.clone(), step, back=0),
    "An entry that you moved stays moved while you try the next. Start each from x again.")

@mistakes.program("Your two copies are made once, so an entry that has moved stays moved while you try the next.")
def copies_made_once(function, x, step=1e-4):
    slope, ahead, behind = torch.zeros_like(x), x.clone(), x.clone()
    for index in range(x.numel()):
        ahead.view(-1)[index] += step
        behind.view(-1)[index] -= step
        slope.view(-1)[index] = (function(ahead) - function(behind)) / (2 * step)
    return slope

@mistakes.program("What you keep of the old entry is a view, not a number: it moves when x does. `.item()` makes a number of it.")
def keeps_a_view(function, x, step=1e-4):
    slope = torch.zeros_like(x)
    for index in range(x.numel()):
        old = x.view(-1)[index]
        x.view(-1)[index] = old + step
        ahead = function(x)
        x.view(-1)[index] = old - step
        slope.view(-1)[index] = (ahead - function(x)) / (2 * step)
        x.view(-1)[index] = old
    return slope

@mistakes.program("`return` stands inside the loop, so it ends with the first entry.")
def returns_in_the_loop(function, x, step=1e-4):
    for index in range(x.numel()):
        move = torch.zeros_like(x)
        move.view(-1)[index] = step
        return both_ways(function, x, move, step)

@mistakes.program("The function is given a flat row of entries, and it expects the shape of x: turn it back with `.view(x.shape)`.")
def flat_for_the_function(function, x, step=1e-4):
    slopes = [both_ways(function, x.flatten(), move, step) for move in step * torch.eye(x.numel(), dtype=x.dtype)]
    return torch.stack(slopes).view(x.shape)

mistakes.add("flat_result", lambda function, x, step=1e-4: numerical_gradient(function, x, step).flatten(),
    "The slopes are right and stand in one flat row. Give them the shape of x.")
mistakes.add("single_precision_step",
    but(moves=lambda x, step: (step * torch.eye(x.numel())).reshape(x.numel(), *x.shape)),
    "Your step is a 32-bit number, so it is not quite as long as the one that you divide by. Keep the type of x: `torch.zeros_like(x)`.")
mistakes.add("moves_x_itself", lambda function, x, step=1e-4: in_place(function, x, step, back=step),
    "You move `x` itself and then back, and rounding leaves it a hair from where it was. Work on a copy.")
mistakes.add("moves_x_and_leaves_it", lambda function, x, step=1e-4: in_place(function, x, step, back=0),
    "You move `x` itself and never put it back: the next entry is tried from another place, and the caller's x has changed.")
mistakes.add("single_precision_result", lambda f, x, step=1e-4: numerical_gradient(f, x, step).float(),
    "Your slopes are 32-bit numbers, since `torch.zeros(…)` and `torch.tensor(…)` make these. Keep the type of x: `dtype=x.dtype`.")
mistakes.add("single_precision", lambda f, x, step=1e-4: numerical_gradient(f, x.float(), step).to(x.dtype),
    "You compute in 32-bit numbers, and the difference of two nearly equal ones has few digits left. Keep the type of x.")


exercise = Exercise(
    reference=numerical_gradient,
    use=functions.numerical_gradient,
    cases=[
        Case("squares by hand", function="sum of squares", x=tensor([1.0, -2.0, 3.0], dtype=float64)),
        Case("cubes with a long step", function="sum of cubes", x=tensor([1.0, 2.0], dtype=float64), step=0.1),
        Case("on a kink", function="ramps", x=tensor([0.0, 2.0, -1.0], dtype=float64)),
        Case("a matrix", function="one number", x=normal(2, 2, dtype=float64)),
        Case("a vector", function="a sine and a product", x=normal(4, dtype=float64)),
        Case("a single entry", function="sum of cubes", x=normal(1, dtype=float64), step=0.05),
        Case("a number, without any axis", function="sum of cubes", x=normal(dtype=float64), step=0.05),
        Case("a block", function="a sine and a product", x=normal(2, 1, 3, dtype=float64), step=0.01),
    ],
    variants=[with_one_hot_steps, by_position],
    mistakes=mistakes,
    points=2,
)
