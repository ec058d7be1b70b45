"""A time limit that really stops a Python loop, in the main thread of a notebook's kernel and in any other."""

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN = 0.1  # seconds between two interruptions, for code that swallows the first


class TimeLimit(BaseException):
    """Raised inside code that ran longer than allowed. Not an Exception, so that `except Exception` lets it pass."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise TimeLimit in the block after so many seconds, and again until the block ends; with None, never.

    What cannot be stopped: one call into compiled code that does not come back (it is stopped as soon as it does),
    and code that swallows every exception, again and again.
    """
    if seconds is None:
        yield
        return
    # Python handles signals in its main thread only, and Windows has no such timer
    in_main_thread = threading.current_thread() is threading.main_thread()
    limit = _by_signal if in_main_thread and hasattr(signal, "setitimer") else _by_watcher
    with limit(seconds):
        yield


@contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise TimeLimit

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)  # real time, which passes in a sleep, too
        yield
    finally:
        while True:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0)
                break
            except TimeLimit:  # it rang on this very line
                continue
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def _by_watcher(seconds: float) -> Iterator[None]:
    raise_in_thread = ctypes.pythonapi.PyThreadState_SetAsyncExc
    thread = ctypes.c_ulong(threading.get_ident())  # or ctypes would pass no more than 32 bits of it
    done = threading.Event()

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            raise_in_thread(thread, ctypes.py_object(TimeLimit))
            wait = AGAIN

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()  # first, or it might ring once more after the next line
        raise_in_thread(thread, None)  # takes back an interruption that has not arrived yet
