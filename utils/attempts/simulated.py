"""Ranks in one process, for checks: quick, the same every time, and what was sent is counted.

A rank's function gets a `SimulatedGroup`, which is a group of torch.distributed, so that `dist.all_reduce(x,
group=group)`, `dist.isend(x, group=group, group_dst=1)` and `dist.batch_isend_irecv` are the calls that real processes
make. Stricter than they are: a send has happened when the other side has taken it, what is received is NaN until
`wait()`, and calls that do not fit together are told as such.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from .turns import Turns

REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "SUM": lambda every: every.sum(0),
    "AVG": lambda every: every.mean(0),
    "MAX": lambda every: every.amax(0),
    "MIN": lambda every: every.amin(0),
    "PRODUCT": lambda every: every.prod(0),
}


@dataclass(frozen=True)
class Message:
    """What one rank sent to another."""

    source: int
    target: int
    bytes: int
    content: Tensor | None = field(default=None, repr=False, compare=False)  # if it is kept


@dataclass(frozen=True)
class Collective:
    """A call that all ranks made together, and the bytes that each brought."""

    name: str
    bytes: int


@dataclass
class Record:
    """What ranks did together: messages and collectives in their order."""

    messages: list[Message] = field(default_factory=list)
    collectives: list[Collective] = field(default_factory=list)

    def sent(self, rank: int) -> int:
        """The bytes that a rank sent to others; collectives, which could be done in many ways, do not count."""
        return sum(message.bytes for message in self.messages if message.source == rank)


def simulate(
    function: Callable, *arguments: Any, processes: int = 2, keep_contents: bool = False
) -> tuple[list[Any], Record]:
    """The results of function(*arguments, group), rank after rank, and the record of what they sent.

    Runs what `utils.processes.launch` runs, with one difference: the ranks share the arguments. Every rank's random
    numbers are its own, and begin alike. With keep_contents the record has what was sent, and not its size alone.
    Raises RankFailed for an error in one rank, which ends all, and Deadlock.
    """
    world = _World(processes, keep_contents)
    return world.run(function, arguments), world.record


class _World:
    """What the ranks of one simulation share."""

    def __init__(self, size: int, keep_contents: bool):
        self.size, self.record, self.keep_contents = size, Record(), keep_contents
        self.groups = [SimulatedGroup(rank, self) for rank in range(size)]
        self.turns = Turns(size, lambda rank: _set_default_group(self.groups[rank]))
        # what is under way from one rank to another, by (source, target, tag): sends and receives without their other
        self.sends: dict[tuple, deque[_Letter]] = defaultdict(deque)
        self.receives: dict[tuple, deque[_Slot]] = defaultdict(deque)
        self.meetings: dict[int, dict[int, tuple[str, Tensor]]] = defaultdict(dict)

    def run(self, function: Callable, arguments: tuple) -> list[Any]:
        known = _private()._world  # torch looks up a group's ranks here, and its kind, to tell of an error
        before = known.default_pg
        for group in self.groups:
            known.pg_group_ranks[group] = {rank: rank for rank in range(self.size)}
            known.pg_map[group] = (group.getBackendName(), None)
        try:
            return self.turns.run([partial(function, *arguments, group) for group in self.groups])
        finally:
            for group in self.groups:
                del known.pg_group_ranks[group], known.pg_map[group]
            _set_default_group(before)

    def deliver(self, way: tuple[int, int, int]) -> None:
        """A send that meets its receive is copied out of the sender's memory, at that moment."""
        while self.sends[way] and self.receives[way]:
            letter, slot = self.sends[way].popleft(), self.receives[way].popleft()
            slot.content = letter.tensor.detach().clone()
            letter.taken = True
            kept = slot.content if self.keep_contents else None
            self.record.messages.append(Message(way[0], way[1], _bytes(slot.content), kept))


def _private() -> Any:
    return dist.distributed_c10d


def _set_default_group(group: Any) -> None:
    _private()._update_default_pg(group)  # so that `dist.all_reduce(x)` is what it is in a process of its own


@dataclass
class _Letter:
    tensor: Tensor
    taken: bool = False


@dataclass
class _Slot:
    content: Tensor | None = None


class _Work:
    """What an asynchronous call returns: wait() until it has happened."""

    def __init__(
        self, turns: Turns, rank: int, ready: Callable[[], bool], what: Callable[[], str], then: Callable = lambda: None
    ):
        self.turns, self.rank, self.ready, self.what, self.then = turns, rank, ready, what, then
        self.waited = False

    def wait(self, timeout: Any = None) -> bool:
        if not self.waited:
            self.turns.wait(self.rank, self.ready, self.what)
            self.waited = True
            self.then()
        return True

    def is_completed(self) -> bool:
        return self.waited or self.ready()


class SimulatedGroup(dist.ProcessGroup):
    """One rank's side of a simulation, made by `simulate`. Its methods are called by torch.distributed."""

    def __init__(self, rank: int, world: _World):
        super().__init__(rank, world.size)  # type: ignore[call-arg]  # a constructor that its hints leave out
        self._rank, self._world, self._collectives = rank, world, 0

    def rank(self) -> int:
        return self._rank

    def size(self) -> int:
        return self._world.size

    def getBackendName(self) -> str:
        return "simulated"

    def send(self, tensors: list[Tensor], target: int, tag: int = 0) -> Any:
        letter, way = _Letter(tensors[0]), (self._rank, self._other(target), tag)
        self._world.sends[way].append(letter)
        self._world.deliver(way)
        return self._work(lambda: letter.taken, lambda: f"rank {target} to receive what it sends")

    def recv(self, tensors: list[Tensor], source: int, tag: int = 0) -> Any:
        place, slot, way = tensors[0].detach(), _Slot(), (self._other(source), self._rank, tag)
        if place.is_floating_point():
            place.fill_(float("nan"))
        self._world.receives[way].append(slot)
        self._world.deliver(way)
        return self._work(
            lambda: slot.content is not None,
            lambda: f"rank {source} to send something",
            lambda: _fill(place, slot.content, f" from rank {source}"),
        )

    def recv_anysource(self, tensors: list[Tensor], tag: int = 0) -> Any:
        raise ValueError("a receive has to name the rank that it is from")

    def allreduce(self, tensors: list[Tensor], opts: Any = None) -> Any:
        return self._reduce("all_reduce", tensors[0], opts, everywhere=True)

    def reduce(self, tensors: list[Tensor], opts: Any = None) -> Any:
        return self._reduce(f"reduce to rank {opts.rootRank}", tensors[0], opts, everywhere=self._rank == opts.rootRank)

    def broadcast(self, tensors: list[Tensor], opts: Any = None) -> Any:
        root = opts.rootRank
        return self._meet(f"broadcast from rank {root}", tensors[0], lambda every: _fill(tensors[0], every[root]))

    def allgather(self, outputs: list[list[Tensor]], inputs: list[Tensor], opts: Any = None) -> Any:
        def finish(every: list[Tensor]) -> None:
            for place, content in zip(outputs[0], every, strict=True):
                _fill(place, content)

        return self._meet("all_gather", inputs[0], finish)

    def all_gather_single(self, output: Tensor, input: Tensor, opts: Any = None) -> Any:
        shape = output.shape
        return self._meet("all_gather", input, lambda every: _fill(output, torch.cat(every).reshape(shape)))

    def reduce_scatter_single(self, output: Tensor, input: Tensor, opts: Any = None) -> Any:
        name, combine = _reduction(opts)

        def finish(every: list[Tensor]) -> None:
            _fill(output, combine(torch.stack(every)).chunk(self.size())[self._rank].reshape(output.shape))

        return self._meet(f"reduce_scatter ({name})", input, finish)

    _allgather_base, _reduce_scatter_base = all_gather_single, reduce_scatter_single  # type: ignore[assignment]  # before torch 2.13

    def barrier(self, opts: Any = None) -> Any:
        return self._meet("barrier", torch.empty(0), lambda every: None)

    def _reduce(self, call: str, tensor: Tensor, opts: Any, everywhere: bool) -> Any:
        name, combine = _reduction(opts)

        def finish(every: list[Tensor]) -> None:
            if everywhere:
                _fill(tensor, combine(torch.stack(every)).to(tensor.dtype))

        return self._meet(f"{call} ({name})", tensor, finish)

    def _meet(self, call: str, tensor: Tensor, finish: Callable[[list[Tensor]], None]) -> Any:
        """All ranks bring a tensor to their k-th collective, and each finishes with the list of them."""
        meeting, number = self._world.meetings[self._collectives], self._collectives + 1
        self._collectives = number
        mine = f"{call} of {_form(tensor)}" if tensor.numel() else call
        for other, (theirs, _) in meeting.items():
            if theirs != mine:
                raise ValueError(f"collective {number} is {mine}, and on rank {other} it is {theirs}")
        if not meeting:
            self._world.record.collectives.append(Collective(call.split()[0], _bytes(tensor)))
        meeting[self._rank] = mine, tensor.detach().clone()
        ranks = range(self.size())

        def absent() -> str:
            names = " and ".join(f"rank {rank}" for rank in ranks if rank not in meeting)
            return f"{names} to call {call.split()[0]} (collective {number})"

        return self._work(
            lambda: len(meeting) == len(ranks), absent, lambda: finish([meeting[rank][1] for rank in ranks])
        )

    def _work(self, ready: Callable[[], bool], what: Callable[[], str], then: Callable = lambda: None) -> _Work:
        return _Work(self._world.turns, self._rank, ready, what, then)

    def _other(self, rank: int) -> int:
        if not 0 <= rank < self.size():
            raise ValueError(f"there is no rank {rank}: the ranks are 0 to {self.size() - 1}")
        return rank


def _reduction(opts: Any) -> tuple[str, Callable[[Tensor], Tensor]]:
    given = opts.reduceOp if opts else dist.ReduceOp.SUM
    for name, combine in REDUCTIONS.items():
        if given == getattr(dist.ReduceOp, name):
            return name.lower(), combine
    raise ValueError(f"the simulated ranks reduce by {', '.join(REDUCTIONS)}, not by {given}")


def _fill(place: Tensor, content: Tensor | None, whence: str = "") -> None:
    assert content is not None
    if (place.shape, place.dtype) != (content.shape, content.dtype):
        raise ValueError(f"what comes{whence} is {_form(content)}, and the place for it {_form(place)}")
    place.detach().copy_(content)


def _form(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
