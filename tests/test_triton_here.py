"""Triton as a machine can run it: interpreted, loaded too early, not there. Each in a process of its own."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KERNEL = """
import torch
from utils import triton_here
triton_here.prepare()
import triton
import triton.language as tl

@triton.jit
def ones(out, length, SIZE: tl.constexpr):
    i = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    tl.store(out + i, tl.zeros((SIZE,), tl.float32) + 1, mask=i < length)

"""
MISSING = "import importlib.util; importlib.util.find_spec = lambda name, package=None: None"
has_triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton runs on Linux only")


def said(tmp_path, code):
    script = tmp_path / "script.py"  # Triton reads a kernel's source from its file
    script.write_text(code)
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@has_triton
def test_without_a_gpu_a_kernel_is_interpreted(tmp_path):
    launch = "out = torch.zeros(20)\nones[(2,)](out, 20, 16)\nprint(int(out.sum()))"
    assert said(tmp_path, KERNEL + launch) == "20"


@has_triton
def test_triton_that_was_loaded_before_is_told(tmp_path):
    assert "restart the kernel" in said(tmp_path, "import triton\nfrom utils.triton_here import prepare\nprepare()")


def test_without_triton_a_kernel_is_one_that_nobody_has_written(tmp_path):
    launch = (
        "try:\n    ones[(2,)](torch.zeros(20), 20, 16)\nexcept NotImplementedError as error:\n    print(error.args)"
    )
    lines = said(tmp_path, MISSING + KERNEL + "triton_here.prepare()\n" + launch).splitlines()  # a cell may run again
    assert lines[0].startswith("Triton is not installed here") and lines[1:] == ["()"]
