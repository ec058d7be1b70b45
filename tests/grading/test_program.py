"""Of a notebook's cells, what an exercise needs is run, in an order that works, and nothing else."""

import pytest

from utils.grading.inside.runner import load


def value(cells, seconds=5):
    """What f() is with these cells, its check below the last that answers it."""
    horizon = max(i for i, (names, _) in enumerate(cells) if "f" in names)
    namespace, problems, _ = load(cells, "f", horizon, seconds)
    return namespace["f"](), problems


@pytest.mark.parametrize(
    ("cells", "expected"),
    {
        "an import": ([([], "import math"), (["f"], "def f():\n    return math.floor(3.5)")], 3),
        "an import further down": ([(["f"], "def f():\n    return math.floor(3.5)"), ([], "import math")], 3),
        "a helper that needs a helper": (
            [([], "def a():\n    return b() + 1"), ([], "b = lambda: C\nC = 2"), (["f"], "def f():\n    return a()")],
            3,
        ),
        "helpers that need each other": (
            [
                ([], "def a(n):\n    return n and b(n - 1)\ndef b(n):\n    return a(n) + 3"),
                (["f"], "def f():\n    return a(1)"),
            ],
            3,
        ),
        "a base class below": (
            [(["f"], "class f(Base):\n    pass"), ([], "class Base:\n    def __new__(cls):\n        return 3")],
            3,
        ),
        "the last of two versions": ([([], "a = 1"), ([], "a = 3"), (["f"], "def f():\n    return a")], 3),
        "a table filled in a loop": (
            [([], "table = {}\nfor i in range(4):\n    table[i] = i"), (["f"], "def f():\n    return table[3]")],
            3,
        ),
        "a global": (
            [([], "def set_it():\n    global a\n    a = 3"), (["f"], "set_it()\ndef f():\n    return a")],
            3,
        ),
        "a star": ([([], "from math import *"), (["f"], "def f():\n    return floor(3.5)")], 3),
        "an exercise's name comes from its cell": (
            [(["g"], "def g():\n    return 3"), ([], "def g():\n    return 4"), (["f"], "def f():\n    return g()")],
            3,
        ),
        "two exercises in one cell": ([(["f", "g"], "def g():\n    return 3\ndef f():\n    return g()")], 3),
        "one of two in a cell is answered elsewhere": (
            [(["f"], "def f():\n    return g()\ndef g():\n    return 4"), (["g"], "def g():\n    return 3")],
            3,
        ),
        "a magic beside a definition": ([(["f"], "%matplotlib inline\n!ls\ndef f():\n    return 3\n%timeit f()")], 3),
        "a magic in the cell of an import": (
            [([], "%pip list\nimport math"), (["f"], "def f():\n    return math.floor(3.5)")],
            3,
        ),
        "a question mark": ([(["f"], "def f():\n    return 3\nf?")], 3),
        "a constant that an experiment changes below": (
            [([], "a = 3"), (["f"], "def f():\n    return a"), ([], "a = 4\nfor a in range(2):\n    pass")],
            3,
        ),
        "a list filled by a method in a loop": (
            [([], "a = []\nfor i in (1, 3):\n    a.append(i)"), (["f"], "def f():\n    return a[1]")],
            3,
        ),
        "a dictionary in a dictionary": (
            [([], "a = {'b': {}}"), ([], "a['b']['c'] = 3"), (["f"], "def f():\n    return a['b']['c']")],
            3,
        ),
        "a method put on from below": (
            [(["f"], "class f:\n    pass"), ([], "f.__new__ = lambda kind: 3"), (["f"], "pass")],
            3,
        ),
        "a class that grows in a second cell": (
            [(["f"], "class f:\n    a = 3"), (["f"], "class f(f):\n    def __new__(cls):\n        return cls.a")],
            3,
        ),
        "a base whose method calls what is derived": (
            [
                ([], "class Base:\n    def other(self):\n        return Derived().a"),
                ([], "class Derived(Base):\n    a = 3"),
                (["f"], "def f():\n    return Base().other()"),
            ],
            3,
        ),
        "a timed cell": ([(["f"], "%%time\ndef f():\n    return 3")], 3),
        "annotations of the future": (
            [([], "from __future__ import annotations"), (["f"], "def f(x: NotImported = 3):\n    return x")],
            3,
        ),
        "an old version in a string below": (
            [(["f"], "def f():\n    return 3"), (["f"], "'old'\n\'\'\'\ndef f():\n    return 4\n\'\'\'")],
            3,
        ),
        "a statement that fails": ([(["f"], "1 / 0\ndef f():\n    return 3\nraise SystemExit")], 3),
        "a cell beside it that is not Python": ([([], "this is not"), (["f"], "def f():\n    return 3")], 3),
    }.values(),
)  # fmt: skip
def test_what_is_needed_is_run(cells, expected):
    assert value(cells)[0] == expected


def test_what_is_not_needed_is_not_run():
    cells = [([], "import os\nwhile True:\n    pass"), ([], "x = 1 / 0"), (["f"], "def f(x=3):\n    return x")]
    assert value(cells) == (3, [])


def test_a_demonstration_that_takes_long_keeps_what_stands_above_it():
    cells = [(["f"], "def f():\n    return 3\nimport time\ntime.sleep(60)")]
    assert value(cells, seconds=0.2)[0] == 3


def test_a_name_that_is_local_is_not_needed():
    cells = [([], "scores = 1 / 0"), (["f"], "def f():\n    scores = 3\n    return [scores for scores in [scores]][0]")]
    assert value(cells) == (3, [])


@pytest.mark.parametrize(
    "source", ["def f(:\n", "def f():\nreturn", "\x00", "def f():\n    return '\ud800'", "(" * 10_000]
)
def test_a_cell_that_is_not_python_says_so(source):
    namespace, problems, _ = load([(["f"], source)], "f", 0)
    assert "f" not in namespace and len(problems) == 1
