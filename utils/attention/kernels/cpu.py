"""Additive attention on the CPU as one differentiable step, on the loops of `cpu_loops`."""

import functools
import threading

import torch
from torch import Tensor

from .. import reference
from . import cpu_loops, threads
from .folding import QUERY_REACH, REACH, fold, middle_of_keys

FEW_QUERIES = 2  # up to here an exponential per element costs less than preparing rows and tiles


def additive_attention(
    query: Tensor, key: Tensor, value: Tensor, score_vector: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The context (B, Tq, Dv) and the weights (B, Tq, Tk) of float32 inputs; mask broadcasts to (B, Tq, Tk)."""
    compile_once()
    batch, queries, keys = query.size(0), query.size(1), key.size(1)
    if mask is None:
        mask = torch.ones(1, 1, keys, dtype=torch.bool)
        limits = torch.full((batch, queries), keys)
    else:
        mask = mask[(None,) * (3 - mask.ndim)].expand(-1, -1, keys)
        limits = (mask * torch.arange(1, keys + 1)).amax(-1).expand(batch, queries)
    mask = mask.contiguous().view(torch.uint8)
    return _AdditiveAttention.apply(query, key, value, score_vector, mask, limits.contiguous())


def _padded(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


def _exponentials(x: Tensor, sign: Tensor, shift: Tensor, reach: float, rows: int, columns: int) -> Tensor:
    """e^{2 sign (x + shift)} (B, rows, columns), zero where that is more than x (B, T, A) holds."""
    out = torch.empty(x.size(0), rows, columns)
    arrays = x.numpy(), sign.numpy(), shift.numpy(), reach, out.numpy()
    threads.run(cpu_loops.exponentials, x.size(0) * rows, 4 * out.numel(), *arrays)
    return out


def _weights(query: Tensor, key: Tensor, score_vector: Tensor, mask: Tensor, limits: Tensor) -> tuple[Tensor, bool]:
    """The weights (B, Tq, Tk), and whether they could be had from shifted exponentials."""
    (batch, queries, width), keys = query.shape, key.size(1)
    out = torch.empty(batch, queries, keys)
    elements = out.numel() * width
    common = mask.numpy(), limits.numpy(), out.numpy()
    if queries > FEW_QUERIES:
        middle, distance = middle_of_keys(key)
        if distance.max() <= REACH:  # False for a NaN
            vector = fold(score_vector)
            rows, columns = _padded(queries, cpu_loops.ROWS), _padded(width, cpu_loops.GROUP)
            relative = torch.full((columns,), float(1 / cpu_loops.LARGEST_OF_FOUR))
            relative[:width] = vector.relative
            centre = relative.view(-1, cpu_loops.GROUP).sum(1) / 2
            exp_query = _exponentials(query, vector.sign, middle, QUERY_REACH, rows, columns).div_(relative)
            exp_key = _exponentials(key, vector.sign, -middle, REACH, _padded(keys, cpu_loops.KEYS), columns)
            tiles = exp_key.view(batch, -1, cpu_loops.KEYS, columns).transpose(2, 3).contiguous()
            arrays = exp_query, tiles, 1 / relative, centre, vector.size
            arrays = *(array.numpy() for array in arrays[:-1]), cpu_loops.f32(vector.size)
            tasks = batch * rows // cpu_loops.ROWS
            threads.run(cpu_loops.weights, tasks, elements, *arrays, *common)
            return out, True
    arrays = query.numpy(), key.numpy(), score_vector.numpy()
    threads.run(cpu_loops.safe_weights, batch * queries, elements, *arrays, *common)
    return out, False


def _score_gradients(
    query: Tensor, key: Tensor, score_vector: Tensor, slopes: Tensor, limits: Tensor, shifted: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of query, key and score_vector from those of the scores, slopes (B, Tq padded to ROWS, Tk)."""
    (batch, queries, width), keys = query.shape, key.size(1)
    if shifted:
        sign, columns = fold(score_vector).sign, _padded(width, cpu_loops.CHANNELS)
        middle, _ = middle_of_keys(key)
        query = _exponentials(query, sign, middle, QUERY_REACH, slopes.size(1), columns)
        key = _exponentials(key, sign, -middle, REACH, keys, columns)
        loop, tasks = cpu_loops.gradients, batch * columns // cpu_loops.CHANNELS
    else:
        sign, columns = torch.ones(()), width
        loop, tasks = cpu_loops.safe_gradients, batch
    query_sums, key_sums = torch.empty_like(query), torch.empty_like(key)
    vector_sums = torch.empty(batch, columns, dtype=torch.float64)
    arrays = query, key, slopes, limits, query_sums, key_sums, vector_sums
    threads.run(loop, tasks, batch * queries * keys * width, *(array.numpy() for array in arrays))
    return (
        4 * score_vector * query_sums[:, :queries, :width],
        4 * score_vector * key_sums[..., :width],
        -2 * sign * vector_sums[:, :width].sum(0).float(),
    )


class _AdditiveAttention(torch.autograd.Function):
    """Context and weights; mask (B or 1, Tq or 1, Tk) as uint8, limits (B, Tq) one more than each query's last key.

    Gradients of gradients come from the plain formula.
    """

    @staticmethod
    def forward(ctx, query, key, value, score_vector, mask, limits):
        inputs = (x.detach().contiguous() for x in (query, key, score_vector))
        weights, ctx.shifted = _weights(*inputs, mask, limits)
        ctx.save_for_backward(query, key, value, score_vector, mask, limits, weights)
        ctx.set_materialize_grads(False)
        return torch.bmm(weights, value), weights

    @staticmethod
    def backward(ctx, context_grad, weights_grad):
        query, key, value, score_vector, mask, limits, weights = ctx.saved_tensors
        if torch.is_grad_enabled():
            outputs = reference.additive_attention(query, key, value, score_vector, mask.bool(), return_weights=True)
            pairs = [(y, dy) for y, dy in zip(outputs, (context_grad, weights_grad), strict=True) if dy is not None]
            wanted = [x for x in (query, key, value, score_vector) if x.requires_grad]
            found = iter(torch.autograd.grad(*zip(*pairs, strict=True), wanted, create_graph=True, allow_unused=True))
            return *(next(found) if x.requires_grad else None for x in (query, key, value, score_vector)), None, None

        value_grad = weights_grad_total = None
        if context_grad is not None:
            weights_grad_total = torch.bmm(context_grad, value.mT)
            value_grad = torch.bmm(weights.mT, context_grad) if ctx.needs_input_grad[2] else None
        if weights_grad is not None:
            weights_grad_total = weights_grad if context_grad is None else weights_grad_total.add_(weights_grad)
        if weights_grad_total is None or not any(ctx.needs_input_grad[i] for i in (0, 1, 3)):
            return None, None, value_grad, None, None, None

        # ∂loss/∂score = w (g - Σ w g), the softmax's gradient; rows that pad are zero
        batch, queries, keys = weights.shape
        slopes = torch.zeros(batch, _padded(queries, cpu_loops.ROWS), keys)
        products = torch.mul(weights, weights_grad_total, out=slopes[:, :queries])
        products.addcmul_(weights, products.sum(-1, keepdim=True), value=-1)
        inputs = (x.detach().contiguous() for x in (query, key, score_vector))
        query_grad, key_grad, vector_grad = _score_gradients(*inputs, slopes, limits, ctx.shifted)
        return query_grad, key_grad, value_grad, vector_grad, None, None


@functools.cache
def compile_once() -> None:
    """Compile every loop, or load what an earlier process compiled; say so where it takes more than a moment."""
    announcement = threading.Timer(1.0, print, ["Compiling additive attention for this CPU, once: about ten seconds."])
    announcement.daemon = True
    announcement.start()
    query, key, score_vector = torch.ones(1, FEW_QUERIES + 1, 1), torch.ones(1, 1, 1), torch.ones(1)
    mask, limits = torch.ones(1, 1, 1, dtype=torch.uint8), torch.ones(1, FEW_QUERIES + 1, dtype=torch.int64)
    slopes = torch.ones(1, cpu_loops.ROWS, 1)
    try:
        for few in (query, query[:, :1]):
            _, shifted = _weights(few, key, score_vector, mask, limits)
            _score_gradients(few, key, score_vector, slopes, limits, shifted)
    finally:
        announcement.cancel()
