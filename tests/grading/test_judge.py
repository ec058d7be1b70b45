"""The judge: honest work has full marks, blanks none, mistakes their sentence; its own failures mark nobody down."""

import os
import re
import shutil
import signal
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest
from attacks import ATTACKS
from classes import MOST
from handed_in import ROOT, as_bytes, handed_in

from utils import exercises
from utils.grading import judge, notebook
from utils.grading.judge import grade
from utils.grading.kinds import Kind
from utils.grading.marks import NotGraded
from utils.grading.sandbox import Sandbox

BANK = [exercises.get(name) for name in exercises.names()]
DEF = "def softmax(scores, dim=-1):\n"
CHAPTER_OF = {exercise: name for name in notebook.names() for exercise in notebook.chapter(name).blanks}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.repository) for seed in (1, 2**128 - 1))])
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


@pytest.mark.repository
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
    assert marks.marks[0].message in sentences and marks.marks[0].kind is Kind.KNOWN
    assert exercises.get("softmax").assess(eval_softmax(wrong)).mistake == marks.marks[0].mistake


def eval_softmax(source):
    names = {}
    exec(f"import torch\n{source}", names)
    return names["softmax"]


def test_the_courses_own_answer_stands_in_for_one_that_did_not_pass(sandbox):
    """lookup_gradient uses softmax: a wrong softmax costs softmax's points only, as in the notebook."""
    work = handed_in("02_soft_lookup", {"softmax": "def softmax(scores, dim=-1):\n    return scores"}, "solutions")
    marks = {mark.exercise: mark.points for mark in grade(as_bytes(work), "", sandbox, 5).marks}
    assert (marks.pop("softmax"), sum(marks.values())) == (0, MOST - 2)
    work.cells = [cell for cell in work.cells if cell.id != "ex-softmax"]
    assert grade(as_bytes(work), "", sandbox, 5).score == MOST - 2


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


SIDE_EFFECTS = {
    "a method put on a tensor": ("torch.Tensor.mine = lambda x, dim: x.softmax(dim)", "scores.mine(dim)"),
    "a name put in globals()": ("globals()['mine'] = torch.softmax", "mine(scores, dim)"),
    "a name defined by exec": ("exec('def mine(x, dim):\\n    return x.softmax(dim)')", "mine(scores, dim)"),
    "a name put on a module": ("import torch\ntorch.mine = torch.softmax", "torch.mine(scores, dim)"),
    "a table filled by a decorator": (
        "class Ways: pass\ndef way(f):\n    setattr(Ways, f.__name__, staticmethod(f))\n    return f\n"
        "@way\ndef mine(x, dim):\n    return x.softmax(dim)",
        "Ways.mine(scores, dim)",
    ),
    "a registry": (
        "WAYS = {}\ndef way(f):\n    WAYS[f.__name__] = f\n@way\ndef mine(x, dim):\n    return x.softmax(dim)",
        "WAYS['mine'](scores, dim)",
    ),
    "a way of its own for tensors": (
        "import functools\n@functools.singledispatch\ndef mine(x, dim):\n    raise TypeError\n"
        "@mine.register\ndef _(x: torch.Tensor, dim):\n    return x.softmax(dim)",
        "mine(scores, dim)",
    ),
    "a class that is given a method by name": (
        "class Ways: pass\nsetattr(Ways, 'mine', staticmethod(torch.softmax))",
        "Ways.mine(scores, dim)",
    ),
}


@pytest.mark.parametrize(("elsewhere", "used"), SIDE_EFFECTS.values(), ids=SIDE_EFFECTS)
def test_what_a_notebook_did_in_another_cell_is_found(elsewhere, used, sandbox):
    """Of the cells, those are run that define what is used; if that was not enough, all of those above."""
    work = handed_in("02_soft_lookup", {"softmax": f"{DEF}    return {used}"})
    place = next(i for i, cell in enumerate(work.cells) if cell.id == "ex-softmax")
    work.cells.insert(place, nbformat.v4.new_code_cell(elsewhere))
    mark = grade(as_bytes(work), "", sandbox, 5).marks[0]
    assert (mark.kind, mark.points) == (Kind.PASSED, 2)


@pytest.mark.parametrize(
    "grown",
    [
        "@add_to_class(BahdanauAttention)\ndef forward(self, query, key, value, mask=None):\n",
        "def forward(self, query, key, value, mask=None):\n",
    ],
    ids=["by a decorator", "by setattr"],
)
def test_a_class_that_grows_over_the_cells(grown, sandbox):
    work = handed_in("05_bahdanau_attention", folder="solutions")
    place = next(i for i, cell in enumerate(work.cells) if cell.id == "ex-BahdanauAttention")
    head, body = re.split(r"    def forward\(.*\):\n", work.cells[place].source)
    work.cells[place].source = head
    grown += textwrap.indent(textwrap.dedent(body), "    ")
    if grown.startswith("@"):
        grown = "def add_to_class(kind):\n    return lambda f: setattr(kind, f.__name__, f)\n" + grown
    else:
        grown += "\nsetattr(BahdanauAttention, 'forward', forward)"
    work.cells.insert(place + 1, nbformat.v4.new_code_cell(grown))
    marks = {mark.exercise: mark.points for mark in grade(as_bytes(work), "", sandbox, 5).marks}
    assert marks["BahdanauAttention"] == 4


@pytest.mark.parametrize(
    "name", ["four hundred threads", "look around", "kill every process it can name", "fill the disk"]
)
def test_an_attack_that_spoils_its_own_program_only(name, sandbox):
    """The same mischief with a right softmax earns softmax's points: nothing was broken but what it broke itself."""
    right = ATTACKS[name] + "\ndef softmax(scores, dim=-1):\n    return torch.softmax(scores, dim)\n"
    marks = grade(as_bytes(handed_in("02_soft_lookup", {"softmax": right})), "02_soft_lookup", sandbox, 7, 2)
    assert marks.score == marks.marks[0].points == 2


def test_threads_beyond_the_limit_are_not_started(sandbox):
    large = "torch.ones(400, 400) @ torch.ones(400, 400)"
    many = f"torch.set_num_threads(64)\n{DEF}    {large}\n    return scores.softmax(dim)"
    assert grade(as_bytes(handed_in("02_soft_lookup", {"softmax": many})), "", sandbox, 5).marks[0].points == 2


def test_an_endless_loop_costs_its_own_exercise_only(sandbox):
    endless = {
        "softmax": f"{DEF}    while True:\n        pass",
        "lookup_gradient": "while True:\n    pass\ndef lookup_gradient(query, key, value, temperature=1.0):\n    pass",
    }
    work = handed_in("02_soft_lookup", endless, "solutions")
    marks = {mark.exercise: mark.points for mark in grade(as_bytes(work), "", sandbox, 5, 1).marks}
    assert (marks.pop("softmax"), marks.pop("lookup_gradient"), sum(marks.values())) == (0, 0, MOST - 5)


class Clock:
    """In place of the module `time`: a clock that moves when it is told to."""

    now = 0.0

    def monotonic(self):
        return self.now


class Slow:
    """A sandbox in which every question takes as long as it is given, and comes to nothing: the worst there can be."""

    trusted = False

    def __init__(self, clock):
        self.clock = clock

    def runner(self):
        return self

    def ask(self, question, deadline):
        self.clock.now = max(self.clock.now, deadline)
        if "cells" in question:
            kind = "class" if question["exercise"][0].isupper() else "function"
            return {"is": kind, "problems": [], "lost": []}
        return {"error": "NameError: name 'x' is not defined", "unattempted": None}

    def close(self):
        pass


@pytest.mark.parametrize("chapter", notebook.names())
def test_a_hostile_notebook_costs_no_more_than_a_slow_one(chapter, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(judge, "time", clock)
    work = (ROOT / "solutions" / f"{chapter}.ipynb").read_bytes()
    marks = grade(work, "", Slow(clock), 5, 5.0)
    assert marks.score == 0
    assert clock.now <= (len(marks.marks) + 1) * (5.0 + judge.GRACE)
    assert len(marks.marks) < 3 or Kind.NO_TIME in {mark.kind for mark in marks.marks}


def test_a_slow_first_import_is_no_students_mistake(slow_start, tmp_path, monkeypatch):
    """What PyTorch puts off until it is needed is imported before any clock runs."""
    met = tmp_path / "met"
    (tmp_path / "sitecustomize.py").write_text(slow_start(7, f"open({str(met)!r}, 'w')"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    box = Sandbox(trusted=True)
    statuses = []
    for folder in ("solutions", "chapters"):
        marks = grade(as_bytes(handed_in("03_a_dictionary_that_learns", folder=folder)), "", box, 5).marks
        statuses.append({mark.exercise: mark.status for mark in marks}["train_step"])
    box.close()
    assert statuses == ["passed", "not attempted"] and met.exists()


def test_a_runner_that_meets_the_kernels_limit_is_no_accident(monkeypatch, tmp_path):
    """The kernel's SIGKILL for too many seconds of work is the program's own end, not one from outside."""
    lockdown = (ROOT / "utils" / "grading" / "inside" / "lockdown.py").read_text()
    inside = tmp_path / "utils"
    shutil.copytree(ROOT / "utils", inside)
    shorter = re.sub(r"CPU_SECONDS = \d+", "CPU_SECONDS = 2", lockdown)
    assert shorter != lockdown
    (inside / "grading" / "inside" / "lockdown.py").write_text(shorter)
    monkeypatch.setattr("utils.grading.bubblewrap.COURSE", tmp_path)
    box = Sandbox()
    work = as_bytes(handed_in("02_soft_lookup", {"softmax": f"{DEF}    while True:\n        pass"}))
    mark = grade(work, "", box, 5, 5).marks[0]
    box.close()
    assert mark.kind is Kind.ENDED


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
    assert marks.score == MOST and not marks.sandboxed


def test_nothing_is_left_running(sandbox):
    endless = {"softmax": "def softmax(scores, dim=-1):\n    while True:\n        pass"}
    grade(as_bytes(handed_in("02_soft_lookup", endless)), "", sandbox, 5, seconds=0.5)
    sandbox.runner().close()
    children = Path(f"/proc/{zygote_of(sandbox)}/task/{zygote_of(sandbox)}/children").read_text().split()
    assert len(children) <= 1
