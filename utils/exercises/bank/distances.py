"""How far back a model still feels its inputs: the gradient, by distance from the end."""

import torch
from torch import tensor

from utils.attempts import probes

from ..exercise import Case, Exercise, Mistake, normal


def gradient_by_distance(model, x):
    """How strongly the outputs of model depend on the input 0, 1, 2, ... steps before the last one: a tensor (T,).

    model maps x (B, T, D) to outputs (B, K), read at the end of each sequence. Entry d is the norm of the gradient of
    the sum of all outputs with respect to the input d steps before the last, averaged over the batch; it carries no
    gradient itself. x stays as it is. Source: Bengio et al. 1994, who show why such gradients vanish with distance.
    """
    gradient = _gradient(model, x)  # (B, T, D)
    return gradient.norm(dim=-1).mean(0).flip(0)  # (T,)


def _gradient(model, x, of=torch.sum):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(of(model(x)), x)[0]


def _backward_from_a_copy(model, x):
    inputs = torch.tensor(x.tolist(), dtype=x.dtype, requires_grad=True)
    model(inputs).sum().backward()
    return torch.sqrt((inputs.grad**2).sum(-1)).flip(1).mean(0)


def _each_step_a_leaf(model, x):
    steps = [step.clone().requires_grad_() for step in x.unbind(1)]
    gradients = torch.autograd.grad(model(torch.stack(steps, 1)).sum(), steps)
    return torch.stack([torch.linalg.vector_norm(gradient, dim=1).mean() for gradient in reversed(gradients)])


def _one_sequence_at_a_time(model, x):
    curve = x.new_zeros(x.size(1))
    for sequence in x:
        gradient = torch.autograd.functional.jacobian(lambda inputs: model(inputs[None]).sum(), sequence)
        for d in range(len(curve)):
            curve[d] += gradient[len(curve) - 1 - d].norm() / len(x)
    return curve


def _functional(model, x):
    gradient = torch.func.grad(lambda inputs: model(inputs).sum())(x)
    return gradient.detach().norm(dim=2)[:, range(x.size(1) - 1, -1, -1)].mean(dim=0)


def _by_position(model, x):
    return gradient_by_distance(model, x).flip(0)


def _norm_over_the_batch(model, x):
    return _gradient(model, x).norm(dim=(0, 2)).flip(0)


def _mean_before_the_norm(model, x):
    return _gradient(model, x).mean(0).norm(dim=-1).flip(0)


def _sum_over_the_batch(model, x):
    return _gradient(model, x).norm(dim=-1).sum(0).flip(0)


def _one_curve_for_each(model, x):
    return _gradient(model, x).norm(dim=-1).flip(1)


def _first_sequence_only(model, x):
    return _gradient(model, x)[0].norm(dim=-1).flip(0)


def _squared(model, x):
    return _gradient(model, x).pow(2).sum(-1).mean(0).flip(0)


def _sum_of_sizes(model, x):
    return _gradient(model, x).abs().sum(-1).mean(0).flip(0)


def _mean_of_sizes(model, x):
    return _gradient(model, x).abs().mean(-1).mean(0).flip(0)


def _signed_sum(model, x):
    return _gradient(model, x).sum(-1).mean(0).flip(0)


def _last_feature_only(model, x):
    return _gradient(model, x)[..., -1].abs().mean(0).flip(0)


def _norm_over_time(model, x):
    return _gradient(model, x).norm(dim=1).mean(0).flip(0)


def _mean_of_the_outputs(model, x):
    return _gradient(model, x, torch.mean).norm(dim=-1).mean(0).flip(0)


def _mean_over_the_batch_twice(model, x):
    return _gradient(model, x, lambda outputs: outputs.mean(0).sum()).norm(dim=-1).mean(0).flip(0)


def _last_output_only(model, x):
    return _gradient(model, x, lambda outputs: outputs[:, -1].sum()).norm(dim=-1).mean(0).flip(0)


def _norm_of_the_outputs(model, x):
    return _gradient(model, x, torch.norm).norm(dim=-1).mean(0).flip(0)


def _each_output_apart(model, x):
    gradients = [_gradient(model, x, lambda outputs, k=k: outputs[:, k].sum()) for k in range(model(x).size(1))]
    return sum(gradient.norm(dim=-1) for gradient in gradients).mean(0).flip(0)


def _relative_to_the_last_input(model, x):
    curve = gradient_by_distance(model, x)
    return curve / curve[0]


def _gradients_pile_up(model, x):
    x.requires_grad_()
    model(x).sum().backward()
    return x.grad.norm(dim=-1).mean(0).flip(0)


def _outputs_not_summed(model, x):
    inputs = x.clone().requires_grad_()
    model(inputs).backward()
    return inputs.grad.norm(dim=-1).mean(0).flip(0)


def _turned_round_like_a_list(model, x):
    return _gradient(model, x).norm(dim=-1).mean(0)[::-1]


def _list_of_numbers(model, x):
    return [strength.item() for strength in gradient_by_distance(model, x)]


def _default_type(model, x):
    return torch.tensor(_list_of_numbers(model, x))


def _graph_kept(model, x):
    inputs = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(inputs).sum(), inputs, create_graph=True)
    return gradient.norm(dim=-1).mean(0).flip(0)


def _network(name, B, T, D, K, dtype=torch.float32, scale=1.0):
    sizes = {"W_x": (D, K), "W_h": (K, K), "b": (K,)}
    weights = {key: normal(*size, scale=scale / K**0.5, dtype=dtype) for key, size in sizes.items()}
    return Case(name, model="tanh network", x=normal(B, T, D, dtype=dtype), **weights)


def _gru(name, B, T, D, K, dtype=torch.float32):
    sizes = {"weight_ih": (3 * K, D), "weight_hh": (3 * K, K), "bias_ih": (3 * K,), "bias_hh": (3 * K,)}
    weights = {key: normal(*size, scale=0.7, dtype=dtype) for key, size in sizes.items()}
    return Case(name, model="GRU", x=normal(B, T, D, dtype=dtype), **weights)


gradients_by_distance = Exercise(
    reference=gradient_by_distance,
    probe=probes.gradient_by_distance,
    cases=[
        Case("only the last input, by hand", model="only the last input", x=tensor([[[5.0], [6.0], [7.0]]])),
        Case(
            "a linear model by hand: gradients (3, 4) and (5, 12)",
            model="linear",
            x=tensor([[[1.0, 1.0], [2.0, 0.0]]]),
            W=tensor([[[3.0], [4.0]], [[5.0], [12.0]]]),
        ),
        Case(
            "squares of two opposite sequences, by hand: gradients (6, 8) and (0, 1), and their negatives",
            model="sum of squares",
            x=tensor([[[3.0, 4.0], [0.0, 0.5]], [[-3.0, -4.0], [0.0, -0.5]]]),
        ),
        Case("the mean of everything", model="mean of everything", x=normal(3, 4, 2)),
        Case("a linear model", model="linear", x=normal(3, 5, 2), W=normal(5, 2, 3)),
        _network("a tanh network", 4, 6, 3, 5),
        _network("a batch of one", 1, 5, 2, 3),
        _network("one input", 3, 1, 2, 3),
        _network("as many steps as features", 5, 4, 4, 3),
        _network("one feature and one output", 2, 5, 1, 1),
        _network("64-bit numbers over twelve steps", 3, 12, 2, 4, dtype=torch.float64),
        _gru("a GRU", 3, 5, 2, 3),
        _gru("a GRU in 64-bit numbers", 2, 7, 3, 4, dtype=torch.float64),
    ],
    variants=[_backward_from_a_copy, _each_step_a_leaf, _one_sequence_at_a_time, _functional],
    mistakes=[
        Mistake(_by_position, "Your curve runs from the first input to the last. Entry d belongs to the input d steps before the end, so the last input comes first."),
        Mistake(_norm_over_the_batch, "You take one norm over the whole batch. Take a norm for each sequence at each step, and then the mean over the batch."),
        Mistake(_mean_before_the_norm, "You average the gradients over the batch and then take the norm, so gradients that point opposite ways cancel. Take the norms first."),
        Mistake(_sum_over_the_batch, "You add up the norms over the batch, so a larger batch gives a higher curve. Take their mean."),
        Mistake(_one_curve_for_each, "You return a curve for each sequence. Average them over the batch into one."),
        Mistake(_first_sequence_only, "You look at the first sequence only. Average over all in the batch."),
        Mistake(_squared, "These are squared norms: the square root is missing."),
        Mistake(_sum_of_sizes, "You add up the absolute values of a gradient's entries. Its norm is the root of the sum of their squares."),
        Mistake(_mean_of_sizes, "You average the absolute values of a gradient's entries. Its norm is the root of the sum of their squares."),
        Mistake(_signed_sum, "You add up a gradient's entries with their signs, so they cancel. How long is the gradient, whichever way it points?"),
        Mistake(_last_feature_only, "You look at one feature of each input only. The norm is over all of them."),
        Mistake(_norm_over_time, "Your norm runs over time. Keep time, and take the norm over the features of each input."),
        Mistake(_mean_of_the_outputs, "You start from the mean of the outputs, which shrinks every gradient. Start from their sum, so that each sequence counts in full."),
        Mistake(_mean_over_the_batch_twice, "You average over the batch twice: over the outputs, and again over the norms. Start from the sum of all outputs."),
        Mistake(_last_output_only, "You start from one output only. Start from the sum of all of them."),
        Mistake(_norm_of_the_outputs, "You start from the norm of the outputs. Start from their sum."),
        Mistake(_each_output_apart, "You take a norm for each output and add these up. Sum the outputs first: one gradient, one norm."),
        Mistake(_relative_to_the_last_input, "You divide the curve by its first entry. That is for a figure; here the norms themselves are wanted."),
        Mistake(_gradients_pile_up, "You collect the gradient in the x that you were given, so a second call adds to what the first one left there. Work on a copy."),
        Mistake(_outputs_not_summed, "Backpropagation starts from a single number, and the model gives many outputs. Start from their sum."),
        Mistake(_turned_round_like_a_list, "A tensor cannot be turned round with a step of -1, as a list can. PyTorch has a function for it."),
        Mistake(_list_of_numbers, "You return a list of numbers. Return them as one tensor."),
        Mistake(_default_type, "A tensor made from numbers gets PyTorch's default type, 32 bits. Keep the type of x."),
        Mistake(_graph_kept, "Your curve still carries a graph for gradients: it keeps memory and cannot be drawn. Return the numbers alone."),
    ],
    points=3,
)  # fmt: skip
