"""Where additive attention's time on the CPU goes: what there is to do, counted, at the rates of this machine."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from ..kernels import cpu, cpu_loops
from .machine import Rates

Shape = tuple[int, int, int, int]


@dataclass
class Work:
    """What one pass has to do, whatever the machine."""

    divisions: float
    operations: float  # multiplications, additions, fused multiply-adds, minima
    padded: float  # triples of query, key and channel that the loops compute, for each one that is asked for
    exponentials: float
    products: float  # multiply-adds of matrix products: the context, and backward the values' and weights' gradients
    moved: float  # bytes of inputs and results, each once


@dataclass
class Parts:
    """Milliseconds on one thread that each kind of work takes alone, at its rate."""

    loop: float  # the arithmetic of the innermost loops
    padding: float  # the same for rows and keys that only fill up a tile
    exponentials: float
    products: float
    new_memory: float  # pages that the system hands out and clears during the call
    traffic: float  # what is read and written, if nothing stays in a cache; the other parts may go on meanwhile

    def bound(self) -> tuple[float, str]:
        """The least time, and what sets it: the loop's arithmetic or the memory."""
        return max((self.loop, "arithmetic"), (self.traffic, "memory"))

    def rest(self, measured: float) -> float:
        """What is left of the time that was measured: softmax, packing, calls, and what hinders the parts."""
        return measured - sum(asdict(self).values()) + self.traffic


def work(shape: Shape, backward: bool) -> Work:
    """Counts for (B, Tq, Tk, A), values as wide as keys; backward: of both passes.

    Forward, four channels take one division and 17 operations; backward, four queries 2 and 34. A tanh per element
    (few queries) takes 1/2 division and 17 operations forward, 1 and 19 backward.
    """
    batch, queries, keys, width = shape
    elements, pairs, rows = batch * queries * keys * width, batch * queries * keys, batch * (queries + keys) * width
    few = queries <= cpu.FEW_QUERIES
    tiles = -(-queries // cpu_loops.ROWS) * cpu_loops.ROWS * (-(-keys // cpu_loops.KEYS) * cpu_loops.KEYS)
    divisions, operations = (1 / 2, 17.0) if few else (1 / 4, 17 / 4)
    padded = 1.0 if few else tiles / (queries * keys)
    exponentials, products, moved = pairs + (0 if few else rows), elements, 4 * (2 * rows + pairs)
    if backward:
        more_divisions, more_operations = (1.0, 19.0) if few else (2 / 4, 34 / 4)
        # only forward are keys filled up; of the sum, backward is the share that its operations have
        padded = (padded * operations + more_operations) / (operations + more_operations)
        divisions, operations = divisions + more_divisions, operations + more_operations
        exponentials, products, moved = (
            exponentials + (0 if few else rows),
            3 * elements,
            moved + 4 * (4 * rows + pairs),
        )
    return Work(elements * divisions, elements * operations, padded, exponentials, products, moved)


def parts(shape: Shape, backward: bool, rates: Rates, new_bytes: float = 0) -> Parts:
    """The work at the rates, in milliseconds; dividing and the other operations go on at the same time."""
    todo = work(shape, backward)
    loop = max(todo.divisions / rates.divisions, todo.operations / rates.operations)
    return Parts(
        1000 * loop, 1000 * loop * (todo.padded - 1), 1000 * todo.exponentials / rates.exponentials,
        1000 * todo.products / rates.products, 1000 * new_bytes / rates.new, 1000 * todo.moved / rates.moved,
    )  # fmt: skip


def new_bytes(call: Callable) -> float:
    """Bytes of memory that the system hands out anew while a call runs; 0 where it does not tell (only Linux does)."""
    if sys.platform != "linux":
        return 0
    import resource

    def faults() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    call()
    before = faults()
    call()
    return (faults() - before) * resource.getpagesize()
