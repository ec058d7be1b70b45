"""Dot-product attention and the soft lookup: PyTorch's own kernels behind the course's conventions.

PyTorch's `scaled_dot_product_attention` picks the fastest of several kernels (cuDNN, FlashAttention, a blocked loop on
the CPU) and does not keep the weights. What is done here: a causal mask that ends at the last key, zeros for a query
that may attend to nothing, grouped heads without copying a key, and leading axes of any number.
"""

import math
from typing import Literal, NamedTuple, overload

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend

from . import reference
from .inputs import check_lookup, check_mask


@overload
def dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False,
    scale: float | None = None, return_weights: Literal[False] = False,
) -> Tensor: ...  # fmt: skip
@overload
def dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False,
    scale: float | None = None, *, return_weights: Literal[True],
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    scale: float | None = None,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """softmax(scale · query key^T) value: the context (..., H, Tq, Dv).

    query (..., H, Tq, Dk), key (..., G, Tk, Dk), value (..., G, Tk, Dv), with any number of leading axes, or none.
    Where there are fewer key heads G than query heads H, H / G neighbouring query heads share one (four axes or more).
    mask, boolean, broadcasts to (..., H, Tq, Tk), True = may attend; causal: the last query sees the last key, so a
    block of queries may continue a cache. scale is 1/√Dk unless given. A query that may attend to nothing gets zeros.

    With return_weights also the weights (..., H, Tq, Tk), computed by the plain formula (in float32 for bfloat16 and
    float16), which is also the way to differentiate twice on the CPU. A NaN, or a product query · key beyond the range
    of the dtype, gives NaN in the rows that see it, and may do so in other rows of the same keys; keys that no query
    may attend to, such as padding, do no harm.
    Raises ValueError if shapes, dtypes or devices do not fit. Source: Vaswani et al. 2017, equation 1.
    """
    return _Call.of(query, key, value, mask, causal, scale).result(return_weights)


@overload
def soft_lookup(
    query: Tensor, key: Tensor, value: Tensor, temperature: float | Tensor = 1.0, mask: Tensor | None = None,
    return_weights: Literal[False] = False,
) -> Tensor: ...  # fmt: skip
@overload
def soft_lookup(
    query: Tensor, key: Tensor, value: Tensor, temperature: float | Tensor = 1.0, mask: Tensor | None = None,
    *, return_weights: Literal[True],
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def soft_lookup(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    temperature: float | Tensor = 1.0,
    mask: Tensor | None = None,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The context (..., Tq, Dv): every value in proportion to its match, softmax(query · key / temperature) value.

    query (..., Tq, Dk), key (..., Tk, Dk), value (..., Tk, Dv), mask broadcastable to (..., Tq, Tk); leading axes
    broadcast. It is `dot_product_attention` with scale = 1 / temperature.
    """
    check_lookup(query, key, value)
    one = isinstance(temperature, int | float) or isinstance(temperature, Tensor) and temperature.numel() == 1
    if not one or not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    # not as the scale, which PyTorch takes for a plain number: a temperature may be learned
    return _Call.of(query / temperature, key, value, mask, scale=1.0, grouped=False).result(return_weights)


def backend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    scale: float | None = None,
    return_weights: bool = False,
) -> str:
    """What `dot_product_attention` runs for these inputs: "plain", or PyTorch's name for its kernel."""
    call = _Call.of(query, key, value, mask, causal, scale)
    return "plain" if return_weights else f"PyTorch {call.kernel()}"


class _Call(NamedTuple):
    """Inputs with exactly one batch axis and one head axis, and the leading axes that the result gets back."""

    query: Tensor  # (N, H, Tq, Dk)
    key: Tensor  # (N, G, Tk, Dk)
    value: Tensor  # (N, G, Tk, Dv)
    mask: Tensor | None  # (N or 1, H or 1, Tq or 1, Tk)
    causal: bool
    scale: float
    leading: tuple[int, ...]

    @classmethod
    def of(
        cls,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None = None,
        causal: bool = False,
        scale: float | None = None,
        grouped: bool = True,
    ) -> "_Call":
        """The call for inputs with any leading axes, of which the last may be heads in groups."""
        check_lookup(query, key, value)
        scale = max(1, query.size(-1)) ** -0.5 if scale is None else scale  # a width of 0 has no root to divide by
        if not math.isfinite(scale):
            raise ValueError(f"scale must be a finite number, got {scale}")
        given = [tuple(x.shape) for x in (query, key, value)]
        shown = max(x.ndim for x in (query, key, value)) - 2  # leading axes that the result has
        axes = max(4, shown + 2)
        query, key, value = (x[(None,) * (axes - x.ndim)] for x in (query, key, value))
        heads, groups = query.size(-3), key.size(-3)
        grouped = grouped and shown > 1 and groups > 0 and heads % groups == 0 and value.size(-3) == groups
        inner = 3 if grouped else 2  # axes that do not broadcast
        try:
            batch = torch.broadcast_shapes(*(x.shape[:-inner] for x in (query, key, value)))
        except RuntimeError:
            raise ValueError("query {}, key {} and value {}: the leading axes do not fit".format(*given)) from None
        leading = (*batch, heads) if grouped else batch
        query, key, value = (x.expand(*batch, *x.shape[-inner:]).flatten(0, axes - 4) for x in (query, key, value))

        check_mask(mask, (*leading, query.size(-2), key.size(-2))[-2 - shown :], query.device)
        if mask is not None:
            mask = mask[(None,) * (axes - mask.ndim)]
            mask = mask.expand(*leading[:-1], *mask.shape[-3:]).flatten(0, axes - 4) if axes > 4 else mask
        return cls(query, key, value, mask, causal, scale, leading[len(leading) - shown :])

    def result(self, return_weights: bool) -> Tensor | tuple[Tensor, Tensor]:
        """The context, with the weights if asked for, both with the leading axes of the inputs."""
        if not return_weights:
            return self._restored(self._context())
        query, key, value, mask, causal, scale, _ = self
        dtype = query.dtype
        query, key, value = (x if dtype == torch.float64 else x.float() for x in (query, key, value))
        results = reference.dot_product_attention(query, key, value, mask, causal, scale, return_weights=True)
        context, weights = (self._restored(x.to(dtype)) for x in results)
        return context, weights

    def kernel(self) -> str:
        """PyTorch's name for the kernel that it uses."""
        query, key, value, mask, is_causal, _ = self._arguments()
        choice = torch._fused_sdp_choice(
            query, key, value, mask, is_causal=is_causal, scale=self.scale, enable_gqa=query.size(1) != key.size(1)
        )
        return SDPBackend(choice).name.lower().replace("_", " ")

    def _context(self) -> Tensor:
        """The context (N, H, Tq, Dv) from PyTorch's kernel."""
        query, key, value, mask, is_causal, empty = self._arguments()
        context = F.scaled_dot_product_attention(
            query, key, value, mask, is_causal=is_causal, scale=self.scale, enable_gqa=query.size(1) != key.size(1)
        )
        if empty is not None:
            context = context.masked_fill(empty, 0)
        return context.reshape(*self.query.shape[:-1], self.value.size(-1))

    def _arguments(self) -> tuple[Tensor, Tensor, Tensor, Tensor | None, bool, Tensor | None]:
        """query, key, value, mask and is_causal for PyTorch, and the rows (…, Tq, 1) that may attend to nothing."""
        query, key, value, mask, causal, scale, _ = self
        (batch, heads, queries, width), (groups, keys) = query.shape, key.shape[1:3]
        causal = causal and queries > 1  # one query is the last, and sees every key
        if causal and (mask is not None or queries != keys or scale <= 0):
            # PyTorch's own order starts at the first key, and fails with a scale that is not positive
            order = reference.causal_mask(queries, keys, query.device)[None, None]
            mask, causal = order if mask is None else mask & order, False
        if mask is None:
            if not causal and heads != groups:  # heads that share a key become rows of one head
                query = query.reshape(batch, groups, heads // groups * queries, width)
            return query, key, value, None, causal, None
        empty = ~mask.any(-1, keepdim=True)
        unseen = ~mask.any(-2) if heads == groups else ~mask.any(-2).any(1, keepdim=True)  # (…, Tk)
        key = key.masked_fill(unseen.unsqueeze(-1), 0)  # a mask does not hide a NaN or an infinity from the kernel
        return query, key, value, mask | empty, False, empty  # an empty row is computed, then zeroed: no NaN on the way

    def _restored(self, result: Tensor) -> Tensor:
        return result.reshape(*self.leading, *result.shape[-2:])
