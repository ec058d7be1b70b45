"""How strongly a loss depends on each layer of a deep model."""

import torch
from torch import tensor

from utils.attempts import probes

from ..exercise import Case, Exercise, Mistake, normal


def gradient_by_layer(model, x, loss):
    """The size of the gradient at the input and after each of the L layers: a tensor (L + 1,).

    model is a list of functions (B, D) -> (B, D'), applied to x (B, D) one after the other; loss(output) is a number.
    Entry 0 belongs to x, entry l to the output of layer l: the norm of the loss's gradient there, for each row, averaged
    over the batch. It carries no gradient itself, and x stays as it is.
    """
    return torch.stack([gradient.norm(dim=-1).mean() for gradient in _gradients(model, x, loss)])


def _states(model, x):
    states = [x.detach().clone().requires_grad_()]
    for layer in model:
        states.append(layer(states[-1]))
    return states


def _gradients(model, x, loss, **options):
    states = _states(model, x)
    return torch.autograd.grad(loss(states[-1]), states, **options)


def _retained(model, x, loss):
    state = torch.tensor(x.tolist(), dtype=x.dtype, requires_grad=True)
    states = [state]
    for layer in model:
        state = layer(state)
        state.retain_grad()
        states.append(state)
    loss(state).backward()
    return torch.tensor([state.grad.square().sum(1).sqrt().mean().item() for state in states], dtype=x.dtype)


def _layer_by_layer_back(model, x, loss):
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


def _the_rest_of_the_network_each_time(model, x, loss):
    sizes, state = [], x.detach()
    for place in range(len(model) + 1):

        def rest(output, place=place):
            for layer in model[place:]:
                output = layer(output)
            return loss(output)

        sizes.append(torch.func.grad(rest)(state).norm(dim=1).mean(0).detach())
        state = model[place](state).detach() if place < len(model) else state
    return torch.stack(sizes)


def _without_the_input(model, x, loss):
    return gradient_by_layer(model, x, loss)[1:]


def _without_the_last_output(model, x, loss):
    return gradient_by_layer(model, x, loss)[:-1]


def _input_only(model, x, loss):
    return gradient_by_layer(model, x, loss)[0]


def _from_the_last_layer_back(model, x, loss):
    return gradient_by_layer(model, x, loss).flip(0)


def _norm_over_the_batch(model, x, loss):
    return torch.stack([gradient.norm() for gradient in _gradients(model, x, loss)])


def _mean_before_the_norm(model, x, loss):
    return torch.stack([gradient.mean(0).norm() for gradient in _gradients(model, x, loss)])


def _sum_over_the_batch(model, x, loss):
    return torch.stack([gradient.norm(dim=-1).sum() for gradient in _gradients(model, x, loss)])


def _first_row_only(model, x, loss):
    return torch.stack([gradient[0].norm() for gradient in _gradients(model, x, loss)])


def _one_curve_for_each(model, x, loss):
    return torch.stack([gradient.norm(dim=-1) for gradient in _gradients(model, x, loss)])


def _norm_over_rows(model, x, loss):
    return torch.stack([gradient.norm(dim=0).mean() for gradient in _gradients(model, x, loss)])


def _squared(model, x, loss):
    return torch.stack([gradient.pow(2).sum(-1).mean() for gradient in _gradients(model, x, loss)])


def _sum_of_sizes(model, x, loss):
    return torch.stack([gradient.abs().sum(-1).mean() for gradient in _gradients(model, x, loss)])


def _mean_of_sizes(model, x, loss):
    return torch.stack([gradient.abs().mean() for gradient in _gradients(model, x, loss)])


def _largest_entry(model, x, loss):
    return torch.stack([gradient.abs().amax(-1).mean() for gradient in _gradients(model, x, loss)])


def _of_the_output_instead_of_the_loss(model, x, loss):
    return gradient_by_layer(model, x, torch.sum)


def _sizes_of_the_states(model, x, loss):
    return torch.stack([state.norm(dim=-1).mean() for state in _states(model, x)]).detach()


def _loss_of_each_state(model, x, loss):
    states = [state.detach().requires_grad_() for state in _states(model, x)]
    return torch.stack([torch.autograd.grad(loss(state), state)[0].norm(dim=-1).mean() for state in states])


def _each_layer_by_itself(model, x, loss):
    states = [state.detach().requires_grad_() for state in _states(model, x)]
    sizes = [
        torch.autograd.grad(layer(state).sum(), state)[0].norm(dim=-1).mean()
        for layer, state in zip(model, states, strict=False)
    ]
    (last,) = torch.autograd.grad(loss(states[-1]), states[-1])
    return torch.stack([*sizes, last.norm(dim=-1).mean()])


def _relative_to_the_last(model, x, loss):
    sizes = gradient_by_layer(model, x, loss)
    return sizes / sizes[-1]


def _gradients_pile_up(model, x, loss):
    states = [x.requires_grad_()]
    for layer in model:
        states.append(layer(states[-1]))
        states[-1].retain_grad()
    loss(states[-1]).backward()
    return torch.stack([state.grad.norm(dim=-1).mean() for state in states])


def _not_retained(model, x, loss):
    states = _states(model, x)
    loss(states[-1]).backward()
    return torch.stack([state.grad.norm(dim=-1).mean() for state in states])


def _cut_between_the_layers(model, x, loss):
    states = [x.detach().clone().requires_grad_()]
    for layer in model:
        states.append(layer(states[-1]).detach().requires_grad_())
    return torch.stack([g.norm(dim=-1).mean() for g in torch.autograd.grad(loss(states[-1]), states)])


def _input_without_gradient(model, x, loss):
    states = [x]
    for layer in model:
        states.append(layer(states[-1]))
    return torch.stack([g.norm(dim=-1).mean() for g in torch.autograd.grad(loss(states[-1]), states)])


def _list_of_numbers(model, x, loss):
    return [size.item() for size in gradient_by_layer(model, x, loss)]


def _default_type(model, x, loss):
    return torch.tensor(_list_of_numbers(model, x, loss))


def _graph_kept(model, x, loss):
    gradients = _gradients(model, x, loss, create_graph=True)
    return torch.stack([gradient.norm(dim=-1).mean() for gradient in gradients])


def _network(name, layers, B, widths, loss="half the sum of squares", scale=1.0, dtype=torch.float32):
    pairs = zip(widths, widths[1:], strict=False)
    weights = {
        f"W_{number:02}": normal(*pair, scale=scale / pair[0] ** 0.5, dtype=dtype)
        for number, pair in enumerate(pairs, 1)
    }
    return Case(name, layers=layers, loss=loss, x=normal(B, widths[0], dtype=dtype), **weights)


gradients_by_layer = Exercise(
    reference=gradient_by_layer,
    probe=probes.gradient_by_layer,
    cases=[
        Case(
            "one layer that triples, by hand: output 6, so gradients 18 and 6",
            layers="linear", loss="half the sum of squares", x=tensor([[2.0]]), W_1=tensor([[3.0]]),
        ),
        Case(
            "two layers by hand: gradients (3, 4), (5, 0) and 1",
            layers="linear", loss="the sum", x=tensor([[7.0, 8.0]]), W_1=tensor([[0.6, 9.0], [0.8, 9.0]]), W_2=tensor([[5.0], [0.0]]),
        ),
        Case(
            "two opposite rows, by hand: gradients (3, 4) and its negative, at the input and after a layer that changes nothing",
            layers="linear", loss="half the sum of squares", x=tensor([[3.0, 4.0], [-3.0, -4.0]]), W_1=torch.eye(2),
        ),
        _network("the mean of squares, linear", "linear", 3, [4, 4, 4], "the mean of squares"),
        _network("tanh layers", "tanh", 4, [5, 5, 5, 5]),
        _network("as many of everything, other numbers", "tanh", 4, [5, 5, 5, 5]),
        _network("ReLU layers of different widths", "ReLU", 6, [3, 7, 4, 5], scale=2**0.5),
        _network("residual layers", "residual", 5, [4] * 7),
        _network("a batch of one", "tanh", 1, [3, 4, 2]),
        _network("as many layers as rows and columns, less one", "tanh", 3, [3, 3, 3], "the sum"),
        _network("a width of one", "residual", 4, [1, 1, 1]),
        _network("twelve tanh layers in 64-bit numbers: a gradient that nearly vanishes", "tanh", 3, [6] * 13, scale=0.4, dtype=torch.float64),
        _network("64-bit numbers, residual", "residual", 2, [3] * 5, "the mean of squares", dtype=torch.float64),
    ],
    variants=[_retained, _the_rest_of_the_network_each_time, _layer_by_layer_back],
    mistakes=[
        Mistake(_without_the_input, "The input is missing: entry 0 is the gradient at x, and one entry for each layer follows."),
        Mistake(_without_the_last_output, "The last layer's output is missing. There are L + 1 places: the input, and the output of each layer."),
        Mistake(_input_only, "You return the size at the input alone. The same is wanted after every layer, in one tensor (L + 1,)."),
        Mistake(_from_the_last_layer_back, "Your curve runs from the last layer to the input. Entry 0 is the input's."),
        Mistake(_norm_over_the_batch, "You take one norm over the whole batch. Take a norm for each row, and then their mean."),
        Mistake(_mean_before_the_norm, "You average the gradients over the batch and then take the norm, so gradients that point opposite ways cancel. Take the norms first."),
        Mistake(_sum_over_the_batch, "Your sizes are too large by the number of rows, so a larger batch gives a higher curve. Take the mean of the norms over the batch, and the loss as it is."),
        Mistake(_first_row_only, "You look at the first row of the batch only. Average over all."),
        Mistake(_one_curve_for_each, "You return a curve for each row. Average them over the batch into one."),
        Mistake(_norm_over_rows, "Your norm runs over the batch. Take it over the features of each row, and the mean over the batch."),
        Mistake(_squared, "These are squared norms: the square root is missing."),
        Mistake(_sum_of_sizes, "You add up the absolute values of a gradient's entries. Its norm is the root of the sum of their squares."),
        Mistake(_mean_of_sizes, "You average the absolute values of a gradient's entries. Its norm is the root of the sum of their squares."),
        Mistake(_largest_entry, "You take a gradient's largest entry. Its norm is the root of the sum of the squares of all."),
        Mistake(_of_the_output_instead_of_the_loss, "You start from the sum of the outputs. Start from `loss(output)`."),
        Mistake(_sizes_of_the_states, "These are the sizes of the states themselves. How large is the gradient of the loss with respect to each?"),
        Mistake(_loss_of_each_state, "You give each layer's output to the loss directly. The loss is computed once, from the last output; its gradient comes back through all the layers above."),
        Mistake(_each_layer_by_itself, "You look at each layer by itself. The gradient at a layer comes from the loss, through every layer above it."),
        Mistake(_relative_to_the_last, "You divide the curve by its last entry. That is for a figure; here the norms themselves are wanted."),
        Mistake(_gradients_pile_up, "You collect the gradient in the x that you were given, so a second call adds to what the first one left there. Work on a copy."),
        Mistake(_not_retained, "Only leaves keep their `.grad`: after a layer it is None. Ask for it with `retain_grad()`, or give all the states to `torch.autograd.grad`."),
        Mistake(_cut_between_the_layers, "You cut the graph between the layers (detach), so the loss does not know the earlier ones any more."),
        Mistake(_input_without_gradient, "Your x does not ask for a gradient, so there is none at the input. Make a copy that does."),
        Mistake(_list_of_numbers, "You return a list of numbers. Return them as one tensor."),
        Mistake(_default_type, "A tensor made from numbers gets PyTorch's default type, 32 bits. Keep the type of x."),
        Mistake(_graph_kept, "Your sizes still carry a graph for gradients: it keeps memory and cannot be drawn. Return the numbers alone."),
    ],
    points=3,
)  # fmt: skip
