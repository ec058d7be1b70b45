"""Simulated ranks do what processes do, the same every time; what was sent is counted, what cannot work is named."""

import threading
import time

import pytest
import torch
import torch.distributed as dist

from utils.attempts import Raised, Returned, Stopped, run
from utils.attempts.limits import TimeLimit, time_limit
from utils.processes import Collective, Deadlock, Message, RankFailed, simulate


def exchange(x, group):
    """What the rank before has, while x goes to the rank after."""
    received = torch.empty_like(x)
    sending = dist.isend(x, group=group, group_dst=(group.rank() + 1) % group.size())
    dist.recv(received, group=group, group_src=(group.rank() - 1) % group.size())
    sending.wait()
    return received


def ring_sum(parts, group):
    """The sum of all parts (N,), in a ring of N chunks."""
    n, rank = group.size(), group.rank()
    chunks = list(parts[rank].clone().chunk(n))
    for step in range(n - 1):
        place = (rank - step - 1) % n
        chunks[place] = chunks[place] + exchange(chunks[(rank - step) % n], group)
    for step in range(n - 1):
        chunks[(rank - step) % n] = exchange(chunks[(rank - step + 1) % n], group)
    return torch.cat(chunks)


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_a_ring_adds_up_and_its_bytes_are_counted(ranks):
    parts = torch.randn(ranks, 4 * ranks, dtype=torch.float64)
    results, record = simulate(ring_sum, parts, processes=ranks)
    for result in results:
        torch.testing.assert_close(result, parts.sum(0))
    assert [record.sent(rank) for rank in range(ranks)] == [2 * (ranks - 1) * 4 * 8] * ranks
    assert {(m.source, m.target) for m in record.messages} == {(r, (r + 1) % ranks) for r in range(ranks) if ranks > 1}
    assert record.collectives == []


def every_collective(group):
    rank = dist.get_rank()
    total, most, mean = (torch.tensor([1.0, 5.0 * rank]) for _ in range(3))
    dist.all_reduce(total, group=group)
    dist.all_reduce(most, op=dist.ReduceOp.MAX)
    dist.all_reduce(mean, op=dist.ReduceOp.AVG, async_op=True).wait()
    room = [torch.empty(1) for _ in range(group.size())]
    dist.all_gather(room, torch.tensor([float(rank)]))
    together = torch.empty(group.size())
    dist.all_gather_single(together, torch.tensor([float(rank)]))
    first = torch.tensor([7 * rank + 3])
    dist.broadcast(first, src=0)
    part = torch.empty(1)
    dist.reduce_scatter_single(part, torch.arange(float(group.size())))
    at_one = torch.tensor([rank + 1])
    dist.reduce(at_one, dst=1, group=group)
    dist.barrier()
    return [x.tolist() for x in (total, most, mean, torch.cat(room), together, first, part, at_one)]


def test_collectives():
    (zero, one, two), record = simulate(every_collective, processes=3)
    same = [[3.0, 15.0], [1.0, 10.0], [1.0, 5.0], [0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [3]]
    assert (zero, one, two) == ([*same, [0.0], [1]], [*same, [3.0], [6]], [*same, [6.0], [3]])
    assert len(record.collectives) == 9 and record.collectives[0] == Collective("all_reduce", 8)
    assert record.messages == [] and record.sent(0) == 0


def test_batches_of_sends_and_receives():
    def both(group):
        x, received = torch.full((2,), group.rank()), torch.empty(2, dtype=torch.int64)
        other = 1 - group.rank()
        calls = [dist.P2POp(dist.isend, x, group=group, group_peer=other), dist.P2POp(dist.irecv, received, other)]
        for work in dist.batch_isend_irecv(calls):
            work.wait()
        return received.tolist()

    results, record = simulate(both)
    assert results == [[1, 1], [0, 0]]
    assert sorted(record.messages, key=str) == [Message(0, 1, 16), Message(1, 0, 16)]


def test_what_is_received_is_not_there_before_wait():
    def early(group):
        received = torch.zeros(2)
        work = dist.irecv(received, 1 - group.rank(), group=group)
        sending = dist.isend(torch.ones(2), 1 - group.rank(), group=group)
        before = received.isnan().all().item()
        work.wait()
        sending.wait()
        return before, received.tolist()

    assert simulate(early)[0] == [(True, [1.0, 1.0])] * 2


def error_in_one(group):
    if group.rank() == 1:
        raise KeyError("missing")
    try:
        dist.all_reduce(torch.ones(2))
    except Exception:  # the end of all is not for the program to catch
        dist.all_reduce(torch.ones(2))


def sends_first(group):
    dist.send(torch.ones(2), 1 - group.rank())
    dist.recv(torch.ones(2), 1 - group.rank())


def never_sends(group):
    if group.rank() == 0:
        dist.recv(torch.ones(2), 1)


def only_rank_0_calls(group):
    if group.rank() == 0:
        dist.all_reduce(torch.ones(2))


def other_shapes(group):
    dist.all_reduce(torch.ones(2 + group.rank()))


def other_calls(group):
    dist.barrier() if group.rank() else dist.broadcast(torch.ones(2), 0)


def other_root(group):
    dist.broadcast(torch.ones(2), group.rank())


def wrong_room(group):
    dist.recv(torch.ones(3), 0) if group.rank() else dist.send(torch.ones(2), 1)


def no_such_rank(group):
    dist.send(torch.ones(2), group.rank() + 1, group=group)


@pytest.mark.parametrize(
    "function, error, words",
    [
        (error_in_one, RankFailed, "rank 1: KeyError: 'missing'"),
        (
            sends_first,
            Deadlock,
            "rank 0 waits for rank 1 to receive what it sends; rank 1 waits for rank 0 to receive what it sends",
        ),
        (never_sends, Deadlock, "rank 0 waits for rank 1 to send something; rank 1 has finished"),
        (only_rank_0_calls, Deadlock, "rank 0 waits for rank 1 to call all_reduce (collective 1); rank 1 has finished"),
        (
            other_shapes,
            RankFailed,
            "rank 1: ValueError: collective 1 is all_reduce (sum) of (3,) float32, and on rank 0 it is "
            "all_reduce (sum) of (2,) float32",
        ),
        (
            other_calls,
            RankFailed,
            "rank 1: ValueError: collective 1 is barrier, and on rank 0 it is broadcast from rank 0 of (2,) float32",
        ),
        (
            other_root,
            RankFailed,
            "rank 1: ValueError: collective 1 is broadcast from rank 1 of (2,) float32, and on rank 0 it is "
            "broadcast from rank 0 of (2,) float32",
        ),
        (
            wrong_room,
            RankFailed,
            "rank 1: ValueError: what comes from rank 0 is (2,) float32, and the place for it (3,) float32",
        ),
        (no_such_rank, RankFailed, "rank 1: ValueError: there is no rank 2: the ranks are 0 to 1"),
    ],
)
def test_what_cannot_work_is_named(function, error, words):
    with pytest.raises(error) as raised:
        simulate(function)
    assert str(raised.value) == words
    assert function.__name__ in [entry.name for entry in raised.traceback]  # the reader's own lines are told, too


def test_nothing_is_left_of_a_simulation():
    def in_three():
        for function in (ring_sum, error_in_one, sends_first):
            try:
                simulate(function, *[torch.ones(2, 2)] * (function is ring_sum))
            except RuntimeError:
                pass

    before = set(threading.enumerate())  # of other tests' libraries
    in_three()
    known = dist.distributed_c10d._world
    assert not dist.is_initialized() and not known.pg_group_ranks and not known.pg_map
    assert set(threading.enumerate()) <= before


def test_each_rank_draws_its_own_numbers_and_they_begin_alike():
    def draws(group):
        first = torch.rand(())
        dist.barrier()
        return first.item(), torch.rand(()).item()

    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two = simulate(draws)[0]
    assert one == two and simulate(draws)[0] == [one, two]
    assert torch.equal(before, torch.get_rng_state())


def endless(group):
    while group.rank() == 1:
        pass
    dist.barrier()


def sleepless(group):
    while group.rank() == 1:
        try:
            time.sleep(0.001)
        except Exception:
            pass


@pytest.mark.parametrize("function", [endless, sleepless])
@pytest.mark.parametrize("in_main", [True, False])
def test_a_time_limit_ends_all_ranks(function, in_main):
    outcomes, before = [], set(threading.enumerate())  # of other tests' libraries

    def limited():
        try:
            with time_limit(0.2):
                simulate(function)
        except TimeLimit:
            outcomes.append("stopped")

    if in_main:
        limited()
    else:
        thread = threading.Thread(target=limited)
        thread.start()
        thread.join()
    assert outcomes == ["stopped"]
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert set(threading.enumerate()) <= before and not dist.is_initialized()


def test_an_attempt_is_simulated_like_any_other():
    """As the uses of the exercises do, in a check and in the judge."""

    def outcome(attempt, seconds=5.0):
        return run(lambda given: simulate(attempt, given["x"])[0], {"x": torch.ones(2, 2)}, seconds=seconds)

    def stub(x, group):
        raise NotImplementedError

    good = outcome(ring_sum)
    assert isinstance(good, Returned) and good.value[0].tolist() == [2.0, 2.0]
    assert outcome(stub).unattempted == "stub"
    failed = outcome(lambda x, group: x.missing)
    assert isinstance(failed, Raised) and "RankFailed: rank 0: AttributeError" in failed.error
    waits = outcome(lambda x, group: sends_first(group))
    assert isinstance(waits, Raised) and "Deadlock: rank 0 waits" in waits.error
    assert "in sends_first: dist.send(torch.ones(2), 1 - group.rank())" in waits.traceback
    assert isinstance(outcome(lambda x, group: endless(group), seconds=0.2), Stopped)
