"""What a runner says, parsed into what it can mean. A runner may say anything; whatever means nothing is Malformed."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from utils.attempts import Outcome, Raised, Returned, Stopped
from utils.exercises.exercise import Trial

from .inside.wire import Malformed, TooLarge


@dataclass(frozen=True)
class Loaded:
    """What came of a notebook's cells: what the name stands for, errors on the way, names that `utils` did not give."""

    defines: str
    problems: tuple[str, ...]
    lost: tuple[str, ...]


def loaded(answer: Any) -> Loaded:
    """What a runner says of the cells that it was given. Raises Malformed."""
    match answer:
        case {"is": str(defines), "problems": list(problems), "lost": list(lost), **more} if not more:
            if all(isinstance(text, str) for text in (*problems, *lost)):
                return Loaded(defines, tuple(problems), tuple(lost))
    raise Malformed("nothing that a runner says of cells")


def outcome(answer: Any, trial: Trial, stubs: Collection[str]) -> Outcome:
    """What a runner says of a case. Raises Malformed.

    Of the function in which an attempt is unfinished only a name among the stubs is kept: another may tell anything.
    """
    match answer:
        # nothing `more`: what holds both a value and an error might be read as either
        case {"stopped": True, **more} if not more:
            return Stopped()
        case {"too large": True, **more} if not more:
            raise TooLarge("an answer that no frame may hold")
        # an empty error is one here, and none to whoever asks `if error`
        case {"error": str(error), "unattempted": None | str() as place, **more} if error and not more:
            return Raised(error=error, unattempted=place if place in stubs else None)
        case {"value": value, "changed": tuple(changed), "gradients": dict(gradients), **more} if not more:
            # strings first: what cannot be hashed is no answer, and no failure of ours
            if all(isinstance(name, str) for name in changed) and len(set(changed)) == len(changed):
                if set(changed) <= trial.inputs.keys():
                    return Returned(value=value, changed=changed, gradients=_gradients(value, gradients, trial))
    raise Malformed("nothing that a runner says of a case")


def _gradients(value: Any, gradients: dict, trial: Trial) -> dict[str, Tensor | None]:
    """Gradients for all inputs that were asked for, or for none, if there is no value for them to be gradients of."""
    if gradients and gradients.keys() != set(trial.case.grad):
        raise Malformed("gradients for other inputs than those that were asked for")
    if not all(gradient is None or _fits(gradient, trial.inputs[name]) for name, gradient in gradients.items()):
        raise Malformed("no gradients of these inputs")
    return gradients if isinstance(value, Tensor) and value.is_floating_point() else {}


def _fits(gradient: Any, given: Tensor) -> bool:
    return isinstance(gradient, Tensor) and (gradient.shape, gradient.dtype) == (given.shape, given.dtype)
