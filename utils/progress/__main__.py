"""Prints where you stand: `python -m utils.progress`."""

from . import table

print(table())
