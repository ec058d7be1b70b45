"""Loops over arrays, and a Triton kernel, launched where it may write and nowhere else.

Neither numba nor Triton is imported here: what is compiled or interpreted brings them along.
"""

import ast
import inspect
import math
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

TILE = 16  # queries and keys
FENCE = 4096  # numbers on either side of a tensor
UNTOUCHED = -7.0
TOO_LATE = (
    "Triton was imported before TRITON_INTERPRET was set, and there is no GPU to compile for: "
    "restart the notebook's kernel, and run its cells from the first one on"
)


class WrittenOutside(Exception):
    """A kernel stored numbers beside the tensor that it was given."""

    def __init__(self) -> None:
        super().__init__("numbers were stored beside the scores, where other tensors may live")


class JoinedByAnd(WrittenOutside):
    """The same, by a kernel in which two halves of a mask may be joined by `and`, which keeps one of them."""


class IndexedPointer(Exception):
    """A kernel took a number by its index, where it has pointers alone."""

    def __init__(self) -> None:
        super().__init__("a kernel has pointers, which are added to; no number is taken from them by its index")


class AddressForANumber(Exception):
    """A kernel calculated with an address, where the number that lies there is meant."""

    def __init__(self) -> None:
        super().__init__("an address was multiplied or divided, or something by it; `tl.load` brings what lies there")


class OtherAddresses(Exception):
    """A kernel stored a tile at addresses of another shape."""

    def __init__(self) -> None:
        super().__init__("a tile of (ROWS, COLUMNS) numbers wants as many addresses, in the same shape")


def fraction_sums(attempt: Callable, a: Tensor, b: Tensor, score_vector: Tensor) -> Tensor | None:
    """The array that it makes of the three as arrays, as a tensor. Raises TypeError if it is none of float32."""
    _leave_nan_behind(len(a), len(b))
    sums = attempt(a.numpy(), b.numpy(), score_vector.numpy())
    if sums is None:
        return None
    if not isinstance(sums, np.ndarray) or sums.dtype != np.float32:
        kind = f"one of {sums.dtype}" if isinstance(sums, np.ndarray) else f"a {type(sums).__name__}"
        raise TypeError(f"an array of float32 should be returned; it was {kind}")
    return torch.from_numpy(sums)


def _leave_nan_behind(*shape: int) -> None:
    """So that an array nobody fills shows it: NumPy hands small memory out again, what came back last first."""
    arrays = [np.full(shape, np.nan, np.float32) for _ in range(8)]
    del arrays


def scores_kernel(attempt: Callable, a: Tensor, b: Tensor, score_vector: Tensor) -> Any:
    """The scores (Tq, Tk) that a kernel writes, tile by tile; or what a function of the three tensors returns.

    a (Tq, A), b (Tk, A), score_vector (A,). Raises WrittenOutside.
    """
    if hasattr(attempt, "__getitem__"):
        return _launched(attempt, a, b, score_vector)
    required = [given for given in inspect.signature(attempt).parameters.values() if given.default is given.empty]
    if len(required) > 3:
        raise TypeError("this is a function, and only a kernel can be launched: @triton.jit belongs above it")
    return attempt(a, b, score_vector)


def _launched(kernel: Any, *given: Tensor) -> Tensor:
    device = "cuda" if torch.cuda.is_available() and type(kernel).__name__ == "JITFunction" else "cpu"
    if device == "cpu" and type(kernel).__module__.startswith("triton."):
        # a kernel of Triton's own, which became one at the import
        if type(sys.modules["triton.language"].zeros).__name__ == "JITFunction":
            raise RuntimeError(TOO_LATE)
    a, b, score_vector = (_fenced(tensor.to(device), math.nan)[1] for tensor in given)
    Tq, Tk = len(a), len(b)
    whole, scores = _fenced(torch.full((Tq, Tk), math.nan, device=device), UNTOUCHED)
    grid = (math.ceil(Tq / TILE), math.ceil(Tk / TILE))
    try:
        kernel[grid](a, b, score_vector, scores, Tq, Tk, len(score_vector), TILE, TILE)
    except Exception as error:
        raise _plain(error, _parsed(kernel)) from None
    if not (whole[:FENCE] == UNTOUCHED).all() or not (whole[-FENCE:] == UNTOUCHED).all():
        joined = any(isinstance(node, ast.And) for node in ast.walk(_parsed(kernel)))
        raise JoinedByAnd if joined else WrittenOutside
    return scores.cpu().clone()


def _fenced(tensor: Tensor, fill: float) -> tuple[Tensor, Tensor]:
    """A longer tensor of which the middle is a copy of the given one, and that copy."""
    whole = torch.full((tensor.numel() + 2 * FENCE,), fill, device=tensor.device)
    middle = whole[FENCE:-FENCE].view(tensor.shape)
    middle.copy_(tensor)
    return whole, middle


def _parsed(kernel: Any) -> ast.AST:
    """The kernel's text as a tree; an empty one where it cannot be read."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(kernel.fn)))
    except (AttributeError, OSError, SyntaxError, TypeError):
        return ast.Module(body=[], type_ignores=[])


def _plain(error: BaseException, text: ast.AST) -> BaseException:
    """What a line of the kernel raised, without what Triton wraps around it: the kernel's own text, for one."""
    while error.__cause__ is not None:
        error = error.__cause__
    node, words = getattr(error, "node", None), getattr(error, "error_message", None)
    if isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node):
        return NotImplementedError()  # a compiler knows no `raise`: it has not been written yet
    if _takes_by_index(text):
        return IndexedPointer()
    said = f"{words or error}"
    if "pointer argument to have shape" in said:
        return OtherAddresses()
    if "invalid operands of type pointer" in said:
        return AddressForANumber()
    return RuntimeError(words) if isinstance(words, str) else error


def _takes_by_index(text: ast.AST) -> bool:
    kernels = [node for node in ast.walk(text) if isinstance(node, ast.FunctionDef)]
    pointers = {given.arg for kernel in kernels for given in kernel.args.args[:4]}
    taken = [node.value for node in ast.walk(text) if isinstance(node, ast.Subscript)]
    return any(isinstance(value, ast.Name) and value.id in pointers for value in taken)
