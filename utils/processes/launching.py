"""`launch`: a function of the notebook, run by several processes that torch.distributed connects.

joblib's processes (loky) stay, so that the second call starts at once, and process r is rank r in every call: DTensor
remembers where a rank's part begins, and a process that changed its rank would load another's without a word. The ranks
meet in a file, so that no port is needed.
"""

import os
import pickle
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from utils.attempts.turns import RankFailed

from .rank import Answer, Task, prepare, ready, run, word
from .values import written

AFTER_A_FAILURE = 1.0  # seconds in which the other ranks can end by themselves
LOOK_UP = 0.2  # seconds between two looks for an interruption, which Windows does not wake a wait for
FOR_A_WORD = 2.0  # seconds in which a rank that takes too long can say where it is
GONE = ("closed by peer", "reset by peer", "Broken pipe", "recvBuffer")  # what gloo says of a rank that has left

_processes: list[ProcessPoolExecutor] = []  # of one process each: process r is rank r


def launch(function: Callable, *arguments: Any, processes: int = 2, seconds: float = 60) -> list[Any]:
    """The results of function(*arguments, group), rank after rank, each run by a process of its own.

    group is torch.distributed's, over gloo on the CPU. Function and arguments travel by value, and every rank's random
    numbers begin alike. What ranks print is shown when they have ended. Raises RankFailed with rank, line and cause if
    one of them fails, which ends the others, and TimeoutError with the line where each is if they take longer than so
    many seconds.
    """
    if processes < 1:
        raise ValueError(f"{processes} processes cannot run anything")
    try:
        call = written((function, arguments))
    except Exception as error:
        raise ValueError(f"the function or an argument cannot be sent to other processes: {error}") from None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as meeting:
        task = Task(call, processes, seconds, meeting, os.getcwd())
        try:
            _start(processes)
            futures = [_processes[rank].submit(run, task, rank) for rank in range(processes)]
            unfinished = _wait(futures, seconds)
            failure = _failure(futures) or (_late(futures, task) if unfinished else None)
            if unfinished or any(_killed(future) or not future.result().connected for future in futures):
                end()
        except BaseException:  # the reader's own interruption
            end()
            raise
    _show_printed(futures)
    if failure:
        raise _in_few_lines(failure)
    return [pickle.loads(future.result().result) for future in futures]


def end() -> None:
    """End the processes; the next call starts new ones."""
    while _processes:
        _processes.pop().shutdown(wait=False, kill_workers=True)


def _start(processes: int) -> None:
    """Processes that are there and have loaded PyTorch. One that died between two calls is replaced."""
    alive = [_is_alive(process) for process in _processes]
    missing = processes - sum(alive[:processes])
    if not missing:
        return
    name = "1 process starts" if missing == 1 else f"{missing} processes start"
    print(f"{name}, once; this takes a few seconds …", flush=True)
    for rank, here in enumerate(alive):
        if not here:
            _processes[rank] = _process()
    while len(_processes) < processes:
        _processes.append(_process())
    wait([process.submit(ready) for process in _processes])


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(max_workers=1, initializer=prepare)


def _is_alive(process: ProcessPoolExecutor) -> bool:
    try:
        return bool(process.submit(ready).result())
    except BrokenProcessPool:
        return False


def _wait(futures: Sequence[Future], seconds: float) -> set[Future]:
    """Those that have not ended in time; when one fails, the others have little time left."""
    unfinished, until = set(futures), time.monotonic() + seconds
    while unfinished and time.monotonic() < until:
        wait(unfinished, timeout=min(until - time.monotonic(), LOOK_UP), return_when=FIRST_COMPLETED)
        ended = {future for future in unfinished if future.done()}
        unfinished -= ended
        if any(_killed(future) or future.result().error for future in ended):
            until = min(until, time.monotonic() + AFTER_A_FAILURE)
    return unfinished


def _killed(future: Future) -> bool:
    return future.done() and future.exception() is not None


def _failure(futures: Sequence[Future]) -> RankFailed | None:
    """The first thing that went wrong: a process that ended, or else the first error."""
    for rank, future in enumerate(futures):
        if _killed(future):
            how = re.search(r"\{(.*)\}", str(future.exception()))
            return RankFailed(
                f"rank {rank} failed\nits process ended" + (f": {how[1]}" if how else "") + "\n"
                "It was killed, for memory perhaps, or it ended itself. The next call starts anew."
            )
    answers = {rank: future.result() for rank, future in enumerate(futures) if future.done()}
    errors = {rank: answer for rank, answer in answers.items() if answer.error}
    if not errors:
        return None
    rank = min(errors, key=lambda each: errors[each].at)
    place = errors[rank].place or "at a line that is not known"
    return RankFailed(f"rank {rank} failed\n{place}\n{_cause(errors[rank], answers)}")


def _cause(first: Answer, answers: dict[int, Answer]) -> str:
    """gloo's words for a rank that has left are unfit for a reader."""
    finished = [f"rank {rank}" for rank, answer in answers.items() if not answer.error]
    if finished and any(words in str(first.error) for words in GONE):
        left = " and ".join(finished)
        return f"it waited for more than came: {left} had finished. Do all make the same calls, with the same shapes?"
    return str(first.error)


def _late(futures: Sequence[Future], task: Task) -> TimeoutError:
    """Where each rank is that has not finished, as far as it can tell."""
    lines, until = [], time.monotonic() + FOR_A_WORD
    for rank, future in enumerate(futures):
        file = word(task, rank)
        while not (future.done() or file.exists() or time.monotonic() > until):
            time.sleep(0.01)
        if file.exists():
            lines.append(f"rank {rank} is at {pickle.loads(file.read_bytes())}")
        else:
            lines.append(f"rank {rank} " + ("has finished" if future.done() else "does not say where it is"))
    return TimeoutError("\n".join([f"not finished after {task.seconds:g} seconds, and ended:", *lines]))


def _in_few_lines(failure: Exception) -> Exception:
    """Jupyter shows its message alone: the line to look at is in it, and is not where the error is raised."""
    lines = [f"{type(failure).__name__}: {failure}"]
    setattr(failure, "_render_traceback_", lambda: lines)  # noqa: B010, IPython's name, which mypy does not know
    return failure


def _show_printed(futures: Sequence[Future]) -> None:
    for rank, future in enumerate(futures):
        if future.done() and not _killed(future):
            for line in future.result().printed.splitlines():
                print(f"rank {rank}: {line}")
