"""What one use of an attention takes: seconds, and memory between the ways forward and back."""

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def forward_and_back(function: Callable, inputs: Sequence[Tensor]) -> tuple[list[Tensor], float, int]:
    """The result and the inputs' gradients, the seconds that they took, and the bytes kept for the way back."""
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    kept: dict[int, int] = {}  # a tensor that is kept twice needs its memory once

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    start = time.perf_counter()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = function(*inputs)
    gradients = torch.autograd.grad(result.square().sum(), inputs)
    return [result, *gradients], time.perf_counter() - start, sum(kept.values())
