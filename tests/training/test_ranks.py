"""One training on two processes is the one of a single process, to rounding, whatever dies on the way."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import small_presets
import torch

from utils.training import Seeds, presets, train
from utils.training.ranks import Ranks

ROOT = Path(__file__).parents[2]
SAME = {"rtol": 0, "atol": 2e-6}
BITS = "bits per byte on the files held out"


@pytest.fixture
def torchrun(tmp_path):
    """Run the presets' command with a checkpoint on two processes; its exit code and what it printed."""
    started = []

    def run(path, *options, dies="", restarts=0):
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command += ["--max-restarts", str(restarts), small_presets.__file__, "cpu", "--checkpoint", str(path), *options]
        settings = {"PYTHONPATH": str(ROOT), "DIES": dies, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        started.append(
            subprocess.Popen(
                command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        printed, errors = started[-1].communicate(timeout=100)
        return started[-1].returncode, printed, errors

    yield run
    for agent in started:
        if agent.poll() is None:
            for process in [*psutil.Process(agent.pid).children(recursive=True), agent]:
                process.kill()
            agent.wait()


@pytest.fixture
def alone(monkeypatch, capsys):
    """Run it in this process; what it printed."""

    def run(path, **dying):
        with monkeypatch.context() as patch:
            small_presets.small(patch.setattr, **dying)
            presets.main(["cpu", "--checkpoint", str(path)])
        return capsys.readouterr().out

    return run


def losses(path):
    return torch.load(path, weights_only=True)["losses"]


def test_two_processes_are_one_and_a_killed_one_that_is_restarted_changes_no_bit(torchrun, alone, tmp_path):
    one, two, killed = (tmp_path / name for name in ("one.pt", "two.pt", "killed.pt"))
    told = alone(one)
    assert torchrun(two)[:2] == (0, told) and BITS in told
    code, printed, errors = torchrun(killed, dies="1 at 8", restarts=1)
    assert code == 0 and "goes on from step 5 of 20" in printed and printed.endswith(told)
    assert "Traceback" not in errors
    torch.testing.assert_close(losses(two), losses(one), **SAME)
    assert torch.equal(losses(killed), losses(two))


def test_another_number_of_processes_goes_on_with_a_sharded_model(torchrun, alone, tmp_path):
    one, fewer, more = (tmp_path / name for name in ("one.pt", "fewer.pt", "more.pt"))
    told = alone(one)
    code, printed, errors = torchrun(fewer, "--sharded", dies="0 at 13")
    assert code and not printed and len(losses(fewer)) == 10
    assert errors.count("Traceback") == 1  # torchrun's own
    assert alone(fewer).endswith(told)

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit, match="interrupted; the same command goes on from .*more.pt"):
        alone(more, die_at=8, die=interrupt)
    assert len(losses(more)) == 5
    code, printed, _ = torchrun(more, "--sharded")
    assert code == 0 and printed.endswith(told)
    for path in (fewer, more):
        torch.testing.assert_close(losses(path), losses(one), **SAME)


def test_what_several_processes_cannot_do_is_refused(capsys, monkeypatch):
    with pytest.raises(ValueError, match="a batch of 4 does not divide among 3 processes"):
        Ranks(1, 3).rows((torch.zeros(4, 2),))
    with pytest.raises(SystemExit):
        presets.main(["cpu", "--sharded"])
    assert "--sharded needs several processes" in capsys.readouterr().err
    with pytest.raises(ValueError, match="seeds side by side are trained by one process"):
        train(Seeds(small_presets.SMALL.build, range(2)), [], presets.text_loss, steps=1, ranks=Ranks(0, 2))
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SystemExit, match="process 2 of this machine needs a GPU of its own, and there are 1"):
        presets.main(["cpu"])


def test_each_rank_has_its_rows_and_all_are_taken():
    x, y = torch.arange(6), torch.arange(12).view(6, 2)
    parts = [Ranks(rank, 3).rows((x, y)) for rank in range(3)]
    assert torch.equal(torch.cat([part for part, _ in parts]), x)
    assert torch.equal(torch.cat([part for _, part in parts]), y)
