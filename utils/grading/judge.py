"""Marks a notebook: sends inputs to runners and compares their answers here, in the one process that knows verdicts."""

import builtins
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from utils import exercises
from utils.attempts import Outcome
from utils.exercises import Exercise, Verdict
from utils.exercises.compare import difference
from utils.exercises.exercise import Trial

from . import notebook
from .inside.runner import ANSWER
from .inside.wire import Malformed, TooLarge
from .marks import Mark, Marks, NotGraded
from .notebook import Answers, Chapter
from .report import printable
from .sandbox import Died, Runner, Sandbox, SandboxFailure

SECONDS = 5.0  # for all cases of one exercise together, as in a notebook
GRACE = 1.0  # seconds after which a runner that should have stopped by itself is stopped
TOO_LONG = Outcome(error="TimeLimit", stopped=True)
TRIES = 3  # at one exercise, when the sandbox fails


def grade(content: bytes, file_name: str, sandbox: Sandbox, seed: int, seconds: float = SECONDS) -> Marks:
    """The marks of a notebook, its hidden cases drawn from the seed. Raises NotGraded.

    An exercise may use another's answer. One that did not pass is replaced by the course's own for those after it, as
    its check does in the notebook.
    """
    try:
        cells = notebook.read(content)
        chapter, odd = notebook.chapter_of(cells, file_name)
    except notebook.Unreadable as error:
        raise NotGraded(f"{error}.") from None
    answers = notebook.answers(cells, chapter)
    marks, instead = [], {}
    for name in chapter.blanks:
        mark = _tried_again(chapter, answers, name, instead, sandbox, seed, seconds)
        marks.append(mark)
        if mark.status != "passed":
            instead[name] = chapter.solutions[name]
    return Marks(chapter.name, tuple(marks), (*odd, *answers.warnings), not sandbox.trusted)


def _tried_again(
    chapter: Chapter, answers: Answers, name: str, instead: dict[str, str], sandbox: Sandbox, seed: int, seconds: float
) -> Mark:
    exercise = exercises.get(name)
    if name not in answers.places:
        return Mark(name, "failed", 0, exercise.points, "No cell of the notebook defines it.")
    for attempt in range(TRIES):
        try:
            runner = sandbox.runner()
            try:
                return _mark(exercise, answers.program(name, instead), chapter.blanks[name], runner, seed, seconds)
            finally:
                runner.close()
        except SandboxFailure as failure:
            if attempt == TRIES - 1:
                raise NotGraded(f"{name}: {failure}, {TRIES} times.") from failure
    raise AssertionError


def _mark(exercise: Exercise, program: dict[str, Any], blank: str, runner: Runner, seed: int, seconds: float) -> Mark:
    wrong = _load(exercise, program, runner, seconds)
    if wrong:
        return Mark(exercise.name, "failed", 0, exercise.points, wrong)
    trials, outcomes = exercise.trials(seed), []
    stubs = re.findall(r"def (\w+)", blank)
    verdict = exercise.verdict(trials, _outcomes(exercise, trials, stubs, runner, seconds, outcomes))
    message = _for_a_student(verdict, trials, outcomes, seconds)
    return Mark(exercise.name, verdict.status, exercise.mark(verdict), exercise.points, message)


def _load(exercise: Exercise, program: dict[str, Any], runner: Runner, seconds: float) -> str | None:
    """Give a runner the notebook's cells; what is wrong with what came of it, or None."""
    try:
        answer = runner.ask(program | {"seconds": seconds}, time.monotonic() + seconds + GRACE)
    except TimeoutError:
        return f"Its cell did not come to an end within {seconds:g} seconds."
    except Died as end:
        return f"While its cell ran, {end}."
    except TooLarge as error:
        raise NotGraded(f"There is more code in it than is read: {error}.") from None
    except Malformed as error:
        return f"Its cell did not answer as a cell does: {printable(str(error))}."
    if not isinstance(answer, dict):
        return "Its cell did not answer as a cell does."
    wanted = "class" if isinstance(exercise.reference, type) else "function"
    if answer.get("is") == wanted:
        return None
    problems = answer.get("problems")
    first = f" It raised {printable(str(problems[0]))}." if isinstance(problems, list) and problems else ""
    return f"Its cell defines no {wanted} `{exercise.name}`.{first}"


def _outcomes(
    exercise: Exercise, trials: Sequence[Trial], stubs: list[str], runner: Runner, seconds: float, kept: list[Outcome]
) -> Iterator[Outcome]:
    """The attempt's outcome for each trial, until one is the last: the runner has stopped or died."""
    end = time.monotonic() + seconds
    for trial in trials:
        question = {
            "usage": {"probe": exercise.usage.probe, "in_order": exercise.usage.in_order},
            "inputs": trial.inputs,
            "grad": trial.case.grad,
            "cotangent": trial.cotangent_seed,
            "seconds": max(0.01, end - time.monotonic()),
        }
        last = True
        try:
            outcome = _outcome(runner.ask(question, end + GRACE), trial, stubs)
            last = time.monotonic() > end
        except TimeoutError:
            outcome = TOO_LONG
        except Died as death:
            outcome = Outcome(error=f"{Died.__name__}: {death}")
        except Malformed as error:
            outcome = Outcome(error=f"{Malformed.__name__}: {error}")
        kept.append(TOO_LONG if last and outcome.error is None else outcome)
        yield kept[-1]
        if last:
            return


def _outcome(answer: Any, trial: Trial, stubs: list[str]) -> Outcome:
    """A runner's answer as an outcome. Raises Malformed if it is not what a runner says that was left alone."""
    if not isinstance(answer, dict) or answer.keys() != set(ANSWER):
        raise Malformed("no outcome")
    texts = [answer["error"], answer["unattempted"]]
    if not all(text is None or isinstance(text, str) for text in texts) or not isinstance(answer["stopped"], bool):
        raise Malformed("no outcome")
    changed, gradients = answer["changed"], answer["gradients"]
    if not isinstance(changed, tuple) or not isinstance(gradients, dict):
        raise Malformed("no outcome")
    if not all(isinstance(name, str) and name in trial.inputs for name in (*changed, *gradients)):
        raise Malformed("no outcome")
    for name, gradient in gradients.items():
        if name not in trial.case.grad or not (gradient is None or _fits(gradient, trial.inputs[name])):
            raise Malformed("no gradient")
    known = answer["unattempted"] if answer["unattempted"] in stubs else None  # a name may be made to tell anything
    return Outcome(**answer | {"unattempted": known})


def _fits(gradient: Any, given: Tensor) -> bool:
    return isinstance(gradient, Tensor) and (gradient.shape, gradient.dtype) == (given.shape, given.dtype)


def _for_a_student(verdict: Verdict, trials: Sequence[Trial], outcomes: list[Outcome], seconds: float) -> str:
    if verdict.passed:
        return "All cases agree."
    if verdict.status == "not attempted":
        return verdict.message
    place = next(i for i, trial in enumerate(trials) if trial.case.name == verdict.case)
    wrong = verdict.message if verdict.mistake else _what_is_wrong(trials[place].expected, outcomes[place], seconds)
    return f"{wrong} (In the case: {verdict.case}.)"


def _what_is_wrong(expected: Outcome, outcome: Outcome, seconds: float) -> str:
    """What kind of thing is wrong, and no more: an attempt's own words and numbers might tell its inputs."""
    if outcome.stopped:
        return f"It was still running after {seconds:g} seconds."
    if outcome.error:
        kind = outcome.error.split(":")[0]
        if kind == Died.__name__:
            return "It ended its own process instead of answering."
        if kind == TooLarge.__name__:
            return "Its answer is far too large."
        if kind == Malformed.__name__:
            return "What it answered is no answer."
        known = isinstance(getattr(builtins, kind, None), type) and issubclass(getattr(builtins, kind), BaseException)
        return f"It raised {kind if known else 'an error'}."
    if outcome.changed:
        return "It changes an input."
    return _what_differs(expected.value, outcome.value)


def _what_differs(expected: Any, got: Any) -> str:
    if got is None and expected is not None:
        return "It returns None."
    if not isinstance(expected, Tensor):
        return "Its answer is not the course's."
    if not isinstance(got, Tensor):
        return "Its answer is not a tensor."
    if got.shape != expected.shape:
        return "Its answer has another shape than the course's."
    if got.dtype != expected.dtype:
        return "Its answer holds another type of numbers than the course's."
    if difference(expected, got) is None:
        return "The values are right, a gradient is not."
    if (expected.isfinite() & ~got.isfinite()).any():
        return "Its answer has NaN or infinity where the course's has a number."
    return "Its answer has other values than the course's."
