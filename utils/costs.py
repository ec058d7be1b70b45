"""What a call costs: time, taken in turns, and memory, as PyTorch hands it out on the CPU."""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from utils.attempts.storages import Storages

# Windows counts a thread's own time in steps of 15 ms: too coarse
clock = time.perf_counter if sys.platform == "win32" else time.thread_time


def milliseconds(calls: Mapping[str, Callable[[], Any]], rounds: int = 5) -> dict[str, float]:
    """The median time of each call in milliseconds of this thread's CPU, after one call of each that does not count.

    They take turns, so that a busy machine hurts all alike. Other threads are not seen: `torch.set_num_threads(1)`.
    On Windows it is the time that passes.
    """
    for call in calls.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = clock()
            call()
            seconds[name].append(clock() - start)
    return {name: 1000 * statistics.median(each) for name, each in seconds.items()}


def most_at_once(call: Callable[[], Any]) -> int:
    """The most bytes that new tensors hold at once while the call runs on the CPU.

    What a single operation needs inside, and frees before it ends, is not seen.
    """
    with Storages() as storages:
        call()
    return storages.most


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
