"""What can be dragged. Each widget computes in the browser and redraws at every move of the mouse."""

from .soft_lookup import SoftLookup

__all__ = ["SoftLookup"]
