"""The time limit stops Python loops in the main thread and in others, and leaves nothing behind."""

import signal
import threading
import time

import pytest

from utils.attempts.limits import TimeLimit, time_limit


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
