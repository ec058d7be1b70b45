"""Runners: processes in a sandbox, one for each exercise, forked from a zygote that has imported PyTorch once."""

import secrets
import socket
import struct
import subprocess
import tempfile
import time
from typing import Any

from . import bubblewrap
from .inside import wire
from .inside.runner import READY
from .inside.zygote import ENDED, REQUEST

START = 120  # seconds that the import of PyTorch may take on a busy machine
MAKE = 20  # seconds in which a zygote makes a runner
END = 2  # seconds in which it is told how a runner ended, if it did


class SandboxFailure(RuntimeError):
    """The sandbox failed, not what ran in it: no reason to mark anybody down."""


class Died(RuntimeError):
    """The runner ended while it was asked; the message says how."""


class Runner:
    """One exercise's process: ask() it, and close() it. Nothing that it does reaches another one."""

    def __init__(self, data: socket.socket, control: socket.socket):
        self._data, self._control = data, control

    def ask(self, question: Any, deadline: float) -> Any:
        """Its answer. Raises TimeoutError past the deadline (time.monotonic), Died, wire.Malformed, SandboxFailure.

        An answer has to name the question's token, so that none can be prepared, kept back or given twice.
        """
        token = secrets.token_hex(16)
        try:
            self._data.settimeout(max(0.001, deadline - time.monotonic()))  # for sending, too: a runner may not read
            wire.send(self._data, (token, question))
            answer = wire.receive(self._data, deadline)
        except TimeoutError:  # an OSError, too, but no end of the runner
            raise
        except (EOFError, OSError) as error:
            raise Died(self._how_it_ended()) from error
        if not isinstance(answer, tuple) or len(answer) != 2 or answer[0] != token:
            raise wire.Malformed("an answer to another question")
        return answer[1]

    def wait_until_ready(self) -> None:
        try:
            ready = wire.receive(self._data, time.monotonic() + MAKE)
        except (EOFError, OSError) as error:  # no cell has run yet: this is ours
            raise SandboxFailure("a runner did not start") from error
        if ready != READY:
            raise SandboxFailure("a runner started with something else than itself")

    def close(self) -> None:
        self._data.close()
        self._control.close()

    def _how_it_ended(self) -> str:
        self._control.settimeout(END)
        try:
            (status,) = ENDED.unpack(self._control.recv(ENDED.size))
        except TimeoutError:
            return "it hung up"  # it closed its socket, and lives on
        except (OSError, struct.error) as error:
            raise SandboxFailure("the sandbox ended") from error
        if status == -9:  # a runner cannot do that to itself: it is the first process of its namespace
            raise SandboxFailure("a runner was killed from outside")
        return f"it ended its process with signal {-status}" if status < 0 else "it ended its process"


class Sandbox:
    """Starts a zygote when first needed, and again when it was killed. `trusted`: no sandbox, only a process."""

    def __init__(self, trusted: bool = False):
        self.trusted = trusted
        self._process: subprocess.Popen[bytes] | None = None

    def runner(self) -> Runner:
        """A fresh runner. Raises SandboxFailure; the next call starts a new zygote then."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        data, control = socket.socketpair(), socket.socketpair()
        try:
            socket.send_fds(self._requests, [REQUEST], [data[1].fileno(), control[1].fileno()])
        except OSError as error:
            self.close()
            raise SandboxFailure("the zygote is gone") from error
        finally:
            # while we held a copy of its end, a runner that dies would not be seen to hang up
            data[1].close()
            control[1].close()
        runner = Runner(data[0], control[0])
        try:
            runner.wait_until_ready()
        except SandboxFailure as failure:
            runner.close()
            raise SandboxFailure(f"{failure}: {self._end()}") from failure
        return runner

    def close(self) -> None:
        if self._process is not None:
            self._end()

    def _end(self) -> str:
        """End the zygote; the last that it has complained of."""
        assert self._process is not None
        self._requests.close()
        self._process.kill()
        self._process.wait()
        self._process = None
        with self._complaints:
            self._complaints.seek(0)
            return self._complaints.read().decode(errors="replace").strip()[-300:]

    def _start(self) -> None:
        self.close()
        self._requests, theirs = socket.socketpair()
        self._requests.settimeout(START)
        arguments = ["utils.grading.inside.zygote", str(theirs.fileno()), *["--trusted"] * self.trusted]
        self._complaints = tempfile.TemporaryFile()  # not a pipe: nobody reads it, and it would fill up
        self._process = subprocess.Popen(
            bubblewrap.command(*arguments, trusted=self.trusted),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            cwd=bubblewrap.COURSE,
        )
        theirs.close()  # or the next line would wait for a zygote that is dead
        try:
            started = self._requests.recv(len(REQUEST)) == REQUEST
        except OSError:
            started = False
        if not started:
            raise SandboxFailure(f"the zygote did not start: {self._end()}")
