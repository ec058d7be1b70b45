"""One training on several processes, which torchrun starts: each takes its rows of every batch.

torchrun --nproc-per-node 2 -m utils.training.presets cpu --checkpoint cpu.pt
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from .meeting import connect

MOMENT = 10.0  # seconds in which torchrun, after one process has ended by an error, ends the others
GONE = ("closed by peer", "reset by peer", "Broken pipe")  # what gloo says of a process that has ended


@dataclass(frozen=True)
class Ranks:
    """The processes of a training, as one of them sees it. Of a single one, everything is as without this class.

    Each draws all batches, whose first axis are the examples, and takes its rows; the loss has to be a mean over the
    examples, all of one weight. sharded: each keeps only its part of parameters, gradients and moments (FSDP); else
    each keeps all (DDP).
    """

    rank: int = 0
    size: int = 1
    sharded: bool = False

    @property
    def first(self) -> bool:
        """Whether this process is the one that speaks and writes."""
        return self.rank == 0

    def spread(self, model: nn.Module) -> nn.Module:
        """What to call in place of the model: its gradients are the means over all ranks.

        All begin with the first rank's parameters. For dropout, each draws random numbers of its own from here on.
        """
        if self.size == 1:
            return model
        if not self.first:
            torch.manual_seed(torch.initial_seed() + self.rank)
        if not self.sharded:
            return DistributedDataParallel(model)
        from . import shards  # here, since it takes a second that nobody else need wait

        shards.shard(model)
        return model

    def states(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """Model and optimizer for a checkpoint, which is the same for any number of ranks, sharded or not."""
        if self.size == 1 or not self.sharded:
            return {"model": model, "optimizer": optimizer}
        from . import shards

        return {"model": shards.WholeModel(model), "optimizer": shards.WholeOptimizer(model, optimizer)}

    def rows(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """This rank's rows. All ranks draw the whole batch, so that it is the same for any number of them."""
        if self.size == 1:
            return batch
        if len(batch[0]) % self.size:
            raise ValueError(f"a batch of {len(batch[0])} does not divide among {self.size} processes")
        return tuple(tensor.chunk(self.size)[self.rank] for tensor in batch)

    def mean(self, loss: Tensor) -> Tensor:
        """The mean over all ranks."""
        if self.size == 1:
            return loss
        dist.all_reduce(loss)
        return loss / self.size

    def gathered(self, value: Any) -> list[Any]:
        """What each rank has, by rank."""
        values = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(values, value)
        return values


ALONE = Ranks()


def under_torchrun() -> bool:
    """Whether torchrun has started this process."""
    return "RANK" in os.environ


@contextlib.contextmanager
def from_torchrun(sharded: bool = False) -> Iterator[Ranks]:
    """The ranks that torchrun started, connected as long as this lasts; without torchrun, one rank.

    What goes wrong is told by one: the first rank's error is raised at once, that of another only if torchrun has not
    ended it by then, for as a rule it is the same one, or follows from it. Raises SystemExit where there are fewer GPUs
    than processes.
    """
    if not under_torchrun():
        yield ALONE
        return
    if torch.cuda.is_available():
        place, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= there:
            sys.exit(f"process {place + 1} of this machine needs a GPU of its own, and there are {there}")
        torch.cuda.set_device(place)
    connect()
    ranks = Ranks(dist.get_rank(), dist.get_world_size(), sharded)
    try:
        yield ranks
    except KeyboardInterrupt:
        if ranks.first:
            raise
        sys.exit(130)
    except BaseException as error:
        gone = any(words in str(error) for words in GONE)
        if gone or not ranks.first:
            time.sleep(MOMENT)
        if gone:
            sys.exit(f"rank {ranks.rank}: another process has ended")
        raise
    finally:
        dist.destroy_process_group()
