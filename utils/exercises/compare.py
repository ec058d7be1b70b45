"""What differs first between an expected and a given result, in words: type, shape, NaN, sign, sums, then values."""

import math
import numbers
import reprlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

# 64 bits: less than 32 can tell apart, so that a way through them shows; far more than rounding
RELATIVE = {torch.float64: 1e-8, torch.float32: 1e-4}
ABSOLUTE = {torch.float64: 1e-9, torch.float32: 1e-5}  # times the largest expected value
MANY = 48  # numbers; a larger tensor is shown by its shape


def difference(expected: Any, got: Any, what: str = "your result") -> str | None:
    """A sentence on the first thing that differs, or None if the two agree within rounding.

    Tensors must agree in shape and dtype; numbers, strings, lists, tuples and dictionaries in kind and content.
    A result that cannot be looked at (it may be anything) differs.
    """
    try:
        sentence = _difference(expected, got, what)
    except BaseException as error:  # looking at it runs its own code, which may do anything
        sentence = f"{what} could not be compared with the expected one: {type(error).__name__}."
    return sentence and sentence[0].upper() + sentence[1:]


def only_what_differs(expected: Any, got: Any) -> tuple[Any, Any]:
    """The two as they are; of two dictionaries (a model's parameters, say) the entries that differ."""
    if type(expected) is not dict or type(got) is not dict:
        return expected, got
    alike = {name for name in expected.keys() & got.keys() if difference(expected[name], got[name]) is None}
    left, right = ({name: each[name] for name in each if name not in alike} for each in (expected, got))
    return left, right


def show(value: Any) -> str:
    """The value as a few lines of text, whatever it is."""
    try:
        return _short.repr(value)
    except BaseException:  # as above
        return f"<{type(value).__name__}>"


def _difference(expected: Any, got: Any, what: str) -> str | None:
    if got is None and expected is not None:
        whole = what == "your result"
        return f"{what} is None{'. Is there a `return` on every way through the function?' if whole else '.'}"
    if isinstance(expected, Tensor):
        return _tensor_difference(expected, got, what)
    if isinstance(expected, bool) or expected is None or isinstance(expected, str):
        return None if type(got) is type(expected) and got == expected else _unequal(expected, got, what)
    if isinstance(expected, numbers.Number):
        if isinstance(got, bool) or not isinstance(got, numbers.Number):
            return f"{what} should be a number; it is {_kind(got)}."
        return None if _close(expected, got) else _unequal(expected, got, what)
    # a list in a tuple's place is no mistake
    if not (isinstance(expected, list | tuple) and isinstance(got, list | tuple)) and type(got) is not type(expected):
        return f"{what} should be {_kind(expected)}; it is {_kind(got)}."
    if isinstance(expected, dict):
        if expected.keys() != got.keys():
            whose = "your module" if _is_module(expected) else what
            return f"{whose} {_odd_entries(list(expected), list(got))}."
        return _first(_difference(expected[name], got[name], _entry(what, name, expected)) for name in expected)
    if isinstance(expected, list | tuple):
        if len(expected) != len(got):
            return f"{what} should have {len(expected)} entries; it has {len(got)}."
        pairs = enumerate(zip(expected, got, strict=True))
        return _first(_difference(one, other, f"{what} at [{i}]") for i, (one, other) in pairs)
    return None if expected == got else _unequal(expected, got, what)


def _is_module(parts: dict) -> bool:
    """Whether it says what a module is made of: each parameter's name, and its shape in words."""
    return bool(parts) and all(isinstance(part, str) and part.startswith("shape (") for part in parts.values())


def _entry(what: str, name: Any, whole: dict) -> str:
    return f"your module's `{name}`" if _is_module(whole) else f"{what} at {name!r}"


def _odd_entries(expected: list, got: list) -> str:
    missing, odd = [name for name in expected if name not in got], [name for name in got if name not in expected]
    parts = [f"lacks {_listed(missing)}"] * bool(missing) + [f"has {_listed(odd)} that should not be there"] * bool(odd)
    return " and ".join(parts)


def _listed(names: list) -> str:
    shown = [f"`{(name if isinstance(name, str) else show(name))[:80]}`" for name in names[:4]]
    return ", ".join(shown) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _tensor_difference(expected: Tensor, got: Any, what: str) -> str | None:
    if not isinstance(got, Tensor):
        return f"{what} should be a tensor; it is {_kind(got)}."
    # a sparse or a meta tensor would fail in all that follows
    if got.layout != expected.layout or got.device != expected.device:
        return f"{what} should be an ordinary tensor on {expected.device}; it is {got.layout} on {got.device}."
    if got.shape != expected.shape:
        return f"{what} should have the shape {tuple(expected.shape)}; it has {tuple(got.shape)}."
    if got.dtype != expected.dtype:
        kind = "True and False" if expected.dtype == torch.bool else "numbers"
        return f"{what} should hold {kind} of type {expected.dtype}; it holds {got.dtype}."
    if expected.dtype == torch.bool:
        return _truths_difference(expected, got, what)
    relative, absolute = RELATIVE.get(expected.dtype, 0), ABSOLUTE.get(expected.dtype, 0)  # whole numbers: exactly
    expected, got = expected.detach().double(), got.detach().double()
    scale = expected[expected.isfinite()].abs().max().item() if expected.isfinite().any() else 1.0
    # where zeros are expected, too, there is some rounding
    if torch.allclose(got, expected, rtol=relative, atol=absolute * max(scale, 1e-6), equal_nan=True):
        return None
    return _values_difference(expected, got, what)


def _truths_difference(expected: Tensor, got: Tensor, what: str) -> str | None:
    if got.equal(expected):
        return None
    if got.equal(~expected):
        return f"{what} is True where False is expected, and False where True is."
    place = tuple((got != expected).nonzero()[0].tolist())
    return f"{what} is {bool(got[place])}{_at(place)}, where {bool(expected[place])} is expected."


def _values_difference(expected: Tensor, got: Tensor, what: str) -> str:
    for name, test in (("NaN", torch.isnan), ("infinity", torch.isinf)):
        odd = test(got) & ~test(expected)
        if odd.any():
            place = tuple(odd.nonzero()[0].tolist())
            return f"{what} has {name}{_at(place)}, where {_number(expected[place])} is expected."
    if torch.allclose(got, -expected, rtol=1e-3):
        return f"{what} has the right size and the opposite sign."
    factor = (got * expected).sum() / (expected * expected).sum()
    # a single number is a multiple of any other, which tells nothing
    telling = expected.numel() > 1 and factor.abs() > 1e-6 and (factor - 1).abs() > 1e-2
    if telling and torch.allclose(got, factor * expected, rtol=1e-3, atol=1e-9):
        return f"every number of {what} is {_number(factor)} times the expected one."
    for dim in reversed(range(expected.dim())):
        sums = got.sum(dim)
        wrong = (sums - 1).abs() > 1e-3
        if expected.size(dim) > 1 and wrong.any() and ((expected.sum(dim) - 1).abs() < 1e-4).all():
            return f"{what} should sum to 1 along dim {dim}; it sums to {_number(sums[wrong][0])} there."
    gap = (got - expected).abs()
    place = tuple(int(i) for i in torch.unravel_index(gap.argmax(), gap.shape))
    digits = next((d for d in (4, 8) if _number(got[place], d) != _number(expected[place], d)), 17)
    return f"{what} is {_number(got[place], digits)}{_at(place)}, where {_number(expected[place], digits)} is expected."


def _close(expected: Any, got: Any) -> bool:
    return expected == got or math.isclose(expected, got, rel_tol=1e-6, abs_tol=1e-9)


def _unequal(expected: Any, got: Any, what: str) -> str:
    if all(isinstance(value, str) and value.startswith("shape (") for value in (expected, got)):
        return f"{what} should have the {expected}; it has the {got}."
    return f"{what} should be {show(expected)}; it is {show(got)}."


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _at(place: tuple[int, ...]) -> str:
    return f" at [{', '.join(map(str, place))}]" if place else ""


def _number(value: Any, digits: int = 4) -> str:
    return f"{float(value):.{digits}g}"


def _first(sentences: Iterable[str | None]) -> str | None:
    return next((sentence for sentence in sentences if sentence), None)


def _show_tensor(tensor: Tensor) -> str:
    if tensor.numel() > MANY:
        return f"a tensor of shape {tuple(tensor.shape)}"
    array = tensor.cpu().numpy()
    if tensor.is_floating_point():
        array = array + 0.0  # turns -0.0 into 0.0
    return np.array2string(array, precision=4, suppress_small=True, separator=", ", max_line_width=88)


class _Short(reprlib.Repr):
    # wherever one stands, in a list say: a tensor's own repr may take hours, for one of many axes
    def repr1(self, x: Any, level: int) -> str:
        return _show_tensor(x.detach()) if isinstance(x, Tensor) else super().repr1(x, level)


_short = _Short()
_short.maxlevel = 3
_short.maxlist = _short.maxtuple = _short.maxdict = 12
_short.maxstring = _short.maxother = 80
