"""One rank, in its own process: it joins the others, runs the function, and tells what came of it."""

import contextlib
import datetime
import io
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from joblib.externals.loky import process_executor

from utils.attempts.outcome import describe_error, torch_as_usual
from utils.attempts.turns import SEED

from .places import Place, innermost
from .values import written

GRACE = 60  # seconds that the ranks' own time limit is later than ours, which says more


@dataclass(frozen=True)
class Task:
    """What every rank is told. `call` is the function with its arguments, written."""

    call: bytes
    processes: int
    seconds: float
    meeting: str  # a folder: the ranks meet in one of its files, and leave word in others
    working_folder: str


@dataclass(frozen=True)
class Answer:
    """What came of it: a result, written, or an error. `at` orders what happened to the ranks."""

    at: float
    printed: str
    result: bytes = b""
    error: str | None = None
    place: Place | None = None
    connected: bool = True  # if not, torch keeps a count of groups by which the next would wait for another name


def prepare() -> None:
    """Once for a process. Jupyter's interrupt reaches all processes of a notebook, and only the notebook acts on it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize  # or who has grown by 300 MB, as in a training, is replaced
    os.environ["TQDM_DISABLE"] = "1"  # a bar of each rank, all in one place of the notebook, tells nothing


def ready() -> int:
    """That the process is there, by its number."""
    return os.getpid()


def run(task: Task, rank: int) -> Answer:
    """Run the function as this rank. Nothing is left of it: neither the group nor what it set."""
    printed, connected = io.StringIO(), False
    try:
        with contextlib.redirect_stdout(printed), _as_new(task), torch_as_usual(), _watched(task, rank):
            with _group(task, rank) as group:
                connected = True
                function, arguments = pickle.loads(task.call)
                value = function(*arguments, group)
            result = _written(value, function)
    except _CannotBeSent as error:
        return Answer(time.time(), printed.getvalue(), error=str(error), place=error.place)
    except BaseException as error:  # SystemExit too: the process is kept
        return Answer(
            time.time(), printed.getvalue(), error=describe_error(error), place=_place(error), connected=connected
        )
    return Answer(time.time(), printed.getvalue(), result)


@contextlib.contextmanager
def _as_new(task: Task) -> Iterator[None]:
    environment, path = dict(os.environ), list(sys.path)
    os.chdir(task.working_folder)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = path


@contextlib.contextmanager
def _group(task: Task, rank: int) -> Iterator[dist.ProcessGroup]:
    """Connected with the others. Leaving it closes the connections, so that who still waits here learns it at once."""
    place = Path(task.meeting, "meeting").as_posix().lstrip("/")  # of Windows' files, too, a URL has three slashes
    limit = datetime.timedelta(seconds=task.seconds + GRACE)
    try:
        dist.init_process_group(
            "gloo", init_method=f"file:///{place}", rank=rank, world_size=task.processes, timeout=limit
        )
        dist.barrier()  # or a rank that is done at once would leave while others still connect to it
        group = dist.group.WORLD
        assert group is not None
        yield group
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


@contextlib.contextmanager
def _watched(task: Task, rank: int) -> Iterator[None]:
    """After so many seconds, leave word of where this rank is, even if it waits in compiled code."""
    timer = threading.Timer(task.seconds, _leave_word, (threading.get_ident(), word(task, rank)))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def word(task: Task, rank: int) -> Path:
    """The file in which a rank that takes too long says where it is."""
    return Path(task.meeting, f"rank {rank}")


def _leave_word(thread: int, file: Path) -> None:
    frame = sys._current_frames().get(thread)
    stack = traceback.extract_stack(frame) if frame else traceback.StackSummary()
    own = [i for i, each in enumerate(stack) if each.filename == __file__]
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_bytes(pickle.dumps(innermost(_from(stack, own[-1] + 1 if own else 0))))
    unfinished.replace(file)


def _place(error: BaseException) -> Place | None:
    stack = traceback.extract_tb(error.__traceback__)
    return innermost(_from(stack, 1))  # the first is run()


def _from(stack: traceback.StackSummary, first: int) -> traceback.StackSummary:
    return traceback.StackSummary.from_list(stack[first:] or stack)


class _CannotBeSent(Exception):
    def __init__(self, why: BaseException, place: Place | None):
        super().__init__(f"what it returns cannot be sent to the notebook: {why}")
        self.place = place


def _written(value: Any, function: Callable) -> bytes:
    try:
        return written(value)
    except Exception as error:  # at a line of the pickler's, which tells a reader nothing
        code = getattr(function, "__code__", None)
        place = Place(code.co_filename, code.co_firstlineno, code.co_name) if code else None
        raise _CannotBeSent(error, place) from None
