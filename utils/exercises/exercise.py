"""An exercise as data: a reference, the inputs it is tried on, and the mistakes people make, written as code."""

import functools
import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from utils.attempts import Outcome, Usage, run, torch_as_usual

from .compare import difference, show

SECONDS = 5.0  # for all cases of one attempt together
UNATTEMPTED = "Nothing here yet: write your code in place of `raise NotImplementedError`."
UNFINISHED = "Not finished: `raise NotImplementedError` still stands in `{}`."


@dataclass(frozen=True)
class Draw:
    """An input that is drawn anew from a generator each time the case is used."""

    draw: Callable[[Generator], Any]


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0, dtype: torch.dtype = torch.float32) -> Draw:
    """Independent normal numbers of the given shape."""
    return Draw(lambda generator: shift + scale * torch.randn(shape, generator=generator, dtype=dtype))


class Case:
    """One set of inputs, by argument name; those that are a Draw are drawn, the others stand as they are.

    `grad` names the inputs whose gradients are compared too. Inputs that depend on each other are drawn
    together by `together(generator)`, which returns a dictionary.
    """

    def __init__(
        self,
        name: str,
        /,
        grad: Sequence[str] = (),
        together: Callable[[Generator], dict] = lambda generator: {},
        **inputs: Any,
    ):
        self.name, self.grad, self._together, self._inputs = name, tuple(grad), together, inputs

    def inputs(self, generator: Generator) -> dict[str, Any]:
        drawn = {
            name: value.draw(generator) if isinstance(value, Draw) else value for name, value in self._inputs.items()
        }
        return drawn | self._together(generator)


@dataclass(frozen=True)
class Mistake:
    """A wrong program that people write, and the sentence that would help who wrote it."""

    program: Callable
    sentence: str

    @property
    def name(self) -> str:
        return self.program.__name__.strip("_")


@dataclass(frozen=True)
class Verdict:
    """What became of an attempt: its status, a message to the reader, and what it rests on.

    `mistake` names the known mistake that gave the same answers; `case` the case that failed; `evidence` holds
    what to show of it, as (label, text) pairs. `values_agree` when nothing but a gradient differs.
    """

    status: Literal["passed", "failed", "not attempted"]
    message: str
    mistake: str | None = None
    case: str | None = None
    evidence: tuple[tuple[str, str], ...] = ()
    values_agree: bool = False

    @property
    def passed(self) -> bool:
        return self.status == "passed"


@dataclass(frozen=True, eq=False)
class Trial:
    """A case with its inputs drawn and the reference's outcome on them."""

    case: Case
    inputs: dict[str, Any]
    cotangent_seed: int
    expected: Outcome

    @property
    def size(self) -> tuple[int, int]:
        """How much a reader has to look at: the number of inputs, then of numbers in them."""
        return len(self.inputs), sum(value.numel() for value in self.inputs.values() if isinstance(value, Tensor))


@dataclass(frozen=True, eq=False)
class Exercise:
    """A reference program, the cases it is compared on, correct variants, and known mistakes.

    A function is called with the inputs of a case. A class, or a function whose arguments are not plain data, has a
    `probe(attempt, **inputs)`, one of utils.attempts.probes, that uses it and returns what is to be compared.
    The points are for an attempt that passes; `points_for_values` of them remain when only a gradient differs.
    """

    reference: Callable
    cases: Sequence[Case]
    variants: Sequence[Callable]
    mistakes: Sequence[Mistake]
    points: int = 1
    points_for_values: int = 0
    probe: Callable[..., Any] | None = None
    name: str = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "name", self.reference.__name__)

    def assess(self, attempt: Any, seed: int = 0) -> Verdict:
        """Compare the attempt with the reference on every case, its random inputs drawn from the seed. Never raises."""
        if isinstance(self.reference, type) != isinstance(attempt, type) or not callable(attempt):
            kind = "class" if isinstance(self.reference, type) else "function"
            return Verdict("failed", f"Pass the {kind} {self.name} itself to the check; it was given {show(attempt)}.")
        trials, outcomes = self.trials(seed), []
        verdict = self.verdict(trials, self._attempts(attempt, trials, outcomes))
        if verdict.case is None:
            return verdict
        shown = next(i for i, trial in enumerate(trials) if trial.case.name == verdict.case)
        return replace(verdict, evidence=self._evidence(trials[shown], outcomes[shown]))

    def mark(self, verdict: Verdict) -> int:
        """The points that a verdict earns."""
        return self.points if verdict.passed else self.points_for_values if verdict.values_agree else 0

    def verdict(self, trials: Sequence[Trial], attempted: Iterable[Outcome]) -> Verdict:
        """What the outcomes of an attempt amount to, one for each trial; asks for no more of them than it needs."""
        outcomes = []
        for outcome in attempted:
            outcomes.append(outcome)
            place = outcomes[-1].unattempted
            if place:
                begun = isinstance(self.reference, type) and place != "__init__"
                return Verdict("not attempted", UNFINISHED.format(place) if begun else UNATTEMPTED)
            if outcomes[-1].stopped:
                break
        failing = [i for i, outcome in enumerate(outcomes) if _disagreement(trials[i].expected, outcome)]
        if not failing:
            return Verdict("passed", f"{len(trials)} cases agree.")
        shown = min(failing, key=lambda i: (outcomes[i].stopped, trials[i].size))
        mistake = self._recognise(outcomes, trials, failing, shown)
        trial, outcome = trials[shown], outcomes[shown]
        message = mistake.sentence if mistake else _disagreement(trial.expected, outcome)
        name = mistake and mistake.name
        values_agree = not any(_value_disagreement(trials[i].expected, outcomes[i]) for i in failing)
        return Verdict("failed", message, name, trial.case.name, values_agree=values_agree)

    @functools.lru_cache(maxsize=64)  # noqa: B019 - exercises live as long as the process
    def trials(self, seed: int) -> tuple[Trial, ...]:
        """Each case with inputs drawn from the seed and the reference's own outcome."""
        return tuple(self._trial(case, 1000 * seed + i) for i, case in enumerate(self.cases))

    @functools.cached_property
    def usage(self) -> Usage:
        """How the course uses an attempt: required arguments in order, optional ones by name."""
        if self.probe:
            return Usage(probe=self.probe.__name__)
        parameters = inspect.signature(self.reference).parameters.values()
        return Usage(in_order=tuple(p.name for p in parameters if p.default is p.empty))

    def _trial(self, case: Case, seed: int) -> Trial:
        generator = Generator().manual_seed(seed)
        with torch_as_usual():
            inputs = case.inputs(generator)
            cotangent_seed = torch.randint(2**62, (), generator=generator).item()
        expected = run(functools.partial(self.usage, self.reference), inputs, case.grad, cotangent_seed)
        if expected.error or expected.changed:
            raise ValueError(f"the reference of {self.name} fails on {case.name!r}: {expected}")
        return Trial(case, inputs, cotangent_seed, expected)

    def _attempts(self, attempt: Callable, trials: Sequence[Trial], kept: list[Outcome]) -> Iterator[Outcome]:
        end = time.monotonic() + SECONDS
        for trial in trials:
            kept.append(self._run(attempt, trial, max(0.01, end - time.monotonic())))
            yield kept[-1]

    def _run(self, program: Callable, trial: Trial, seconds: float = SECONDS) -> Outcome:
        return run(functools.partial(self.usage, program), trial.inputs, trial.case.grad, trial.cotangent_seed, seconds)

    def _recognise(
        self, outcomes: list[Outcome], trials: Sequence[Trial], failing: list[int], shown: int
    ) -> Mistake | None:
        """The mistake that answers like the attempt on the case shown, on a third of all at least, and on most of them.

        An error says little (many programs raise the same), so one that raises has to agree on every case.
        """
        best, most = None, 0
        for mistake in self.mistakes:
            if not _alike(self._made(mistake, trials[shown]), outcomes[shown]):
                continue
            alike = [_alike(self._made(mistake, trials[i]), outcome) for i, outcome in enumerate(outcomes)]
            agreement = sum(alike) + len(trials) * sum(alike[i] for i in failing)
            known = all(alike) if outcomes[shown].error else 3 * sum(alike) >= len(trials)
            if known and agreement > most:
                best, most = mistake, agreement
        return best

    @functools.lru_cache(maxsize=8192)  # noqa: B019 - a class that is marked makes the same mistakes on the same inputs
    def _made(self, mistake: Mistake, trial: Trial) -> Outcome:
        return self._run(mistake.program, trial)

    def _evidence(self, trial: Trial, outcome: Outcome) -> tuple[tuple[str, str], ...]:
        pairs = [(name, show(value)) for name, value in trial.inputs.items()]
        pairs.append(("expected", show(trial.expected.value)))
        pairs.append(("yours", outcome.traceback if outcome.error else show(outcome.value)))
        if outcome.printed:
            pairs.append(("printed", outcome.printed))
        return tuple(pairs)


def _disagreement(expected: Outcome, got: Outcome) -> str | None:
    """A sentence on what differs first between two outcomes, or None."""
    return _value_disagreement(expected, got) or _gradient_disagreement(expected.gradients, got.gradients)


def _value_disagreement(expected: Outcome, got: Outcome) -> str | None:
    if got.stopped:
        return f"Still running after {SECONDS:g} seconds, so it was stopped. Is there a loop that never ends?"
    if got.error:
        return f"Your code raised {got.error.rstrip('.')}."
    if got.changed:
        names = " and ".join(f"`{name}`" for name in got.changed)
        return f"Your code changes its input {names}. Work on a new tensor: whoever called you still needs the old one."
    return difference(expected.value, got.value)


def _gradient_disagreement(expected: dict[str, Tensor | None], got: dict[str, Tensor | None]) -> str | None:
    for name, gradient in expected.items():
        if _is_zero(gradient) and _is_zero(got.get(name)):
            continue
        if got.get(name) is None:
            return (
                f"The values are right, but no gradient reaches `{name}`: something cut the graph "
                "(detach, item, numpy, or a new tensor made from numbers)."
            )
        wrong = difference(torch.zeros_like(got[name]) if gradient is None else gradient, got[name], "it")
        if wrong:
            return f"The values are right; the gradient for `{name}` is not. {wrong}"
    return None


def _is_zero(gradient: Tensor | None) -> bool:
    return gradient is None or not gradient.any()


def _alike(one: Outcome, other: Outcome) -> bool:
    """Whether two programs did the same: the same error, or the same changes, values and gradients."""
    if one.error and other.error:
        return one.error == other.error
    return (
        not (one.error or other.error)
        and one.changed == other.changed
        and difference(one.value, other.value) is None
        and one.gradients.keys() == other.gradients.keys()
        and _gradient_disagreement(one.gradients, other.gradients) is None
        and all((one.gradients[name] is None) == (other.gradients[name] is None) for name in one.gradients)
    )
