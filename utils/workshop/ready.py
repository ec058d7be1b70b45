"""Whether a machine is ready for a course: everything that a chapter needs is tried once, and one line says so.

What takes long the first time only is done with it: a compiled kernel, the fonts of figures and the number names are
kept for later. A machine without the packages, or with an old Python, has to get as far as its line, too: so nothing
else of the course is imported before it is known to be there.
"""

from __future__ import annotations  # an old Python reads this file, and is told that it is old

import contextlib
import importlib.metadata
import io
import os
import platform
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (3, 11)
ENVIRONMENT = ROOT / ".venv"
PROGRAMS = ".venv\\Scripts\\" if os.name == "nt" else ".venv/bin/"
QUIET = ["--IPKernelApp.log_level=ERROR"]
GIGABYTE = 2**30
FREE_MEMORY, FREE_DISK = 2.0, 0.5  # gigabytes: a chapter's kernel takes up to 1.4 of memory


class NotReady(Exception):
    """What is missing, and what to do about it."""


def remedy() -> str:
    """What to do where a package is missing: another Python may have it."""
    if ENVIRONMENT.exists() and Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        return f"begin the command with {PROGRAMS}python"
    return f"run  {PROGRAMS}pip install -r requirements.txt  in the course's folder, and this once more"


def say() -> int:
    """Print the line, and return the exit status: 0 if the machine is ready."""
    print("Everything that a chapter needs is tried once. The first time, this takes about a minute.", flush=True)
    line, status = verdict()
    print(line)
    return status


def verdict() -> tuple[str, int]:
    """The line to read out, and the exit status."""
    start = time.monotonic()
    for name, tried in CHECKS.items():
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                tried()
        except NotReady as missing:
            return f"not ready: {missing}", 1
        except Exception as error:  # whatever a strange machine does, there is a line
            return f"not ready: {name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}", 1
    return f"ready: {machine()}, {time.monotonic() - start:.0f} s", 0


def machine() -> str:
    """Python, PyTorch, cores and memory, in a line."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total / GIGABYTE
    torch = importlib.metadata.version("torch")
    return f"Python {platform.python_version()}, torch {torch}, {cores} cores, {memory:.0f} GB"


def python_is_new_enough() -> None:
    if sys.version_info < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise NotReady(f"this is Python {platform.python_version()}, and the course needs {wanted} or newer")


def packages_are_there() -> None:
    try:
        from packaging.requirements import Requirement
    except ImportError:
        raise NotReady(f"the course's packages are not installed for {sys.executable}: {remedy()}") from None
    wanted = (ROOT / "utils" / "hosted.txt").read_text(encoding="utf-8").splitlines()[1:]
    for line in ["jupyterlab", "psutil", *wanted]:
        needs = Requirement(line)
        try:
            version = importlib.metadata.version(needs.name)
        except importlib.metadata.PackageNotFoundError:
            raise NotReady(f"{needs.name} is not installed for {sys.executable}: {remedy()}") from None
        if not needs.specifier.contains(version, prereleases=True):
            raise NotReady(f"{needs.name} is {version}, and the course needs {needs.specifier}: {remedy()}")


def answers_can_be_saved() -> None:
    if not os.access(ROOT / "chapters", os.W_OK):
        raise NotReady(f"{ROOT / 'chapters'} cannot be written to: copy the course to a folder of your own")


def there_is_room() -> None:
    import psutil

    disk = shutil.disk_usage(ROOT).free / GIGABYTE
    if disk < FREE_DISK:
        raise NotReady(f"{disk:.1f} GB of the disk are free, and {FREE_DISK} are needed: delete something")
    memory = psutil.virtual_memory().available / GIGABYTE
    if memory < FREE_MEMORY:
        raise NotReady(f"{memory:.1f} GB of memory are free, and {FREE_MEMORY} are needed: close other programs")


def torch_computes_a_gradient() -> None:
    import torch

    query = torch.ones(2, 3, requires_grad=True)
    (query @ query.mT).softmax(-1)[0, 0].backward()


def a_kernel_compiles() -> None:
    """And is kept: chapter 05 and 09 need not wait for it."""
    import torch

    from utils import attention

    inputs = *torch.randn(3, 2, 64, 64), torch.randn(64) / 8  # large enough for the compiled loops
    context, formula = attention.additive_attention(*inputs), attention.reference.additive_attention(*inputs)
    if not torch.allclose(context, formula, atol=1e-4):
        raise NotReady("a compiled kernel gives other numbers than its formula: report this machine to the course")


def a_figure_is_drawn() -> None:
    import torch
    from matplotlib.figure import Figure

    from utils import plots

    figure = Figure()
    plots.bars(torch.tensor([0.25, 0.75]), ["one", "three"], ax=figure.subplots())
    figure.savefig(io.BytesIO())


def number_names_are_kept() -> None:
    from utils import data

    data.number_names("de")


def a_notebook_runs() -> None:
    """In a kernel of this Python, and not of another one that Jupyter finds first."""
    from jupyter_client.manager import start_new_kernel

    said: list[str] = []

    def hear(message: dict) -> None:
        said.append(message["content"].get("text") or message["content"].get("evalue", ""))

    manager, kernel = start_new_kernel(startup_timeout=120, kernel_name="python3", extra_arguments=QUIET)
    try:
        kernel.execute_interactive("import sys, torch\nprint(sys.prefix)", timeout=120, output_hook=hear)
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
    prefix = "".join(said).strip()
    if Path(prefix) != Path(sys.prefix):
        raise NotReady(f"notebooks say {prefix}, and this is {sys.prefix}: start JupyterLab from there")


CHECKS = {
    "Python": python_is_new_enough,
    "the packages": packages_are_there,
    "the folder": answers_can_be_saved,
    "memory and disk": there_is_room,
    "PyTorch": torch_computes_a_gradient,
    "a compiled kernel": a_kernel_compiles,
    "a figure": a_figure_is_drawn,
    "number names": number_names_are_kept,
    "a notebook": a_notebook_runs,
}
