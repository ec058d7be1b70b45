"""An exercise as data: a reference, the inputs it is tried on, and the mistakes people make, written as code."""

import functools
import inspect
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from utils.attempts import Outcome, Raised, Returned, Stopped, Unanswered, Usage, run, torch_as_usual

from .agreement import SECONDS, alike, disagreement, value_disagreement
from .compare import only_what_differs, show
from .lots import generator

UNATTEMPTED = "Nothing here yet: write your code in place of `raise NotImplementedError`."
UNFINISHED = "Not finished: `raise NotImplementedError` still stands in `{}`."
NOT_ASKED = Unanswered(why="it was not asked any more")


@dataclass(frozen=True)
class Draw:
    """An input that is drawn anew from a generator each time the case is used."""

    draw: Callable[[Generator], Any]


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0, dtype: torch.dtype = torch.float32) -> Draw:
    """Independent normal numbers of the given shape."""
    return Draw(lambda generator: shift + scale * torch.randn(shape, generator=generator, dtype=dtype))


class Case:
    """One set of inputs, by argument name; those that are a Draw are drawn, the others stand as they are.

    `grad` names the inputs whose gradients are compared too; `of_gradients` says that the result is made of gradients,
    so that a program with right values may fail it. Inputs that depend on each other are drawn
    together by `together(generator)`, which returns a dictionary.
    """

    def __init__(
        self,
        name: str,
        /,  # so that an input may be called `name`
        grad: Sequence[str] = (),
        of_gradients: bool = False,
        together: Callable[[Generator], dict] = lambda generator: {},
        **inputs: Any,
    ):
        self.name, self.grad, self.of_gradients = name, tuple(grad), of_gradients
        self._together, self._inputs = together, inputs

    def inputs(self, generator: Generator) -> dict[str, Any]:
        drawn = {
            name: value.draw(generator) if isinstance(value, Draw) else value for name, value in self._inputs.items()
        }
        return drawn | self._together(generator)


@dataclass(frozen=True)
class Mistake:
    """A wrong program that people write, and the sentence that would help who wrote it."""

    name: str
    program: Callable
    sentence: str


class Mistakes(list[Mistake]):
    """An exercise's known mistakes. Of two that explain an attempt equally well, the first is told."""

    def add(self, name: str, program: Callable, sentence: str) -> None:
        """One more, whose program is said in an expression."""
        self.append(Mistake(name, program, sentence))

    def program(self, sentence: str) -> Callable[[Callable], Callable]:
        """Decorates one whose program takes several lines; it is named as the program is."""

        def added(program: Callable) -> Callable:
            self.add(program.__name__, program, sentence)
            return program

        return added


def replacing(whole: Callable) -> Callable[..., Callable]:
    """`but`, which makes the same program with some of its steps replaced: `but(scores=lambda query, key: …)`.

    The steps of a function are arguments with a default; those of a class are its methods and attributes.
    """
    if isinstance(whole, type):
        return lambda **steps: type(whole.__name__, (whole,), steps)
    return lambda **steps: functools.partial(whole, **steps)


@dataclass(frozen=True, eq=False)  # hashed as itself: what mistakes made is kept by trial
class Trial:
    """A case with its inputs drawn and the reference's outcome on them."""

    case: Case
    inputs: dict[str, Any]
    cotangent_seed: int
    expected: Returned

    @property
    def size(self) -> tuple[int, int]:
        """How much a reader has to look at: the number of inputs, then of numbers in them."""
        return len(self.inputs), sum(value.numel() for value in self.inputs.values() if isinstance(value, Tensor))


@dataclass(frozen=True)
class Verdict:
    """What became of an attempt: a message to the reader, and what it rests on.

    It has passed when it agrees with the reference in every one of the exercise's cases, and in no other way. `mistake`
    names the known mistake that gave the same answers; `trial` is a case that failed, and `outcome` what became of it.
    `values_agree` when nothing but a gradient differs.
    """

    message: str
    cases: int = 0
    agreed: int = 0
    attempted: bool = True
    mistake: str | None = None
    trial: Trial | None = None
    outcome: Outcome | None = None
    values_agree: bool = False

    @property
    def passed(self) -> bool:
        # counted: a verdict that rests on fewer outcomes than cases, or on none, cannot pass
        return self.attempted and 0 < self.cases == self.agreed

    @property
    def status(self) -> Literal["passed", "failed", "not attempted"]:
        return "passed" if self.passed else "failed" if self.attempted else "not attempted"

    @property
    def case(self) -> str | None:
        """The name of the case that failed."""
        return self.trial.case.name if self.trial else None

    @property
    def evidence(self) -> tuple[tuple[str, str], ...]:
        """What to show of the case that failed, as (label, text) pairs."""
        if self.trial is None or self.outcome is None:
            return ()
        pairs = [(name, show(value)) for name, value in self.trial.inputs.items()]
        expected, yours = self.trial.expected.value, None
        match self.outcome:
            case Returned(value=value):
                expected, value = only_what_differs(expected, value)
                yours = show(value)
            case Raised(traceback=lines) | Stopped(traceback=lines):
                yours = lines
        pairs.append(("expected", show(expected)))
        if yours is not None:
            pairs.append(("yours", yours))
        if self.outcome.printed:
            pairs.append(("printed", self.outcome.printed))
        return tuple(pairs)


@dataclass(frozen=True, eq=False)
class Exercise:
    """A reference program, the cases it is compared on, correct variants, and known mistakes.

    A function is called with the inputs of a case. A class, or a function whose arguments are not plain data, has a
    `use(attempt, **inputs)`, one of utils.attempts.uses, that returns what is to be compared.
    The points are for an attempt that passes; `points_for_values` of them remain when only a gradient differs.
    """

    reference: Callable
    cases: Sequence[Case]
    variants: Sequence[Callable]
    mistakes: Sequence[Mistake]
    points: int = 1
    points_for_values: int = 0
    use: Callable[..., Any] | None = None
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.reference.__name__)
        for mistake in self.mistakes:
            if isinstance(mistake.program, type):  # a learner's class has this name, and errors are told apart by words
                mistake.program.__name__ = mistake.program.__qualname__ = self.name

    def assess(self, attempt: Any, seed: int = 0) -> Verdict:
        """Compare the attempt with the reference on every case, its random inputs drawn from the seed.

        Raises RuntimeError if the reference itself fails, and nothing for what the attempt does.
        """
        if isinstance(self.reference, type) != isinstance(attempt, type) or not callable(attempt):
            kind = "class" if isinstance(self.reference, type) else "function"
            return Verdict(f"Pass the {kind} {self.name} itself to the check; it was given {show(attempt)}.")
        trials = self.trials(seed)
        return self.verdict(trials, self._attempts(attempt, trials))

    def mark(self, verdict: Verdict) -> int:
        """The points that a verdict earns."""
        return self.points if verdict.passed else self.points_for_values if verdict.values_agree else 0

    def verdict(self, trials: Sequence[Trial], attempted: Iterable[Outcome]) -> Verdict:
        """What the outcomes of an attempt at the trials amount to, in their order.

        No more of them are asked for than are needed. A trial without an outcome counts as a case that failed.
        """
        outcomes: list[Outcome] = []
        # trials come first: zip then asks for no outcome beyond the last of them
        for _, outcome in zip(trials, attempted):  # noqa: B905 - there may be fewer outcomes
            outcomes.append(outcome)
            if isinstance(outcome, Raised) and outcome.unattempted:
                # a class whose `__init__` is written is begun
                begun = isinstance(self.reference, type) and outcome.unattempted != "__init__"
                message = UNFINISHED.format(outcome.unattempted) if begun else UNATTEMPTED
                return Verdict(message, len(trials), attempted=False)
            if isinstance(outcome, Stopped | Unanswered):
                break
        outcomes += [NOT_ASKED] * (len(trials) - len(outcomes))
        sentences = [disagreement(trial.expected, outcome) for trial, outcome in zip(trials, outcomes, strict=True)]
        wrong = {i: sentence for i, sentence in enumerate(sentences) if sentence}
        agreed = len(trials) - len(wrong)
        if not wrong:
            return Verdict(f"{len(trials)} cases agree.", len(trials), agreed)
        shown = min(wrong, key=lambda i: _what_to_look_at(i, trials[i], outcomes[i]))
        mistake = self._recognise(outcomes, trials, wrong, shown)
        return Verdict(
            mistake.sentence if mistake else wrong[shown],
            len(trials),
            agreed,
            mistake=mistake.name if mistake else None,
            trial=trials[shown],
            outcome=outcomes[shown],
            values_agree=all(_values_agree(trials[i], outcomes[i]) for i in wrong),
        )

    # one cache for all exercises: a class that is graded needs a seed of each
    @functools.lru_cache(maxsize=64)  # noqa: B019 - exercises live as long as the process
    def trials(self, seed: int) -> tuple[Trial, ...]:
        """Each case with inputs drawn from the seed, all bits of which count, and the reference's own outcome."""
        return tuple(self._trial(case, generator(seed, self.name, case.name)) for case in self.cases)

    @functools.cached_property
    def usage(self) -> Usage:
        """How the course uses an attempt: required arguments in order, optional ones by name."""
        if self.use:
            return Usage.through(self.use)
        parameters = inspect.signature(self.reference).parameters.values()
        # by position, for a reader may call the arguments something else
        return Usage(in_order=tuple(p.name for p in parameters if p.default is p.empty))

    def _trial(self, case: Case, lot: Generator) -> Trial:
        with torch_as_usual():  # a notebook may have set another default dtype
            try:
                inputs = case.inputs(lot)
            except Exception as error:
                raise RuntimeError(f"case {case.name!r} of {self.name} cannot be drawn: {error}") from error
            cotangent_seed = int(torch.randint(2**62, (), generator=lot))
        reference = functools.partial(self.usage, self.reference)
        # no limit: PyTorch's first optimizer takes seconds to import, many on a busy machine
        expected = run(reference, inputs, case.grad, cotangent_seed, seconds=None)
        if not isinstance(expected, Returned):
            why = f"it raises {expected.error}" if isinstance(expected, Raised) else expected
            raise RuntimeError(f"the reference of {self.name} fails on {case.name!r}: {why}")
        if expected.changed:
            names = " and ".join(expected.changed)
            raise RuntimeError(f"the reference of {self.name} fails on {case.name!r}: it changes its input {names}")
        return Trial(case, inputs, cotangent_seed, expected)

    def _attempts(self, attempt: Callable, trials: Sequence[Trial]) -> Iterator[Outcome]:
        end = time.monotonic() + SECONDS
        for trial in trials:
            yield self._run(attempt, trial, max(0.01, end - time.monotonic()))  # 0 would switch the limit off

    def _run(self, program: Callable, trial: Trial, seconds: float = SECONDS) -> Outcome:
        return run(functools.partial(self.usage, program), trial.inputs, trial.case.grad, trial.cotangent_seed, seconds)

    def _recognise(
        self, outcomes: list[Outcome], trials: Sequence[Trial], failing: Collection[int], shown: int
    ) -> Mistake | None:
        """The mistake that answers like the attempt on the case shown, and best of all on the cases that fail.

        That has to be more than two thirds of them, and a third of all cases: a few of them may agree by chance.

        An error says little (many programs raise the same), so one that raises has to agree on every case.
        """
        best, most = None, 0
        # what was not asked speaks neither for a mistake nor against it
        known_by = [i for i, outcome in enumerate(outcomes) if not isinstance(outcome, Unanswered)]
        for mistake in self.mistakes:
            # its sentence is read beside this case, and has to explain it; so most mistakes are run once only
            if not alike(self._made(mistake, trials[shown]), outcomes[shown]):
                continue
            same = {i: alike(self._made(mistake, trials[i]), outcomes[i]) for i in known_by}
            # a failing case outweighs all others: where attempt and mistake are right they are alike anyway
            on_failing = sum(same.get(i, False) for i in failing)
            agreement = sum(same.values()) + len(trials) * on_failing
            returned = isinstance(outcomes[shown], Returned)
            # below a third it may be chance: where a size is one, say, different mistakes give the same
            enough = 3 * sum(same.values()) >= len(trials) and 3 * on_failing > 2 * len(failing)
            known = enough if returned else all(same.values())
            if known and agreement > most:  # of two as good, the first
                best, most = mistake, agreement
        return best

    @functools.lru_cache(maxsize=8192)  # noqa: B019 - a class that is marked makes the same mistakes on the same inputs
    def _made(self, mistake: Mistake, trial: Trial) -> Outcome:
        return self._run(mistake.program, trial)


def _what_to_look_at(place: int, trial: Trial, outcome: Outcome) -> tuple:
    """Sorts cases that failed: the smallest that was answered, else the first that was not."""
    # the first one ended the program, and the rest was never asked: its size tells nothing
    return (1, place) if isinstance(outcome, Stopped | Unanswered) else (0, *trial.size)


def _values_agree(trial: Trial, got: Outcome) -> bool:
    # one that was stopped or gave no answer has shown no values, and earns no part of the points
    if trial.case.of_gradients and isinstance(got, Returned | Raised):
        return True
    return value_disagreement(trial.expected, got) is None
