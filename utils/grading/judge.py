"""Marks a notebook: sends inputs to runners and compares their answers here, in the one process that knows verdicts."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from utils import exercises
from utils.attempts import Outcome, Raised, Stopped, Unanswered
from utils.attempts.limits import TimeLimit, time_limit
from utils.exercises.exercise import Exercise, Trial, Verdict

from . import answers, notebook, verdicts
from .answers import Loaded
from .inside.wire import Malformed, TooLarge
from .kinds import Kind
from .marks import Mark, Marks, NotGraded
from .notebook import Answers, Chapter
from .sandbox import Died, Runner, Sandbox, SandboxFailure

SECONDS = 5.0  # for all cases of one exercise together, as in a notebook, and as much for its cells
GRACE = 1.0  # seconds after which a runner that should have stopped by itself is stopped
READING = 20.0  # seconds in which a file has to become cells
TRIES = 3  # at one exercise, when the sandbox fails
FORGOTTEN = re.compile("(NameError|AttributeError|KeyError|NotImplementedError)\\b")  # a cell left out may be missed
MISSING_NAME = re.compile(r"NameError: name '(\w+)' is not defined")
MISSING_COURSE = re.compile(r"(ImportError|ModuleNotFoundError|AttributeError): .*'utils\b")


def grade(content: bytes, file_name: str, sandbox: Sandbox, seed: int, seconds: float = SECONDS) -> Marks:
    """The marks of a notebook, its hidden cases drawn from the seed. Raises NotGraded.

    An exercise may use another's answer. One that did not pass is replaced by the course's own for those after it, as
    its check does in the notebook.
    """
    try:
        with time_limit(READING):  # a file can be made so that the patterns take minutes
            cells = notebook.read(content)
            chapter, odd = notebook.chapter_of(cells, file_name)
            answered = notebook.answers(cells, chapter)
    except notebook.Unreadable as error:
        raise NotGraded(f"{error}.") from None
    except TimeLimit:
        raise NotGraded(f"it takes more than {READING:g} seconds to be read.") from None
    examination = _Examination(chapter, answered, sandbox, seed, seconds)
    marks = tuple(examination.mark(name) for name in chapter.blanks)
    return Marks(chapter.name, marks, (*odd, *answered.warnings), not sandbox.trusted)


class _Budget:
    """The seconds that a notebook's programs may take together: enough for an endless loop in every exercise."""

    def __init__(self, seconds: float):
        self.left = seconds

    def ask(self, runner: Runner, question: dict[str, Any], end: float) -> Any:
        """Runner.ask, with the seconds in which it has to stop by itself, until the end or until nothing is left."""
        start = time.monotonic()
        end = min(end, start + self.left - GRACE)
        try:
            return runner.ask(question | {"seconds": max(0.01, end - start)}, end + GRACE)
        finally:
            self.left -= time.monotonic() - start


@dataclass(frozen=True)
class _Tried:
    """What an exercise's program came to, and whether it may have missed something that another cell does."""

    verdict: Verdict | None
    kind: Kind
    forgotten: bool = False

    def worth(self, exercise: Exercise) -> tuple:
        """Points first, then that it passed, for an exercise may have none, then that it can be told what is wrong."""
        points = exercise.mark(self.verdict) if self.verdict else 0
        return (points, self.kind is Kind.PASSED, self.kind is Kind.KNOWN)


class _Examination:
    """One notebook, exercise by exercise."""

    def __init__(self, chapter: Chapter, answered: Answers, sandbox: Sandbox, seed: int, seconds: float):
        self.chapter, self.answered, self.sandbox, self.seed, self.seconds = chapter, answered, sandbox, seed, seconds
        # one more than exercises: for what cells take beside an endless loop in each
        self.budget = _Budget((len(chapter.blanks) + 1) * (seconds + GRACE))
        self.instead: dict[str, str] = {}  # the course's own answers, for exercises that did not pass

    def mark(self, name: str) -> Mark:
        before = self.budget.left
        exercise = exercises.get(name)
        tried = self._tried(exercise)
        points, mistake, sentence = 0, None, None
        if tried.verdict:
            points, mistake = exercise.mark(tried.verdict), tried.verdict.mistake
            sentence = tried.verdict.message if mistake else None
        if tried.kind is not Kind.PASSED:
            self.instead[name] = self.chapter.solutions[name]
        seconds = round(before - self.budget.left, 1)
        return Mark(name, points, exercise.points, tried.kind, mistake, sentence, seconds)

    def _tried(self, exercise: Exercise) -> _Tried:
        """What its cells and what they use come to; if they miss something, all the cells above its check."""
        if exercise.name not in self.answered.places:
            return _Tried(None, Kind.MISSING)
        if self.answered.unread(exercise.name):
            return _Tried(None, Kind.UNREAD)
        tried = [self._asked(exercise, whole=False)]
        if tried[0].forgotten:
            tried.append(self._asked(exercise, whole=True))  # in a new process, which knows nothing of the first
        return max(tried, key=lambda one: one.worth(exercise))

    def _asked(self, exercise: Exercise, whole: bool) -> _Tried:
        program = self.answered.program(exercise.name, self.instead) | {"whole": whole}
        for _ in range(TRIES):
            if self.budget.left <= GRACE:
                return _Tried(None, Kind.NO_TIME)
            try:
                runner = self.sandbox.runner()
                try:
                    return self._asked_of(runner, exercise, program)
                finally:
                    runner.close()
            except SandboxFailure as error:
                failure = error
        raise NotGraded(f"{exercise.name}: {failure}, {TRIES} times.") from failure  # our failure: no zero

    def _asked_of(self, runner: Runner, exercise: Exercise, program: dict[str, Any]) -> _Tried:
        try:
            answer = self.budget.ask(runner, program, time.monotonic() + self.seconds)
            loaded = answers.loaded(answer)
        except TimeoutError:
            return _Tried(None, Kind.CELL_STOPPED)
        except Died:
            return _Tried(None, Kind.CELL_ENDED)
        except TooLarge as error:  # our own frame was; a kind of Malformed, so it comes first
            raise NotGraded(f"There is more code in it than is read: {error}.") from None
        except Malformed:
            return _Tried(None, Kind.NO_ANSWER)
        if loaded.defines != ("class" if isinstance(exercise.reference, type) else "function"):
            return _not_defined(loaded)
        trials = exercise.trials(self.seed)
        stubs = re.findall(r"def (\w+)", self.chapter.blanks[exercise.name])
        verdict = exercise.verdict(trials, self._outcomes(runner, exercise, trials, stubs))
        kind = verdicts.kind(verdict)
        if kind is Kind.RAISED and isinstance(verdict.outcome, Raised):
            words = verdict.outcome.error
            return _Tried(verdict, _or_borrowed(kind, [words], loaded), bool(FORGOTTEN.match(words)))
        return _Tried(verdict, kind)

    def _outcomes(
        self, runner: Runner, exercise: Exercise, trials: Sequence[Trial], stubs: list[str]
    ) -> Iterator[Outcome]:
        """The attempt's outcome for each trial, until one is the last: the runner has stopped, died or gone astray."""
        end = time.monotonic() + self.seconds
        for trial in trials:
            # all that a runner is told: nothing expected, and not the case's name
            question = {
                "usage": {"use": exercise.usage.use, "in_order": exercise.usage.in_order},
                "inputs": trial.inputs,
                "grad": trial.case.grad,
                "cotangent": trial.cotangent_seed,
            }
            try:
                outcome = answers.outcome(self.budget.ask(runner, question, end), trial, stubs)
            except TimeoutError:
                outcome = Stopped()
            except (Died, Malformed) as error:
                outcome = Unanswered(why=verdicts.END[type(error)].words)  # our words: a runner's might tell an input
            if time.monotonic() > end and not isinstance(outcome, Unanswered):
                outcome = Stopped()  # whatever it says, it says it too late
            yield outcome
            if isinstance(outcome, Stopped | Unanswered):
                return


def _not_defined(loaded: Loaded) -> _Tried:
    first = loaded.problems[0] if loaded.problems else ""
    if first.startswith(("SyntaxError", "IndentationError", "TabError")):
        return _Tried(None, Kind.SYNTAX)
    if first.startswith("TimeLimit"):
        return _Tried(None, Kind.CELL_STOPPED)
    kind = _or_borrowed(Kind.CELL_RAISED if first else Kind.UNDEFINED, loaded.problems, loaded)
    return _Tried(None, kind, any(map(FORGOTTEN.match, loaded.problems)))


def _or_borrowed(kind: Kind, errors: Sequence[str], loaded: Loaded) -> Kind:
    """That it uses `utils`, if it is a name from there that was missing."""
    missing = [found[1] for error in errors if (found := MISSING_NAME.match(error))]
    return Kind.BORROWED if set(missing) & set(loaded.lost) or any(map(MISSING_COURSE.match, errors)) else kind
