"""Two outcomes side by side: what differs first, and whether two programs did the same."""

import torch
from torch import Tensor

from utils.attempts import Outcome, Raised, Returned, Stopped, Unanswered

from .compare import difference

SECONDS = 5.0  # for all cases of one attempt together


def disagreement(expected: Returned, got: Outcome) -> str | None:
    """A sentence on what differs first between two outcomes, or None."""
    wrong = value_disagreement(expected, got)
    if wrong or not isinstance(got, Returned):
        return wrong
    return _gradient_disagreement(expected.gradients, got.gradients)


def value_disagreement(expected: Returned, got: Outcome) -> str | None:
    """The same, whatever the gradients are."""
    match got:
        case Stopped():
            return f"Still running after {SECONDS:g} seconds, so it was stopped. A loop that never ends, or a slow way?"
        case Unanswered():
            return f"Your code gave no answer: {got.why}."
        case Raised():
            return f"Your code raised {got.error.rstrip('.')}."
    if got.changed:
        names = " and ".join(f"`{name}`" for name in got.changed)
        return f"Your code changes its input {names}. Work on a new tensor: whoever called you still needs the old one."
    return difference(expected.value, got.value)


def _gradient_disagreement(expected: dict[str, Tensor | None], got: dict[str, Tensor | None]) -> str | None:
    for name, gradient in expected.items():
        given = got.get(name)
        # autograd gives None or zeros, as the program happens to be written: they mean the same
        if _is_zero(gradient) and _is_zero(given):
            continue
        if given is None:
            return (
                f"The values are right, but no gradient reaches `{name}`: something cut the graph "
                "(detach, item, numpy, or a new tensor made from numbers)."
            )
        wrong = difference(torch.zeros_like(given) if gradient is None else gradient, given, "it")
        if wrong:
            return f"The values are right; the gradient for `{name}` is not. {wrong}"
    return None


def _is_zero(gradient: Tensor | None) -> bool:
    return gradient is None or not gradient.any()


def alike(one: Outcome, other: Outcome) -> bool:
    """Whether two programs did the same: the same error, or the same changes, values and gradients."""
    if isinstance(one, Raised) and isinstance(other, Raised):
        return one.error == other.error  # its words as well: many programs raise the same type
    if isinstance(one, Stopped) and isinstance(other, Stopped):
        return True  # that says little: `_recognise` asks all other cases, too
    return (
        isinstance(one, Returned)
        and isinstance(other, Returned)
        and one.changed == other.changed
        and difference(one.value, other.value) is None
        and one.gradients.keys() == other.gradients.keys()
        and _gradient_disagreement(one.gradients, other.gradients) is None
        # here they differ: a cut graph is another mistake than a gradient of zeros
        and all((one.gradients[name] is None) == (other.gradients[name] is None) for name in one.gradients)
    )
