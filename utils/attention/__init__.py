"""Attention as lookup: `reference` holds the formulas, plain and slow."""

from . import reference

__all__ = ["reference"]
