"""Threads that take turns: one runs at a time, in a fixed order, so that what they do together is always the same.

Who has to wait says for what. When none can go on, that is a deadlock: it is known at once, and told by who waits for
what. A failure of one ends all. Pure Python, so that it runs in the judge's sandbox.
"""

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch

from .outcome import describe_error

SEED = 0  # each rank's random numbers begin with it, as a process of its own begins with the same ones every time
PATIENCE = 0.05  # seconds after which a wait looks up, so that a time limit in any thread can end it


class RankFailed(RuntimeError):
    """What one of several ranks raised, told with its rank."""


class Deadlock(RuntimeError):
    """Every rank that has not finished waits for something that cannot come."""


class Ended(BaseException):
    """Raised in a rank when another one has failed. Not an Exception, so that `except Exception` lets it pass."""


class Turns:
    """Runs a function for each rank; `turn(rank)` is called whenever that rank goes on."""

    def __init__(self, ranks: int, turn: Callable[[int], None] = lambda rank: None):
        self.ranks, self.turn = ranks, turn
        self.batons = [threading.Semaphore(0) for _ in range(ranks)]  # who can take theirs may run
        # what a rank waits for: whether it is there, and its name
        self.waiting: dict[int, tuple[Callable[[], bool], Callable[[], str]]] = {}
        self.errors: dict[int, BaseException] = {}  # the first that failed is the first in it
        self.over = [threading.Event() for _ in range(ranks)]
        self.ending = False
        self.deadlock: str | None = None

    def run(self, functions: Sequence[Callable[[], Any]]) -> list[Any]:
        """What each returned. Raises RankFailed, or Deadlock, with the traceback of the rank that it is about."""
        results: list[Any] = [None] * self.ranks
        threads = [
            threading.Thread(target=self._run, args=(rank, functions[rank], results), daemon=True)
            for rank in range(self.ranks)
        ]
        self.waiting = dict.fromkeys(range(self.ranks), (lambda: True, lambda: "its turn"))
        numbers, own_threads = torch.get_rng_state(), torch.get_num_threads()
        try:
            for thread in threads:
                thread.start()
            self._pass_on(self.ranks - 1)
            for over in self.over:  # not join(), after whose interruption a thread that runs counts as stopped
                while not over.wait(PATIENCE):
                    pass
        except BaseException:  # a time limit, or the reader's own interruption
            self._end()
            self._interrupt(threads)
            raise
        finally:
            torch.set_rng_state(numbers)
            torch.set_num_threads(own_threads)
        for thread in threads:
            thread.join()
        self._raise_what_failed()
        return results

    def wait(self, rank: int, ready: Callable[[], bool], what: Callable[[], str]) -> None:
        """Let the others run until it is ready, and this rank's turn."""
        if self.ending:  # the rank has caught Ended, and goes on
            raise Ended
        numbers = torch.get_rng_state()
        self.waiting[rank] = (ready, what)
        self._pass_on(rank)
        self._take_turn(rank)
        torch.set_rng_state(numbers)

    def _run(self, rank: int, function: Callable[[], Any], results: list[Any]) -> None:
        try:
            self._take_turn(rank)
            torch.set_num_threads(1)  # as a launched rank has it; several for each would get in each other's way
            torch.default_generator.manual_seed(SEED)
            results[rank] = function()
        except BaseException as error:  # a rank may raise anything
            self.errors[rank] = error
            self._end()
        self._pass_on(rank)
        self.over[rank].set()

    def _take_turn(self, rank: int) -> None:
        self.batons[rank].acquire()
        if self.ending:
            raise Ended
        self.turn(rank)

    def _pass_on(self, rank: int) -> None:
        """The turn goes to the next rank that can go on."""
        if self.ending:
            return
        for step in range(1, self.ranks + 1):
            other = (rank + step) % self.ranks
            if other in self.waiting and self.waiting[other][0]():
                del self.waiting[other]
                self.batons[other].release()
                return
        if self.waiting:
            told = [self._state(each) for each in range(self.ranks)]
            self.deadlock = "; ".join(told)
            self._end()

    def _state(self, rank: int) -> str:
        return (
            f"rank {rank} waits for {self.waiting[rank][1]()}" if rank in self.waiting else f"rank {rank} has finished"
        )

    def _end(self) -> None:
        self.ending = True
        for baton in self.batons:
            baton.release()

    def _interrupt(self, threads: Sequence[threading.Thread]) -> None:
        """End a rank that is busy in a loop of its own; the others have been told."""
        for _ in range(3):  # a bare `except:` swallows the first
            for thread, over in zip(threads, self.over, strict=True):
                if thread.ident and not over.is_set():
                    name = ctypes.c_ulong(thread.ident)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(name, ctypes.py_object(Ended))
            for over in self.over:
                over.wait(PATIENCE)

    def _raise_what_failed(self) -> None:
        for rank, error in self.errors.items():
            if isinstance(error, Ended):
                continue
            # an exercise that nobody has begun is known by its bare error, and an exit is no failure of the program's
            if not isinstance(error, Exception) or (isinstance(error, NotImplementedError) and not error.args):
                raise error
            raise RankFailed(f"rank {rank}: {describe_error(error)}").with_traceback(error.__traceback__) from error
        if self.deadlock:
            waits = self.errors.get(min(self.waiting))
            raise Deadlock(self.deadlock).with_traceback(waits.__traceback__ if waits else None)
