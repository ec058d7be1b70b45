"""Compiled loops on several threads: plain Python threads, since the loops release Python's lock while they run."""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import torch

SMALLEST_PIECE = 2**18  # elements; a piece of this size takes about as long as handing it to a thread
PIECES_PER_THREAD = 4  # so that a thread that is held up keeps the others waiting only briefly


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="attention")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def run(loop: Callable, tasks: int, elements: int, *arrays: Any) -> None:
    """Call `loop(start, stop, *arrays)` on ranges that cover `range(tasks)`, on as many threads as PyTorch uses.

    elements says how much work all tasks are together; little work stays on the caller's thread. The loop must
    compute each task alike whichever range it falls into, so that results do not depend on the number of threads.
    """
    threads = torch.get_num_threads()
    pieces = min(threads * PIECES_PER_THREAD, tasks, elements // SMALLEST_PIECE)
    if threads == 1 or pieces < 2:
        loop(0, tasks, *arrays)
        return
    bounds = [tasks * piece // pieces for piece in range(pieces + 1)]
    pool = _pool(threads)
    waiting = []
    for start, stop in pairwise(bounds):
        try:
            waiting.append(pool.submit(loop, start, stop, *arrays))
        except RuntimeError:  # Python is shutting down and starts no more threads
            loop(start, stop, *arrays)
    for piece in waiting:
        piece.result()
