"""The bank: correct programs pass, the stub is not attempted, every known mistake fails and is named as itself."""

import pytest

from utils import exercises

BANK = [exercises.get(name) for name in exercises.names()]
SEEDS = [0, 1, 2]


def each(kind):
    return [pytest.param(e, program, id=f"{e.name}-{name}") for e in BANK for name, program in kind(e)]


def stub_of(exercise):
    def stub(*args, **kwargs):
        raise NotImplementedError

    if isinstance(exercise.reference, type):
        return type(exercise.name, (), {"__init__": stub})
    return stub


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("exercise", "program"), each(lambda e: [("reference", e.reference)] + [(v.__name__, v) for v in e.variants])
)
def test_correct_programs_pass(exercise, program, seed):
    verdict = exercise.assess(program, seed)
    assert verdict.passed, f"{verdict.case}: {verdict.message}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("exercise", "mistake"), each(lambda e: [(m.name, m) for m in e.mistakes]))
def test_each_mistake_fails_and_is_named(exercise, mistake, seed):
    verdict = exercise.assess(mistake.program, seed)
    assert verdict.status == "failed"
    assert (verdict.mistake, verdict.message) == (mistake.name, mistake.sentence)
    assert verdict.case in [case.name for case in exercise.cases]


@pytest.mark.parametrize("exercise", BANK, ids=exercises.names())
def test_the_stub_is_not_attempted(exercise):
    assert exercise.assess(stub_of(exercise)).status == "not attempted"


@pytest.mark.parametrize("exercise", BANK, ids=exercises.names())
def test_an_exercise_is_complete(exercise):
    assert len(exercise.variants) >= 2
    assert len(exercise.mistakes) >= 4
    assert len({mistake.name for mistake in exercise.mistakes}) == len(exercise.mistakes)
    assert all(mistake.sentence.rstrip().endswith((".", "?")) for mistake in exercise.mistakes)
    assert exercise.reference.__doc__


def test_an_unknown_name_is_answered_with_close_ones():
    with pytest.raises(KeyError, match="'softmx'.*softmax"):
        exercises.get("softmx")
