"""What every function here asks of its inputs; each complaint names what was given."""

import torch
from torch import Tensor


def check_kind(**tensors: Tensor) -> None:
    """Raise ValueError unless all are tensors of one floating-point dtype on one device."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"{name} must be a tensor, got {type(tensor).__name__}")
        if not tensor.is_floating_point():
            raise ValueError(f"{name} must hold floating-point numbers, got {tensor.dtype}")
        if tensor.layout != torch.strided:
            raise ValueError(f"{name} must be dense, got {tensor.layout}")
    for what in ("dtype", "device"):
        kinds = {name: str(getattr(tensor, what)) for name, tensor in tensors.items()}
        if len(set(kinds.values())) > 1:
            raise ValueError(f"{what}s differ: " + ", ".join(f"{name} {kind}" for name, kind in kinds.items()))


def check_lookup(query: Tensor, key: Tensor, value: Tensor) -> None:
    """Raise ValueError unless query (..., Tq, D), key (..., Tk, D) and value (..., Tk, Dv) fit together."""
    check_kind(query=query, key=key, value=value)
    for name, tensor in {"query": query, "key": key, "value": value}.items():
        if tensor.ndim < 2:
            raise ValueError(f"{name} must have at least two axes (length, width), got {tuple(tensor.shape)}")
    if query.size(-1) != key.size(-1):
        raise ValueError(f"query width {query.size(-1)} and key width {key.size(-1)} differ")
    if key.size(-2) != value.size(-2):
        raise ValueError(f"{key.size(-2)} keys and {value.size(-2)} values: each key needs one value")


def check_mask(mask: Tensor | None, shape: tuple[int, ...], device: torch.device) -> None:
    """Raise ValueError unless mask is None or boolean and broadcasts to shape (..., Tq, Tk)."""
    if mask is None:
        return
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        given = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(f"mask must be a boolean tensor (True = may attend), got {given}")
    if mask.device != device:
        raise ValueError(f"mask is on {mask.device}, the inputs are on {device}")
    try:
        fits = torch.broadcast_shapes(mask.shape, shape) == torch.Size(shape)
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(f"mask {tuple(mask.shape)} does not broadcast to (..., queries, keys) = {tuple(shape)}")
