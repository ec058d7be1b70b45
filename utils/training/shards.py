"""A model of which each process keeps a part (FSDP), and its states, whole, as those of one process are."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint import state_dict as states
from torch.distributed.fsdp import fully_shard

GATHERED = states.StateDictOptions(full_state_dict=True, cpu_offload=True)  # on the first rank, and there alone
DEALT_OUT = states.StateDictOptions(full_state_dict=True)


def shard(model: nn.Module) -> None:
    """Leave each rank a part of every parameter, in place, all as the first rank has them.

    A block is gathered while it computes.
    """
    for tensor in model.state_dict().values():
        dist.broadcast(tensor, 0)
    for block in getattr(model, "blocks", []):
        fully_shard(block)
    fully_shard(model)


@dataclass(frozen=True)
class WholeModel:
    """The state of a model that is in parts. Every rank has to ask for it, and the first gets it."""

    model: nn.Module

    def state_dict(self) -> dict[str, Any]:
        return states.get_model_state_dict(self.model, options=GATHERED)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        states.set_model_state_dict(self.model, state, options=DEALT_OUT)


@dataclass(frozen=True)
class WholeOptimizer:
    """The same of its optimizer. Parameters have numbers in it, as in any optimizer's; the library gives them names."""

    model: nn.Module
    optimizer: torch.optim.Optimizer

    def state_dict(self) -> dict[str, Any]:
        state = states.get_optimizer_state_dict(self.model, self.optimizer, options=GATHERED)
        return _called(state, {name: number for number, name in enumerate(self._names())})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        named = _called(state, dict(enumerate(self._names())))
        states.set_optimizer_state_dict(self.model, self.optimizer, named, options=DEALT_OUT)

    def _names(self) -> list[str]:
        return [name for name, parameter in self.model.named_parameters() if parameter.requires_grad]


def _called(state: dict[str, Any], names: dict[Any, Any]) -> dict[str, Any]:
    """An optimizer's state with other names for the parameters."""
    if not state:
        return state  # of a rank that gets none
    groups = [group | {"params": [names[one] for one in group["params"]]} for group in state["param_groups"]]
    return {"state": {names[one]: moments for one, moments in state["state"].items()}, "param_groups": groups}
