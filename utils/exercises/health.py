"""What keeps an exercise from being ready: programs that are not told apart, parts that are missing."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .exercise import Exercise

VARIANTS, MISTAKES = 2, 4  # at least


def problems(exercise: Exercise, seeds: Sequence[int] = (0, 1, 2)) -> Iterator[str]:
    """A sentence for each thing that is missing or wrong; none where the exercise is ready."""
    yield from incomplete(exercise)
    try:
        exercise.trials(seeds[0])
    except RuntimeError as error:
        yield f"{error}"
        return
    yield from too_few_drawn(exercise)
    status = exercise.assess(stub(exercise)).status
    if status != "not attempted":
        yield f"the stub is {status}, where it should be not attempted"
    for seed in seeds:
        found = list(misjudged(exercise, seed))
        yield from found
        if found:  # the other seeds would say the same again
            return


def incomplete(exercise: Exercise) -> Iterator[str]:
    """What of the exercise is missing, or there twice."""
    if not exercise.reference.__doc__:
        yield "the reference has no docstring"
    if exercise.reference in exercise.variants:
        yield "the reference stands among its own variants"
    for kind, parts, least in (
        ("cases", [case.name for case in exercise.cases], 1),
        ("variants", [getattr(variant, "__name__", "<lambda>") for variant in exercise.variants], VARIANTS),
        ("mistakes", [mistake.name for mistake in exercise.mistakes], MISTAKES),
    ):
        if "<lambda>" in parts:
            yield f"one of the {kind} has no name: write it as a function or a class"
        if len(parts) < least:
            yield f"there should be at least {least} {kind}; it has {len(parts)}"
        if len(set(parts)) < len(parts):
            yield f"two {kind} are called {next(name for name in parts if parts.count(name) > 1)!r}"
    for mistake in exercise.mistakes:
        if not any(map(str.isalpha, mistake.sentence)):
            yield f"mistake {mistake.name} has no sentence"
        elif not mistake.sentence.rstrip().endswith((".", "?")):
            yield f"the sentence of {mistake.name} does not end"


def too_few_drawn(exercise: Exercise) -> Iterator[str]:
    """So that a recorded answer is wrong for most: half of the cases have to vary with the seed."""
    told = [[repr(trial.expected) for trial in exercise.trials(seed)] for seed in range(10, 16)]
    fixed = [case.name for case, *each in zip(exercise.cases, *told, strict=True) if len(set(each)) == 1]
    if 2 * len(fixed) > len(exercise.cases):
        yield f"most cases are the same for every seed; draw some of: {', '.join(map(repr, fixed))}"


def misjudged(exercise: Exercise, seed: int) -> Iterator[str]:
    """Right programs that do not pass on the seed's inputs, and mistakes that are not named as themselves."""
    for program in (exercise.reference, *exercise.variants):
        verdict = exercise.assess(program, seed)
        if not verdict.passed:
            yield f"{program.__name__} fails on {verdict.case!r}, seed {seed}: {verdict.message}"
    for mistake in exercise.mistakes:
        verdict = exercise.assess(mistake.program, seed)
        if verdict.passed:
            yield f"mistake {mistake.name} passes, seed {seed}: no case shows it"
        elif verdict.mistake is None:
            yield f"mistake {mistake.name} is not named, seed {seed}: told is {verdict.message!r}"
        elif verdict.mistake != mistake.name:
            yield f"mistake {mistake.name} is named {verdict.mistake}, seed {seed}: no case tells the two apart"


def stub(exercise: Exercise) -> Callable:
    """The exercise as it is handed out."""

    def blank(*arguments: Any, **named: Any) -> Any:
        raise NotImplementedError

    return type(exercise.name, (), {"__init__": blank}) if isinstance(exercise.reference, type) else blank
