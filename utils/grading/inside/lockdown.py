"""Takes from a process all that a learner's program has no need of: other processes, files, network, system calls.

    python -m utils.grading.inside.lockdown    try it, and say what this system does not allow

Each step raises OSError where the system forbids it. Linux only.
"""

import ctypes
import errno
import fcntl
import os
import resource

import pyseccomp

MEMORY = 1 << 30  # bytes beyond what the process has mapped at the start
DISK = "size=64m,nr_inodes=4k,mode=1777"  # empty files take no size, but memory: they are counted
CPU_SECONDS = 600  # behind the judge's own clock, should that fail
THREADS = 16
NOBODY = 65534

CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWIPC = (
    0x10000000, 0x20000000, 0x00020000, 0x40000000, 0x08000000,
)  # fmt: skip
CLONE_THREAD = 0x00010000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000
PR_SET_DUMPABLE, PR_SET_NAME, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 15, 24, 38
LAST_CAPABILITY = 40
CAPABILITIES_VERSION = 0x20080522  # the kernel's name for its third version

# What Python, NumPy and PyTorch use to compute. Whatever is not named here is refused: new processes, sockets, signals
# to others, mounts, memory that no limit counts.
ALLOWED = """
    read write readv writev pread64 pwrite64 close lseek dup dup2 dup3 ftruncate fsync
    open openat access faccessat faccessat2 stat fstat lstat newfstatat statx statfs fstatfs readlink readlinkat
    getdents64 getcwd chdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 umask
    sendto recvfrom poll ppoll select pselect6
    mmap munmap mprotect mremap madvise brk mincore membarrier
    futex set_robust_list get_robust_list rseq arch_prctl sched_yield sched_getaffinity set_tid_address
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack tgkill setitimer getitimer restart_syscall
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrusage
    getpid gettid getppid getuid geteuid getgid getegid uname sysinfo getcpu getrandom
    exit exit_group
""".split()

_libc = ctypes.CDLL(None, use_errno=True)


def drop_root() -> None:
    """Become nobody, if root: limits bind root's processes less than others'."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        _libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # or the process may not write its own uid map


def enter_namespaces() -> None:
    """Fresh user, mount, network and IPC namespaces; the next child is the first process of a fresh pid namespace."""
    uid, gid = os.getuid(), os.getgid()
    _checked("unshare", _libc.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC))
    # setgroups first: before that the kernel takes no gid_map from an ordinary user
    for name, line in (("setgroups", "deny"), ("uid_map", f"1000 {uid} 1"), ("gid_map", f"1000 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def lock() -> None:
    """Private scratch space, limits, no capabilities, few system calls. For good: there is no way back."""
    # in this order: after the mounts there is no /proc to read, and the filter would refuse the others
    mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    _mount_scratch()
    _limit(mapped + MEMORY)
    _drop_capabilities()
    _filter_calls()


def _mount_scratch() -> None:
    _mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    scratch = DISK.encode()
    _mount(b"tmpfs", b"/tmp", b"tmpfs", MS_NOSUID | MS_NODEV, scratch)
    _mount(b"tmpfs", b"/dev/shm", b"tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, scratch)
    # the outer /proc shows other programs; a fresh one may not be mounted this deep
    _mount(b"tmpfs", b"/proc", b"tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, b"size=4k")
    os.chdir("/tmp")


def _limit(memory: int) -> None:
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 32 << 20),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, THREADS),
    ):
        resource.setrlimit(limit, (most, most))


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def _drop_capabilities() -> None:
    for capability in range(LAST_CAPABILITY + 1):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    none = (_Sets * 2)()
    _checked("capset", _libc.capset(ctypes.byref(_Header(CAPABILITIES_VERSION, 0)), none))


def _filter_calls() -> None:
    _checked("no_new_privs", _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    calls = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in ALLOWED:
        _allow(calls, name)
    # threads, no processes: RLIMIT_NPROC does nothing for root
    _allow(calls, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_THREAD, CLONE_THREAD))
    _allow(calls, "prctl", pyseccomp.Arg(0, pyseccomp.EQ, PR_SET_NAME))
    _allow(calls, "prlimit64", pyseccomp.Arg(2, pyseccomp.EQ, 0))  # to ask, not to set
    for command in (fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL):
        _allow(calls, "fcntl", pyseccomp.Arg(1, pyseccomp.EQ, command))  # no locks, which others would see
    calls.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")  # so that the C library falls back to clone
    calls.load()


def _allow(calls: pyseccomp.SyscallFilter, name: str, *conditions: pyseccomp.Arg) -> None:
    try:
        calls.add_rule(pyseccomp.ALLOW, name, *conditions)
    except ValueError:  # this processor's Linux has no such call
        pass


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None) -> None:
    _checked(f"mount {target.decode()}", _libc.mount(source, target, kind, flags, options))


def _checked(what: str, result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _try() -> None:
    drop_root()
    enter_namespaces()
    if os.fork() == 0:
        lock()
        os._exit(0)
    _, status = os.wait()
    raise SystemExit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    _try()
