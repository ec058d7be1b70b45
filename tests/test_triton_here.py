"""Triton as a machine can run it: interpreted, loaded too early, not there. Each in a process of its own."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

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
    early = "import triton\nfrom utils.triton_here import prepare\nprepare()"
    assert "restart the kernel" in said(tmp_path, early)


@pytest.mark.parametrize(("folder", "others"), [("chapters", "○"), ("solutions", "✓")])
def test_without_triton_its_chapter_runs_and_the_kernel_counts_as_not_written(folder, others):
    notebook = nbformat.read(ROOT / folder / "09_fast_attention.ipynb", as_version=4)
    missing = nbformat.v4.new_code_cell('import sys\nsys.modules["triton"] = None')  # so that no import finds it
    notebook.cells.insert(0, missing)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": ROOT / folder}}).execute()
    text = "".join(output.get("text", "") for cell in notebook.cells[1:6] for output in cell.get("outputs", []))
    assert "Triton is not installed here" in text
    *checks, kernel = (cell for cell in notebook.cells if cell.id.startswith("check-"))
    assert [each.outputs[0]["data"]["text/plain"][0] for each in checks] == [others] * len(checks)
    assert kernel.id == "check-scores_kernel" and kernel.outputs[0]["data"]["text/plain"].startswith("○")
