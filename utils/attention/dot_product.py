"""Dot-product attention and the soft lookup: PyTorch's own kernels behind the course's conventions.

PyTorch's `scaled_dot_product_attention` picks the fastest of several kernels (cuDNN, FlashAttention, a blocked loop on
the CPU) and does not keep the weights. What is done here: a causal mask that ends at the last key, zeros for a query
that may attend to nothing, grouped heads without copying a key, and leading axes of any number.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend

from . import reference
from .inputs import check_lookup, check_mask


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

    With return_weights also the weights (..., H, Tq, Tk), computed by the plain formula, which is also the way to
    differentiate twice on the CPU. A NaN or an overflow of query · key gives NaN in the rows that see it.
    Raises ValueError if shapes, dtypes or devices do not fit. Source: Vaswani et al. 2017, equation 1.
    """
    call = _Call.of(query, key, value, mask, causal)
    if return_weights:
        context, weights = reference.dot_product_attention(
            call.query, call.key, call.value, call.mask, call.causal, scale, return_weights=True
        )
        return call.restored(context), call.restored(weights)
    return call.restored(call.run(scale))


def soft_lookup(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The context (..., Tq, Dv): every value in proportion to its match, softmax(query · key / temperature) value.

    query (..., Tq, Dk), key (..., Tk, Dk), value (..., Tk, Dv), mask broadcastable to (..., Tq, Tk); leading axes
    broadcast. It is `dot_product_attention` with scale = 1 / temperature.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    return dot_product_attention(query / temperature, key, value, mask, scale=1.0, return_weights=return_weights)


def backend(query, key, value, mask=None, causal=False, scale=None, return_weights=False) -> str:
    """What `dot_product_attention` runs for these inputs: "plain", or PyTorch's name for its kernel."""
    if return_weights:
        return "plain"
    return f"PyTorch {_Call.of(query, key, value, mask, causal).kernel()}"


class _Call(NamedTuple):
    """Inputs with exactly one batch axis and one head axis, and the leading axes that the result gets back."""

    query: Tensor  # (N, H, Tq, Dk)
    key: Tensor  # (N, G, Tk, Dk)
    value: Tensor  # (N, G, Tk, Dv)
    mask: Tensor | None  # (N or 1, H or 1, Tq or 1, Tk)
    causal: bool
    leading: tuple[int, ...]

    @classmethod
    def of(cls, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> "_Call":
        check_lookup(query, key, value)
        given = [tuple(x.shape) for x in (query, key, value)]
        axes = max(4, query.ndim, key.ndim, value.ndim)
        shown = max(query.ndim, key.ndim, value.ndim) - 2
        query, key, value = (x[(None,) * (axes - x.ndim)] for x in (query, key, value))
        heads, groups = query.size(-3), key.size(-3)
        grouped = shown > 1 and groups > 0 and heads % groups == 0 and value.size(-3) == groups
        aligned = 3 if grouped else 2
        try:
            batch = torch.broadcast_shapes(*(x.shape[:-aligned] for x in (query, key, value)))
        except RuntimeError:
            raise ValueError("query {}, key {} and value {}: the leading axes do not fit".format(*given)) from None
        leading = (*batch, heads) if grouped else batch
        query, key, value = (x.expand(*batch, *x.shape[-aligned:]).flatten(0, axes - 4) for x in (query, key, value))

        shape = (*leading, query.size(-2), key.size(-2))
        check_mask(mask, shape[-2 - shown :] if shown else shape[-2:], query.device)
        if mask is not None:
            mask = mask[(None,) * (axes - mask.ndim)]
            mask = mask.expand(*leading[:-1], *mask.shape[-3:]).flatten(0, axes - 4) if axes > 4 else mask
        return cls(query, key, value, mask, causal and query.size(-2) > 1, leading[len(leading) - shown :])

    def run(self, scale: float | None) -> Tensor:
        """The context (N, H, Tq, Dv) from PyTorch's kernel."""
        query, key, value, mask, is_causal, empty = self._arguments()
        context = F.scaled_dot_product_attention(
            query, key, value, mask, is_causal=is_causal, scale=scale, enable_gqa=query.size(1) != key.size(1)
        )
        if empty is not None:
            context = context.masked_fill(empty, 0)
        return context.reshape(*self.query.shape[:-1], self.value.size(-1))

    def kernel(self) -> str:
        """PyTorch's name for the kernel that `run` uses."""
        query, key, value, mask, is_causal, _ = self._arguments()
        choice = torch._fused_sdp_choice(
            query, key, value, mask, is_causal=is_causal, enable_gqa=query.size(1) != key.size(1)
        )
        return SDPBackend(choice).name.lower().replace("_", " ")

    def _arguments(self) -> tuple[Tensor, Tensor, Tensor, Tensor | None, bool, Tensor | None]:
        """query, key, value, mask and is_causal for PyTorch, and the rows (…, Tq, 1) that may attend to nothing."""
        query, key, value, mask, causal, _ = self
        queries, keys = query.size(-2), key.size(-2)
        if causal and (mask is not None or queries != keys):  # PyTorch's own starts at the first key
            order = reference.causal_mask(queries, keys).to(query.device)
            mask, causal = order if mask is None else mask & order, False
        if mask is None and not causal and query.size(1) != key.size(1):
            query = query.reshape(key.size(0), key.size(1), -1, query.size(-1))  # heads that share a key side by side
        if mask is None:
            return query, key, value, None, causal, None
        empty = ~mask.any(-1, keepdim=True)
        return query, key, value, mask | empty, False, empty  # an empty row is computed, then zeroed: no NaN on the way

    def restored(self, result: Tensor) -> Tensor:
        """A result (N, H, ...) with the leading axes of the inputs."""
        return result.reshape(*self.leading, *result.shape[-2:])
