"""Exercises whose answers are compiled or launched: by numba, by Triton, and where there is no Triton."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest
import torch

from utils import exercises
from utils.attempts.uses import kernels

FRACTIONS, SCORES = exercises.get("fraction_sums"), exercises.get("scores_kernel")
FOLDER = Path(__file__).parent


@pytest.mark.repository
@pytest.mark.parametrize("program", [FRACTIONS.reference, *FRACTIONS.variants])
def test_a_chapter_can_compile_what_passes(program):
    verdict = FRACTIONS.assess(numba.njit(program))
    assert verdict.passed, verdict.message


def whole_array(a, b, score_vector):
    return (score_vector / (1 + a[:, None] * b)).sum(-1)


def with_einsum(a, b, score_vector):
    return np.einsum("ijh,h->ij", 1 / (1 + a[:, None] * b), score_vector)


@pytest.mark.parametrize("program", [whole_array, with_einsum])
def test_sums_without_loops_are_right_too(program):
    assert FRACTIONS.assess(program).passed


@pytest.mark.repository
@pytest.mark.skipif(sys.platform != "linux", reason="Triton runs on Linux only")
def test_in_the_interpreter():
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, FOLDER / "interpreted_scores_kernel.py"],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "48 passed" in done.stdout and "skipped" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="Triton runs on Linux only")
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to compile for")
@pytest.mark.skipif("TRITON_INTERPRET" in os.environ, reason="it is set in time")
def test_a_switch_that_comes_too_late_is_told(monkeypatch):
    import triton

    for setting in (None, "1"):
        if setting:
            monkeypatch.setenv("TRITON_INTERPRET", setting)
        verdict = SCORES.assess(triton.jit(SCORES.mistakes[0].program))
        assert verdict.message == f"Your code raised RuntimeError: {kernels.TOO_LATE}."


def test_without_triton_nothing_is_attempted():
    def launch(*arguments):
        raise NotImplementedError

    class Kernel(SimpleNamespace):
        def __call__(self): ...

        def __getitem__(self, grid):
            return launch

    assert SCORES.assess(Kernel()).status == "not attempted"
