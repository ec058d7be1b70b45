"""How strongly a loss depends on each layer of a deep model."""

import torch
from torch import tensor

from utils.attempts.uses import layers as uses

from ..exercise import Case, Exercise, Mistakes, normal, replacing


def gradient_by_layer(model, x, loss):
    """The size of the gradient at the input and after each of the L layers: a tensor (L + 1,).

    model is a list of functions (B, D) -> (B, D'), applied to x (B, D) one after the other; loss(output) is a number.
    Entry 0 belongs to x, entry l to the output of layer l: the norm of the loss's gradient there, for each row,
    averaged over the batch. It carries no gradient itself, and x stays as it is.
    """
    return in_steps(model, x, loss)


def states_from(state, model):
    states = [state]
    for layer in model:
        states.append(layer(states[-1]))
    return states

def asking_for_gradients(model, x):
    return states_from(x.detach().clone().requires_grad_(), model)

def of_the_loss(states, loss):
    return torch.autograd.grad(loss(states[-1]), states)

def mean_norm(gradient):
    return gradient.norm(dim=-1).mean()

def as_they_are(sizes):
    return sizes

def in_steps(model, x, loss, states=asking_for_gradients, gradients=of_the_loss, size=mean_norm, answer=as_they_are):
    return answer(torch.stack([size(gradient) for gradient in gradients(states(model, x), loss)]))


# Right, and written differently

def retained(model, x, loss):
    state = torch.tensor(x.tolist(), dtype=x.dtype, requires_grad=True)
    states = [state]
    for layer in model:
        state = layer(state)
        state.retain_grad()
        states.append(state)
    loss(state).backward()
    return torch.tensor([state.grad.square().sum(1).sqrt().mean().item() for state in states], dtype=x.dtype)

def the_rest_of_the_network_each_time(model, x, loss):
    sizes, state = [], x.detach()
    for place in range(len(model) + 1):

        def rest(output, place=place):
            for layer in model[place:]:
                output = layer(output)
            return loss(output)

        sizes.append(torch.func.grad(rest)(state).norm(dim=1).mean(0).detach())
        state = model[place](state).detach() if place < len(model) else state
    return torch.stack(sizes)

def layer_by_layer_back(model, x, loss):
    with torch.no_grad():
        inputs = [x.clone()]
        for layer in model:
            inputs.append(layer(inputs[-1]))
    last = inputs[-1].requires_grad_()
    (gradient,) = torch.autograd.grad(loss(last), last)
    sizes = [torch.linalg.vector_norm(gradient, dim=1).mean()]
    for layer, given in zip(reversed(model), reversed(inputs[:-1]), strict=True):
        given.requires_grad_()
        (gradient,) = torch.autograd.grad(layer(given), given, gradient)
        sizes.insert(0, torch.linalg.vector_norm(gradient, dim=1).mean())
    return torch.stack(sizes)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("without_the_input", but(answer=lambda sizes: sizes[1:]),
    "The input is missing: entry 0 is the gradient at x, and one entry for each layer follows.")
mistakes.add("without_the_last_output", but(answer=lambda sizes: sizes[:-1]),
    "The last layer's output is missing. There are L + 1 places: the input, and the output of each layer.")
mistakes.add("input_only", but(answer=lambda sizes: sizes[0]),
    "You return the size at the input alone. The same is wanted after every layer, in one tensor (L + 1,).")
mistakes.add("from_the_last_layer_back", but(answer=lambda sizes: sizes.flip(0)),
    "Your curve runs from the last layer to the input. Entry 0 is the input's.")
mistakes.add("norm_over_the_batch", but(size=lambda gradient: gradient.norm()),
    "You take one norm over the whole batch. Take a norm for each row, and then their mean.")
mistakes.add("mean_before_the_norm", but(size=lambda gradient: gradient.mean(0).norm()),
    "You average the gradients over the batch and then take the norm, so gradients that point opposite ways cancel. Take the norms first.")
mistakes.add("sum_over_the_batch", but(size=lambda gradient: gradient.norm(dim=-1).sum()),
    "Your sizes are too large by the number of rows, so a larger batch gives a higher curve. Take the mean of the norms over the batch, and the loss as it is.")
mistakes.add("divided_by_the_rows_twice", but(size=lambda gradient: mean_norm(gradient) / len(gradient)),
    "Your sizes are too small by the number of rows. Take the loss as it is, and one mean over the batch.")
mistakes.add("stacked_gradients", lambda model, x, loss:
    torch.stack(of_the_loss(asking_for_gradients(model, x), loss)).norm(dim=-1).mean(-1),
    "You stack the gradients before you take their norms. Layers may differ in width: take each one's size first, and stack the numbers.")
mistakes.add("one_norm_divided_by_the_rows", but(size=lambda gradient: gradient.norm() / len(gradient)),
    "You take one norm over the whole batch and divide it by the number of rows. Take a norm for each row, and then their mean.")
mistakes.add("root_of_the_mean_square", but(size=lambda gradient: gradient.square().sum(-1).mean().sqrt()),
    "You take the root of the mean of the squared norms. The norms themselves are averaged: root first, then mean.")
mistakes.add("first_row_only", but(size=lambda gradient: gradient[0].norm()),
    "You look at the first row of the batch only. Average over all.")
mistakes.add("one_curve_for_each", but(size=lambda gradient: gradient.norm(dim=-1)),
    "You return a curve for each row. Average them over the batch into one.")
mistakes.add("norm_over_rows", but(size=lambda gradient: gradient.norm(dim=0).mean()),
    "Your norm runs over the batch. Take it over the features of each row, and the mean over the batch.")
mistakes.add("squared", but(size=lambda gradient: gradient.pow(2).sum(-1).mean()),
    "These are squared norms: the square root is missing.")
mistakes.add("sum_of_sizes", but(size=lambda gradient: gradient.abs().sum(-1).mean()),
    "You add up the absolute values of a gradient's entries. Its norm is the root of the sum of their squares.")
mistakes.add("mean_of_sizes", but(size=lambda gradient: gradient.abs().mean()),
    "You average the absolute values of a gradient's entries. Its norm is the root of the sum of their squares.")
mistakes.add("largest_entry", but(size=lambda gradient: gradient.abs().amax(-1).mean()),
    "You take a gradient's largest entry. Its norm is the root of the sum of the squares of all.")
mistakes.add("of_the_output_instead_of_the_loss", but(gradients=lambda states, loss: of_the_loss(states, torch.sum)),
    "You start from the sum of the outputs. Start from `loss(output)`.")
mistakes.add("sizes_of_the_states", but(gradients=lambda states, loss: [state.detach() for state in states]),
    "These are the sizes of the states themselves. How large is the gradient of the loss with respect to each?")
mistakes.add("loss_of_each_state", but(gradients=lambda states, loss: [of_the_loss([s], loss)[0] for s in states]),
    "You give each layer's output to the loss directly. The loss is computed once, from the last output; its gradient comes back through all the layers above.")

def of_the_next_state(states, loss):
    pairs = zip(states, states[1:], strict=False)
    alone = [torch.autograd.grad(after.sum(), before, retain_graph=True)[0] for before, after in pairs]
    return [*alone, *of_the_loss(states[-1:], loss)]

mistakes.add("each_layer_by_itself", but(gradients=of_the_next_state),
    "You look at each layer by itself. The gradient at a layer comes from the loss, through every layer above it.")
mistakes.add("relative_to_the_last", but(answer=lambda sizes: sizes / sizes[-1]),
    "You divide the curve by its last entry. That is for a figure; here the norms themselves are wanted.")

def retaining(model, x):
    states = states_from(x.requires_grad_(), model)
    for state in states:
        state.retain_grad()
    return states

def left_behind(states, loss):
    loss(states[-1]).backward()
    return [state.grad for state in states]

mistakes.add("gradients_pile_up", but(states=retaining, gradients=left_behind),
    "You make the x that you were given want a gradient, and whoever gave it finds it changed. Work on a copy: `x.detach().clone().requires_grad_()`.")
mistakes.add("not_retained", but(gradients=left_behind),
    "Only leaves keep their `.grad`: after a layer it is None. Ask for it with `retain_grad()`, or give all the states to `torch.autograd.grad`.")

@mistakes.program("You cut the graph between the layers (detach), so the loss does not know the earlier ones any more.")
def cut_between_the_layers(model, x, loss):
    cut = [lambda state, layer=layer: layer(state).detach().requires_grad_() for layer in model]
    return in_steps(cut, x, loss)

mistakes.add("input_without_gradient", but(states=lambda model, x: states_from(x, model)),
    "Your x does not ask for a gradient, so there is none at the input. Make a copy that does.")
mistakes.add("list_of_numbers", but(answer=lambda sizes: sizes.tolist()),
    "You return a list of numbers. Return them as one tensor.")
mistakes.add("default_type", but(answer=lambda sizes: tensor(sizes.tolist())),
    "A tensor made from numbers gets PyTorch's default type, 32 bits. Keep the type of x.")
mistakes.add("graph_kept", but(gradients=lambda s, loss: torch.autograd.grad(loss(s[-1]), s, create_graph=True)),
    "Your sizes still carry a graph for gradients: it keeps memory and cannot be drawn. Return the numbers alone.")


def given(layers, B, widths, loss="half the sum of squares", scale=1.0, dtype=torch.float32):
    inputs = {"layers": layers, "loss": loss, "x": normal(B, widths[0], dtype=dtype)}
    for number, (before, after) in enumerate(zip(widths, widths[1:], strict=False), 1):
        inputs[f"W_{number:02}"] = normal(before, after, scale=scale / before**0.5, dtype=dtype)
    return inputs


exercise = Exercise(
    reference=gradient_by_layer,
    use=uses.gradient_by_layer,
    cases=[
        Case("one layer that triples, by hand: output 6, so gradients 18 and 6",
            layers="linear", loss="half the sum of squares", x=tensor([[2.0]]), W_1=tensor([[3.0]])),
        Case("two layers by hand: gradients (3, 4), (5, 0) and 1",
            layers="linear", loss="the sum", x=tensor([[7.0, 8.0]]),
            W_1=tensor([[0.6, 9.0], [0.8, 9.0]]), W_2=tensor([[5.0], [0.0]])),
        Case("two opposite rows, by hand: gradients (3, 4) and its negative, at the input and after a layer that changes nothing",
            layers="linear", loss="half the sum of squares", x=tensor([[3.0, 4.0], [-3.0, -4.0]]), W_1=torch.eye(2)),
        Case("the mean of squares, linear", **given("linear", 3, [4, 4, 4], "the mean of squares")),
        Case("tanh layers", **given("tanh", 4, [5, 5, 5, 5])),
        Case("as many of everything, other numbers", **given("tanh", 4, [5, 5, 5, 5])),
        Case("ReLU layers of different widths", **given("ReLU", 6, [3, 7, 4, 5], scale=2**0.5)),
        Case("residual layers", **given("residual", 5, [4] * 7)),
        Case("a batch of one", **given("tanh", 1, [3, 4, 2])),
        Case("as many layers as rows and columns, less one", **given("tanh", 3, [3, 3, 3], "the sum")),
        Case("a width of one", **given("residual", 4, [1, 1, 1])),
        Case("twelve tanh layers in 64-bit numbers: a gradient that nearly vanishes",
            **given("tanh", 3, [6] * 13, scale=0.4, dtype=torch.float64)),
        Case("64-bit numbers, residual", **given("residual", 2, [3] * 5, "the mean of squares", dtype=torch.float64)),
    ],
    variants=[retained, the_rest_of_the_network_each_time, layer_by_layer_back],
    mistakes=mistakes,
    points=3,
)
