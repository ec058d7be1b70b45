"""The bench: every table is filled and printed; no time is judged."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from utils.attention.bench import __main__ as program
from utils.attention.bench import account, machine, measure, rows

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
    between = lines.index("Where the time goes, in milliseconds of one thread:")
    table = [line.split(" | ") for line in lines[2 : between - 1]]
    accounts = [line.split(" | ") for line in lines[between + 2 :]]
    assert {len(line) for line in table} == {len(program.HEADINGS)}
    assert {len(line) for line in accounts} == {len(program.PARTS)}
    found = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert len(found) == len(table) - 2
    assert {"additive", "dot product, causal", "depth, normed"} <= {row["operation"] for row in found}
    for row in found:
        assert row["ours"] > 0 and row["naive"] > 0
        assert row["error"] is None or row["error"] < 4e-6
    assert len(accounts) - 2 == sum(row["parts"] is not None for row in found) == 6
    bounds = [line[9] for line in table[2:] if line[0] == "| additive" and line[3] == "1"]
    assert len(bounds) == 6 and all(said.endswith(("% arithmetic", "% memory")) for said in bounds)


def test_peaks_are_of_a_fresh_process():
    ours, naive = (measure.peak(name, (2, 100, 100, 500)) for name in ("ours", "naive"))
    assert naive >= 4 * 2 * 100 * 100 * 500 / 2**20  # one tensor of (B, Tq, Tk, A) at least
    assert ours < naive / 2


RATES = machine.Rates(divisions=1e9, operations=4e9, exponentials=1e9, products=1e10, moved=1e10, new=1e9)


def test_rates_are_of_this_machine():
    with rows.on_threads(1):
        found = machine.rates()
    assert all(rate > 1e7 for rate in asdict(found).values())
    assert found.operations > found.divisions


def test_work_grows_with_the_batch_and_backward_adds_to_it():
    one, two = (account.work((batch, 8, 64, 10), backward=False) for batch in (1, 2))
    assert asdict(two) == {name: count * (name == "padded" or 2) for name, count in asdict(one).items()}
    both = account.work((1, 8, 64, 10), backward=True)
    assert one.padded == both.padded == 1
    assert both.products == 3 * one.products and both.operations == 3 * one.operations


def test_rows_and_keys_that_fill_up_tiles_are_counted():
    assert account.work((1, 5, 33, 10), backward=False).padded == pytest.approx(8 * 64 / (5 * 33))
    assert account.work((3, 1, 33, 10), backward=False).padded == 1


def test_parts_add_up_and_the_slower_of_two_is_the_bound():
    found = account.parts((2, 8, 64, 100), False, RATES, new_bytes=1e6)
    elements = 2 * 8 * 64 * 100
    assert found.loop == pytest.approx(1000 * elements * 17 / 4 / 4e9) and found.new_memory == pytest.approx(1)
    assert found.bound() == (found.loop, "arithmetic")
    others = found.loop + found.padding + found.exponentials + found.products + found.new_memory
    assert found.rest(10) == pytest.approx(10 - others)
    slow = replace(RATES, moved=1e7)
    assert account.parts((2, 1, 64, 100), False, slow).bound()[1] == "memory"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_new_memory_is_seen():
    size = 2**26  # more than an allocator keeps
    assert account.new_bytes(lambda: torch.ones(size // 4)) >= size
    assert account.new_bytes(lambda: None) < size


def test_says_what_it_takes():
    command = [sys.executable, "-m", "utils.attention.bench", "--nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "--quick" in done.stderr
