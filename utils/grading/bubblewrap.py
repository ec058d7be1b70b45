"""The sandbox in which submitted code runs: a bubblewrap command, and whether this system lets it be made.

In it are the system's libraries, Python, and the few files of `inside/` and `utils.attempts`, read-only; no network, no
environment, no course, no submission. What is inside is made smaller still by `inside/lockdown.py`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

COURSE = Path(__file__).parents[2]
# of the course, what runs a program; nothing that knows an answer
SEEN = ("utils/__init__.py", "utils/attempts", "utils/grading/__init__.py", "utils/grading/inside")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache")
VENV = "/venv"  # not where it really is, which may be below /tmp, where each runner gets a directory of its own

ADVICE = """Submitted code runs in a sandbox, and this system does not let one be made: {reason}
- Debian and Ubuntu: sudo apt install bubblewrap libseccomp2
- Ubuntu 24.04 and later forbid user namespaces to most programs: allow them to bubblewrap with an AppArmor profile
  (utils/grading/README.md has it), or until the next boot: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
- In a container: start it with user namespaces allowed (--security-opt seccomp=unconfined), or grade on the host.
- macOS and Windows have no such sandbox: grade in a Linux virtual machine (WSL 2 is one).
With --trusted, submitted code runs without a sandbox, as you, and every result says so."""


class SandboxUnavailable(RuntimeError):
    """This system does not let a sandbox be made; the message says why and what to do."""


def check() -> None:
    """Raises SandboxUnavailable, with advice, if this system does not let a sandbox be made."""
    if not sys.platform.startswith("linux"):
        raise SandboxUnavailable(ADVICE.format(reason=f"{sys.platform} has none."))
    if not shutil.which("bwrap"):
        raise SandboxUnavailable(ADVICE.format(reason="bubblewrap (bwrap) is not installed."))
    # tried, not asked: kernels, AppArmor and containers each have a way of their own to forbid it
    tried = subprocess.run(command("utils.grading.inside.lockdown"), capture_output=True, text=True, timeout=60)
    if tried.returncode:
        raise SandboxUnavailable(ADVICE.format(reason=tried.stderr.strip().splitlines()[-1]))


def command(module: str, *arguments: str, trusted: bool = False) -> list[str]:
    """The command that runs a module of `inside/`, in the sandbox unless it is trusted."""
    if trusted:
        return [sys.executable, "-B", "-m", module, *arguments]
    python = f"{VENV}/bin/{Path(sys.executable).name}" if _in_venv() else sys.executable
    return [
        # --new-session: what runs inside cannot type into the teacher's terminal
        *("bwrap", "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox", "--unshare-uts"),
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-cgroup-try", *_as_root_or_user()),
        *("--setenv", "HOME", "/tmp", "--setenv", "PATH", "/usr/bin", "--setenv", "OMP_NUM_THREADS", "1"),
        *("--perms", "1777", "--tmpfs", "/tmp"),
        *(word for path in SYSTEM if os.path.exists(path) for word in ("--ro-bind", path, path)),
        *_python(),
        *(word for path in SEEN for word in ("--ro-bind", str(COURSE / path), f"/course/{path}")),
        # read-only at the very end: until then the places of mounts are made in it
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
