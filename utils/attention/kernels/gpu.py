"""Additive attention on a GPU as one differentiable step, on the kernels of `gpu_kernels`."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
import triton
from torch import Tensor
from torch.amp import custom_bwd, custom_fwd

from . import gpu_kernels
from .folding import QUERY_REACH, REACH, STEP
from .formula import differentiable_gradients

ROWS, COLUMNS, WARPS = 64, 64, 8  # a tile of scores
WIDTH = 128  # channels of the value that are summed in registers
GRADIENT_ROWS, GRADIENT_CHANNELS = 32, 64
WORKSPACE = 2**24  # numbers: how much of (B, Tq, Tk) the backward pass holds at a time


def additive_attention(
    query: Tensor, key: Tensor, value: Tensor, score_vector: Tensor, mask: Tensor | None, return_weights: bool
) -> Tensor | tuple[Tensor, Tensor]:
    """The context (B, Tq, Dv) of inputs on a GPU, in float32, bfloat16 or float16, and the weights if asked for."""
    with torch.cuda.device_of(query):  # Triton launches on the current device, whichever the inputs are on
        context, weights = _AdditiveAttention.apply(query, key, value, score_vector, mask, return_weights)
    return (context, weights) if return_weights else context


class _Folded(NamedTuple):
    """What the kernels read of query, key and score vector; see `folding`."""

    exp_query: Tensor  # (B, Tq, A), e^{2 sign (q + shift)}
    exp_key: Tensor  # (B, Tk, A), e^{2 sign (k - shift)}
    relative: Tensor  # (A,), |w| over the largest |w|
    size: Tensor  # (1,), the largest |w|
    sign: Tensor  # (A,), ±1
    wide: Tensor  # (B, tiles) int32: tiles of keys that lie too far from the shift
    row_bias: Tensor  # (B, Tq), NaN where a query is
    key_bias: Tensor  # (B, Tk), NaN where a key is


def _fold(query: Tensor, key: Tensor, score_vector: Tensor) -> _Folded:
    query, key, score_vector = query.float(), key.float(), score_vector.float()
    size = score_vector.abs().amax().clamp_min(1e-30).reshape(1)
    sign = torch.where(score_vector < 0, -1.0, 1.0).float()  # whatever the default type is
    shift = STEP * torch.round((key.amin(1, True) / 2 + key.amax(1, True) / 2) / STEP)  # (B, 1, A)
    distance = (key - shift).abs().amax(-1)  # (B, Tk)
    padded = F.pad(distance, (0, -key.size(1) % COLUMNS)).unflatten(1, (-1, COLUMNS))
    nan, zero = score_vector.new_tensor([torch.nan, 0.0])
    return _Folded(
        exp_query=torch.exp(2 * (sign * (query + shift)).clamp(-QUERY_REACH, QUERY_REACH)),
        exp_key=torch.exp(2 * (sign * (key - shift)).clamp(-REACH, REACH)),
        relative=(score_vector.abs() / size).clamp_min(2.0**-30),
        size=size,
        sign=sign,
        wide=(~(padded.amax(-1) <= REACH)).int(),
        row_bias=torch.where(query.isnan().any(-1) | score_vector.isnan().any(), nan, zero),
        key_bias=torch.where(key.isnan().any(-1), nan, zero),
    )


def _packed(x: Tensor, multiple: int) -> Tensor:
    """(B, A/4, T, 4) from x (B, T, A), with zeros up to a multiple of the length and of four channels."""
    x = F.pad(x, (0, -x.size(2) % 4, 0, -x.size(1) % multiple))
    return x.unflatten(2, (-1, 4)).transpose(1, 2).contiguous()


def _score_arguments(folded: _Folded, query: Tensor, key: Tensor, score_vector: Tensor) -> tuple[tuple, tuple]:
    """The tensors and the sizes that every kernel with scores begins with."""
    scale = gpu_kernels.SCALE.value
    # a channel that pads has the largest height: its term is the same for every key
    relative = F.pad(folded.relative, (0, -query.size(2) % 4), value=scale * scale)
    exp_query = _packed(folded.exp_query * (scale / folded.relative), ROWS)
    exp_key = _packed(folded.exp_key * scale, COLUMNS)
    centre = relative.view(-1, 4).sum(1) / 2 / (scale * scale)
    scaled = exp_query, exp_key, scale * scale / relative, centre
    tensors = *scaled, query, key, score_vector, folded.wide, folded.row_bias, folded.key_bias, folded.size
    (_, queries, channels), keys = query.shape, key.size(1)
    sizes = queries, keys, channels, exp_query.size(2), exp_key.size(2), exp_query.size(1), folded.wide.size(1)
    return tensors, sizes


def _context(arguments: tuple[tuple, tuple], value: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The context (B, Tq, Dv) in float32 and the logarithm of each row's sum of exponentials (B, Tq)."""
    tensors, sizes = arguments
    (batch, _, width), queries = value.shape, sizes[0]
    context = torch.empty(batch, queries, width, device=value.device, dtype=torch.float32)
    log_total = torch.empty(batch, queries, device=value.device, dtype=torch.float32)
    bytes, strides = _mask_arguments(mask, value)
    block = min(WIDTH, max(16, triton.next_power_of_2(width)))
    gpu_kernels.context_kernel[triton.cdiv(queries, ROWS), batch](
        *tensors, bytes, value, context, log_total, *sizes, width, *strides,
        HAS_MASK=mask is not None, ROWS=ROWS, COLUMNS=COLUMNS, WIDTH=block, PARTS=triton.cdiv(width, block),
        num_warps=WARPS, num_stages=1,
    )  # fmt: skip
    return context, log_total


def _weights(arguments: tuple[tuple, tuple], log_total: Tensor, mask: Tensor | None, first: int, count: int) -> Tensor:
    """The weights (B, count, Tk) of the queries from first on."""
    tensors, sizes = arguments
    keys = sizes[1]
    weights = torch.empty(log_total.size(0), count, keys, device=log_total.device, dtype=torch.float32)
    bytes, strides = _mask_arguments(mask, log_total)
    grid = triton.cdiv(count, ROWS), triton.cdiv(keys, COLUMNS), log_total.size(0)
    gpu_kernels.weights_kernel[grid](
        *tensors, bytes, log_total, weights, first, count, *sizes, *strides,
        HAS_MASK=mask is not None, ROWS=ROWS, COLUMNS=COLUMNS, num_warps=WARPS, num_stages=1,
    )  # fmt: skip
    return weights


def _mask_arguments(mask: Tensor | None, stand_in: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """A mask (B, Tq, Tk) as bytes with its strides, zero along axes that it does not have; no strides if no mask."""
    return (stand_in, (0, 0, 0)) if mask is None else (mask.view(torch.uint8), mask.stride())


def _gradient(folded: _Folded, query: Tensor, key: Tensor, slopes: Tensor, of_queries: bool) -> tuple[Tensor, Tensor]:
    """Σ s (r - r²) for each query (or key) and channel, and Σ s r (A,) for the score vector (of queries only)."""
    padding = (0, -query.size(2) % GRADIENT_CHANNELS)
    pairs = [(F.pad(folded.exp_query, padding), query), (F.pad(folded.exp_key, padding), key)]
    (exponentials, inputs), (other_exponentials, other_inputs) = pairs if of_queries else pairs[::-1]
    (batch, length, channels), others, padded = inputs.shape, other_inputs.size(1), exponentials.size(2)
    gradient = torch.empty(batch, length, channels, device=query.device, dtype=torch.float32)
    grid = triton.cdiv(length, GRADIENT_ROWS), padded // GRADIENT_CHANNELS, batch
    vector_sums = torch.empty(batch, grid[0] if of_queries else 0, padded, device=query.device, dtype=torch.float32)
    by_row, by_other = slopes.stride()[1:] if of_queries else slopes.stride()[:0:-1]
    gpu_kernels.gradient_kernel[grid](
        exponentials, other_exponentials, inputs, other_inputs, folded.sign, folded.wide, slopes, gradient, vector_sums,
        length, others, channels, padded, by_row, by_other, folded.wide.size(1),
        KEYS_INSIDE=of_queries, WITH_VECTOR=of_queries, TILE=COLUMNS, ROWS=GRADIENT_ROWS, CHANNELS=GRADIENT_CHANNELS,
        num_stages=1,
    )  # fmt: skip
    return gradient, vector_sums.double().sum((0, 1))[:channels].float()


class _AdditiveAttention(torch.autograd.Function):
    """Context and weights, or None for the weights. Gradients of gradients come from the plain formula.

    Kept for the backward pass: the inputs and one number per query. The backward pass computes the weights again,
    for as many queries at a time as WORKSPACE allows.
    """

    @staticmethod
    @custom_fwd(device_type="cuda", cast_inputs=torch.float32)
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        score_vector: Tensor,
        mask: Tensor | None,
        return_weights: bool,
    ) -> tuple[Tensor, Tensor | None]:
        query, key, value, score_vector = (x.contiguous() for x in (query, key, value, score_vector))
        if mask is not None:
            mask = mask.expand(query.size(0), query.size(1), key.size(1))
        arguments = _score_arguments(_fold(query, key, score_vector), query, key, score_vector)
        context, log_total = _context(arguments, value, mask)
        ctx.save_for_backward(query, key, value, score_vector, mask, log_total)
        ctx.set_materialize_grads(False)
        weights = _weights(arguments, log_total, mask, 0, query.size(1)).to(query.dtype) if return_weights else None
        return context.to(query.dtype), weights

    @staticmethod
    @custom_bwd(device_type="cuda")
    def backward(ctx: Any, context_grad: Tensor | None, weights_grad: Tensor | None) -> tuple[Tensor | None, ...]:
        query, key, value, score_vector, mask, log_total = ctx.saved_tensors
        if torch.is_grad_enabled():
            inputs = query, key, value, score_vector
            return *differentiable_gradients(inputs, mask, context_grad, weights_grad), None, None
        if context_grad is None and weights_grad is None:
            return (None,) * 6

        folded = _fold(query, key, score_vector)
        arguments = _score_arguments(folded, query, key, score_vector)
        values = value.float()
        query_grad = torch.empty(query.shape, device=query.device, dtype=torch.float32)
        key_grad, value_grad = (
            torch.zeros(key.shape, device=query.device, dtype=torch.float32),
            torch.zeros_like(values),
        )
        vector_sums = torch.zeros(query.size(2), device=query.device, dtype=torch.float32)
        (batch, queries, _), keys = query.shape, key.size(1)
        step = max(1, WORKSPACE // (batch * keys * ROWS)) * ROWS  # whole tiles: rows are padded to these
        for first in range(0, queries, step):
            rows = slice(first, min(first + step, queries))
            weights = _weights(arguments, log_total, mask, first, rows.stop - first)
            grad = torch.zeros_like(weights) if weights_grad is None else weights_grad[:, rows].float()
            if context_grad is not None:
                part = context_grad[:, rows].float()
                value_grad += torch.bmm(weights.mT, part)
                grad = grad + torch.bmm(part, values.mT)
            if mask is not None:
                grad = grad.masked_fill(~mask[:, rows], 0)  # a masked value may be NaN
            slopes = weights * (grad - (weights * grad).sum(-1, keepdim=True))  # ∂loss/∂score, the softmax's gradient
            here = folded._replace(exp_query=folded.exp_query[:, rows].contiguous())
            inputs = here, query[:, rows].contiguous(), key, slopes
            query_grad[:, rows], sums = _gradient(*inputs, of_queries=True)
            vector_sums += sums
            key_grad += _gradient(*inputs, of_queries=False)[0]
        factor = score_vector.float()
        grads = factor * (4 * query_grad), factor * (4 * key_grad), value_grad, -2 * folded.sign * vector_sums
        return *(grad.to(query.dtype) for grad in grads), None, None
