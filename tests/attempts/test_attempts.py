"""The time limit stops Python loops and leaves nothing behind; what a program uses of the course's own is found."""

import functools
import signal
import threading
import time

import pytest
import torch

from utils import models
from utils.attempts import borrowed
from utils.attempts.limits import TimeLimit, time_limit
from utils.attention import reference
from utils.data import small_dictionary as borrowed_dictionary


def endless():
    while True:
        pass


def endless_and_stubborn():
    while True:
        try:
            sum(range(100))
        except Exception:
            pass


def swallows_the_first():
    try:
        endless()
    except BaseException:
        endless()


def sleeps():
    time.sleep(60)


def stopped(function) -> bool:
    try:
        with time_limit(0.2):
            function()
    except TimeLimit:
        return True
    return False


@pytest.mark.parametrize("function", [endless, endless_and_stubborn, swallows_the_first, sleeps])
def test_in_the_main_thread(function):
    assert stopped(function)


@pytest.mark.parametrize("function", [endless, endless_and_stubborn, swallows_the_first])
def test_in_another_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(stopped(function)))
    thread.start()
    thread.join(30)
    assert results == [True]


def test_what_ends_in_time_is_left_alone():
    before = signal.getsignal(signal.SIGALRM)
    assert not stopped(lambda: None)
    time.sleep(0.4)  # an alarm left behind would ring here
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_an_error_passes_through():
    with pytest.raises(ZeroDivisionError), time_limit(5):
        1 / 0  # noqa: B018


def test_without_a_limit_nothing_is_stopped():
    with time_limit(None):
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def plain(scores, dim=-1):
    data = {"models": [reference_like for reference_like in (1, 2)]}
    return scores.data, data, scores.models, plain


def uses_a_module(x):
    return models.split_heads(x, 2)


def uses_a_function(x):
    return borrowed_dictionary()


def uses_a_helper_that_does(x):
    return uses_a_module(x)


def uses_it_inside(x):
    return [(lambda part: models.split_heads(part, 2))(part) for part in x]


def imports_it(x):
    from utils.attention.reference import softmax

    return softmax(x)


def takes_an_earlier_exercise(x):
    return earlier(x)


earlier = reference.softmax


class IsOne(models.MultiHeadAttention):
    pass


class MakesOne:
    def __init__(self):
        self.attention = models.MultiHeadAttention(4, 2)


class IsMadeByAnother:
    @staticmethod
    def make():
        return MakesOne()


class Plain(dict):
    models = 3

    @property
    def data(self):
        return self.models


@functools.lru_cache
def remembers(x):
    return uses_a_module(x)


class CanBeCalled:
    def __call__(self, x):
        return uses_a_module(x)


class Unwilling:
    def __getattr__(self, name):
        raise RuntimeError("no")

    def __call__(self, x):
        return x


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (uses_a_module, "models"),
        (uses_a_function, "borrowed_dictionary"),
        (uses_a_helper_that_does, "models"),
        (uses_it_inside, "models"),
        (imports_it, "utils.attention.reference"),
        (IsOne, "MultiHeadAttention"),
        (MakesOne, "models"),
        (IsMadeByAnother, "models"),
        (remembers, "models"),
        (functools.partial(uses_a_module, 3), "models"),
        (CanBeCalled(), "models"),
        (MakesOne().__init__, "models"),
    ],
)
def test_what_a_program_uses_of_the_courses_own_is_named(program, name):
    assert borrowed(program, []) == name


OWN = [plain, Plain, takes_an_earlier_exercise, reference.soft_lookup, functools.partial(plain, 1), len, Unwilling()]
OWN += [functools.partial(torch.softmax, dim=-1), torch.nn.Softmax(-1), functools.lru_cache(plain)]


@pytest.mark.parametrize("program", OWN, ids=lambda program: type(program).__name__)
def test_what_stands_on_its_own_is_let_alone(program):
    assert borrowed(program, [earlier]) is None
