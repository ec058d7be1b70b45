"""A file from which an interrupted training goes on as if it had never stopped."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from utils.whole_files import whole_file

from .ranks import ALONE, Ranks

Batch = tuple[Tensor, ...]


class Stateful(Protocol):
    """A model, an optimizer, a schedule: what can give its state and take it back."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


@dataclass(frozen=True)
class Checkpoint:
    """Keeps a training in the file `path` every so many steps, and after the last.

    In the file: the parts of the training, its losses so far, the state of PyTorch's random numbers, the last batch;
    whole for any number of ranks, so that another number of them can go on from there.
    `about` is plain data that says which training it is, beyond what training.train knows; a file of another one is
    refused. It appears whole or not at all, so that an interruption while it is written leaves the one before.
    """

    path: Path
    every: int = 100
    about: Mapping = field(default_factory=dict)

    def keep(
        self, about: Mapping, parts: Mapping[str, Stateful], losses: list[Tensor], batch: Batch, ranks: Ranks = ALONE
    ) -> None:
        """Write the file, in place of the one before: the first rank does, and every rank has to call."""
        random, *others = ranks.gathered(_random_state())
        state = {
            "about": dict(about) | dict(self.about),
            "parts": {name: part.state_dict() for name, part in parts.items()},
            "losses": torch.stack(losses).cpu(),
            "batch": tuple(tensor.cpu() for tensor in batch),
            "random": random,
            "random of other ranks": others,
        }
        if not ranks.first:
            return
        with whole_file(self.path) as draft:
            torch.save(state, draft)

    def restore(
        self, about: Mapping, parts: Mapping[str, Stateful], batches: Iterator[Batch], ranks: Ranks = ALONE
    ) -> Tensor:
        """Bring the parts to where the file has them, take the batches of those steps, return their losses (steps,).

        Without a file nothing happens and there are no losses. The batches have to be the same as then. Raises
        ValueError if they are not, if the file is of another training, or if not all ranks see it, and OSError where
        none could be written. Of random numbers, a rank that the file does not know keeps its own.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.path.parent):
            pass  # better now than after the first hundred steps
        state = self._read()
        losses: Tensor = state["losses"] if state else torch.empty(0)
        if len({*ranks.gathered(len(losses))}) > 1:
            raise ValueError(f"not all processes see the same {self.path}; use a folder that all machines share")
        if not state:
            return losses
        # before anything is loaded: refused, it changes nothing
        self._compare(state["about"], dict(about) | dict(self.about))
        # taken all the same, so that they go on from there; the last one tells whether they are the same
        for _ in range(len(losses)):
            batch = next(batches, ())
        if len(batch) != len(state["batch"]) or not all(map(torch.equal, batch, state["batch"])):
            raise ValueError(f"{self.path} was trained on other batches; use those again, or another file")
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])
        random = [state["random"], *state.get("random of other ranks", [])]  # which older files do not have
        if ranks.rank < len(random):
            _set_random_state(random[ranks.rank])  # last: batches may have drawn
        return losses

    def _read(self) -> dict[str, Any]:
        """What is in the file, or nothing if there is none."""
        if not self.path.exists():
            return {}
        try:
            # to the CPU, for its GPU may not be here; weights only, so that a file from elsewhere runs no code
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            return {name: state[name] for name in ("losses", "about")} | state
        except Exception:  # torch has many
            raise ValueError(f"{self.path} is no checkpoint, or a broken one; remove it to begin anew") from None

    def _compare(self, kept: Mapping, wanted: Mapping) -> None:
        for name in [*wanted, *kept]:
            if kept.get(name) != wanted.get(name):
                raise ValueError(
                    f"{self.path} is of another training: {name} {kept.get(name)} there, {wanted.get(name)} here; "
                    f"use another file, or remove this one"
                )


def _random_state() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if len(state["cuda"]) == torch.cuda.device_count() > 0:
        torch.cuda.set_rng_state_all(state["cuda"])
