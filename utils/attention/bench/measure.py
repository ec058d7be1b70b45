"""Times, errors and memory."""

import functools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from .. import additive_attention, reference

Shape = tuple[int, int, int, int]
IMPLEMENTATIONS = {"ours": additive_attention, "naive": reference.additive_attention}
ELEMENTS_IN_FLOAT64 = 2**25
TURN = 0.05  # seconds: a short call is repeated, since the first ones find their caches full of another's numbers


def interleaved(
    run: Callable, functions: dict[str, Callable], inputs: list[Tensor], seconds: float
) -> dict[str, float]:
    """The median milliseconds that run takes with each function, in turns for about the given time, thrice at least.

    On one thread its own time, so that what else the machine does counts for little; on several the clock's.
    """
    own = torch.get_num_threads() == 1 and not torch.cuda.is_available() and sys.platform != "win32"
    clock = time.thread_time if own else time.perf_counter  # Windows counts a thread's time in steps of 16 ms
    calls = {name: partial(run, function, inputs) for name, function in functions.items()}
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    for call in calls.values():
        call()  # whatever is compiled or set up once
    times: dict[str, list[float]] = {name: [] for name in calls}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times["ours"]) < 3:
        for name, call in calls.items():
            turn = time.perf_counter() + TURN
            while True:
                wait()
                start = clock()
                call()
                wait()
                times[name].append(1000 * (clock() - start))
                if time.perf_counter() > turn:
                    break
    return {name: statistics.median(values) for name, values in times.items()}


def additive_inputs(shape: Shape, device: str = "cpu", dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """query, key, value (as wide as the key) and score vector of N(0, 1) numbers, the last over √A."""
    batch, queries, keys, width = shape
    generator = torch.Generator().manual_seed(0)
    sizes = (batch, queries, width), (batch, keys, width), (batch, keys, width), (width,)
    query, key, value, score_vector = (torch.randn(size, generator=generator) for size in sizes)
    return [x.to(device, dtype) for x in (query, key, value, score_vector / width**0.5)]


def forward(function: Callable, inputs: list[Tensor]) -> Tensor:
    with torch.no_grad():
        return function(*inputs)


def both_ways(function: Callable, inputs: list[Tensor]) -> list[Tensor]:
    """The result, and the gradients of the inputs when N(0, 1) numbers flow back."""
    inputs = [x.detach().requires_grad_() for x in inputs]
    result = function(*inputs)
    return [result.detach(), *torch.autograd.grad(result, inputs, _result_grad(result.shape).to(result))]


@functools.lru_cache(maxsize=1)  # drawn once, outside of what is timed
def _result_grad(shape: torch.Size) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def errors(ours: Callable, naive: Callable, inputs: list[Tensor]) -> tuple[float, float]:
    """Ours and naive's against float64: the largest error of result and gradients, over each's largest number.

    On as many queries of the first sequence as float64 has room for.
    """
    query, key, value, score_vector = inputs
    few = max(1, ELEMENTS_IN_FLOAT64 // key[0].numel())
    inputs = [query[:1, :few], key[:1], value[:1], score_vector]
    exact = both_ways(naive, [x.double() for x in inputs])

    def error(function: Callable) -> float:
        pairs = zip(both_ways(function, inputs), exact, strict=True)
        return max(((x.double() - y).abs().max() / y.abs().max()).item() for x, y in pairs)

    return error(ours), error(naive)


def peak(implementation: str, shape: Shape) -> float | None:
    """Megabytes that a process needs above its inputs for one pass forward and backward on the CPU, in a fresh one.

    None where the system does not tell (only Linux does).
    """
    if sys.platform != "linux":
        return None
    command = [sys.executable, "-m", __spec__.name, implementation, *map(str, shape)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def peak_on_gpu(implementation: str, shape: Shape) -> float:
    """Megabytes of the GPU's memory above the inputs for one pass forward and backward."""
    inputs = additive_inputs(shape, "cuda")
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    both_ways(IMPLEMENTATIONS[implementation], inputs)
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def _own_peak(implementation: str, shape: Shape) -> float:
    function, inputs = IMPLEMENTATIONS[implementation], additive_inputs(shape)
    both_ways(function, additive_inputs((1, 8, 8, 512)))  # what is loaded once
    before = _high_water()
    both_ways(function, inputs)
    return _high_water() - before


def _high_water() -> float:
    """The most memory that this process has held so far, in megabytes."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    _, name, *sizes = sys.argv
    batch, queries, keys, width = map(int, sizes)
    print(_own_peak(name, (batch, queries, keys, width)))
