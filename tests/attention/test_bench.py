"""The bench: every table is filled and printed; no time is judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from utils.attention.bench import __main__ as program
from utils.attention.bench import machine, measure, rows

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small(monkeypatch):
    for name in ("SHORT", "NARROW", "LONG"):
        monkeypatch.setattr(rows, name, (2, 50, 50, 40))
    interleaved = measure.interleaved
    monkeypatch.setattr(
        rows, "interleaved", lambda run, functions, inputs, seconds: interleaved(run, functions, inputs, 0)
    )


def test_prints_tables_and_writes_every_number(small, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["bench", "--quick", "--json", str(tmp_path / "found.json")])
    program.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("cpu ") and f"torch {torch.__version__}" in lines[0]
    table = [line.split(" | ") for line in lines[2:]]
    assert {len(line) for line in table} == {len(program.HEADINGS)}
    found = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert len(found) == len(table) - 2
    assert {"additive", "dot product, causal", "depth, normed"} <= {row["operation"] for row in found}
    for row in found:
        assert row["ours"] > 0 and row["naive"] > 0
        assert row["error"] is None or row["error"] < 4e-6


def test_peaks_are_of_a_fresh_process():
    ours, naive = (measure.peak(name, (2, 100, 100, 500)) for name in ("ours", "naive"))
    assert naive >= 4 * 2 * 100 * 100 * 500 / 2**20  # one tensor of (B, Tq, Tk, A) at least
    assert ours < naive / 2


def test_rates_and_bound():
    found = machine.rates()
    assert found.divisions > 1e7 and found.operations > found.divisions
    forward = found.additive_bound((1, 10, 10, 10), backward=False)
    assert 0 < forward < found.additive_bound((1, 10, 10, 10), backward=True)
    assert forward == pytest.approx(found.additive_bound((2, 10, 10, 10), backward=False) / 2)


def test_says_what_it_takes():
    command = [sys.executable, "-m", "utils.attention.bench", "--nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "--quick" in done.stderr
