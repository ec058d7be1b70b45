"""The presets' command for a small model and a short text; as a program, for torchrun to start.

DIES="1 at 8": the first time that it is started, rank 1 kills itself in its eighth step.
"""

import functools
import os
import signal

import torch

from utils import data
from utils.training import Checkpoint, presets

TEXT = torch.randint(97, 103, (4000,), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
SMALL = presets.Preset(width=16, heads=2, layers=2, context=12, batch=4, steps=20, rate=1e-2, warm_up=2)


def small(put=setattr, die_at=0, die=lambda: os.kill(os.getpid(), signal.SIGKILL)):
    """Make the presets small, by put(module, name, value); die in that step."""
    text_loss, steps = presets.text_loss, iter(range(1, 1 + SMALL.steps))
    put(presets, "PRESETS", {"cpu": SMALL})
    put(presets, "Checkpoint", functools.partial(Checkpoint, every=5))
    put(data, "source_code", lambda: data.SourceCode(TEXT, TEXT[:240]))
    put(presets, "text_loss", lambda model, tokens: die() if next(steps) == die_at else text_loss(model, tokens))


if __name__ == "__main__":
    rank, _, step = os.environ.get("DIES", "").partition(" at ")
    dies = (rank, "0") == (os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"])
    small(die_at=int(step) if dies else 0)
    presets.main()
