"""The judge: honest work has full marks, blanks none, mistakes their sentence; its own failures mark nobody down."""

import os
import re
import signal
import sys
from pathlib import Path

import nbformat
import pytest
from handed_in import ROOT, as_bytes, handed_in

from utils import exercises
from utils.grading import judge, notebook
from utils.grading.judge import grade
from utils.grading.marks import NotGraded
from utils.grading.sandbox import Sandbox

BANK = [exercises.get(name) for name in exercises.names()]
DEF = "def softmax(scores, dim=-1):\n"
CHAPTER_OF = {exercise: name for name in notebook.names() for exercise in notebook.chapter(name).blanks}


@pytest.mark.parametrize("seed", [0, 1, 2**48 - 1])
@pytest.mark.parametrize("chapter", notebook.names())
def test_the_solutions_have_full_marks(chapter, seed, sandbox):
    marks = grade((ROOT / "solutions" / f"{chapter}.ipynb").read_bytes(), "", sandbox, seed)
    assert [mark.exercise for mark in marks.marks if mark.status != "passed"] == []
    assert marks.score == marks.most > 0 and marks.sandboxed


@pytest.mark.parametrize("chapter", notebook.names())
def test_a_chapter_as_handed_out_has_none(chapter, sandbox):
    marks = grade((ROOT / "chapters" / f"{chapter}.ipynb").read_bytes(), "", sandbox, 5)
    assert marks.score == 0 and marks.warnings == ()
    assert {mark.status for mark in marks.marks} == {"not attempted"}


def program_of(exercise, variant):
    """A notebook whose cells are the bank's own: the variant in the exercise's place, all it uses in a cell above."""
    bank = Path(sys.modules[variant.__module__].__file__).read_text()
    used = ["bahdanau", "multi_head", "positions", "transformer"]
    helpers = ["attention/reference.py", *(f"models/{name}.py" for name in used)]
    body = "\n".join([*((ROOT / "utils" / helper).read_text() for helper in helpers), bank])
    body = re.sub(r"\b(reference|models)\.", "", body)
    body = re.sub(rf"(?<!\.)\b{exercise.name}\b", f"_the_banks_{exercise.name}", body)
    cells = [nbformat.v4.new_code_cell(body), nbformat.v4.new_code_cell(f"{exercise.name} = {variant.__name__}")]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize(
    ("exercise", "variant"), [pytest.param(e, v, id=f"{e.name}-{v.__name__}") for e in BANK for v in e.variants]
)
def test_correct_programs_written_differently_have_full_marks(exercise, variant, sandbox):
    marks = grade(as_bytes(program_of(exercise, variant)), CHAPTER_OF[exercise.name], sandbox, 11)
    mark = next(mark for mark in marks.marks if mark.exercise == exercise.name)
    assert (mark.status, mark.points) == ("passed", exercise.points), mark.message


def test_a_known_mistake_gets_its_sentence(sandbox):
    wrong = "def softmax(scores, dim=-1):\n    exps = torch.exp(scores)\n    return exps / exps.sum(dim, keepdim=True)"
    marks = grade(as_bytes(handed_in("02_soft_lookup", {"softmax": wrong})), "", sandbox, 5)
    sentences = {mistake.sentence for mistake in exercises.get("softmax").mistakes}
    assert marks.marks[0].message.split(" (In the case: ")[0] in sentences


def test_the_courses_own_answer_stands_in_for_one_that_did_not_pass(sandbox):
    """lookup_gradient uses softmax: a wrong softmax costs softmax's points only, as in the notebook."""
    work = handed_in("02_soft_lookup", {"softmax": "def softmax(scores, dim=-1):\n    return scores"}, "solutions")
    marks = {mark.exercise: mark.points for mark in grade(as_bytes(work), "", sandbox, 5).marks}
    assert marks == {"softmax": 0, "soft_lookup": 3, "lookup_gradient": 3, "kernel_regression": 3, "linear_memory": 1}
    work.cells = [cell for cell in work.cells if cell.id != "ex-softmax"]
    assert grade(as_bytes(work), "", sandbox, 5).score == 10


def test_the_same_seed_gives_the_same_cases_and_another_seed_others():
    once, again, others = (
        [trial.inputs["query"] for trial in exercises.get("soft_lookup").trials(s)] for s in (1, 1, 2)
    )
    assert all(one.equal(two) for one, two in zip(once, again, strict=True))
    assert not all(one.equal(two) for one, two in zip(once, others, strict=True))


@pytest.mark.parametrize("exercise", BANK, ids=exercises.names())
def test_every_exercise_has_cases_that_nobody_can_know_beforehand(exercise):
    pairs = zip(exercise.trials(1), exercise.trials(2), strict=True)
    assert any(repr(one.expected.value) != repr(two.expected.value) for one, two in pairs)


@pytest.mark.parametrize(
    ("source", "message"),
    {
        "a name that is missing": (f"{DEF}    return F.softmax(scores, dim)", "It raised NameError."),
        "syntax": ("def softmax(scores)\n    return 1", r"raised SyntaxError: expected .* \(the cell, line 1\)"),
        "a class in a function's place": ("class softmax:\n    pass", "Its cell defines no function `softmax`."),
        "a number in its place": ("softmax = 3", "Its cell defines no function `softmax`."),
        "a blank helper": (f"def helper():\n    raise NotImplementedError\n{DEF}    return helper()", "raised NotImpl"),
        "nothing returned": (f"{DEF}    scores.exp()", "is None|returns None"),
        "another shape": (f"{DEF}    return torch.zeros(3, 1, 4)", "another shape"),
        "numpy": (f"{DEF}    return torch.softmax(scores, dim).detach().numpy()", "not a tensor"),
    }.values(),
)  # fmt: skip
def test_a_student_reads_what_kind_of_thing_is_wrong(source, message, sandbox):
    mark = grade(as_bytes(handed_in("02_soft_lookup", {"softmax": source})), "", sandbox, 5).marks[0]
    assert mark.points == 0
    assert re.search(message, mark.message), mark.message


def zygote_of(box):
    """The process that forks runners: the last of the sandbox's chain of processes."""
    pid = box._process.pid
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid


def test_a_zygote_that_is_killed_is_started_again():
    box = Sandbox()
    box.runner().close()
    work = (ROOT / "solutions" / "00_start_here.ipynb").read_bytes()
    killed = []
    for find in (lambda: box._process.pid, lambda: zygote_of(box)):
        killed.append(find())
        os.kill(killed[-1], signal.SIGKILL)
        assert grade(work, "", box, 5).score == 1
    box.close()
    assert len(set(killed)) == 2


def test_a_runner_that_is_killed_from_outside_is_asked_again(monkeypatch):
    """In the middle of its answers, once; a second one is left alone. Nobody gets a zero for it."""
    box, killed = Sandbox(), []
    ask = judge.Runner.ask

    def and_kill(runner, question, deadline):
        if "inputs" in question and not killed:
            killed.append(zygote_of(box))
            os.kill(killed[0], signal.SIGKILL)
        return ask(runner, question, deadline)

    monkeypatch.setattr(judge.Runner, "ask", and_kill)
    assert grade((ROOT / "solutions" / "00_start_here.ipynb").read_bytes(), "", box, 5).score == 1
    assert killed
    box.close()


def test_a_sandbox_that_never_works_marks_nobody_down(monkeypatch):
    box = Sandbox()
    monkeypatch.setattr("utils.grading.bubblewrap.command", lambda *a, **k: ["false"])
    with pytest.raises(NotGraded, match="did not start"):
        grade((ROOT / "solutions" / "00_start_here.ipynb").read_bytes(), "", box, 5)


def test_without_a_sandbox_every_result_says_so():
    box = Sandbox(trusted=True)
    marks = grade((ROOT / "solutions" / "02_soft_lookup.ipynb").read_bytes(), "", box, 5)
    box.close()
    assert marks.score == 12 and not marks.sandboxed


def test_nothing_is_left_running(sandbox):
    endless = {"softmax": "def softmax(scores, dim=-1):\n    while True:\n        pass"}
    grade(as_bytes(handed_in("02_soft_lookup", endless)), "", sandbox, 5, seconds=0.5)
    sandbox.runner().close()
    children = Path(f"/proc/{zygote_of(sandbox)}/task/{zygote_of(sandbox)}/children").read_text().split()
    assert len(children) <= 1
