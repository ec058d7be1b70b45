"""Whatever frames a runner sends, a wrong program earns nothing, and the judge gives a mark."""

import functools
import json
import time

import nbformat
import pytest
import torch
from handed_in import as_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils import exercises
from utils.attempts import Raised, Returned, Stopped, Usage, run
from utils.grading import answers, judge, notebook
from utils.grading.inside import wire
from utils.grading.inside.runner import as_data
from utils.grading.inside.wire import Malformed
from utils.grading.inside.zygote import ENDED
from utils.grading.kinds import Kind
from utils.grading.sandbox import Runner

pytestmark = pytest.mark.repository

SEED, SECONDS = 9, 0.3
CHAPTER = {name: chapter for chapter in notebook.names() for name in notebook.chapter(chapter).blanks}
NAMES = ["double", "softmax", "soft_lookup", "BahdanauAttention"]
OTHER_SEED = {name: exercises.get(name).trials(SEED + 1) for name in NAMES}


class Peer:
    """A runner's side of the socket, in this thread: a program's honest answers, and what `spoil` makes of each frame.

    spoil(token, answer, case) gives the bytes to be sent; an exception of its own ends the runner.
    """

    def __init__(self, exercise, program, spoil):
        self.exercise, self.program, self.spoil = exercise, program, spoil
        self.case, self.buffer = -1, b""  # -1: the cells

    def sendall(self, frame):
        words, _ = wire.LENGTHS.unpack_from(frame)
        body = frame[wire.LENGTHS.size :]
        token, question = wire.decode(body[:words], body[words:])
        self.buffer += self.spoil(token, self.honest(question), self.case)
        self.case += 1

    def honest(self, question):
        if self.case < 0:
            wanted = "class" if isinstance(self.exercise.reference, type) else "function"
            return {"is": wanted, "problems": [], "lost": []}
        call = functools.partial(Usage(**question["usage"]), self.program)
        return as_data(run(call, question["inputs"], question["grad"], question["cotangent"], question["seconds"]))

    def recv(self, count):
        if not self.buffer:
            raise TimeoutError  # nothing more comes
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def settimeout(self, seconds):
        pass

    def close(self):
        pass


class Gone:
    """The supervisor's side: it says that the runner has ended by itself."""

    def settimeout(self, seconds):
        pass

    def recv(self, count):
        return ENDED.pack(0)

    def close(self):
        pass


class Box:
    """A sandbox whose runners are Peers."""

    trusted = False

    def __init__(self, *of_a_peer):
        self.of_a_peer = of_a_peer

    def runner(self):
        return Runner(Peer(*self.of_a_peer), Gone())


def mark(name, program, spoil, seconds=SECONDS):
    exercise = exercises.get(name)
    cell = nbformat.v4.new_code_cell(f"{name} = None", id=f"ex-{name}")
    work = as_bytes(nbformat.v4.new_notebook(cells=[cell]))
    marks = judge.grade(work, CHAPTER[name], Box(exercise, program, spoil), SEED, seconds)
    return next(mark for mark in marks.marks if mark.exercise == name)


def frame(tree):
    return wire.encode(tree)


def honest(token, answer, case):
    return frame((token, answer))


@pytest.mark.parametrize("name", NAMES)
def test_honest_frames_of_a_right_program_have_full_marks(name):
    exercise = exercises.get(name)
    assert mark(name, exercise.reference, honest, seconds=60).points == exercise.points


@pytest.mark.parametrize("name", NAMES)
def test_frames_of_a_right_program_on_other_inputs_earn_nothing(name):
    def recorded(token, answer, case):
        return frame((token, answer if case < 0 else as_data(OTHER_SEED[name][case].expected)))

    assert mark(name, None, recorded, seconds=60).points == 0


LATE = {
    "an empty error": {"value": torch.ones(3) / 3, "changed": (), "gradients": {}, "error": ""},
    "no error": {"error": "", "unattempted": None},
    "an error": {"error": "ValueError", "unattempted": None},
    "nothing yet": {"error": "NotImplementedError", "unattempted": "softmax"},
    "the right answer": None,
    "it was stopped": {"stopped": True},
    "no answer at all": 3,
}


@pytest.mark.parametrize("said", LATE)
@pytest.mark.parametrize("case", [0, 1, 5])
def test_a_late_answer_ends_it_whatever_it_says(said, case):
    def late(token, answer, place):
        if place == case:
            time.sleep(SECONDS + 0.1)
            return frame((token, LATE[said] or answer))
        return frame((token, answer))

    marked = mark("softmax", exercises.get("softmax").reference, late)
    assert (marked.points, marked.status) == (0, "failed")


@pytest.mark.parametrize("case", [0, 1, 5])
def test_a_frame_answers_its_own_question_only(case):
    """Sent ahead, sent twice, kept back for one: each time all the answers themselves are right."""
    first = []

    def ahead(token, answer, place):
        return frame((token, answer)) * (1 + (place == case))

    def kept(token, answer, place):
        first.append((token, answer))
        return frame(first[-2] if place > case else first[-1])

    def without(token, answer, place):
        return frame(answer if place == case else (token, answer))

    for spoil in (ahead, kept, without):
        first.clear()
        marked = mark("softmax", exercises.get("softmax").reference, spoil, seconds=60)
        assert (marked.points, marked.kind) == (0, Kind.NO_ANSWER), spoil


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.floats(),
        st.sampled_from(["", "error", "softmax", "__init__", "scores", "value", "NameError: name 'F' is not defined"]),
        st.builds(lambda n: torch.arange(float(n)), st.integers(0, 4)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(
            st.sampled_from(["value", "error", "stopped", "unattempted", "changed", "gradients", "is", "scores", 3]),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=8,
)


WAYS = ["honest"] * 6 + ["edit", "edit", "other", "again", "bytes", "ahead", "half", "late", "silent"]


def spoiled(data, earlier):
    """A spoiler that draws what becomes of each frame."""

    def spoil(token, answer, case):
        kind = data.draw(st.sampled_from(WAYS))
        whole = (token, answer)
        earlier.append(whole)
        if kind == "edit":
            key = data.draw(st.sampled_from([*answer, "error", "value", "more"]))
            edited = dict(answer)
            if data.draw(st.booleans()):
                edited.pop(key, None)
            else:
                edited[key] = data.draw(values)
            return frame((token, edited))
        if kind == "other":
            return frame(data.draw(st.sampled_from([(token, data.draw(values)), data.draw(values)])))
        if kind == "again":
            return frame(data.draw(st.sampled_from([earlier[0], (token, earlier[0][1]), (earlier[-1][0], answer)])))
        if kind == "bytes":
            sent = bytearray(frame(whole))
            for _ in range(data.draw(st.integers(1, 3))):
                sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
            return bytes(sent)
        if kind == "ahead":
            return frame(whole) + frame((token, data.draw(values)))
        if kind == "half":
            return frame(whole)[: data.draw(st.integers(0, 30))]
        if kind == "late":
            time.sleep(SECONDS + 0.02)
        if kind == "silent":
            raise OSError("it hung up")
        return frame(whole)

    return spoil


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_frames_whatever_change_the_mark_of_a_wrong_program(name, data):
    mistakes = exercises.get(name).mistakes
    program = data.draw(st.sampled_from([mistake.program for mistake in mistakes]))
    marked = mark(name, program, spoiled(data, []))
    wrong = exercises.get(name).assess(program, SEED)
    assert marked.points <= (0 if not wrong.values_agree else exercises.get(name).points_for_values)
    assert marked.kind is not Kind.PASSED
    assert json.dumps(marked.message)


TRIAL = next(trial for trial in exercises.get("softmax").trials(SEED) if trial.case.grad)
STUBS = ["softmax", "forward"]
RIGHT = {"value": torch.ones(3), "changed": (), "gradients": {}}


def test_what_a_runner_says_is_parsed():
    given = {name: torch.zeros_like(TRIAL.inputs[name]) for name in TRIAL.case.grad}
    with_gradients = answers.outcome(RIGHT | {"gradients": given}, TRIAL, STUBS)
    assert isinstance(with_gradients, Returned) and with_gradients.gradients.keys() == given.keys() != set()
    assert answers.outcome(RIGHT | {"value": 3, "gradients": given}, TRIAL, STUBS) == Returned(value=3)
    assert answers.outcome({"error": "E: x", "unattempted": None}, TRIAL, STUBS) == Raised(error="E: x")
    assert answers.outcome({"error": "E", "unattempted": "forward"}, TRIAL, STUBS).unattempted == "forward"
    assert answers.outcome({"error": "E", "unattempted": "LEAK 0.123"}, TRIAL, STUBS).unattempted is None
    assert answers.outcome({"stopped": True}, TRIAL, STUBS) == Stopped()


@pytest.mark.parametrize(
    "answer",
    [
        None,
        3,
        {},
        [],
        {"error": "", "unattempted": None},
        {"error": None, "unattempted": None},
        {"error": "E"},
        {"error": "E", "unattempted": 3},
        {"error": "E", "unattempted": None, "value": 1},
        {"error": "E", "unattempted": None, "stopped": True},
        {"stopped": False},
        {"stopped": 1},
        {"stopped": True, "error": "E"},
        RIGHT | {"error": ""},
        RIGHT | {"stopped": False},
        {"value": 1, "changed": ()},
        RIGHT | {"changed": ["scores"]},
        RIGHT | {"changed": ("scores", "scores")},
        RIGHT | {"changed": ("other",)},
        RIGHT | {"changed": ([],)},
        RIGHT | {"gradients": {"other": None}},
        RIGHT | {"gradients": {"scores": 3}},
        RIGHT | {"gradients": {"scores": torch.ones(1, 1, 1, 1)}},
        RIGHT | {"gradients": []},
    ],
    ids=repr,
)
def test_what_contradicts_itself_is_no_answer(answer):
    with pytest.raises(Malformed):
        answers.outcome(answer, TRIAL, STUBS)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"is": "function"},
        {"is": 3, "problems": [], "lost": []},
        {"is": "function", "problems": [3], "lost": []},
        {"is": "function", "problems": (), "lost": []},
        {"is": "function", "problems": [], "lost": [], "more": 1},
    ],
    ids=repr,
)
def test_what_says_nothing_of_cells_is_no_answer(answer):
    with pytest.raises(Malformed):
        answers.loaded(answer)
