"""What outcomes amount to: a verdict, its points, what is told of it."""

import pytest

from utils import exercises
from utils.attempts import Raised, Returned, Stopped, Unanswered
from utils.exercises.exercise import Verdict

BANK = [exercises.get(name) for name in exercises.names()]


@pytest.mark.parametrize("exercise", BANK, ids=exercises.names())
def test_a_table_of_recorded_answers_earns_nothing(exercise):
    """The reference's own outcomes, case by case, of other cases of the same names."""
    recorded, trials = exercise.trials(21), exercise.trials(22)
    verdict = exercise.verdict(trials, [trial.expected for trial in recorded])
    assert exercise.mark(verdict) == 0
    assert exercise.mark(exercise.verdict(trials, [trial.expected for trial in trials])) == exercise.points


@pytest.mark.parametrize("exercise", BANK, ids=exercises.names())
def test_nothing_passes_on_fewer_outcomes_than_cases(exercise):
    trials = exercise.trials(3)
    right = [trial.expected for trial in trials]
    ends = [[], [Stopped()], [Unanswered(why="it ended its process")], [Raised(error="ValueError")]]
    for count in {0, 1, len(right) // 2, len(right) - 1}:
        for end in ends:
            verdict = exercise.verdict(trials, [*right[:count], *end])
            assert verdict.status == "failed" and exercise.mark(verdict) == 0
            assert (verdict.cases, verdict.agreed) == (len(trials), count)


def test_outcomes_beyond_the_cases_are_not_asked_for():
    exercise = exercises.get("softmax")
    trials = exercise.trials(3)

    def outcomes():
        yield from (trial.expected for trial in trials)
        raise AssertionError("one more was asked for")

    assert exercise.verdict(trials, outcomes()).passed


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict("nothing was tried"),
        Verdict("no case", 0, 0),
        Verdict("one is missing", 3, 2),
        Verdict("nothing there", 3, 3, attempted=False),
    ],
    ids=lambda verdict: verdict.message,
)
def test_a_verdict_has_passed_when_all_its_cases_agree_and_never_else(verdict):
    assert not verdict.passed
    assert Verdict("all agree", 3, 3).status == "passed"


def test_what_ends_a_program_is_told_where_nothing_else_is_wrong():
    """Not the smallest of the cases that were not asked any more."""
    exercise = exercises.get("softmax")
    trials = exercise.trials(3)
    verdict = exercise.verdict(trials, [*(trial.expected for trial in trials[:4]), Stopped()])
    assert verdict.trial is trials[4] and "Still running" in verdict.message
    wrong = Returned(value=3)
    assert exercise.verdict(trials, [*[trials[0].expected, wrong], Stopped()]).trial is trials[1]


def test_an_unknown_name_is_answered_with_close_ones():
    with pytest.raises(KeyError, match="'softmx'.*softmax"):
        exercises.get("softmx")


def test_64_bits_by_way_of_32_are_told_apart():
    """Whatever the seed: the tolerance lies well below what 32 bits can hold, and well above what 64 bits lose."""
    exercise = exercises.get("softmax")
    for seed in range(20):
        verdict = exercise.assess(lambda scores, dim=-1: scores.float().softmax(dim).to(scores.dtype), seed)
        assert (verdict.status, verdict.case) == ("failed", "64-bit numbers")


@pytest.mark.parametrize("name", ["TransformerBlock", "LanguageModel", "soft_lookup"])
def test_where_nothing_but_a_gradient_is_wrong_a_part_of_the_points_remains(name):
    exercise = exercises.get(name)
    trials = exercise.trials(3)
    outcomes = [trial.expected for trial in trials]
    place = next(i for i, trial in enumerate(trials) if trial.case.of_gradients or trial.case.grad)
    right = trials[place].expected
    if trials[place].case.of_gradients:
        cut = Returned(value={part: None if part.startswith("gradient") else it for part, it in right.value.items()})
    else:
        cut = Returned(value=right.value, gradients=dict.fromkeys(right.gradients))
    ends = {"cut": cut, "stopped": Stopped(), "gone": Unanswered(why="gone")}
    marks = {
        end: exercise.mark(exercise.verdict(trials, [*outcomes[:place], it, *outcomes[place + 1 :]]))
        for end, it in ends.items()
    }
    assert marks["cut"] == exercise.points_for_values > 0
    assert marks["stopped"] == marks["gone"] == 0
