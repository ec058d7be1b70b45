"""An exercise is begun and tried from the command line."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.repository

ROOT = Path(__file__).parents[2]


@pytest.fixture
def course(tmp_path):
    """A copy of what a contributor works in."""
    ignored = shutil.ignore_patterns("__pycache__", "*.ipynb")
    for folder in ("utils", "solutions"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    return tmp_path


def run(course, *arguments):
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=course, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def names(course):
    return re.findall(r'^    "(\w+)",$', (course / "utils/exercises/bank/__init__.py").read_text(), re.M)


def test_a_new_exercise_is_begun_and_told_what_it_lacks(course):
    before = names(course)
    code, said, _ = run(course, "utils.exercises", "new", "shifted_softmax", "--chapter", "02")
    assert code == 0
    for place in ("bank/shifted_softmax.py", "bank/__init__.py", "solutions/02_soft_lookup.py"):
        assert place in said
    place = names(course).index("shifted_softmax")
    assert names(course) == [*before[:place], "shifted_softmax", *before[place:]]
    assert names(course)[place - 1 : place + 2] == ["linear_memory", "shifted_softmax", "SoftDictionary"]
    assert "### Exercise 2.6 · Shifted softmax" in (course / "solutions/02_soft_lookup.py").read_text()

    code, said, _ = run(course, "utils.exercises", "check", "shifted_softmax")
    assert code == 1
    for lack in ("2 variants; it has 0", "4 mistakes; it has 0", "the reference of shifted_softmax fails"):
        assert lack in said, said


FINISHED = """
def smallest(x):
    '''The smallest number of x (N,).'''
    return x.min()

def first_of_sorted(x):
    return x.sort().values[0]

def minus_the_largest(x):
    return -(-x).max()

mistakes = Mistakes()
mistakes.add("largest", lambda x: x.max(), "Your number is the largest. The smallest is asked for.")
mistakes.add("first", lambda x: x[0], "Your number is the first. Look at all of them.")
mistakes.add("place", lambda x: x.argmin().float(), "Your number is its place. Return what stands there.")
mistakes.add("mean", lambda x: x.mean(), "Your number is the mean. The smallest is asked for.")

exercise = Exercise(
    reference=smallest,
    cases=[Case("by hand", x=torch.tensor([5.0, 4.0, 7.0])), Case("ten", x=normal(10)), Case("many", x=normal(99))],
    variants=[first_of_sorted, minus_the_largest],
    mistakes=mistakes,
)
"""


def test_a_finished_exercise_is_ready_and_its_chapter_is_built(course):
    assert run(course, "utils.exercises", "new", "smallest", "--chapter", "01")[0] == 0
    module = course / "utils/exercises/bank/smallest.py"
    head = "import torch\n\nfrom ..exercise import Case, Exercise, Mistakes, normal\n"
    module.write_text(head + FINISHED)
    source = course / "solutions/01_dictionaries.py"
    assert "has its cells as they were begun" in run(course, "utils.exercises", "check", "smallest")[1]
    source.write_text(source.read_text().replace("What it is for, and what is asked.", "Find the smallest number."))
    code, said, error = run(course, "utils.exercises", "check", "smallest")
    assert code == 0 and "✓ smallest" in said, said + error
    (course / "chapters").mkdir()
    assert run(course, "utils.notebooks")[0] == 0
    assert "ex-smallest" in (course / "chapters/01_dictionaries.ipynb").read_text()

    module.write_text((head + FINISHED).replace('x.max(), "Your', 'x.min(), "Your'))
    code, said, _ = run(course, "utils.exercises", "check", "smallest")
    assert code == 1 and "mistake largest passes, seed 0: no case shows it" in said
    module.write_text((head + FINISHED).replace("lambda x: x.mean()", "lambda x: x.max()"))
    code, said, _ = run(course, "utils.exercises", "check", "smallest")
    assert code == 1 and "mistake mean is named largest, seed 0: no case tells the two apart" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["softmax", "--chapter", "02"], "'softmax' is taken: the bank has a module softmax.py"),
        (["Softmax", "--chapter", "02"], "'Softmax' is taken: the bank has a module softmax.py"),
        (["wrong_weights", "--chapter", "02"], "'wrong_weights' is taken"),
        (["lambda", "--chapter", "02"], "'lambda' is no name"),
        (["torch", "--chapter", "02"], "'torch' is the name of something else"),
        (["two words", "--chapter", "02"], "'two words' is no name"),
        (["shifted", "--chapter", "77"], "no chapter has the number '77'"),
        (["shifted", "--chapter", "*"], "no chapter has the number '*'"),
        (["shifted", "--chapter", "02_soft"], "no chapter has the number '02_soft'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_begun_is_told_and_nothing_is_written(arguments, words, course):
    before = {path: path.read_bytes() for path in course.rglob("*.py")}
    code, _, error = run(course, "utils.exercises", "new", *arguments)
    assert code == 1 and words in error
    assert {path: path.read_bytes() for path in course.rglob("*.py")} == before


def test_an_exercise_without_any_place_is_told_so(course):
    code, said, _ = run(course, "utils.exercises", "check", "nowhere")
    assert code == 1 and all(words in said for words in ("no module", "not in the list", "no source"))


def test_the_names_are_known_without_torch():
    program = "import sys; from utils import exercises; print(len(exercises.names()), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == [str(len(names(ROOT))), "False"], done.stderr


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("def smallest(x:\n", r"smallest.py, line \d+: SyntaxError"),
        ("import nothing_of_that_name\n", r"smallest.py, line 1: ModuleNotFoundError: .*nothing_of_that_name"),
        ("x = 3\n", r"AttributeError: .*has no attribute 'exercise'"),
        (FINISHED.replace("normal(10)", "normal(-1)"), "case 'ten' of smallest cannot be drawn: .*negative"),
        (
            FINISHED.replace("x.min()", "x.mni()"),
            "the reference of smallest fails on 'by hand': it raises AttributeError",
        ),
        (FINISHED.replace("return x.min()", "return x.sub_(1).min()"), "'by hand': it changes its input x"),
        (FINISHED.replace("first_of_sorted, ", "lambda x: x.min(), "), "one of the variants has no name"),
        (FINISHED.replace("[first_of_sorted, ", "[smallest, "), "the reference stands among its own variants"),
        (
            FINISHED.replace('"Your number is the mean. The smallest is asked for."', '"  ."'),
            "mistake mean has no sentence",
        ),
        (FINISHED.replace("lambda x: x.mean()", "3"), "mistake mean is not named, seed 0"),
        (FINISHED.replace("def first", f"x = [{', '.join(['1.0'] * 40)}]\n\ndef first"), "over 120 columns"),
    ],
    ids=lambda value: value if len(value) < 50 else "",
)
def test_what_keeps_a_module_from_being_tried_is_a_line(written, words, course):
    """No traceback, whatever the module is; and the cells are still as they were begun."""
    run(course, "utils.exercises", "new", "smallest", "--chapter", "01")
    head = "import torch\n\nfrom ..exercise import Case, Exercise, Mistakes, normal\n"
    (course / "utils/exercises/bank/smallest.py").write_text((head if written.startswith("\n") else "") + written)
    code, said, error = run(course, "utils.exercises", "check", "smallest")
    assert code == 1 and re.search(words, said), said
    assert "Traceback" not in said + error
