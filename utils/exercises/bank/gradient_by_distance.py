"""How far back a model still feels its inputs: the gradient, by distance from the end."""

import torch
from torch import tensor

from utils.attempts.uses import recurrent

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def gradient_by_distance(model, x):
    """How strongly the outputs of model depend on the input 0, 1, 2, ... steps before the last one: a tensor (T,).

    model maps x (B, T, D) to outputs (B, K), read at the end of each sequence. Entry d is the norm of the gradient of
    the sum of all outputs with respect to the input d steps before the last, averaged over the batch; it carries no
    gradient itself. x stays as it is. Source: Bengio et al. 1994, who show why such gradients vanish with distance.
    """
    return in_steps(model, x)


def mean_norms(gradient):
    return gradient.norm(dim=-1).mean(0)

def from_the_end(norms):
    return norms.flip(0)

def in_steps(model, x, start=torch.sum, norms=mean_norms, order=from_the_end):
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(start(model(x)), x)  # (B, T, D)
    return order(norms(gradient))  # (T,)


# Right, and written differently

def backward_from_a_copy(model, x):
    inputs = torch.tensor(x.tolist(), dtype=x.dtype, requires_grad=True)
    model(inputs).sum().backward()
    return torch.sqrt((inputs.grad**2).sum(-1)).flip(1).mean(0)

def each_step_a_leaf(model, x):
    steps = [step.clone().requires_grad_() for step in x.unbind(1)]
    gradients = torch.autograd.grad(model(torch.stack(steps, 1)).sum(), steps)
    return torch.stack([torch.linalg.vector_norm(gradient, dim=1).mean() for gradient in reversed(gradients)])

def one_sequence_at_a_time(model, x):
    curve = x.new_zeros(x.size(1))
    for sequence in x:
        gradient = torch.autograd.functional.jacobian(lambda inputs: model(inputs[None]).sum(), sequence)
        for d in range(len(curve)):
            curve[d] += gradient[len(curve) - 1 - d].norm() / len(x)
    return curve

def functional(model, x):
    gradient = torch.func.grad(lambda inputs: model(inputs).sum())(x)
    return gradient.detach().norm(dim=2)[:, range(x.size(1) - 1, -1, -1)].mean(dim=0)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("by_position", but(order=lambda norms: norms),
    "Your curve runs from the first input to the last. Entry d belongs to the input d steps before the end, so the last input comes first.")
mistakes.add("from_minus_d", but(order=lambda norms: norms[[-d for d in range(len(norms))]]),
    "Place `-d` is the first input at d = 0, and the last one only at d = 1. The input d steps before the last stands at `-1 - d`.")
mistakes.add("kind_of_norm_for_axis", but(norms=lambda gradient: gradient.norm(-1), order=lambda norms: norms),
    "`norm(-1)` takes -1 for the kind of norm, not for an axis, and gives one number. Name the axis: `dim=-1`.")
mistakes.add("one_norm_of_everything", but(norms=lambda gradient: gradient.norm(), order=lambda norms: norms),
    "You take one norm of the whole gradient. Take one for each sequence at each step, over the features.")
mistakes.add("one_number", but(norms=lambda gradient: gradient.norm(dim=-1).mean(), order=lambda norms: norms),
    "Your mean is over the batch and over time, so one number is left. Keep time.")
mistakes.add("inputs_themselves", lambda model, x: from_the_end(mean_norms(x)),
    "These are the norms of the inputs. Wanted are those of the gradient with respect to them.")
mistakes.add("norm_over_the_batch", but(norms=lambda gradient: gradient.norm(dim=(0, 2))),
    "You take one norm over the whole batch. Take a norm for each sequence at each step, and then the mean over the batch.")
mistakes.add("mean_before_the_norm", but(norms=lambda gradient: gradient.mean(0).norm(dim=-1)),
    "You average the gradients over the batch and then take the norm, so gradients that point opposite ways cancel. Take the norms first.")
mistakes.add("mean_over_time", but(norms=lambda gradient: gradient.norm(dim=-1).mean(1)),
    "Your mean is over time, which leaves one number for each sequence. Take it over the batch, the first axis.")
mistakes.add("sum_over_the_batch", but(norms=lambda gradient: gradient.norm(dim=-1).sum(0)),
    "You add up the norms over the batch, so a larger batch gives a higher curve. Take their mean.")
mistakes.add("one_curve_for_each", but(norms=lambda gradient: gradient.norm(dim=-1), order=lambda norms: norms.flip(1)),
    "You return a curve for each sequence. Average them over the batch into one.")
mistakes.add("first_sequence_only", but(norms=lambda gradient: gradient[0].norm(dim=-1)),
    "You look at the first sequence only. Average over all in the batch.")
mistakes.add("squared", but(norms=lambda gradient: gradient.pow(2).sum(-1).mean(0)),
    "These are squared norms: the square root is missing.")
mistakes.add("sum_of_sizes", but(norms=lambda gradient: gradient.abs().sum(-1).mean(0)),
    "You add up the absolute values of a gradient's entries. Its norm is the root of the sum of their squares.")
mistakes.add("mean_of_sizes", but(norms=lambda gradient: gradient.abs().mean(-1).mean(0)),
    "You average the absolute values of a gradient's entries. Its norm is the root of the sum of their squares.")
mistakes.add("signed_sum", but(norms=lambda gradient: gradient.sum(-1).mean(0)),
    "You add up a gradient's entries with their signs, so they cancel. How long is the gradient, whichever way it points?")
mistakes.add("last_feature_only", but(norms=lambda gradient: gradient[..., -1].abs().mean(0)),
    "You look at one feature of each input only. The norm is over all of them.")
mistakes.add("norm_over_time", but(norms=lambda gradient: gradient.norm(dim=1).mean(0)),
    "Your norm runs over time. Keep time, and take the norm over the features of each input.")
mistakes.add("mean_of_the_outputs", but(start=torch.mean),
    "You start from the mean of the outputs, which shrinks every gradient. Start from their sum, so that each sequence counts in full.")
mistakes.add("mean_over_the_batch_twice", but(start=lambda outputs: outputs.mean(0).sum()),
    "You average over the batch twice: over the outputs, and again over the norms. Start from the sum of all outputs.")
mistakes.add("last_output_only", but(start=lambda outputs: outputs[:, -1].sum()),
    "You start from one output only. Start from the sum of all of them.")
mistakes.add("first_output_only", but(start=lambda outputs: outputs[:, 0].sum()),
    "You start from the first output only. Start from the sum of all of them.")
mistakes.add("norm_of_the_outputs", but(start=torch.norm),
    "You start from the norm of the outputs. Start from their sum.")

@mistakes.program("You take a norm for each output and add these up. Sum the outputs first: one gradient, one norm.")
def each_output_apart(model, x):
    return sum(in_steps(model, x, start=lambda outputs, k=k: outputs[:, k].sum()) for k in range(model(x).size(1)))

mistakes.add("relative_to_the_last_input", but(order=lambda norms: norms.flip(0) / norms[-1]),
    "You divide the curve by its first entry. That is for a figure; here the norms themselves are wanted.")

@mistakes.program("You collect the gradient in the x that you were given, so a second call adds to what the first one left there. Work on a copy.")
def gradients_pile_up(model, x):
    x.requires_grad_()
    model(x).sum().backward()
    return x.grad.norm(dim=-1).mean(0).flip(0)

@mistakes.program("`torch.autograd.grad` returns a tuple with one gradient for each input, even for a single one. Take it out: `(gradient,) = …`.")
def tuple_not_opened(model, x):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(model(x).sum(), x).norm(dim=-1).mean(0).flip(0)

@mistakes.program("Your x does not ask for a gradient, so PyTorch keeps no trace of it. A copy with `requires_grad_()` does.")
def asks_for_no_gradient(model, x):
    x = x.detach().clone()
    (gradient,) = torch.autograd.grad(model(x).sum(), x)
    return gradient.norm(dim=-1).mean(0).flip(0)

@mistakes.program("Your x does not ask for a gradient, so none is left in its `grad`. A copy with `requires_grad_()` does.")
def asks_for_none_and_reads_it(model, x):
    x = x.detach().clone()
    model(x).sum().backward()
    return x.grad.norm(dim=-1).mean(0).flip(0)

mistakes.add("outputs_not_summed", but(start=lambda outputs: outputs),
    "Backpropagation starts from a single number, and the model gives many outputs. Start from their sum.")
mistakes.add("turned_round_like_a_list", but(order=lambda norms: norms[::-1]),
    "A tensor cannot be turned round with a step of -1, as a list can. PyTorch has a function for it.")
mistakes.add("list_of_numbers", but(order=lambda norms: norms.flip(0).tolist()),
    "You return a list of numbers. Return them as one tensor.")
mistakes.add("default_type", but(order=lambda norms: tensor(norms.flip(0).tolist())),
    "A tensor made from numbers gets PyTorch's default type, 32 bits. Keep the type of x.")

@mistakes.program("Your curve still carries a graph for gradients: it keeps memory and cannot be drawn. Return the numbers alone.")
def graph_kept(model, x):
    inputs = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(inputs).sum(), inputs, create_graph=True)
    return gradient.norm(dim=-1).mean(0).flip(0)


def tanh_network(B, T, D, K, dtype=torch.float32):
    shapes = {"W_x": (D, K), "W_h": (K, K), "b": (K,)}
    weights = {name: normal(*shape, scale=1 / K**0.5, dtype=dtype) for name, shape in shapes.items()}
    return {"model": "tanh network", "x": normal(B, T, D, dtype=dtype)} | weights

def gru(B, T, D, K, dtype=torch.float32):
    shapes = {"weight_ih": (3 * K, D), "weight_hh": (3 * K, K), "bias_ih": (3 * K,), "bias_hh": (3 * K,)}
    weights = {name: normal(*shape, scale=0.7, dtype=dtype) for name, shape in shapes.items()}
    return {"model": "GRU", "x": normal(B, T, D, dtype=dtype)} | weights


exercise = Exercise(
    reference=gradient_by_distance,
    use=recurrent.gradient_by_distance,
    cases=[
        Case("only the last input, by hand", model="only the last input", x=tensor([[[5.0], [6.0], [7.0]]])),
        Case("a linear model by hand: gradients (3, 4) and (5, 12)",
            model="linear", x=tensor([[[1.0, 1.0], [2.0, 0.0]]]), W=tensor([[[3.0], [4.0]], [[5.0], [12.0]]])),
        Case("squares of two opposite sequences, by hand: gradients (6, 8) and (0, 1), and their negatives",
            model="sum of squares", x=tensor([[[3.0, 4.0], [0.0, 0.5]], [[-3.0, -4.0], [0.0, -0.5]]])),
        Case("the mean of everything", model="mean of everything", x=normal(3, 4, 2)),
        Case("a linear model", model="linear", x=normal(3, 5, 2), W=normal(5, 2, 3)),
        Case("a tanh network", **tanh_network(4, 6, 3, 5)),
        Case("a batch of one", **tanh_network(1, 5, 2, 3)),
        Case("one input", **tanh_network(3, 1, 2, 3)),
        Case("as many steps as features", **tanh_network(5, 4, 4, 3)),
        Case("one feature and one output", **tanh_network(2, 5, 1, 1)),
        Case("64-bit numbers over twelve steps", **tanh_network(3, 12, 2, 4, torch.float64)),
        Case("a GRU", **gru(3, 5, 2, 3)),
        Case("a GRU in 64-bit numbers", **gru(2, 7, 3, 4, torch.float64)),
    ],
    variants=[backward_from_a_copy, each_step_a_leaf, one_sequence_at_a_time, functional],
    mistakes=mistakes,
    points=3,
)
