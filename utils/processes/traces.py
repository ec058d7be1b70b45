"""Whose numbers are where, and when: found by running a program on numbers that say whose they are.

Any program for the ranks of a group is followed, not one way to write it: what a message holds is read off its
numbers. A round is the time of one message: in it a rank sends at most one, and receives at most one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from utils.attempts.simulated import Message, simulate

PIECES = 4  # numbers of a chunk, so that a program may also send half of one
KEY, VALUE = 0.25, 0.5  # what is added to a position to mark a key, or a value


@dataclass(frozen=True)
class Transfer:
    """A message of a sum: its ranks, and the round in which it goes, from 1."""

    source: int
    target: int
    bytes: int
    round: int


@dataclass(frozen=True)
class SumTrace:
    """How the ranks came to have the sum of their x, which is cut into as many chunks as there are ranks.

    held (rounds + 1, ranks, chunks): after each round, bit r says that a rank has what rank r's x holds in that chunk.
    sent (rounds + 1, ranks): the bytes that a rank has sent by then; size: the bytes of x.
    """

    transfers: list[Transfer]
    held: Tensor
    sent: Tensor
    size: int


@dataclass(frozen=True)
class AttentionTrace:
    """Which rank can compute which part of a causal attention, round after round: each has its queries' keys first.

    positions (ranks, length / ranks): where a rank's queries and keys stand; owners: of each rank, whose keys it
    comes to have, in order; pairs (rounds, ranks): how many a rank computes, if it leaves out what the mask hides.
    """

    positions: Tensor
    owners: list[list[int]]
    pairs: Tensor

    def lockstep_over_ideal(self) -> float:
        """Pairs that the busiest rank has in each round, over an equal share of all."""
        return (self.pairs.amax(1).sum() * self.pairs.size(1) / self.pairs.sum()).item()


def through_rank_0(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    """The sum over all ranks of x: everybody sends it to rank 0, which sends the sum back. x stays as it is."""
    total, others = x.clone(), range(1, group.size())
    if group.rank() > 0:
        dist.send(x, group=group, group_dst=0)
        dist.recv(total, group=group, group_src=0)
        return total
    for other in others:
        received = torch.empty_like(x)
        dist.recv(received, group=group, group_src=other)
        total += received
    for other in others:
        dist.send(total, group=group, group_dst=other)
    return total


def trace_sum(all_reduce: Callable[[Tensor, dist.ProcessGroup], Tensor], ranks: int) -> SumTrace:
    """Follow a program that sums x (N,) over 2 to 15 ranks by messages.

    Rank r's x holds 2**r, shifted at each place by so many bits that a number tells its place, too. Raises ValueError
    if the program returns something else than the sum, or if what it sends does not tell whose numbers it is.
    """
    if not 2 <= ranks <= 15:  # a float64 has no room for more
        raise ValueError(f"a sum can be followed on 2 to 15 ranks, not on {ranks}")
    places = PIECES * ranks
    shifts = ranks * torch.arange(places, dtype=torch.float64)
    x = torch.exp2(shifts + torch.arange(ranks)[:, None])  # (ranks, places)
    results, record = simulate(
        lambda group: all_reduce(x[group.rank()].clone(), group), processes=ranks, keep_contents=True
    )
    for rank, result in enumerate(results):
        if not (isinstance(result, Tensor) and result.shape == (places,) and torch.equal(result, x.sum(0))):
            raise ValueError(f"the program does not return the sum on rank {rank} of {ranks}")
    when = torch.full((ranks, places, ranks), math.inf)  # the round by which a rank has what is rank r's at a place
    when[range(ranks), :, range(ranks)] = 0
    transfers = _transfers(record.messages, when)
    rounds = max(transfer.round for transfer in transfers)
    held, sent = torch.zeros(rounds + 1, ranks, ranks, dtype=torch.int64), torch.zeros(rounds + 1, ranks).long()
    bits = 2 ** torch.arange(ranks)
    whole = when.view(ranks, ranks, PIECES, ranks).amax(2)  # a chunk has arrived when all of it has
    for after in range(rounds + 1):
        held[after] = ((whole <= after) * bits).sum(-1)
    for transfer in transfers:
        sent[transfer.round :, transfer.source] += transfer.bytes
    return SumTrace(transfers, held, sent, x[0].numel() * x.element_size())


def _transfers(messages: Sequence[Message], when: Tensor) -> list[Transfer]:
    """In the first round that has room and by which the source has what it sends; `when` is kept up to date."""
    ranks, transfers = len(when), []
    last_sent, last_received = [0] * ranks, [0] * ranks
    for message in messages:
        has = _parts(message, *when.shape[1:])
        ready = when[message.source][has].max().item() if has.any() else 0
        if ready == math.inf:
            raise ValueError(f"rank {message.source} sends numbers that no message has brought to it")
        turn = 1 + int(max(ready, last_sent[message.source], last_received[message.target]))
        last_sent[message.source] = last_received[message.target] = turn
        when[message.target][has] = when[message.target][has].clamp(max=turn)
        transfers.append(Transfer(message.source, message.target, message.bytes, turn))
    if when.isinf().any():
        raise ValueError("the program sums by other means than messages from rank to rank, which cannot be followed")
    return transfers


def _parts(message: Message, places: int, ranks: int) -> Tensor:
    """Whose numbers of which places a message holds: (places, ranks) of bool."""
    has = torch.zeros(places, ranks, dtype=torch.bool)
    for number in _numbers(message):
        place = (math.frexp(number)[1] - 1) // ranks
        parts = math.ldexp(number, -ranks * place) if number > 0 else 0.0
        if number != 0 and not (0 <= place < places and parts == int(parts)):
            raise ValueError(f"rank {message.source} sends {number:g}, which is no sum of the ranks' numbers")
        for rank in range(ranks):
            has[place, rank] |= bool(int(parts) >> rank & 1)
    return has


def _numbers(message: Message) -> list[float]:
    assert message.content is not None
    return message.content.flatten().tolist() if message.content.is_floating_point() else []


def trace_attention(attend: Callable[..., Tensor], positions: Tensor) -> AttentionTrace:
    """Follow attend(query, key, value, positions, group, causal=True), in which keys and values travel.

    positions (ranks, length / ranks): each of 0 to length - 1 once, a row for each rank. All queries are zero, so that
    a context is the mean of the values seen. Raises ValueError if the program returns something else, or if keys that
    a query needs do not reach its rank.
    """
    ranks, length = len(positions), positions.numel()
    if positions.dim() != 2 or positions.flatten().sort().values.tolist() != list(range(length)):
        raise ValueError(f"positions (ranks, length / ranks) have each place once, got {tuple(positions.shape)}")
    key, value = ((positions.double() + mark)[..., None].repeat(1, 1, 2) for mark in (KEY, VALUE))

    def on_rank(group: dist.ProcessGroup) -> Tensor:
        mine = (x[group.rank()].clone() for x in (torch.zeros_like(key), key, value, positions))
        return attend(*mine, group, causal=True)

    results, record = simulate(on_rank, processes=ranks, keep_contents=True)
    for rank, result in enumerate(results):
        if not torch.allclose(result, (positions[rank] / 2 + VALUE)[:, None].double().expand(-1, 2)):
            raise ValueError(f"the program does not return causal attention on rank {rank} of {ranks}")
    owners = _owners(record.messages, positions)
    seen = [[(positions[r][:, None] >= positions[o]).sum().item() for o in range(ranks)] for r in range(ranks)]
    for rank, has in enumerate(owners):
        missing = [o for o in range(ranks) if o not in has and seen[rank][o]]
        if missing:
            raise ValueError(f"rank {rank} needs keys and values of rank {missing[0]}, and no message brings them")
    rounds = max(map(len, owners))
    pairs = [[seen[r][has[k]] if k < len(has) else 0 for r, has in enumerate(owners)] for k in range(rounds)]
    return AttentionTrace(positions, owners, torch.tensor(pairs))


def _owners(messages: Sequence[Message], positions: Tensor) -> list[list[int]]:
    """Of each rank, whose keys and values it comes to have, in the order in which they are complete."""
    wanted = [{place + mark for place in row for mark in (KEY, VALUE)} for row in positions.tolist()]
    owners = [[rank] for rank in range(len(positions))]
    brought: list[set[float]] = [set() for _ in owners]
    for message in messages:
        has, known = brought[message.target], owners[message.target]
        has.update(_numbers(message))
        known += [owner for owner, part in enumerate(wanted) if owner not in known and part <= has]
    return owners
