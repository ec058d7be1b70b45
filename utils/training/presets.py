"""Language models for three kinds of machine: how large, how long, and trained on the standard library's source.

    python -m utils.training.presets laptop-gpu --checkpoint laptop.pt

trains one from a terminal, in a process that may be interrupted and started again, and prints its bits per byte. Under
torchrun several processes train it: README.md, beside this file.
"""

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from utils import data, waiting
from utils.models import LanguageModel, text_loss

from .checkpoints import Checkpoint
from .loop import device, train
from .ranks import ALONE, Ranks, from_torchrun, under_torchrun

BYTES = 256


@dataclass(frozen=True)
class Preset:
    """The size of a language model and how it is trained. `precision` is a name of torch's."""

    width: int
    heads: int
    layers: int
    context: int
    batch: int
    steps: int
    rate: float
    warm_up: int = 20
    weight_decay: float = 0.01
    precision: str = "float32"
    compiled: bool = False

    def build(self, kind: Callable[..., nn.Module] = LanguageModel) -> nn.Module:
        """A new model of this size: a LanguageModel or another class that takes the same sizes."""
        return kind(BYTES, self.width, self.heads, self.layers, self.context)

    def train(
        self,
        model: nn.Module,
        text: Tensor,
        loss: Callable | None = None,
        seed: int = 0,
        path: str | Path = "",
        ranks: Ranks = ALONE,
    ) -> Tensor:
        """Train the model on the text (N,), in place: the loss of each step, in nats.

        loss(model, tokens (B, context)) is text_loss unless given. With a path the training is kept there, and goes on
        from there if it was interrupted.
        """
        return train(
            model,
            data.windows(text, self.context, self.batch, seed),
            loss or text_loss,
            self.steps,
            rate=self.rate,
            warm_up=self.warm_up,
            decay=True,
            clip=1.0,
            label="language model",
            betas=(0.9, 0.95),
            weight_decay=self.weight_decay,
            precision=getattr(torch, self.precision),
            compiled=self.compiled,
            checkpoint=Checkpoint(Path(path), about=self._about(model)) if path else None,
            ranks=ranks,
        )

    def _about(self, model: nn.Module) -> dict[str, str | int | float | bool]:
        return {"class": type(model).__name__} | dataclasses.asdict(self)


PRESETS = {
    "cpu": Preset(width=64, heads=4, layers=2, context=64, batch=32, steps=450, rate=1e-2),
    "laptop-gpu": Preset(
        width=256, heads=4, layers=4, context=256, batch=64, steps=2000, rate=2e-3,
        warm_up=100, weight_decay=0.1, precision="bfloat16", compiled=True,
    ),
    "large-gpu": Preset(
        width=768, heads=12, layers=12, context=1024, batch=64, steps=1000, rate=6e-4,
        warm_up=100, weight_decay=0.1, precision="bfloat16", compiled=True,
    ),  # six times through the text: 85 million parameters would learn it by heart if it came round more often
}  # fmt: skip


@torch.no_grad()
def bits_per_byte(
    model: nn.Module, text: Tensor, context: int, loss: Callable = text_loss, batch: int = 64, ranks: Ranks = ALONE
) -> float:
    """The loss on the text (N,), cut into stretches as long as the context, in bits.

    Each stretch begins without memory: its first byte is not predicted, its second from one byte, and so on. Every rank
    reads all of it, since a sharded model computes only where all take part.
    """
    place = next(model.parameters()).device
    stretches = text[: len(text) // context * context].view(-1, context).long()  # (N / context, context)
    portions = waiting.Bar(stretches.split(batch), "bits per byte", "batches", disable=not ranks.first)
    total = sum(loss(model, some.to(place)).item() * len(some) for some in portions)
    return total / len(stretches) / math.log(2)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m utils.training.presets", description=__doc__.split("\n")[0])
    parser.add_argument("preset", choices=PRESETS)
    parser.add_argument("--checkpoint", default="", help="file to keep the training in, and to go on from")
    parser.add_argument("--steps", type=int, help="train for so many steps instead of the preset's")
    parser.add_argument("--sharded", action="store_true", help="under torchrun: each process keeps a part of the model")
    options = parser.parse_args(arguments)
    preset = PRESETS[options.preset]
    if options.sharded and not under_torchrun():
        parser.error("--sharded needs several processes, which torchrun starts")
    if options.steps is not None:
        if options.steps < 1:
            parser.error(f"training needs at least one step, got {options.steps}")
        preset = dataclasses.replace(preset, steps=options.steps)
    try:
        with from_torchrun(options.sharded) as ranks:
            _train_and_tell(preset, options.checkpoint, ranks)
    except KeyboardInterrupt:
        kept = f"; the same command goes on from {options.checkpoint}" if options.checkpoint else ""
        sys.exit(f"interrupted{kept}")


def _train_and_tell(preset: Preset, path: str, ranks: Ranks) -> None:
    if device().type == "cpu":
        torch.set_num_threads(1)  # for small models, more threads only get in each other's way
    text = data.source_code()
    torch.manual_seed(0)
    model = preset.build().to(device())
    try:
        preset.train(model, text.train, path=path, ranks=ranks)
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    bits = bits_per_byte(model, text.held_out, preset.context, ranks=ranks)
    if ranks.first:
        print(f"{bits:.3f} bits per byte on the files held out")


if __name__ == "__main__":
    main()
