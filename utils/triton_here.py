"""Triton as this machine can run it: on a GPU, interpreted without one, and a stand-in where it is not installed."""

import importlib.util
import os
import sys
from types import SimpleNamespace
from typing import Any

import torch

SWITCH = "TRITON_INTERPRET"  # Triton reads it when it is imported, and then never again


def prepare() -> None:
    """Before the first `import triton` of the process: have kernels interpreted where there is no GPU.

    PyTorch imports it too, with its optimizers for example: after that it is too late, and the reader is told so; as
    they are where there is no Triton.
    """
    if importlib.util.find_spec("triton") is None:
        print("Triton is not installed here (it runs on Linux only): what needs it is there to be read.")
    elif not torch.cuda.is_available():
        if "triton" in sys.modules and os.environ.get(SWITCH) != "1":
            print("Triton was loaded before, for a GPU, and there is none: restart the kernel, and begin here.")
        os.environ[SWITCH] = "1"


class _Unwritten:
    """A kernel without Triton: to whoever launches it, it is as if nobody had written it yet."""

    def __init__(self, function: Any):
        self.fn = function

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError

    def __getitem__(self, grid: Any) -> Any:
        return self.run

    run = __call__


# In a notebook's own names, where `import triton` fails; among the modules PyTorch would take them for the real ones
triton, tl = SimpleNamespace(jit=_Unwritten), SimpleNamespace(constexpr=int)
