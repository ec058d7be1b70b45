"""Triton as this machine can run it: on a GPU, interpreted without one, and a stand-in where it is not installed.

triton_here.prepare()

import triton
import triton.language as tl
"""

import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

import torch

SWITCH = "TRITON_INTERPRET"  # Triton reads it when it is imported, and then never again


def prepare() -> None:
    """Before the first `import triton` of the process: see to it that it can be imported, and that a kernel runs.

    PyTorch imports it too, with its optimizers for example: after that it is too late for a machine without a GPU, and
    the reader is told so.
    """
    loaded = sys.modules.get("triton")
    if loaded is not None and loaded.__spec__ is None:
        return  # the stand-in
    if loaded is None and importlib.util.find_spec("triton") is None:
        print("Triton is not installed here (it runs on Linux only): what needs it is there to be read.")
        sys.modules["triton"] = triton = ModuleType("triton")
        sys.modules["triton.language"] = language = ModuleType("triton.language")
        vars(triton).update(jit=_Unwritten, language=language)
        vars(language).update(constexpr=int)
    elif not torch.cuda.is_available():
        if loaded is not None and os.environ.get(SWITCH) != "1":
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
