"""One training loop for all chapters, and several seeds side by side."""

import copy
import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from utils.checkpoints import Checkpoint
from utils.data import PAD

SMOOTHED = 20  # steps that the loss shown, and compared with the goal, is the mean of


def device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, ...]],
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
) -> Tensor:
    """Train the model with Adam, in place; the loss of each step, (steps,), or (steps, S) for `Seeds`.

    `loss(model, *batch)` is one number, or one per seed (S,). The rate grows over the first `warm_up` steps and, with
    `decay`, falls linearly towards nothing. `clip` limits the length of the gradient, for each seed by itself. With
    `weight_decay` it is AdamW. Every 20 steps the mean loss of these is shown, and ends the training early if it is
    below `goal`. Batches go to the model's device. A bar shows the loss and the time left.

    With precision torch.bfloat16 the model computes in that where it may (autocast); parameters stay as they are.
    `compiled`: through torch.compile, which takes its time at the first step. With a checkpoint the training is kept in
    its file, and one that is there goes on where it stopped, to the same result; the batches then have to be the same
    from the start, from a seed of their own.

    Raises ValueError for no steps, nothing to train, batches that run out, or a checkpoint of another training, and
    FloatingPointError when the loss is no longer a finite number.
    """
    if steps < 1:
        raise ValueError(f"training needs at least one step, got {steps}")
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError(f"{type(model).__name__} has no parameters that require gradients: there is nothing to train")
    place = parameters[0].device
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=betas, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / max(1, warm_up)) * (1 - step / steps if decay else 1.0)
    )
    seeds = len(model.seeds) if isinstance(model, Seeds) else None
    source, losses = iter(batches), []
    if checkpoint:
        about = {f"shape of {name}": list(parameter.shape) for name, parameter in model.named_parameters()}
        about |= {"number of steps": steps, "rate": rate, "warm-up": warm_up, "decay": decay, "clip": clip}
        about |= {"betas": list(betas), "weight decay": weight_decay, "precision": str(precision)}
        parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
        losses = list(checkpoint.restore(about, parts, source).to(place))
        if losses:
            tqdm.write(f"{label}: goes on from step {len(losses)} of {steps}, kept in {checkpoint.path}")
    forward = _compiled(model) if compiled else model
    with tqdm(range(steps), label, initial=len(losses)) as progress:
        for step in range(len(losses), steps):
            batch = next(source, None)
            if batch is None:
                raise ValueError(f"the batches ran out after {step} of {steps} steps")
            with torch.autocast(place.type, precision, enabled=precision != torch.float32):
                now = loss(forward, *(tensor.to(place) for tensor in batch))
            optimizer.zero_grad()
            now.sum().backward()
            if clip:
                _clip(parameters, clip, seeds)
            optimizer.step()
            schedule.step()
            losses.append(now.detach())
            progress.update()
            if step % SMOOTHED == SMOOTHED - 1 or step == steps - 1:
                recent = torch.stack(losses[-SMOOTHED:]).mean().item()
                if not math.isfinite(recent):
                    raise FloatingPointError(f"the loss is {recent} after {step + 1} steps")
                progress.set_postfix_str(f"loss {recent:.3g}", refresh=False)
                if goal is not None and recent < goal:
                    break
            if checkpoint and ((step + 1) % checkpoint.every == 0 or step == steps - 1):
                checkpoint.keep(about, parts, losses, batch)
    return torch.stack(losses).cpu()


def _compiled(model: nn.Module) -> Callable:
    tqdm.write(f"{type(model).__name__} is being compiled: the first step takes a minute or so")
    return torch.compile(model)


def _clip(parameters: Sequence[Tensor], length: float, seeds: int | None) -> None:
    if seeds is None:
        nn.utils.clip_grad_norm_(parameters, length)
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms = sum(gradient.reshape(seeds, -1).square().sum(1) for gradient in gradients).sqrt()  # (S,)
    factors = (length / norms.clamp(min=length)).detach()
    for gradient in gradients:
        gradient.mul_(factors.view(-1, *[1] * (gradient.dim() - 1)))


class Seeds(nn.Module):
    """The same model from several seeds, side by side: parameters, inputs and outputs have a first axis for the seed.

    `build()` makes one of the models, after the seed was set. Training all takes little longer than training one, if
    torch.vmap can run the model; what it cannot (nn.GRU, a loop that writes into a tensor, .item()) runs one seed after
    the other.
    """

    def __init__(self, build: Callable[[], nn.Module], seeds: Sequence[int] = range(5)):
        super().__init__()
        built = []
        with torch.random.fork_rng():
            for seed in seeds:
                torch.manual_seed(seed)
                built.append(build())
        stacked, buffers = torch.func.stack_module_state(built)
        self.seeds = list(seeds)
        self._one = [built[0]]  # in a list: its own parameters are not to be trained
        self._together = True
        self._names, self._buffer_names = list(stacked), list(buffers)
        for i, buffer in enumerate(buffers.values()):
            self.register_buffer(f"buffer_{i}", buffer)
        self.stacked = nn.ParameterList(nn.Parameter(x, requires_grad=x.requires_grad) for x in stacked.values())

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The output of each seed's model for its own inputs, (S, …) each; a tuple if the model returns one."""
        parameters, buffers = self._state()

        def one(parameters, buffers, *inputs):
            return torch.func.functional_call(self._one[0], (parameters, buffers), inputs)

        if self._together:
            try:
                return torch.vmap(one, randomness="different")(parameters, buffers, *inputs)
            except RuntimeError:  # either vmap's, or the model's own, which is raised again below
                self._together = False
        outputs = []
        for i in range(len(self.seeds)):
            own = [{name: tensor[i] for name, tensor in each.items()} for each in (parameters, buffers)]
            outputs.append(one(*own, *(x[i] for x in inputs)))
        if isinstance(outputs[0], tuple):
            return tuple(torch.stack(each) for each in zip(*outputs, strict=True))
        return torch.stack(outputs)

    def train(self, mode: bool = True) -> "Seeds":
        """As a module's, for the models side by side too."""
        self._one[0].train(mode)
        return super().train(mode)

    def _state(self):
        buffers = (getattr(self, f"buffer_{i}") for i in range(len(self._buffer_names)))
        return dict(zip(self._names, self.stacked, strict=True)), dict(zip(self._buffer_names, buffers, strict=True))

    def model(self, seed: int) -> nn.Module:
        """A copy of one seed's model as it is now."""
        place, (parameters, buffers) = self.seeds.index(seed), self._state()
        one = copy.deepcopy(self._one[0])
        own = [*one.named_parameters(), *one.named_buffers()]
        for name, tensor in own:
            tensor.data = (parameters | buffers)[name][place].detach().clone()
        return one


def translation_loss(model: nn.Module, source: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of the next word, over the words of target (B, Tq) that are not padding."""
    logits = model(source, target[:, :-1])  # (B, Tq - 1, target_words)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)
