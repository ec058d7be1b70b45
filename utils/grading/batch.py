"""Grades many submissions, on several processes or machines, and goes on where it was stopped.

Each finished one is on disk, whole, as soon as it is known. The parent imports no PyTorch: its workers do.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import resource
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
from tqdm import tqdm

from . import records
from .marks import NotGraded
from .notebook import COURSE, LARGEST
from .records import Record
from .submissions import Submission, UnusableArguments

if TYPE_CHECKING:
    from distributed import Client

    from .sandbox import Sandbox

IMPORT = "import utils.grading.batch"
SEED_BITS = 128
SHORT = 1 << 64  # a seed below may be found by trying
MEMORY = 1 << 30  # bytes that a worker may take for one notebook, beyond what it has
TRIES = 3  # at a submission alone, when workers die of it

_one_at_a_time = threading.Lock()  # where a worker has several threads


@dataclass(frozen=True)
class Settings:
    """What decides about marks: the seed of hidden cases, the seconds for each exercise, the sandbox, the chapter, and
    the course's own files, as a hash."""

    seed: int
    seconds: float
    trusted: bool
    chapter: str | None
    course: str


@contextlib.contextmanager
def opened(out: Path) -> Iterator[None]:
    """Hold the folder of results alone. Raises UnusableArguments if another run is at it, or it cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / ".lock").open("w")
    except OSError as error:
        raise UnusableArguments(f"{out} cannot be written: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go of it, however this run ends
        except OSError:
            raise UnusableArguments(f"another run is writing to {out}") from None
        records.sweep(out)  # not before: drafts might be another run's
        yield


def course() -> str:
    """A hash of all that marks hang on in the course itself: its exercises, its programs, its chapters."""
    files = [*(COURSE / "utils").rglob("*.py"), *(COURSE / "chapters").glob("*.ipynb")]
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.relative_to(COURSE).as_posix()):
        # each file's own hash: a line that moves from one file's end to the next one's start is a change
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def seed_of(out: Path, wanted: int | None) -> int:
    """The seed of the results in a folder, new if it has none. Raises UnusableArguments if they have another one."""
    path = out / "seed.txt"
    if path.exists():
        try:
            kept = int(path.read_text())
        except ValueError:
            raise UnusableArguments(f"{path} holds no seed") from None
        # one seed in a folder: all its marks stand in one table
        if wanted not in (None, kept):
            raise UnusableArguments(f"the results in {out} have another seed than {wanted}: choose another folder")
        return kept
    seed = secrets.randbits(SEED_BITS) if wanted is None else wanted
    records.write_text(path, f"{seed}\n")
    path.chmod(0o600)  # who can read it knows the hidden cases
    return seed


def grade(
    submissions: list[Submission], out: Path, settings: Settings, jobs: int, backend: str, scheduler: str | None = None
) -> dict[Submission, Record]:
    """A record for each submission: the one kept from an earlier run if nothing has changed, else a new one."""
    done = {}
    for submission in submissions:
        kept = records.read(out / submission.place)
        if kept and _still_true(kept, submission, settings):
            # the time decides nothing about marks, and only has to be noted
            if kept["extra_data"]["handed in"] != submission.handed_in:
                kept["extra_data"]["handed in"] = submission.handed_in
                kept = _written(kept, submission, out)
            done[submission] = kept
    portions = [[submission for submission in submissions if submission not in done]]
    failures: Counter[Submission] = Counter()
    bar = tqdm(total=len(submissions), initial=len(done), desc="Graded", unit="notebook", smoothing=0)
    with bar, _workers(backend, jobs, scheduler):
        while portions:
            portion = portions.pop()
            try:
                for submission, record in _graded(portion, settings):
                    done[submission] = _written(record, submission, out)
                    bar.update()
            except Exception as error:  # a worker died, and joblib gave up on all: whose fault it was, halving shows
                left = [submission for submission in portion if submission not in done]
                if len(left) == 1:
                    failures[left[0]] += 1
                    if failures[left[0]] == TRIES:
                        record = _not_graded(left[0], f"the grader failed at it: {error}")
                        done[left[0]] = _written(record, left[0], out)
                        continue
                portions += [half for half in (left[: len(left) // 2], left[len(left) // 2 :]) if half]
    return done


def _written(record: Record, submission: Submission, out: Path) -> Record:
    try:
        records.write(record, out / submission.place)
    except OSError as error:
        return _not_graded(submission, f"its results cannot be written: {error}")
    return record


def _graded(rest: list[Submission], settings: Settings) -> Iterator[tuple[Submission, Record]]:
    # contents travel along, for a worker may be on another machine
    tasks = (
        joblib.delayed(_grade_one)(submission, *_content(submission), settings, os.getpid()) for submission in rest
    )
    # one to a batch: a result is written as soon as it is known, not when several are
    yield from joblib.Parallel(return_as="generator_unordered", batch_size=1)(tasks)


def _content(submission: Submission) -> tuple[bytes | None, str]:
    """The file's bytes, or None and why not."""
    try:
        if submission.path.is_symlink():
            return None, "it is a link, perhaps to somebody else's work"
        if submission.path.is_dir():
            return None, "there is no notebook (*.ipynb) in the folder"
        if not submission.path.is_file():
            return None, "it is not a file"
        if submission.path.stat().st_size > LARGEST:
            return None, f"it is larger than {LARGEST >> 20} MB"
        return submission.path.read_bytes(), ""
    except (OSError, MemoryError) as error:
        return None, f"it cannot be read: {error}"


def _grade_one(
    submission: Submission, content: bytes | None, why_not: str, settings: Settings, parent: int
) -> tuple[Submission, Record]:
    """In a worker: the submission and its record."""
    from . import judge  # here, not above: it imports PyTorch

    _end_with(parent)
    if content is None:
        return submission, _not_graded(submission, why_not)
    name = settings.chapter or f"{submission.assignment or ''}/{submission.path.name}"
    try:
        with _one_at_a_time, _limited_memory():
            marks = judge.grade(content, name, _sandbox(settings.trusted), settings.seed, settings.seconds)
    except NotGraded as error:
        return submission, _not_graded(submission, str(error))
    except Exception as error:  # ours, whatever it is: no reason to stop the others, nor to mark this one down
        return submission, _not_graded(submission, f"the judge failed: {type(error).__name__}: {error}")
    return submission, records.of_marks(marks, _origin(submission) | _decided(content, settings))


@functools.cache
def _sandbox(trusted: bool) -> "Sandbox":
    import torch

    from .sandbox import Sandbox

    torch.set_num_threads(1)  # there is a worker for each core
    return Sandbox(trusted)


@functools.cache
def _end_with(parent: int) -> None:
    """Let a worker end when the process that started it is killed: loky's go on for minutes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.getppid() == parent:  # a Dask worker has another parent
        threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _workers(backend: str, jobs: int, scheduler: str | None) -> Iterator[None]:
    if backend == "loky":
        with joblib.parallel_config("loky", n_jobs=jobs):
            yield
        return
    from distributed import Client, LocalCluster

    with contextlib.ExitStack() as stack:
        if scheduler is None:
            stack.enter_context(_course_on_the_path())
            scheduler = stack.enter_context(
                LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None, silence_logs="ERROR")
            )
        try:
            client = stack.enter_context(Client(scheduler, timeout=10))
        except (OSError, TimeoutError, ValueError) as error:
            raise UnusableArguments(f"no Dask scheduler answers at {scheduler}: {error}") from None
        _check(client, scheduler)
        stack.enter_context(joblib.parallel_config("dask"))
        yield


def _check(client: "Client", scheduler: Any) -> None:
    """Raises UnusableArguments unless there are workers, and all find the course: Dask would wait for ever."""
    if not client.scheduler_info()["workers"]:
        raise UnusableArguments(f"the Dask scheduler at {scheduler} has no workers")
    try:
        # as text: a function of the course's could not be sent to where the course is not
        client.run_on_scheduler(exec, IMPORT)
        client.run(exec, IMPORT)
    except ImportError as error:
        raise UnusableArguments(
            f"the scheduler or a worker at {scheduler} does not find the course ({error}): start both in its folder, "
            "with PYTHONPATH=. before the command"
        ) from None


@contextlib.contextmanager
def _course_on_the_path() -> Iterator[None]:
    """For the processes that are started meanwhile."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(COURSE), *([before] if before else [])])
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


@contextlib.contextmanager
def _limited_memory() -> Iterator[None]:
    """No more memory than one notebook may take. What is started meanwhile has the same limit, and may raise it."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    # the limit counts addresses, of which PyTorch alone takes most of a gigabyte
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = [limit for limit in before if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([mapped + MEMORY, *most]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _still_true(kept: Record, submission: Submission, settings: Settings) -> bool:
    content, _ = _content(submission)
    return content is not None and kept.get("extra_data", {}).items() >= _decided(content, settings).items()


def _not_graded(submission: Submission, why: str) -> Record:
    return records.not_graded(why, _origin(submission))


def _origin(submission: Submission) -> dict[str, Any]:
    return {
        "student": submission.student,
        "assignment": submission.assignment,
        "file": submission.path.name,
        "handed in": submission.handed_in,
    }


def _decided(content: bytes, settings: Settings) -> dict[str, Any]:
    """All that marks hang on beside the seed, which is the whole folder's and no student's to read."""
    return {
        "notebook": hashlib.sha256(content).hexdigest(),
        "seconds": settings.seconds,
        "sandboxed": not settings.trusted,
        "set": settings.chapter,
        "course": settings.course,
    }
