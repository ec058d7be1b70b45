"""Additive (Bahdanau) attention: which of its ways is taken for given inputs.

The ways: `kernels/cpu.py` for float32 on the CPU, `kernels/gpu.py` for a GPU, and the formula of `reference.py` for
what they leave out. The algebra that makes the kernels fast is in `kernels/folding.py`.
"""

from typing import Literal, overload

import torch
from torch import Tensor

from . import reference
from .inputs import check_kind, check_mask

FEW_ELEMENTS = 2**14  # B Tq Tk A up to which the formula is as fast as any kernel


LARGEST_BATCH = 2**16 - 1  # that a GPU's grid has room for
WHOLE = {torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64}


@overload
def additive_attention(
    query: Tensor, key: Tensor, value: Tensor, score_vector: Tensor, mask: Tensor | None = None,
    lengths: Tensor | None = None, return_weights: Literal[False] = False,
) -> Tensor: ...  # fmt: skip
@overload
def additive_attention(
    query: Tensor, key: Tensor, value: Tensor, score_vector: Tensor, mask: Tensor | None = None,
    lengths: Tensor | None = None, *, return_weights: Literal[True],
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def additive_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_vector: Tensor,
    mask: Tensor | None = None,
    lengths: Tensor | None = None,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """softmax(Σ_h w_h tanh(query_h + key_h)) value: the context (B, Tq, Dv).

    query (B, Tq, A) and key (B, Tk, A), already projected; value (B, Tk, Dv), score_vector w (A,). mask, boolean,
    broadcasts to (B, Tq, Tk), True = may attend; lengths (B,), whole numbers: how many keys of each sequence count.
    A query that may attend to nothing gets zeros. With return_weights also the weights (B, Tq, Tk).

    float32 on the CPU runs compiled loops, and so do bfloat16 and float16, computed in float32. A GPU runs Triton
    kernels for the three, whose memory grows with Tq + Tk when the weights are not asked for. float64, tiny inputs,
    other devices, torch.compile and gradients of gradients take the plain formula, which holds (B, Tq, Tk, A) numbers.
    Any finite input is handled. A NaN in a query gives NaN in its row, in a key in every row that may attend to it, in
    a value in that channel of every row. Results on the CPU are the same from run to run, on any number of threads.

    Raises ValueError if shapes, dtypes or devices do not fit. Source: Bahdanau et al. 2015, appendix A.1.2.
    """
    mask = _checked_mask(query, key, value, score_vector, mask, lengths)
    way = _way(query, key)
    if way == "triton":
        from .kernels import gpu  # here, not above: not every system has Triton

        return gpu.additive_attention(query, key, value, score_vector, mask, return_weights)
    dtype = query.dtype
    if dtype != torch.float64:
        query, key, value, score_vector = (x.float() for x in (query, key, value, score_vector))
    if way == "plain":
        context, weights = reference.additive_attention(query, key, value, score_vector, mask, return_weights=True)
    else:
        from .kernels import cpu

        context, weights = cpu.additive_attention(query, key, value, score_vector, mask)
    return (context.to(dtype), weights.to(dtype)) if return_weights else context.to(dtype)


def backend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_vector: Tensor,
    mask: Tensor | None = None,
    lengths: Tensor | None = None,
    return_weights: bool = False,
) -> str:
    """What `additive_attention` runs for these inputs: "plain", "numba" or "triton"."""
    _checked_mask(query, key, value, score_vector, mask, lengths)
    return _way(query, key)


def _way(query: Tensor, key: Tensor) -> str:
    few = query.numel() * key.size(1) <= FEW_ELEMENTS or query.size(0) > LARGEST_BATCH
    # torch.compile cannot look into the loops; the formula it compiles itself
    elsewhere = query.device.type not in ("cpu", "cuda") or torch.compiler.is_compiling()
    if few or elsewhere or query.dtype == torch.float64:
        return "plain"
    return "triton" if query.is_cuda else "numba"


def _checked_mask(
    query: Tensor, key: Tensor, value: Tensor, score_vector: Tensor, mask: Tensor | None, lengths: Tensor | None
) -> Tensor | None:
    """mask and lengths as one mask; raises ValueError if any input does not fit the others."""
    check_kind(query=query, key=key, value=value, score_vector=score_vector)
    shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
    if not query.ndim == key.ndim == value.ndim == 3:
        raise ValueError(f"{shapes}: each must have three axes, (B, Tq, A), (B, Tk, A) and (B, Tk, Dv)")
    if not query.size(0) == key.size(0) == value.size(0):
        raise ValueError(f"{shapes}: the batch sizes differ")
    if query.size(-1) != key.size(-1):
        raise ValueError(f"query width {query.size(-1)} and key width {key.size(-1)} differ")
    if key.size(1) != value.size(1):
        raise ValueError(f"{key.size(1)} keys and {value.size(1)} values: each key needs one value")
    if score_vector.shape != query.shape[-1:]:
        raise ValueError(f"score_vector {tuple(score_vector.shape)} must have the width of the query, {query.size(-1)}")
    check_mask(mask, (query.size(0), query.size(1), key.size(1)), query.device)
    return mask if lengths is None else _and_lengths(mask, lengths, key)


def _and_lengths(mask: Tensor | None, lengths: Tensor, key: Tensor) -> Tensor:
    batch, keys, _ = key.shape
    if not isinstance(lengths, Tensor) or lengths.dtype not in WHOLE:
        given = lengths.dtype if isinstance(lengths, Tensor) else type(lengths).__name__
        raise ValueError(f"lengths must be a tensor of whole numbers, got {given}")
    if lengths.shape != (batch,) or lengths.device != key.device:
        raise ValueError(
            f"lengths {tuple(lengths.shape)} on {lengths.device} must be (B,) = ({batch},) on {key.device}"
        )
    lengths = lengths.long()  # compared in 8 bits, 300 keys would be 44
    if batch and not 0 <= lengths.amin() <= lengths.amax() <= keys:
        raise ValueError(f"lengths {lengths.tolist()} must lie between 0 and the number of keys, {keys}")
    counts = torch.arange(keys, device=key.device) < lengths[:, None, None]  # (B, 1, Tk)
    return counts if mask is None else mask & counts
