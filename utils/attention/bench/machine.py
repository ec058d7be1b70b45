"""What this CPU can do at best, measured."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
import torch

from ..kernels.cpu_loops import _exp, f32, widest_registers

LANES = 2048  # numbers that stay in the first-level cache
LARGE = 2**24  # numbers that do not stay in any
SQUARE = 384  # rows and columns of matrices to multiply


@dataclass
class Rates:
    """Per second and thread."""

    divisions: float
    operations: float  # multiplications, additions, fused multiply-adds, minima
    exponentials: float  # the loops' own
    products: float  # multiply-adds of PyTorch's matrix product
    moved: float  # bytes read or written, of more than any cache holds
    new: float  # bytes of new memory, written for the first time


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


@numba.njit(error_model="numpy", fastmath={"contract"})
def _exponentiate(numbers: np.ndarray, times: int) -> None:
    widest_registers()
    for _ in range(times):
        for i in range(LANES):
            numbers[i] = _exp(-numbers[i])


def rates() -> Rates:
    """The best of several short runs of loops that do one thing each; on PyTorch's threads, so to be called on one."""

    def best(run: Callable, count: float, runs: int = 20) -> float:
        seconds = []
        for _ in range(runs):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        return count / min(seconds)

    def of_loop(loop: Callable, per_number: int) -> float:
        numbers, times = np.full(LANES, 0.5, f32), 200
        loop(numbers, 1)
        return best(lambda: loop(numbers, times), LANES * times * per_number)

    square = torch.ones(SQUARE, SQUARE)
    large, other = torch.ones(LARGE), torch.ones(LARGE)
    return Rates(
        of_loop(_divide, 1), of_loop(_multiply_add, 4 * 8 + 7), of_loop(_exponentiate, 1),
        best(lambda: torch.mm(square, square), SQUARE**3), best(lambda: other.copy_(large), 2 * 4 * LARGE, 5),
        best(lambda: torch.empty(LARGE).fill_(1), 4 * LARGE, 5),
    )  # fmt: skip


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
