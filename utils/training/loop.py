"""One training loop for all chapters."""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from utils import waiting

from .checkpoints import Batch, Checkpoint, Stateful
from .ranks import ALONE, Ranks
from .seeds import Seeds

SMOOTHED = 20  # steps that the loss shown, and compared with the goal, is the mean of


def device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    model: nn.Module,
    batches: Iterable[Batch],
    loss: Callable[..., Tensor],
    steps: int,
    rate: float = 3e-3,
    warm_up: int = 0,
    decay: bool = False,
    clip: float | None = None,
    goal: float | None = None,
    label: str = "training",
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = 0.0,
    precision: torch.dtype = torch.float32,
    compiled: bool = False,
    checkpoint: Checkpoint | None = None,
    ranks: Ranks = ALONE,
) -> Tensor:
    """Train the model with Adam, in place; the loss of each step, (steps,), or (steps, S) for `Seeds`.

    `loss(model, *batch)` is one number, or one per seed (S,). The rate grows over the first `warm_up` steps and, with
    `decay`, falls linearly towards nothing. `clip` limits the length of the gradient, for each seed by itself. With
    `weight_decay` it is AdamW. Every 20 steps the mean loss of these is shown, and ends the training early if it is
    below `goal`. Batches go to the model's device. A bar shows the loss and the time left.

    With precision torch.bfloat16 the model computes in that where it may (autocast); parameters stay as they are.
    `compiled`: through torch.compile, which takes its time at the first step. With a checkpoint the training is kept in
    its file, and one that is there goes on where it stopped, to the same result; the batches then have to be the same
    from the start, from a seed of their own. `ranks`: the processes that train the model together.

    Raises ValueError for no steps, nothing to train, batches that run out, or a checkpoint of another training, and
    FloatingPointError when the loss is no longer a finite number.
    """
    forward = _forward(model, compiled, ranks)  # first: of a sharded model, Adam takes the parts
    adam = _Adam(model, steps, rate, warm_up, decay, clip, betas, weight_decay, precision, ranks)
    source = iter(batches)
    losses = _restored(checkpoint, adam, source, label) if checkpoint else []
    with waiting.Bar(range(steps), label, initial=len(losses), disable=not ranks.first) as progress:
        for step in range(len(losses), steps):
            batch = _next(source, step, steps)
            losses.append(adam.step(forward, loss, batch))
            progress.update()
            last = step + 1 == steps
            if last or step % SMOOTHED == SMOOTHED - 1:
                recent = _shown(progress, losses)
                if goal is not None and recent < goal:
                    break
            if checkpoint and (last or (step + 1) % checkpoint.every == 0):
                checkpoint.keep(adam.about, adam.parts, losses, batch, ranks)
    return torch.stack(losses).cpu()


class _Adam:
    """Adam on what of a model can be trained, with the rate's schedule; and what a checkpoint has to know of it."""

    def __init__(
        self,
        model: nn.Module,
        steps: int,
        rate: float,
        warm_up: int,
        decay: bool,
        clip: float | None,
        betas: tuple[float, float],
        weight_decay: float,
        precision: torch.dtype,
        ranks: Ranks,
    ):
        if steps < 1:
            raise ValueError(f"training needs at least one step, got {steps}")
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not self.parameters:
            kind = type(model).__name__
            raise ValueError(f"{kind} has no parameters that require gradients: there is nothing to train")
        self.place, self.precision, self.clip, self.ranks = self.parameters[0].device, precision, clip, ranks
        self.seeds = len(model.seeds) if isinstance(model, Seeds) else None
        # without weight decay it is Adam; fused: a tenth of the time of a deep, small network
        self.optimizer = torch.optim.AdamW(self.parameters, rate, betas, weight_decay=weight_decay, fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            # steps count from 0: without + 1 the first would go nowhere
            lambda step: min(1.0, (step + 1) / max(1, warm_up)) * (1 - step / steps if decay else 1.0),
        )
        self.parts: dict[str, Stateful] = ranks.states(model, self.optimizer) | {"schedule": self.schedule}
        # with the shapes: a file of another model is refused before anything of it is loaded
        self.about: dict[str, Any] = {f"shape of {name}": list(one.shape) for name, one in model.named_parameters()}
        self.about |= {"number of steps": steps, "rate": rate, "warm-up": warm_up, "decay": decay, "clip": clip}
        self.about |= {"betas": list(betas), "weight decay": weight_decay, "precision": str(precision)}

    def step(self, forward: Callable, loss: Callable[..., Tensor], batch: Batch) -> Tensor:
        """One step down the loss, which is returned as it was before."""
        with torch.autocast(self.place.type, self.precision, enabled=self.precision != torch.float32):
            now = loss(forward, *(tensor.to(self.place) for tensor in self.ranks.rows(batch)))
        self.optimizer.zero_grad()  # before, so that gradients which the model came with do not count
        now.sum().backward()  # over seeds: no loss depends on another seed's parameters
        if self.clip:
            _clip(self.parameters, self.clip, self.seeds)
        self.optimizer.step()
        self.schedule.step()
        return self.ranks.mean(now.detach())


def _forward(model: nn.Module, compiled: bool, ranks: Ranks) -> Callable:
    """What is called in place of the model."""
    if ranks.size > 1 and isinstance(model, Seeds):
        raise ValueError("seeds side by side are trained by one process")
    kind = type(model).__name__  # which a sharded model changes
    forward = ranks.spread(model)
    if not compiled:
        return forward
    _say(ranks, f"{kind} is being compiled: the first step takes a minute or so")
    return torch.compile(forward)


def _restored(checkpoint: Checkpoint, adam: _Adam, batches: Iterator[Batch], label: str) -> list[Tensor]:
    losses = list(checkpoint.restore(adam.about, adam.parts, batches, adam.ranks).to(adam.place))
    if losses:
        steps = adam.about["number of steps"]
        _say(adam.ranks, f"{label}: goes on from step {len(losses)} of {steps}, kept in {checkpoint.path}")
    return losses


def _say(ranks: Ranks, line: str) -> None:
    if ranks.first:
        waiting.Bar.write(line)


def _next(batches: Iterator[Batch], step: int, steps: int) -> Batch:
    batch = next(batches, None)
    if batch is None:
        raise ValueError(f"the batches ran out after {step} of {steps} steps")
    return batch


def _shown(progress: waiting.Bar, losses: list[Tensor]) -> float:
    """The mean of the last losses, which the bar shows now. Raises FloatingPointError if it is not finite."""
    # .item() waits for a GPU, so it is not asked at each step; a single NaN makes the mean one
    recent = torch.stack(losses[-SMOOTHED:]).mean().item()
    if not math.isfinite(recent):
        raise FloatingPointError(f"the loss is {recent} after {len(losses)} steps")
    progress.set_postfix_str(f"loss {recent:.3g}", refresh=False)
    return recent


def _clip(parameters: Sequence[Tensor], length: float, seeds: int | None) -> None:
    if seeds is None:
        nn.utils.clip_grad_norm_(parameters, length)
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    # for each seed what clip_grad_norm_ does for a model: one length over all its parameters
    squares = [gradient.reshape(seeds, -1).square().sum(1) for gradient in gradients]
    norms = functools.reduce(torch.add, squares).sqrt()  # (S,)
    factors = (length / norms.clamp(min=length)).detach()
    for gradient in gradients:
        gradient.mul_(factors.view(-1, *[1] * (gradient.dim() - 1)))
