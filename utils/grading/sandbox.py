"""Where submitted code runs: a bubblewrap sandbox with a zygote in it, from which a runner is forked per exercise.

In the sandbox there are the system's libraries, Python, and the few files of `inside/` and `utils.attempts`, read-only;
no network, no environment, no course, no submission. What is inside is made smaller still by `inside/lockdown.py`.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .inside import wire
from .inside.runner import READY
from .inside.zygote import ENDED, REQUEST

COURSE = Path(__file__).parents[2]
SEEN = ("utils/__init__.py", "utils/attempts", "utils/grading/__init__.py", "utils/grading/inside")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache")
VENV = "/venv"  # not where it really is, which may be below /tmp, where each runner gets a directory of its own
START = 120  # seconds that the import of PyTorch may take on a busy machine
ANSWER = 20  # seconds in which a zygote makes a runner, and says how one ended

ADVICE = """Submitted code runs in a sandbox, and this system does not let one be made: {reason}
- Debian and Ubuntu: sudo apt install bubblewrap libseccomp2
- Ubuntu 24.04 and later forbid user namespaces to most programs: allow them to bubblewrap with an AppArmor profile
  (utils/grading/README.md has it), or until the next boot: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
- In a container: start it with user namespaces allowed (--security-opt seccomp=unconfined), or grade on the host.
- macOS and Windows have no such sandbox: grade in a Linux virtual machine (WSL 2 is one).
With --trusted, submitted code runs without a sandbox, as you, and every result says so."""


class SandboxUnavailable(RuntimeError):
    """This system does not let a sandbox be made; the message says why and what to do."""


class SandboxFailure(RuntimeError):
    """The sandbox failed, not what ran in it: no reason to mark anybody down."""


class Died(RuntimeError):
    """The runner ended while it was asked; the message says how."""


class Runner:
    """One exercise's process: ask() it, and close() it. Nothing that it does reaches another one."""

    def __init__(self, data: socket.socket, control: socket.socket):
        self._data, self._control = data, control

    def ask(self, question: Any, deadline: float) -> Any:
        """Its answer. Raises TimeoutError past the deadline (time.monotonic), Died, wire.Malformed, SandboxFailure."""
        try:
            self._data.settimeout(max(0.001, deadline - time.monotonic()))
            wire.send(self._data, question)
            return wire.receive(self._data, deadline)
        except TimeoutError:
            raise
        except (EOFError, OSError) as error:
            raise Died(self._how_it_ended()) from error

    def wait_until_ready(self) -> None:
        try:
            ready = wire.receive(self._data, time.monotonic() + ANSWER)
        except (EOFError, OSError) as error:
            raise SandboxFailure("a runner did not start") from error
        if ready != READY:
            raise SandboxFailure("a runner started with something else than itself")

    def close(self) -> None:
        self._data.close()
        self._control.close()

    def _how_it_ended(self) -> str:
        self._control.settimeout(ANSWER)
        try:
            (status,) = ENDED.unpack(self._control.recv(ENDED.size))
        except (OSError, struct.error) as error:
            raise SandboxFailure("the sandbox ended") from error
        if status == -9:  # a runner cannot do that to itself: it is the first process of its namespace
            raise SandboxFailure("a runner was killed from outside")
        return f"it ended its process with signal {-status}" if status < 0 else "it ended its process"


class Sandbox:
    """Starts a zygote when first needed, and again when it was killed. `trusted`: no sandbox, only a process."""

    def __init__(self, trusted: bool = False):
        self.trusted = trusted
        self._process = None

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
        self._complaints = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command(*arguments, trusted=self.trusted),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            cwd=COURSE,
        )
        theirs.close()
        try:
            started = self._requests.recv(len(REQUEST)) == REQUEST
        except OSError:
            started = False
        if not started:
            raise SandboxFailure(f"the zygote did not start: {self._end()}")


def check() -> None:
    """Raises SandboxUnavailable, with advice, if this system does not let a sandbox be made."""
    if not sys.platform.startswith("linux"):
        raise SandboxUnavailable(ADVICE.format(reason=f"{sys.platform} has none."))
    if not shutil.which("bwrap"):
        raise SandboxUnavailable(ADVICE.format(reason="bubblewrap (bwrap) is not installed."))
    tried = subprocess.run(command("utils.grading.inside.lockdown"), capture_output=True, text=True, timeout=START)
    if tried.returncode:
        raise SandboxUnavailable(ADVICE.format(reason=tried.stderr.strip().splitlines()[-1]))


def command(module: str, *arguments: str, trusted: bool = False) -> list[str]:
    """The command that runs a module of `inside/`, in the sandbox unless it is trusted."""
    if trusted:
        return [sys.executable, "-B", "-m", module, *arguments]
    python = f"{VENV}/bin/{Path(sys.executable).name}" if _in_venv() else sys.executable
    return [
        *("bwrap", "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox", "--unshare-uts"),
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-cgroup-try", *_as_root_or_user()),
        *("--setenv", "HOME", "/tmp", "--setenv", "PATH", "/usr/bin", "--setenv", "OMP_NUM_THREADS", "1"),
        *("--perms", "1777", "--tmpfs", "/tmp"),
        *(word for path in SYSTEM if os.path.exists(path) for word in ("--ro-bind", path, path)),
        *_python(),
        *(word for path in SEEN for word in ("--ro-bind", str(COURSE / path), f"/course/{path}")),
        *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/course"),
        *(python, "-B", "-m", module, *arguments),
    ]


def _in_venv() -> bool:
    return sys.prefix != sys.base_prefix


def _python() -> list[str]:
    """The interpreter's files at their own place, the virtual environment's at VENV."""
    binds = ["--ro-bind", sys.prefix, VENV] if _in_venv() else []
    base = Path(sys.base_prefix)
    if base.is_relative_to("/usr"):
        return binds  # there already
    for parent in reversed(base.parents[:-1]):  # by itself, bubblewrap makes them as closed as the real ones (/root)
        binds += ["--perms", "0755", "--dir", str(parent)]
    return [*binds, "--ro-bind", str(base), str(base)]


def _as_root_or_user() -> list[str]:
    """Root's sandbox needs no user namespace, and lets its first process become nobody."""
    if os.getuid() == 0:
        return ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return ["--unshare-user"]
