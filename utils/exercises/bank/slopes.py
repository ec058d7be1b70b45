"""The slope of a function by small steps, and the slope of a soft lookup by formula."""

import torch
from torch import tensor

from utils.attention import reference

from .. import probes
from ..exercise import Case, Exercise, Mistake, normal

# --- numerical_gradient ---


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
    for place in torch.cartesian_prod(*map(torch.arange, x.shape)).reshape(-1, x.dim()):
        place = tuple(place)
        moved = x.clone()
        moved[place] = x[place] + step
        ahead = function(moved)
        moved[place] = x[place] - step
        slope[place] = (ahead - function(moved)) / (2 * step)
    return slope


def _forward_difference(function, x, step=1e-4):
    steps = step * torch.eye(x.numel(), dtype=x.dtype).reshape(x.numel(), *x.shape)
    return torch.stack([function(x + s) - function(x) for s in steps]).reshape(x.shape) / step


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
        Case("a single entry", function="sum of cubes", x=normal(1, dtype=torch.float64), step=1e-3),
        Case("a block", function="a sine and a product", x=normal(2, 1, 3, dtype=torch.float64), step=0.01),
    ],
    variants=[_with_one_hot_steps, _by_position],
    mistakes=[
        Mistake(_forward_difference, "You step ahead only, which leans to one side where the function bends. Step both ways and divide by the distance between."),
        Mistake(_divides_by_one_step, "Your slopes are twice too large: from x - step to x + step is a way of two steps."),
        Mistake(_difference_only, "This is how much the function changes. The slope is that change per length of the way."),
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


# --- lookup_gradient ---


def _weights(query, key, temperature=1.0):
    return (key @ query / temperature).softmax(-1)


def _by_backpropagation(query, key, value, temperature=1.0):
    def context(q):
        return reference.soft_lookup(q[None], key, value, temperature)[0]

    return torch.autograd.functional.jacobian(context, query)


def _sum_of_outer_products(query, key, value, temperature=1.0):
    weights = _weights(query, key, temperature)
    context, mean_key = weights @ value, weights @ key
    return (
        sum(w * torch.outer(v - context, k - mean_key) for w, k, v in zip(weights, key, value, strict=True))
        / temperature
    )


def _mean_of_products_less_product_of_means(query, key, value, temperature=1.0):
    weights = _weights(query, key, temperature)
    return (
        torch.einsum("j,jv,jk->vk", weights, value, key) - torch.outer(weights @ value, weights @ key)
    ) / temperature


def _no_temperature_in_front(query, key, value, temperature=1.0):
    return temperature * reference.lookup_gradient(query, key, value, temperature)


def _times_temperature(query, key, value, temperature=1.0):
    return temperature**2 * reference.lookup_gradient(query, key, value, temperature)


def _temperature_ignored(query, key, value, temperature=1.0):
    return reference.lookup_gradient(query, key, value)


def _transposed(query, key, value, temperature=1.0):
    return reference.lookup_gradient(query, key, value, temperature).mT


def _not_centred(query, key, value, temperature=1.0):
    return torch.einsum("j,jv,jk->vk", _weights(query, key, temperature), value, key) / temperature


def _unweighted(query, key, value, temperature=1.0):
    return (value - value.mean(0)).mT @ (key - key.mean(0)) / len(key) / temperature


def _centred_at_plain_mean(query, key, value, temperature=1.0):
    weights = _weights(query, key, temperature)
    return torch.einsum("j,jv,jk->vk", weights, value - value.mean(0), key - key.mean(0)) / temperature


def _sample_covariance(query, key, value, temperature=1.0):
    return reference.lookup_gradient(query, key, value, temperature) * len(key) / max(len(key) - 1, 1)


def _of_the_weights(query, key, value, temperature=1.0):
    weights = _weights(query, key, temperature)
    return weights[:, None] * (key - weights @ key) / temperature


def _overflows(query, key, value, temperature=1.0):
    exps = torch.exp(key @ query / temperature)
    weights = exps / exps.sum()
    return (weights[:, None] * (value - weights @ value)).mT @ key / temperature


def _opposite_sign(query, key, value, temperature=1.0):
    return -reference.lookup_gradient(query, key, value, temperature)


lookup_gradient = Exercise(
    reference=reference.lookup_gradient,
    cases=[
        Case("two keys by hand", query=tensor([0.0, 0.0]), key=tensor([[1.0, 0.0], [0.0, 1.0]]), value=tensor([[1.0], [3.0]])),
        Case("warmer", query=normal(3), key=normal(5, 3), value=normal(5, 4), temperature=2.0),
        Case("cooler", query=normal(4), key=normal(6, 4), value=normal(6, 2), temperature=0.5),
        Case("as many keys as widths", query=normal(3), key=normal(3, 3), value=normal(3, 3)),
        Case("scores of a few hundred", query=tensor([200.0, 0.0]), key=tensor([[1.0, 0.2], [1.0, -0.4], [-1.0, 0.0]]), value=normal(3, 2)),
        Case("a single key", query=normal(2), key=normal(1, 2), value=normal(1, 3)),
    ],
    variants=[_by_backpropagation, _sum_of_outer_products, _mean_of_products_less_product_of_means],
    mistakes=[
        Mistake(_no_temperature_in_front, "Your weights know the temperature, the slope in front of them does not: the scores are divided by it, so their derivative is too."),
        Mistake(_times_temperature, "You multiply by the temperature. The scores are divided by it, so their derivative is too."),
        Mistake(_temperature_ignored, "You compute at temperature 1, whatever the caller asks for."),
        Mistake(_transposed, "Your result is (Dk, Dv). A gradient of a context (Dv,) by a query (Dk,) has a row for each number of the context."),
        Mistake(_not_centred, "This is the weighted mean of the products. Subtract the mean first: a change moves weight from one key to another, it adds none."),
        Mistake(_unweighted, "Every key counts the same in your covariance. Each should count by its weight."),
        Mistake(_centred_at_plain_mean, "You subtract the plain mean. The centre is the weighted mean, which is the context."),
        Mistake(_sample_covariance, "You divide like a sample covariance, by one less than the number of keys. The weights already sum to one."),
        Mistake(_of_the_weights, "This is how the weights change, (Tk, Dk). The context is made of values: one more product with them."),
        Mistake(_overflows, "Large scores overflow to infinity, and infinity over infinity is NaN. Take your stable `softmax`."),
        Mistake(_opposite_sign, "The sign is turned: a query that moves towards a key should pull the context towards its value."),
    ],
    points=3,
)  # fmt: skip
