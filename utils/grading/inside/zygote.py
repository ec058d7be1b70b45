"""Imports PyTorch once, then forks a runner for each request: milliseconds in place of seconds.

    python -m utils.grading.inside.zygote FD [--trusted]

A request on the socket FD carries two sockets: on one the runner talks to the judge, on the other its supervisor says
how it ended. The supervisor ends the runner, with all it may have started, when the judge hangs up.
"""

import contextlib
import functools
import importlib
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from types import ModuleType

import torch

from . import runner

ENDED = struct.Struct("<i")  # how a runner ended: its exit status, or minus the signal
REQUEST = b"r"


def main(fd: int, sandboxed: bool) -> None:
    lockdown = importlib.import_module("utils.grading.inside.lockdown") if sandboxed else None
    if lockdown:
        lockdown.drop_root()
    torch.set_num_threads(1)
    os.environ["TRITON_INTERPRET"] = "1"  # of which Triton takes note when an optimizer imports it, and never again
    torch.set_num_threads = lambda nthreads: None  # more of them than a runner may have would end it
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # imports for a second: not in each runner
    torch.zeros(1).half()  # asks what the processor can do, while there is a /proc to ask
    requests = socket.socket(fileno=fd)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for supervisors
    requests.sendall(REQUEST)
    while True:
        message, sockets, _, _ = socket.recv_fds(requests, len(REQUEST), 2)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            _apart(functools.partial(_supervise, sockets, lockdown))
        for fd in sockets:
            os.close(fd)


def _supervise(sockets: list[int], lockdown: ModuleType | None) -> None:
    data, control = map(_socket, sockets)
    os.setsid()  # or a runner's kill(0, 9) would reach the zygote through the shared process group
    if lockdown:
        lockdown.enter_namespaces()
    ended, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    pid = os.fork()
    if pid == 0:
        _apart(lambda: _run(data, lockdown))
    data.close()
    ready, _, _ = select.select([ended, control], [], [])
    if ended not in ready:
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    end = os.waitstatus_to_exitcode(status)
    worked = usage.ru_utime + usage.ru_stime + 0.5  # which the kernel counts in more than one way
    if lockdown and end == -signal.SIGKILL and worked >= lockdown.CPU_SECONDS:
        end = -signal.SIGXCPU  # the kernel's limit, which it ran into by itself
    with contextlib.suppress(BrokenPipeError):  # a judge that has hung up does not ask
        control.sendall(ENDED.pack(end))


def _run(data: socket.socket, lockdown: ModuleType | None) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    # the zygote's sockets, too: a program writes to every descriptor it finds
    os.closerange(3, data.fileno())
    os.closerange(data.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    if lockdown:
        lockdown.lock()
    os.dup2(0, 2)  # until here, what goes wrong is the sandbox's own complaint
    runner.serve(data)


def _socket(fd: int) -> socket.socket:
    return socket.socket(fileno=fd)


def _apart(work: Callable[[], None]) -> None:
    """Do the work in this forked process and end it, whatever happens, without the parent's clean-up."""
    try:
        work()
        os._exit(0)
    except EOFError:  # the judge has hung up
        os._exit(0)
    except BaseException as error:
        print(f"{work}: {error!r}", file=sys.stderr, flush=True)
        os._exit(70)


if __name__ == "__main__":
    main(int(sys.argv[1]), sandboxed="--trusted" not in sys.argv)
