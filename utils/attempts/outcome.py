"""What a program did with given inputs: what it returned, changed and passed back, or how it failed."""

import contextlib
import copy
import inspect
import io
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .limits import TimeLimit, time_limit

PRINTED = 2000  # characters of a program's own output that are kept
# in the name of a file: what is told of an error leaves its lines out, for the reader wrote none of them
NOT_THE_READERS = (str(Path(__file__).parents[1]), str(Path(inspect.__file__).parent), "site-packages", "dist-packages")


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """What all four ways have in which a run of a program may end."""

    printed: str = ""


@dataclass(frozen=True, kw_only=True)
class Returned(_Ended):
    """It gave a value, may have changed inputs, and passed back the gradients that were asked for; None = cut off."""

    value: Any
    changed: tuple[str, ...] = ()
    gradients: dict[str, Tensor | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Raised(_Ended):
    """It raised an error: its type and words; `traceback` adds the program's own lines.

    `unattempted` names the function in which it met the bare `raise NotImplementedError` that an exercise is handed
    out with.
    """

    error: str
    traceback: str = ""
    unattempted: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stopped(_Ended):
    """The time limit ended it, at the lines that `traceback` tells."""

    traceback: str = ""


@dataclass(frozen=True, kw_only=True)
class Unanswered(_Ended):
    """Nobody knows what it would have done: it ended its process, say, or was not asked any more."""

    why: str


Outcome = Returned | Raised | Stopped | Unanswered  # how one run of a program ended: in one of these ways


def run(
    call: Callable[[dict], Any],
    inputs: dict[str, Any],
    grad: tuple[str, ...] = (),
    cotangent_seed: int = 0,
    seconds: float | None = 5.0,
) -> Outcome:
    """Call with copies of the inputs; then the gradients of (value · cotangent) for the inputs named in grad.

    The cotangent is drawn from its seed, in the value's shape. Whatever the call raises becomes the outcome; after so
    many seconds it is stopped, with None never.
    """
    leaves = {name: inputs[name].clone().requires_grad_() for name in grad}
    # a copy of the leaf: a program may write into its input, which PyTorch forbids for a leaf
    given = {name: leaves[name].clone() if name in grad else copy.deepcopy(inputs[name]) for name in inputs}
    text = io.StringIO()
    with _quiet(text), torch_as_usual():
        try:
            with time_limit(seconds):
                value = call(given)
                if inspect.iscoroutine(value):
                    value.close()  # or Python complains later that nobody awaited it
                # within the limit: the way back may be the program's own code
                gradients = _gradients(value, leaves, cotangent_seed)
        except BaseException as error:  # an attempt may raise anything, SystemExit too
            return _failure(error, _printed(text))
    changed = tuple(name for name in inputs if not _same(inputs[name], given[name]))
    return Returned(value=value, changed=changed, gradients=gradients, printed=_printed(text))


def describe_error(error: BaseException) -> str:
    """The error's type and words, even if its own __str__ fails."""
    try:
        words = str(error)
    except BaseException:
        words = ""
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _failure(error: BaseException, printed: str) -> Outcome:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not any(place in frame.filename for place in NOT_THE_READERS)]
    lines = [f"line {frame.lineno}, in {frame.name}: {frame.line}" for frame in own[-4:]]
    told = "\n".join([*lines, describe_error(error)])
    if isinstance(error, TimeLimit):
        return Stopped(traceback=told, printed=printed)
    # PyTorch raises this error as well, but with words in it
    bare = isinstance(error, NotImplementedError) and not error.args
    unattempted = frames[-1].name if bare else None
    return Raised(error=describe_error(error), traceback=told, unattempted=unattempted, printed=printed)


def _printed(text: io.StringIO) -> str:
    return text.getvalue()[:PRINTED]


def _gradients(value: Any, leaves: dict[str, Tensor], cotangent_seed: int) -> dict:
    if not leaves or not isinstance(value, Tensor) or not value.is_floating_point():
        return {}
    if not value.requires_grad:
        return dict.fromkeys(leaves)
    generator = torch.Generator().manual_seed(cotangent_seed)
    # not the plain sum: that of a softmax is 1 for any scores, and a wrong gradient would look right
    objective = (value * torch.randn(value.shape, generator=generator, dtype=value.dtype)).sum()
    return dict(zip(leaves, torch.autograd.grad(objective, [*leaves.values()], allow_unused=True), strict=True))


def _same(before: Any, after: Any) -> bool:
    try:
        if isinstance(before, Tensor):
            alike = (before.shape, before.dtype) == (after.shape, after.dtype)
            # a NaN is not equal to itself, and an input may hold some
            return alike and torch.equal(before.nan_to_num(), after.detach().nan_to_num())
        return before == after
    except Exception:  # it has become something that refuses to be looked at
        return False


class _Bounded(io.TextIOBase):
    """Takes what a program prints and keeps the beginning, so that an endless loop cannot fill the memory."""

    def __init__(self, keep: io.StringIO):
        self.keep = keep

    def write(self, text: str) -> int:
        if self.keep.tell() < PRINTED:
            self.keep.write(text)
        return len(text)


@contextlib.contextmanager
def torch_as_usual() -> Iterator[None]:
    """PyTorch's default dtype and gradients on, whatever the notebook has set and an attempt may set."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)


@contextlib.contextmanager
def _quiet(printed: io.StringIO) -> Iterator[None]:
    sink = _Bounded(printed)
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
