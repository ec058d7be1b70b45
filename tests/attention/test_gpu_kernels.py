"""The GPU kernels: interpreted on the CPU, compiled for Hopper without one, and on a GPU where there is one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from agreement import additive_inputs, error, results

from utils import attention
from utils.attention import reference

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Triton runs on Linux only")
FOLDER = Path(__file__).parent


def run(*command, **environment):
    kept = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, *command], env=kept | environment, cwd=FOLDER.parents[1], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.repository
def test_in_the_interpreter():
    said = run("-m", "pytest", "-q", "-p", "no:cacheprovider", FOLDER / "interpreted_kernels.py", TRITON_INTERPRET="1")
    assert "8 passed" in said and "skipped" not in said


@pytest.mark.repository
def test_what_the_machine_code_for_hopper_holds():
    reports = [json.loads(line) for line in run(FOLDER / "compile_for_hopper.py").splitlines()]
    assert len(reports) == 15  # five kernels, three types of input
    for report in reports:
        name = f"{report['kernel']}, {report['dtype']}"
        cheapest = min(loop["MUFU"] for loop in report["loops"] if "MUFU" in loop) / report["elements"]
        fast = [loop for loop in report["loops"] if loop.get("MUFU", 0) / report["elements"] == cheapest]
        assert 0.4 <= cheapest <= 0.55, f"{name}: {cheapest} special-function operations per element"
        assert report["shared"] <= 227 * 1024, f"{name}: more shared memory than a multiprocessor has"
        # the loop with fewest is the one over exponentials: 4.5 per element forward, 11 backward (12 by Triton 3.6)
        allowed = 12 if "gradient" in name else 5
        assert min(sum(loop.values()) for loop in fast) / report["elements"] <= allowed, name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(2, 5, 7, 9, 3), (3, 65, 130, 100, 200), (2, 300, 257, 128, 64)])
def test_on_the_gpu(shape, dtype):
    inputs = [x.to("cuda", dtype) for x in additive_inputs(*shape)]
    exact, grads = results(reference.additive_attention, inputs, dtype=torch.float64)
    found, _ = results(attention.additive_attention, inputs, grads=[grad.cuda() for grad in grads])
    tolerance = 4e-6 if dtype == torch.float32 else 4 * torch.finfo(dtype).eps
    for ours, value in zip(found, exact, strict=True):
        assert error(ours, value) <= tolerance
