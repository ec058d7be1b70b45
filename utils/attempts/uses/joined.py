"""Several results as one: in a row, so that their gradients can be compared, or each by its name."""

from typing import Any

import torch
from torch import Tensor


def in_one_row(results: Any, count: int) -> Tensor:
    """All numbers of so many tensors in one row. Raises TypeError if it is something else."""
    if not isinstance(results, tuple | list) or len(results) != count:
        raise TypeError(f"{count} tensors should be returned, as a tuple; it was {type(results).__name__}")
    return torch.cat([result.flatten() for result in results])


def by_name(results: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """So many results, each under its name. Raises TypeError if it is something else."""
    if not isinstance(results, tuple | list) or len(results) != len(names):
        given = f"{len(results)} of them" if isinstance(results, tuple | list) else f"a {type(results).__name__}"
        raise TypeError(f"{len(names)} results should be returned, as a tuple ({', '.join(names)}); it was {given}")
    return dict(zip(names, results, strict=True))
