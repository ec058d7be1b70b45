"""Additive attention on the CPU as one differentiable step, on the loops of `cpu_loops`."""

import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.amp import custom_bwd, custom_fwd

from . import cpu_loops, threads
from .cpu_loops import f32
from .folding import QUERY_REACH, REACH, STEP
from .formula import differentiable_gradients

Array = np.ndarray

FEW_QUERIES = 2  # up to here a tanh per element costs less than preparing rows and tiles
LIMITS = np.array([QUERY_REACH, REACH], f32)


def additive_attention(
    query: Tensor, key: Tensor, value: Tensor, score_vector: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The context (B, Tq, Dv) and the weights (B, Tq, Tk) of float32 inputs; mask broadcasts to (B, Tq, Tk)."""
    compile_once()
    return _AdditiveAttention.apply(query, key, value, score_vector, mask)


def _weights(query: Array, key: Array, score_vector: Array, mask: Array, seen: Array) -> tuple[Array, Array | None]:
    """The weights (B, Tq, Tk), and the shifts (2, B, A) that make exponentials of these inputs safe, if any do."""
    (batch, queries, width), keys = query.shape, key.shape[1]
    out = np.empty((batch, queries, keys), f32)
    shifts = _shifts(key) if queries > FEW_QUERIES else None
    if shifts is None:
        loop, tasks = cpu_loops.direct_weights, batch * queries
        arrays: tuple[Array | np.float32, ...] = query, key, score_vector
    else:
        loop, tasks = cpu_loops.weights, batch * -(-queries // cpu_loops.ROWS)
        sign, heights, centre, scale = _fold(score_vector)
        arrays = query, key, sign, shifts, LIMITS, heights, centre, scale
    threads.run(loop, tasks, out.size * width, *arrays, mask, out, seen)
    return out, shifts


def _shifts(key: Array) -> Array | None:
    """What is added to queries and to keys (2, B, A), or None if keys (B, Tk, A) lie too far apart, or are NaN."""
    middle, distance = np.empty((2, key.shape[0], key.shape[2]), f32)
    threads.run(cpu_loops.middles, key.shape[0], key.size, key, f32(STEP), middle, distance)
    return np.stack([middle, -middle]) if distance.max() <= REACH else None


def _fold(score_vector: Array) -> tuple[Array, Array, Array, np.float32]:
    """The signs of a score vector (A,), 1/|w|, half the sum of each group's |w|, and what |w| is relative to."""
    groups = -(-score_vector.size // cpu_loops.GROUP)
    sign, heights, centre = np.empty_like(score_vector), np.empty(groups * cpu_loops.GROUP, f32), np.empty(groups, f32)
    size = cpu_loops.fold(score_vector, sign, heights, centre)
    return sign, heights, centre, f32(size)


def _score_gradients(
    query: Array, key: Array, score_vector: Array, slopes: Array, seen: Array, shifts: Array | None
) -> tuple[Array, Array, Array]:
    """The gradients of query, key and score_vector from those of the scores, slopes (B, Tq padded to ROWS, Tk)."""
    batch, keys, width = key.shape
    query_grad, key_grad, vector_sums = np.empty_like(query), np.empty_like(key), np.empty((batch, width))
    if shifts is None:
        loop, tasks = cpu_loops.direct_gradients, batch
        arrays: tuple[Array, ...] = query, key
    else:
        loop, tasks = cpu_loops.gradients, batch * -(-width // cpu_loops.CHANNELS)
        sign = np.where(score_vector < 0, f32(-1), f32(1))
        arrays = query, key, sign, shifts, LIMITS
    threads.run(loop, tasks, query.size * keys, *arrays, slopes, seen, score_vector, query_grad, key_grad, vector_sums)
    vector_grad = vector_sums.sum(0).astype(f32)
    # Σ s tanh = sign Σ s (1 - 2r), and the slopes s of a row add up to nothing
    return query_grad, key_grad, vector_grad if shifts is None else -2 * sign * vector_grad


def _seen(mask: Tensor | None, batch: int, queries: int, keys: int) -> tuple[Array, Array]:
    """mask as (B or 1, Tq or 1, Tk) bytes, and one more than the last key that each query may attend to (B, Tq)."""
    if mask is None:
        return np.ones((1, 1, keys), np.uint8), np.full((batch, queries), keys)
    array = mask[(None,) * (3 - mask.ndim)].expand(-1, -1, keys).to(torch.uint8).contiguous().numpy()
    seen = (array * np.arange(1, keys + 1)).max(-1)
    return array, np.broadcast_to(seen, (batch, queries)).copy()  # read-only, it would be another type to numba


def _array(tensor: Tensor) -> Array:
    return tensor.detach().resolve_neg().contiguous().numpy()  # numpy() refuses what is negative by a mere flag


class _AdditiveAttention(torch.autograd.Function):
    """Context and weights. Gradients of gradients come from the plain formula."""

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # or autocast takes the product in bfloat16
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, score_vector: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        ctx.bytes, ctx.seen = _seen(mask, query.size(0), query.size(1), key.size(1))
        array, ctx.shifts = _weights(_array(query), _array(key), _array(score_vector), ctx.bytes, ctx.seen)
        weights = torch.from_numpy(array)
        ctx.save_for_backward(query, key, value, score_vector, mask, weights)
        ctx.set_materialize_grads(False)  # no (B, Tq, Tk) zeros for weights that no loss uses
        return torch.bmm(weights, value), weights

    @staticmethod
    @custom_bwd(device_type="cpu")
    def backward(ctx: Any, context_grad: Tensor | None, weights_grad: Tensor | None) -> tuple[Tensor | None, ...]:
        query, key, value, score_vector, mask, weights = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: these gradients will be differentiated
            inputs = query, key, value, score_vector
            return *differentiable_gradients(inputs, mask, context_grad, weights_grad), None

        value_grad = None
        if context_grad is not None:
            value_grad = torch.bmm(weights.mT, context_grad) if ctx.needs_input_grad[2] else None
            from_context = torch.bmm(context_grad, value.mT)
            weights_grad = from_context if weights_grad is None else from_context.add_(weights_grad)
        if weights_grad is None or not any(ctx.needs_input_grad[i] for i in (0, 1, 3)):
            return None, None, value_grad, None, None

        # ∂loss/∂score = w (g - Σ w g), the softmax's gradient; rows that pad are zero
        batch, queries, keys = weights.shape
        slopes = torch.zeros(batch, queries + -queries % cpu_loops.ROWS, keys, dtype=torch.float32)
        if mask is not None:
            weights_grad = weights_grad.masked_fill(~mask, 0)  # a masked value may be NaN
        products = torch.mul(weights, weights_grad, out=slopes[:, :queries])
        products.addcmul_(weights, products.sum(-1, keepdim=True), value=-1)
        arrays = _array(query), _array(key), _array(score_vector), slopes.numpy(), ctx.seen, ctx.shifts
        query_grad, key_grad, vector_grad = map(torch.from_numpy, _score_gradients(*arrays))
        return query_grad, key_grad, value_grad, vector_grad, None


@functools.cache
def compile_once() -> None:
    """Compile every loop, or load what an earlier process compiled; say so where it has to be compiled."""
    if not _compiled_before(cpu_loops.gradients):
        print("Compiling additive attention for this machine, once: about ten seconds.", flush=True)
    query, key, score_vector = np.ones((1, FEW_QUERIES + 1, 1), f32), np.ones((1, 1, 1), f32), np.ones(1, f32)
    mask, seen = _seen(None, 1, FEW_QUERIES + 1, 1)
    slopes = np.ones((1, cpu_loops.ROWS, 1), f32)
    for some in (query, np.ascontiguousarray(query[:, :1])):
        _, shifts = _weights(some, key, score_vector, mask, seen)
        _score_gradients(some, key, score_vector, slopes, seen, shifts)


def _compiled_before(loop: Any) -> bool:
    """Whether numba's cache on disk has an entry for a loop, in this version of Python."""
    code, version = loop.py_func.__code__, "".join(map(str, sys.version_info[:2]))
    # as numba names its files: another line or another Python finds none of these
    index = f"*.{loop.__name__}-{code.co_firstlineno}.py{version}.nbi"
    return any(Path(loop.stats.cache_path).glob(index))
