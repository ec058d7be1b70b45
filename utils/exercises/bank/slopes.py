"""The slope of a function, measured by small steps."""

from itertools import product

import torch
from torch import tensor

from utils.attempts import probes

from ..exercise import Case, Exercise, Mistake, normal


def numerical_gradient(function, x, step=1e-4):
    """The slope of function (a tensor to one number) at x, in each entry of x: (f(x + step) - f(x - step)) / (2 step)."""
    slope = torch.zeros_like(x)
    for index in range(x.numel()):
        ahead, behind = x.flatten().clone(), x.flatten().clone()
        ahead[index] += step
        behind[index] -= step
        slope.view(-1)[index] = (function(ahead.view(x.shape)) - function(behind.view(x.shape))) / (2 * step)
    return slope


def _with_one_hot_steps(function, x, step=1e-4):
    steps = step * torch.eye(x.numel(), dtype=x.dtype).reshape(x.numel(), *x.shape)
    slopes = [(function(x + s) - function(x - s)) / (2 * step) for s in steps]
    return torch.stack(slopes).reshape(x.shape)


def _by_position(function, x, step=1e-4):
    slope = torch.empty_like(x)
    for place in product(*map(range, x.shape)):
        moved = x.clone()
        moved[place] = x[place] + step
        ahead = function(moved)
        moved[place] = x[place] - step
        slope[place] = (ahead - function(moved)) / (2 * step)
    return slope


def _forward_difference(function, x, step=1e-4):
    steps = step * torch.eye(x.numel(), dtype=x.dtype).reshape(x.numel(), *x.shape)
    return torch.stack([function(x + s) - function(x) for s in steps]).reshape(x.shape) / step


def _backward_difference(function, x, step=1e-4):
    steps = step * torch.eye(x.numel(), dtype=x.dtype).reshape(x.numel(), *x.shape)
    return torch.stack([function(x) - function(x - s) for s in steps]).reshape(x.shape) / step


def _half_a_step_each_way(function, x, step=1e-4):
    return numerical_gradient(function, x, step / 2)


def _no_brackets(function, x, step=1e-4):
    return numerical_gradient(function, x, step) * step**2


def _row_by_row(function, x, step=1e-4):
    if x.dim() < 2:
        return numerical_gradient(function, x, step)
    slope = torch.zeros_like(x)
    for i in range(len(x)):
        move = torch.zeros_like(x)
        move[i] = step
        slope[i] = (function(x + move) - function(x - move)) / (2 * step)
    return slope


def _second_name(function, x, step=1e-4):
    slope = torch.zeros_like(x)
    for index in range(x.numel()):
        ahead = behind = x
        ahead.view(-1)[index] += step
        behind.view(-1)[index] -= step
        slope.view(-1)[index] = (function(ahead) - function(behind)) / (2 * step)
    return slope


def _needs_an_axis(function, x, step=1e-4):
    len(x)
    return numerical_gradient(function, x, step)


def _divides_by_one_step(function, x, step=1e-4):
    return 2 * numerical_gradient(function, x, step)


def _difference_only(function, x, step=1e-4):
    return 2 * step * numerical_gradient(function, x, step)


def _moves_all_at_once(function, x, step=1e-4):
    return torch.full_like(x, (function(x + step) - function(x - step)) / (2 * step))


def _backwards(function, x, step=1e-4):
    return -numerical_gradient(function, x, step)


def _own_step(function, x, step=1e-4):
    return numerical_gradient(function, x)


def _derivative_from_torch(function, x, step=1e-4):
    return torch.autograd.functional.jacobian(function, x)


def _steps_pile_up(function, x, step=1e-4):
    slope, moved = torch.zeros_like(x), x.clone()
    for index in range(x.numel()):
        moved.view(-1)[index] += step
        ahead = function(moved)
        moved.view(-1)[index] -= 2 * step
        slope.view(-1)[index] = (ahead - function(moved)) / (2 * step)
    return slope


def _moves_x_itself(function, x, step=1e-4):
    slope = torch.zeros_like(x)
    for index in range(x.numel()):
        x.view(-1)[index] += step
        ahead = function(x)
        x.view(-1)[index] -= 2 * step
        slope.view(-1)[index] = (ahead - function(x)) / (2 * step)
        x.view(-1)[index] += step
    return slope


def _single_precision(function, x, step=1e-4):
    return numerical_gradient(function, x.float(), step).to(x.dtype)


numerical_gradient_of = Exercise(
    reference=numerical_gradient,
    probe=probes.numerical_gradient,
    cases=[
        Case("squares by hand", function="sum of squares", x=tensor([1.0, -2.0, 3.0], dtype=torch.float64)),
        Case("cubes with a long step", function="sum of cubes", x=tensor([1.0, 2.0], dtype=torch.float64), step=0.1),
        Case("on a kink", function="ramps", x=tensor([0.0, 2.0, -1.0], dtype=torch.float64)),
        Case("a matrix", function="one number", x=normal(2, 2, dtype=torch.float64)),
        Case("a vector", function="a sine and a product", x=normal(4, dtype=torch.float64)),
        Case("a single entry", function="sum of cubes", x=normal(1, dtype=torch.float64), step=0.05),
        Case("a number, without any axis", function="sum of cubes", x=normal(dtype=torch.float64), step=0.05),
        Case("a block", function="a sine and a product", x=normal(2, 1, 3, dtype=torch.float64), step=0.01),
    ],
    variants=[_with_one_hot_steps, _by_position],
    mistakes=[
        Mistake(_forward_difference, "You step ahead only, which leans to one side where the function bends. Step both ways and divide by the distance between."),
        Mistake(_backward_difference, "You step behind only, which leans to one side where the function bends. Step both ways and divide by the distance between."),
        Mistake(_half_a_step_each_way, "You go half a step each way. Go a whole `step` ahead and a whole one behind: two steps from end to end."),
        Mistake(_no_brackets, "`/ 2 * step` divides by two and then multiplies by the step. Put brackets around the whole denominator."),
        Mistake(_row_by_row, "In a matrix, `x[i]` is a whole row, and all its entries move together. Move one entry at a time."),
        Mistake(_second_name, "A second name for x is not a copy: ahead and behind are the same tensor, and it is x that moves. Use `x.clone()`."),
        Mistake(_needs_an_axis, "x may also be a number without any axis, and that has no `len`. `x.numel()` counts the entries of any shape."),
        Mistake(_divides_by_one_step, "Your slopes are twice too large: from x - step to x + step is a distance of two steps."),
        Mistake(_difference_only, "This is how much the function changes. The slope is that change divided by the distance."),
        Mistake(_moves_all_at_once, "You move every entry of x at once, so all share one slope. Move one entry at a time."),
        Mistake(_backwards, "Your slopes point the wrong way: subtract the value behind from the value ahead."),
        Mistake(_own_step, "Your step is always the same. Use the `step` that the caller gave."),
        Mistake(_derivative_from_torch, "This is the exact derivative, as PyTorch computes it. Measure the slope instead: it will be the judge of such derivatives."),
        Mistake(_steps_pile_up, "An entry that you moved stays moved while you try the next. Start each from x again."),
        Mistake(_moves_x_itself, "You move `x` itself and then back, and rounding leaves it a hair from where it was. Work on a copy."),
        Mistake(_single_precision, "You compute in 32-bit numbers, and the difference of two nearly equal ones has few digits left. Keep the type of x."),
    ],
    points=2,
)  # fmt: skip
