"""What is measured: one function per table, each a generator of rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch

from .. import KVCache, additive_attention, backend, depth_attention, dot_product_attention, reference
from .account import Parts, new_bytes, parts
from .machine import rates
from .measure import additive_inputs, both_ways, errors, forward, interleaved, peak, peak_on_gpu

DECODER_STEP, TINY, PAPER = (80, 1, 50, 1000), (4, 16, 50, 100), (80, 50, 50, 1000)
SHORT, NARROW, LONG, LONGEST = (8, 50, 50, 1000), (32, 64, 64, 128), (4, 512, 512, 128), (1, 2048, 2048, 64)
ON_GPU = PAPER, (32, 512, 512, 256), (8, 2048, 2048, 128)


@dataclass
class Row:
    """Times in milliseconds, memory in megabytes; naive is the formula, other the best other way."""

    operation: str
    shape: str
    what: str
    threads: int | None = None
    backend: str | None = None
    ours: float | None = None
    naive: float | None = None
    other: float | None = None
    error: float | None = None
    naive_error: float | None = None
    memory: float | None = None
    naive_memory: float | None = None
    parts: Parts | None = field(default=None, init=False)


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def compiled(function: Callable) -> Callable | None:
    """What torch.compile makes of it, or None where there is no C++ compiler for it."""
    try:
        torch.compile(torch.tanh)(torch.zeros(1))
    except Exception:  # torch.compile raises whatever its compiler does
        return None
    torch._dynamo.reset()
    return torch.compile(function, dynamic=False)


def additive_on_cpu(quick: bool) -> Iterator[Row]:
    naive, seconds = reference.additive_attention, 1 if quick else 5
    all_threads = torch.get_num_threads()
    with on_threads(1):
        machine = rates()
    for shape in (SHORT, NARROW, LONG) if quick else (DECODER_STEP, TINY, SHORT, NARROW, LONG, LONGEST):
        inputs = additive_inputs(shape)
        error, naive_error = errors(additive_attention, naive, inputs)
        for threads in (1, all_threads) if shape in (LONG, LONGEST) and all_threads > 1 else (1,):
            for run in (forward, both_ways):
                functions = {"ours": additive_attention, "naive": naive}
                if shape in (SHORT, NARROW) and not quick and (fused := compiled(naive)):
                    functions["other"] = fused
                with on_threads(threads):
                    times = interleaved(run, functions, inputs, seconds)
                    new = new_bytes(partial(run, additive_attention, inputs))
                row = Row(
                    "additive", str(shape), run.__name__, threads, backend(additive_attention, *inputs), **times,
                    error=error, naive_error=naive_error,
                )  # fmt: skip
                if threads == 1:
                    row.parts = parts(shape, run is both_ways, machine, new)
                yield row
    if not quick:
        for shape in (PAPER, LONGEST):
            memory, naive_memory = peak("ours", shape), peak("naive", shape)
            yield Row("additive", str(shape), "memory", memory=memory, naive_memory=naive_memory)


def dot_product_on_cpu(quick: bool) -> Iterator[Row]:
    torch.manual_seed(0)
    for length in (256,) if quick else (256, 1024):
        query, key, value = torch.randn(3, 2, 8, length, 64)
        ways = {"ours": dot_product_attention, "naive": reference.dot_product_attention}
        functions: dict[str, Callable] = {name: partial(way, causal=True) for name, way in ways.items()}
        for run in (forward, both_ways):
            with on_threads(1):
                name = backend(dot_product_attention, query, key, value, causal=True)
                times = interleaved(run, functions, [query, key, value], 1)
            yield Row("dot product, causal", str((2, 8, length, 64)), run.__name__, 1, name, **times)
    cache = KVCache()
    query, key, value = torch.randn(4, 16, 1, 64), torch.randn(4, 4, 2048, 64), torch.randn(4, 4, 2048, 64)
    cache.append(key, value)
    functions = {"ours": cache.attend, "naive": partial(reference.dot_product_attention, key=key, value=value)}
    with on_threads(1):
        times = interleaved(forward, functions, [query], 1)
    yield Row("cache, 16 heads on 4", "(4, 16, 1, 64) on 2048", "forward", 1, None, **times)


def depth_on_cpu(quick: bool) -> Iterator[Row]:
    torch.manual_seed(0)
    for layers, width in ((8, 256),) if quick else ((8, 256), (16, 512), (24, 1024)):
        sources, query, weight = torch.randn(layers, 4, 256, width), torch.randn(width) / width**0.5, torch.rand(width)
        for run in (forward, both_ways):
            functions: dict[str, Callable] = {"ours": depth_attention, "naive": reference.depth_attention}
            with on_threads(1):
                times = interleaved(run, functions, [query, sources, weight], 1)
            yield Row("depth, normed", str((layers, 4, 256, width)), run.__name__, 1, None, **times)


def additive_on_gpu(quick: bool) -> Iterator[Row]:
    naive = reference.additive_attention
    for shape in ON_GPU[:2] if quick else ON_GPU:
        for dtype in (torch.float32, torch.bfloat16):
            inputs = additive_inputs(shape, "cuda", dtype)
            error, naive_error = errors(additive_attention, naive, inputs)
            for run in (forward, both_ways):
                functions = {"ours": additive_attention, "naive": naive}
                if not quick and (fused := compiled(naive)):
                    functions["other"] = fused
                times = interleaved(run, functions, inputs, 2)
                name = f"{backend(additive_attention, *inputs)}, {str(dtype).removeprefix('torch.')}"
                yield Row(
                    "additive", str(shape), run.__name__, None, name, **times, error=error, naive_error=naive_error
                )
        memory, naive_memory = peak_on_gpu("ours", shape), peak_on_gpu("naive", shape)
        yield Row("additive", str(shape), "memory", memory=memory, naive_memory=naive_memory)


def tables(quick: bool) -> dict[str, Iterator[Row]]:
    """The tables that this machine can fill, by name."""
    found = {"additive": additive_on_cpu, "dot product": dot_product_on_cpu, "depth": depth_on_cpu}
    if torch.cuda.is_available():
        found["additive on the GPU"] = additive_on_gpu
    return {name: rows(quick) for name, rows in found.items()}
