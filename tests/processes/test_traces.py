"""Whose numbers are where: followed in any program that is right, and refused with a reason in one that is not."""

import pytest
import torch
import torch.distributed as dist
from rings import contiguous, exchange, ring_all_reduce, ring_attention, zigzag

from utils.processes import through_rank_0, trace_attention, trace_sum


def backwards(x, group):
    return ring_all_reduce(x, group, way=-1)


def both_ways(x, group):
    one, other = x.chunk(2)
    return torch.cat([ring_all_reduce(one, group), ring_all_reduce(other, group, way=-1)])


def whole_copies(x, group):
    total, copy = x.clone(), x
    for _ in range(group.size() - 1):
        copy = exchange(copy, group)
        total += copy
    return total


@pytest.mark.parametrize("ranks", [2, 3, 8])
@pytest.mark.parametrize(
    ("program", "rounds", "copies"),
    [  # rounds, in times of the other ranks' number; copies of x that the busiest of n sends
        (ring_all_reduce, 2, lambda n: 2 * (n - 1) / n),
        (backwards, 2, lambda n: 2 * (n - 1) / n),
        (both_ways, 4, lambda n: 2 * (n - 1) / n),
        (whole_copies, 1, lambda n: n - 1),
        (through_rank_0, 2, lambda n: n - 1),
    ],
)
def test_a_sum_is_followed_however_it_is_written(program, rounds, copies, ranks):
    trace = trace_sum(program, ranks)
    everything = 2**ranks - 1
    assert len(trace.held) == len(trace.sent) == rounds * (ranks - 1) + 1
    assert trace.held[0].tolist() == [[2**rank] * ranks for rank in range(ranks)]
    assert (trace.held[-1] == everything).all() and not (trace.held[-2] == everything).all()
    assert ((trace.held[1:] & trace.held[:-1]) == trace.held[:-1]).all()  # nothing is lost
    assert trace.sent[-1].max().item() / trace.size == pytest.approx(copies(ranks))
    for number in range(1, len(trace.held)):
        now = [(each.source, each.target) for each in trace.transfers if each.round == number]
        assert now and all(len({*ends}) == len(ends) for ends in zip(*now, strict=True))  # one message each way


def test_a_ring_goes_step_by_step():
    trace = trace_sum(ring_all_reduce, 4)
    for transfer in trace.transfers:
        assert transfer.target == (transfer.source + 1) % 4 and transfer.bytes == trace.size / 4
    # rank 1 gets chunk 0 of rank 0, then chunk 3 of ranks 3 and 0, then chunk 2 of ranks 2, 3 and 0
    assert trace.held[:4, 1].tolist() == [[2, 2, 2, 2], [3, 2, 2, 2], [3, 2, 2, 11], [3, 2, 15, 11]]
    assert (trace.sent.double() / trace.size)[:, 2].tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]


def with_collective(x, group):
    dist.all_reduce(x, group=group)
    return x


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (lambda x, group: x, "does not return the sum on rank 0 of 3"),
        (lambda x, group: ring_all_reduce(x, group) / 3, "does not return the sum on rank 0 of 3"),
        (lambda x, group: None, "does not return the sum"),
        (with_collective, "by other means than messages from rank to rank"),
        (lambda x, group: 2 * ring_all_reduce(x / 2, group), "rank 0 sends 0.5, which is no sum of the ranks' numbers"),
        (lambda x, group: ring_all_reduce(3 * x, group) / 3, "rank 0 sends numbers that no message has brought to it"),
    ],
)
def test_a_sum_that_cannot_be_followed_is_refused(program, words):
    with pytest.raises(ValueError, match=words):
        trace_sum(program, 3)
    with pytest.raises(ValueError, match="on 2 to 15 ranks, not on 1"):
        trace_sum(ring_all_reduce, 1)


@pytest.mark.parametrize(("ranks", "ratio"), [(2, 1.50), (4, 1.75), (8, 1.875)])
def test_zigzag_shares_the_work_out_and_contiguous_does_not(ranks, ratio):
    length = 64 * ranks
    for way in (1, -1):

        def attend(*parts, way=way, **options):
            return ring_attention(*parts, way=way, **options)

        trace = trace_attention(attend, contiguous(length, ranks))
        assert trace.lockstep_over_ideal() == pytest.approx(ratio, abs=0.005)
        assert trace.owners == [[(rank - way * step) % ranks for step in range(ranks)] for rank in range(ranks)]
        assert trace.pairs.sum() == length * (length + 1) // 2
        assert (trace.pairs[1:, 0] == 0).sum() == (ranks - 1)  # rank 0 sees its own keys alone
        assert trace_attention(attend, zigzag(length, ranks)).lockstep_over_ideal() == 1


def test_keys_that_nobody_needs_may_stay_at_home():
    def down_the_line(query, key, value, positions, group, causal):
        """Of contiguous parts, those before come; nothing goes from the last rank to the first."""
        keys, values, rank = [key], [value], group.rank()
        for step in range(group.size() - 1):
            sending = [dist.isend(x[-1], rank + 1) for x in (keys, values) if rank < group.size() - 1 and rank >= step]
            for x in (keys, values) if rank > step else ():
                x.append(torch.empty_like(key))
                dist.recv(x[-1], rank - 1)
            for each in sending:
                each.wait()
        places = torch.cat([positions - len(key) * back for back in range(len(keys))])
        scores = (query @ torch.cat(keys).mT).masked_fill(positions[:, None] < places, -torch.inf)
        return scores.softmax(-1) @ torch.cat(values)

    trace = trace_attention(down_the_line, contiguous(12, 3))
    assert trace.owners == [[0], [1, 0], [2, 1, 0]]
    assert trace.pairs.tolist() == [[10, 10, 10], [0, 16, 16], [0, 0, 16]]


def gathers(query, key, value, positions, group, causal):
    everything = torch.empty(group.size(), *value.shape, dtype=value.dtype)
    dist.all_gather_single(everything, value, group=group)
    order = zigzag(8, 2).flatten()
    mask = (positions[:, None] >= order).double()
    return mask / mask.sum(-1, keepdim=True) @ everything.flatten(0, 1)


@pytest.mark.parametrize(
    ("program", "positions", "words"),
    [
        (ring_attention, torch.tensor([[0, 1], [1, 2]]), r"have each place once, got \(2, 2\)"),
        (ring_attention, torch.arange(4), r"got \(4,\)"),
        (lambda q, k, v, p, group, causal: v, zigzag(8, 2), "does not return causal attention on rank 0 of 2"),
        (gathers, zigzag(8, 2), "rank 0 needs keys and values of rank 1, and no message brings them"),
    ],
)
def test_an_attention_that_cannot_be_followed_is_refused(program, positions, words):
    with pytest.raises(ValueError, match=words):
        trace_attention(program, positions)
