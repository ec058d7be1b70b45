"""Functions and results on their way between processes: by value, as cloudpickle writes them."""

import io
import types
from collections import ChainMap
from typing import Any

import cloudpickle


def written(value: Any) -> bytes:
    """The value as bytes, for pickle.loads in any process."""
    file = io.BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


def _code(code: types.CodeType) -> tuple[Any, tuple]:
    """cloudpickle takes the name of a function's file away, by which an error's line is found."""
    make, parts = cloudpickle.Pickler.dispatch_table[types.CodeType](code)
    return make, tuple(code.co_filename if part == "<dynamic-code>" else part for part in parts)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no hints
    dispatch_table = ChainMap({types.CodeType: _code}, cloudpickle.Pickler.dispatch_table)
