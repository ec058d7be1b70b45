"""Several tensors as one, so that their gradients can be compared."""

from typing import Any

import torch
from torch import Tensor


def in_one_row(results: Any, count: int) -> Tensor:
    """All numbers of so many tensors in one row. Raises TypeError if it is something else."""
    if not isinstance(results, tuple | list) or len(results) != count:
        raise TypeError(f"{count} tensors should be returned, as a tuple; it was {type(results).__name__}")
    return torch.cat([result.flatten() for result in results])
