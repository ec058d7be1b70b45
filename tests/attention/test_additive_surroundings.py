"""Additive attention among threads and processes, under autocast and torch.compile, and when it is first used."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from agreement import additive_inputs, results

from utils import attention
from utils.attention import additive

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def loops(monkeypatch):
    """Small inputs take the loops too."""
    monkeypatch.setattr(additive, "FEW_ELEMENTS", 0)


def test_the_same_from_run_to_run_and_on_any_number_of_threads():
    inputs = additive_inputs(4, 130, 130, 70, 16)
    grads = results(attention.additive_attention, inputs)[1]
    before = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2, 3, 1):
            torch.set_num_threads(count)
            found.append(results(attention.additive_attention, inputs, grads=grads)[0])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert torch.equal(other[1], found[0][1])  # weights
        assert torch.equal(other[2], found[0][2]) and torch.equal(other[3], found[0][3])  # of query and key


def test_from_several_threads_at_once():
    inputs = additive_inputs(4, 100, 100, 64, 8)
    alone = results(attention.additive_attention, inputs)
    found = [None] * 8

    def work(i):
        found[i] = results(attention.additive_attention, inputs, grads=alone[1])[0]

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for one in found:
        assert all(torch.equal(x, y) for x, y in zip(one, alone[0], strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_in_a_process_forked_after_use():
    program = """
import os, torch
from utils import attention
torch.set_num_threads(2)
inputs = [torch.randn(4, 100, 64), torch.randn(4, 100, 64), torch.randn(4, 100, 8), torch.randn(64)]
with torch.no_grad():
    before = attention.additive_attention(*inputs)
    child = os.fork()
    if not child:
        torch.set_num_threads(1)  # PyTorch's own threads do not survive a fork either
        again = attention.additive_attention(*inputs)
        os._exit(0 if torch.allclose(before, again) else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=120)


def test_the_first_use_ever_says_that_it_compiles(tmp_path):
    program = "from utils.attention.kernels import cpu; cpu.compile_once(); cpu.compile_once()"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, check=True)
        for _ in range(2)
    ]
    assert said[0].stdout.decode().splitlines() == [
        "Compiling additive attention for this machine, once: about ten seconds."
    ]
    assert not said[1].stdout


def test_under_autocast_it_stays_in_float32():
    inputs = [x.requires_grad_() for x in additive_inputs()]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        context = attention.additive_attention(*inputs)
    assert torch.equal(context, attention.additive_attention(*inputs))
    context.sum().backward()
    assert all(x.grad.isfinite().all() for x in inputs)


def test_after_the_main_thread_has_ended():
    program = """
import threading, time, torch
from utils import attention
torch.set_num_threads(2)
inputs = [torch.randn(4, 200, 64), torch.randn(4, 200, 64), torch.randn(4, 200, 8), torch.randn(64)]
attention.additive_attention(*inputs)
def late():
    threading.main_thread().join()
    attention.additive_attention(*inputs)
    print("done")
threading.Thread(target=late).start()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "done\n", done.stderr


def test_inside_torch_compile_the_formula_is_compiled():
    inputs = additive_inputs()

    def function(*inputs):
        return attention.additive_attention(*inputs).square()

    compiled = torch.compile(function, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*inputs), function(*inputs))
