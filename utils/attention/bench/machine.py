"""What this CPU can do at best, measured, and how long additive attention would take if it did only its arithmetic."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
import torch

from ..kernels.cpu_loops import f32, widest_registers

LANES = 2048  # numbers that stay in the first-level cache


@dataclass
class Rates:
    """Per second and thread."""

    divisions: float
    operations: float  # multiplications, additions, fused multiply-adds, minima

    def additive_bound(self, shape: tuple[int, int, int, int], backward: bool) -> float:
        """Milliseconds for the arithmetic of (B, Tq, Tk, A) on one thread, dividing and the rest at the same time.

        Forward: four channels take one division and 17 operations. Backward: four queries take 2 and 34.
        """
        batch, queries, keys, width = shape
        elements = batch * queries * keys * width
        bound = elements * max(1 / 4 / self.divisions, 17 / 4 / self.operations)
        if backward:
            bound += elements * max(2 / 4 / self.divisions, 34 / 4 / self.operations)
        return 1000 * bound


@numba.njit(error_model="numpy", fastmath={"contract"})
def _divide(numbers: np.ndarray, times: int) -> None:
    widest_registers()
    for _ in range(times):
        for i in range(LANES):
            numbers[i] = f32(2) / numbers[i]


@numba.njit(error_model="numpy", fastmath={"contract"})
def _multiply_add(numbers: np.ndarray, times: int) -> None:
    widest_registers()
    for _ in range(times):
        for i in range(LANES):
            x = numbers[i]
            a, b, c, d = x, x + f32(1), x + f32(2), x + f32(3)
            for _ in range(8):
                a, b, c, d = a * x + x, b * x + x, c * x + x, d * x + x
            numbers[i] = min(a + b + c + d, f32(0.5))


def rates() -> Rates:
    """The best of several short runs of two loops that do nothing else."""

    def best(loop: Callable, per_number: int) -> float:
        numbers, times = np.full(LANES, 0.5, f32), 200
        loop(numbers, 1)
        seconds = []
        for _ in range(20):
            start = time.perf_counter()
            loop(numbers, times)
            seconds.append(time.perf_counter() - start)
        return LANES * times * per_number / min(seconds)

    return Rates(best(_divide, 1), best(_multiply_add, 4 * 8 + 7))


def description() -> dict[str, str]:
    """What a table of times needs said beside it."""
    said = {"cpu": _cpu_name(), "python": platform.python_version(), "torch": torch.__version__}
    said |= {"numba": numba.__version__, "threads": str(torch.get_num_threads())}
    if torch.cuda.is_available():
        import triton

        said |= {"gpu": torch.cuda.get_device_name(), "triton": triton.__version__}
    return said


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
