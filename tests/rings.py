"""Programs of many ranks, as a learner writes them: a sum and an attention around a ring; and figures of them."""

import torch
import torch.distributed as dist

from utils.processes import through_rank_0
from utils.widgets import RingAttention, RingSum


def exchange(x, group, way=1):
    """What the rank before has, while x goes to the rank after; the other way round for way = -1."""
    received, ranks = torch.empty_like(x), group.size()
    sending = dist.isend(x, group=group, group_dst=(group.rank() + way) % ranks)
    dist.recv(received, group=group, group_src=(group.rank() - way) % ranks)
    sending.wait()
    return received


def ring_all_reduce(x, group, way=1):
    ranks, rank = group.size(), way * group.rank()
    chunks = list(x.clone().chunk(ranks))
    for step in range(ranks - 1):
        place = (rank - step - 1) % ranks
        chunks[place] = chunks[place] + exchange(chunks[(rank - step) % ranks], group, way)
    for step in range(ranks - 1):
        chunks[(rank - step) % ranks] = exchange(chunks[(rank - step + 1) % ranks], group, way)
    return torch.cat(chunks)


def ring_attention(query, key, value, positions, group, causal=False, way=1):
    scores, values, places = [], [], positions
    for step in range(group.size()):
        mask = (positions[:, None] >= places) | (not causal)
        scores.append((query @ key.mT).masked_fill(~mask, -torch.inf))
        values.append(value)
        if step < group.size() - 1:
            key, value, places = (exchange(x, group, way) for x in (key, value, places))
    return torch.cat(scores, -1).softmax(-1) @ torch.cat(values)


def contiguous(length, ranks):
    return torch.arange(length).view(ranks, -1)


def zigzag(length, ranks):
    stretches = torch.arange(length).view(2 * ranks, -1)
    return torch.cat([stretches[:ranks], stretches[ranks:].flip(0)], 1)


def ring_sum(ranks=(3, 4)):
    return RingSum({"ring": ring_all_reduce, "through rank 0": through_rank_0}, ranks)


def attention_ring(ranks=(2, 4), stretch=4):
    return RingAttention(ring_attention, {"contiguous": contiguous, "zigzag": zigzag}, ranks, stretch)
