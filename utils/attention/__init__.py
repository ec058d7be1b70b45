"""Attention as lookup, fast: each function is the same lookup as its namesake in `reference`, plain and slow."""

from collections.abc import Callable
from typing import Any

from . import additive, dot_product, reference
from .additive import additive_attention
from .cache import KVCache
from .depth import depth_attention
from .dot_product import dot_product_attention, soft_lookup

__all__ = [
    "KVCache",
    "additive_attention",
    "backend",
    "depth_attention",
    "dot_product_attention",
    "reference",
    "soft_lookup",
]


def backend(function: Callable, *inputs: Any, **options: Any) -> str:
    """The name of what `function(*inputs, **options)` would run, for additive_attention and dot_product_attention.

    >>> attention.backend(attention.dot_product_attention, query, key, value, causal=True)
    'PyTorch flash attention'
    """
    if function is additive_attention:
        return additive.backend(*inputs, **options)
    if function is dot_product_attention:
        return dot_product.backend(*inputs, **options)
    raise ValueError(f"only additive_attention and dot_product_attention choose a backend; got {function}")
