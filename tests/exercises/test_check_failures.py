"""What goes wrong in the course itself is no reader's mistake, and holds nobody up."""

import subprocess
import sys

import pytest

from utils.attention import reference
from utils.checks import check
from utils.exercises import exercise
from utils.exercises.agreement import SECONDS

TRAINS = """
from utils.checks import check

def train_step(model, optimizer, query, target):
    raise NotImplementedError

check("train_step", train_step)

def train_step(model, optimizer, query, target):
    loss = ((model(query) - target) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()

check("train_step", train_step)
"""


def test_a_slow_first_import_is_nobodys_mistake(slow_start):
    """PyTorch's optimizers import a second's worth of modules when first used; on a busy machine, many seconds'."""
    met = "the slow import was met"
    program = slow_start(SECONDS + 1, f"print({met!r}, file=sys.__stderr__)") + TRAINS
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, f"{met}\n")
    assert [line[0] for line in done.stdout.splitlines() if "train_step: " in line] == ["○", "✓"]


@pytest.mark.parametrize("error", [RuntimeError("the reference fails"), MemoryError(), RecursionError()], ids=repr)
@pytest.mark.parametrize("place", ["trials", "verdict"])
def test_a_failure_of_the_check_itself_holds_nobody_up(place, error, monkeypatch, capsys):
    def fails(*_):
        raise error

    monkeypatch.setattr(exercise.Exercise, place, fails)
    assert check("softmax", lambda scores, dim=-1: scores.softmax(dim)) is reference.softmax
    told = capsys.readouterr().out
    assert told.startswith(f"○ softmax: The check itself failed ({type(error).__name__}), which is not your doing")
    assert len(told.splitlines()) == 2


def test_a_reference_that_fails_says_so():
    def fails(x):
        """Fails."""
        raise ValueError("no")

    broken = exercise.Exercise(fails, [exercise.Case("any", x=1)], [], [])
    with pytest.raises(RuntimeError, match="the reference of fails fails on 'any'.*no"):
        broken.assess(lambda x: x)
