"""Gradients that can be differentiated again, by way of the plain formula."""

import torch
from torch import Tensor

from .. import reference


def differentiable_gradients(
    inputs: tuple[Tensor, Tensor, Tensor, Tensor],
    mask: Tensor | None,
    context_grad: Tensor | None,
    weights_grad: Tensor | None,
) -> tuple[Tensor | None, ...]:
    """The gradients of query, key, value and score_vector from those of context and weights, None where not wanted."""
    # once more with a graph, for the kernels leave none
    outputs = reference.additive_attention(*inputs, mask, return_weights=True)
    grads = context_grad, weights_grad
    # weights do not depend on the value: where it alone is wanted they have no graph
    given = [(y, grad) for y, grad in zip(outputs, grads, strict=True) if y.requires_grad and grad is not None]
    wanted = [x for x in inputs if x.requires_grad]
    if not given or not wanted:
        return (None,) * len(inputs)
    outputs, grads = zip(*given, strict=True)
    # unused: the value, where only the weights have a gradient
    found = iter(torch.autograd.grad(outputs, wanted, grads, create_graph=True, allow_unused=True))
    return tuple(next(found) if x.requires_grad else None for x in inputs)
