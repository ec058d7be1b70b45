"""A sum over all ranks, by messages between neighbours."""

import functools

import torch
import torch.distributed as dist
from torch import tensor

from utils.attempts.uses import groups

from ..exercise import Case, Exercise, Mistakes, normal, replacing
from .messages import (
    WRONG,
    chunks_to_their_owners,
    exchange,
    there_and_back,
    through_rank_0,
    to_everybody,
)  # fmt: skip


def ring_all_reduce(x, group):
    """The sum over all ranks of x (N,), with isend and irecv to the neighbours alone. x stays as it is.

    N is a multiple of the number n of ranks. Each rank sends 2 (n - 1) / n times the bytes of x.
    Source: Patarasuk and Yuan 2009.
    """
    n, rank = group.size(), group.rank()
    chunks = list(x.chunk(n))
    for step in range(n - 1):  # every chunk goes round, and each rank adds its own to it
        place = (rank - step - 1) % n
        chunks[place] = chunks[place] + exchange(chunks[(rank - step) % n], group)
    for step in range(n - 1):  # rank r has the whole sum of chunk r + 1: now the sums go round
        chunks[(rank - step) % n] = exchange(chunks[(rank - step + 1) % n], group)
    return torch.cat(chunks)


def one_less(n):
    return n - 1

def in_steps(
    x, group, cut=lambda x, n: list(x.chunk(n)), swap=exchange, rounds=one_less, send=lambda r, s: r - s,
    place=lambda r, s: r - s - 1, combine=torch.add, more_rounds=one_less, send_on=lambda r, s: r - s + 1,
    put=lambda r, s: r - s, replace=lambda old, new: new, answer=lambda chunks, n, rank: torch.cat(chunks),
):
    n, rank = group.size(), group.rank()
    chunks = cut(x, n)
    for step in range(rounds(n)):
        received = swap(chunks[send(rank, step) % n], group)
        at = place(rank, step) % n
        chunks[at] = combine(chunks[at], received)
    for step in range(more_rounds(n)):
        received = swap(chunks[send_on(rank, step) % n], group)
        at = put(rank, step) % n
        chunks[at] = replace(chunks[at], received)
    return answer(chunks, n, rank)


# Right, and written differently

def the_other_way_round(x, group):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    rows, left, right = x.clone().view(n, -1), (rank - 1) % n, (rank + 1) % n
    guest = torch.empty_like(rows[0])
    for step in range(2 * (n - 1)):
        coming, going = (rank + step + 1) % n, (rank + step) % n
        receiving = dist.irecv(guest, group=group, group_src=right)
        sending = dist.isend(rows[going], group=group, group_dst=left)
        receiving.wait()
        sending.wait()
        rows[coming] = rows[coming] + guest if step < n - 1 else guest
    return rows.flatten()

def in_batches(x, group):
    n, rank = group.size(), group.rank()

    def passed_on(piece):
        room = torch.zeros_like(piece)
        calls = [
            dist.P2POp(dist.irecv, room, group=group, group_peer=(rank + n - 1) % n),
            dist.P2POp(dist.isend, piece, group=group, group_peer=(rank + 1) % n),
        ]
        for work in dist.batch_isend_irecv(calls):
            work.wait()
        return room

    size = len(x) // n
    parts = {i: x[i * size : (i + 1) * size] for i in range(n)}
    travelling = parts[(rank - 1) % n]
    for i in range(2, n + 1):
        travelling = passed_on(travelling) + parts[(rank - i) % n] if n > 1 else travelling
    parts[rank] = travelling
    for i in range(1, n):
        travelling = passed_on(travelling)
        parts[(rank - i) % n] = travelling
    return torch.cat([parts[i] for i in range(n)])

def even_ranks_send_first(x, group):
    n, rank = group.size(), group.rank()
    whole, chunk = x.clone(), len(x) // n

    def part(i):
        return slice(i % n * chunk, (i % n + 1) * chunk)

    for step in range(2 * n - 2):
        room, mine = torch.empty(chunk, dtype=x.dtype), whole[part(rank - step)]
        if rank % 2 == 0:
            dist.send(mine, group=group, group_dst=(rank + 1) % n)
        dist.recv(room, group=group, group_src=(rank - 1) % n)
        if rank % 2:
            dist.send(mine, group=group, group_dst=(rank + 1) % n)
        whole[part(rank - step - 1)] = room + whole[part(rank - step - 1)] * (step < n - 1)
    return whole


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

@mistakes.program("Your whole x goes round, n - 1 times. Its n chunks are enough: each is summed on its way round, and then goes round once more.")
def whole_copies(x, group, swap=exchange, rounds=one_less):
    total, guest = x, x
    for _ in range(rounds(group.size())):
        guest = swap(guest, group)
        total = total + guest
    return total

@mistakes.program("Your running total is what goes round, so that what is in it already is added again. Pass on what arrived, or go by chunks.")
def running_total(x, group):
    total = x.clone()
    for _ in range(group.size() - 1):
        total = total + exchange(total, group)
    return total

@mistakes.program("Your x goes to the same neighbour at every step, so that only one other rank's numbers are added, again and again. Pass on what arrived.")
def one_neighbour_again_and_again(x, group):
    total = x.clone()
    for _ in range(group.size() - 1):
        total = total + exchange(x, group)
    return total

@mistakes.program("Your result has the numbers of two ranks: your own, and the neighbour's. What others have has to come by way of the neighbours, in n - 1 steps.")
def two_ranks_alone(x, group):
    return x + exchange(x, group) if group.size() > 1 else x.clone()

def collective(x, group):
    total = x.clone()
    dist.all_reduce(total, group=group)
    return total

mistakes.add("calls_a_collective", collective,
    "Your sum is made by a call that all ranks make together (all_reduce, all_gather or the like). Write what is inside it: messages to the neighbours, by isend and irecv.")

@mistakes.program("Your x is changed: all_reduce writes the sum into the tensor that it is given. And it is what you are to write yourself, with messages to the neighbours.")
def collective_in_place(x, group):
    dist.all_reduce(x, group=group)
    return x

@mistakes.program("Your ranks call a collective beside their messages, a barrier perhaps. A ring needs none: whoever receives waits already.")
def barrier_too(x, group):
    dist.barrier(group=group)
    return ring_all_reduce(x, group)

mistakes.add("through_rank_0", through_rank_0,
    "Your rank 0 adds up everything and sends it to all, so it sends n - 1 whole copies, and not to its neighbours alone. In a ring all ranks send equally much.")
mistakes.add("sum_at_rank_0_alone", functools.partial(through_rank_0, back=False),
    "Your sum is there on rank 0 alone. Every rank returns it.")
mistakes.add("to_everybody", to_everybody,
    "Your ranks send their whole x to every other rank. Send chunks, and to the neighbour alone: it passes them on.")
mistakes.add("chunks_to_their_owners", chunks_to_their_owners,
    "Your ranks send as few bytes as a ring, but not to their neighbours alone. On a wire between neighbours only, messages further away pass through others: let each chunk go round, one rank at a time.")
mistakes.add("there_and_back", there_and_back,
    "Your total goes along the ranks and back, whole: one rank works while the others wait, and those in the middle send x twice. Cut it into n chunks, one of which every rank sends at each step.")

# Chunks, and where they go

FIRST = "Your first round adds the numbers of one chunk to another, or sends the wrong one. In step s a rank sends on what it has just added to, chunk rank - s; so what arrives is the rank before's: whose number is that?"
for name, steps in {
    "added_to_what_was_sent": {"place": lambda r, s: r - s}, "added_to_one_too_far": {"place": lambda r, s: r - s - 2},
    "added_to_one_ahead": {"place": lambda r, s: r - s + 1}, "added_to_the_same_one": {"place": lambda r, s: r - 1},
    "sends_what_has_just_gone": {"send": lambda r, s: r - s + 1},
    "sends_what_it_adds_to": {"send": lambda r, s: r - s - 1},
}.items():
    mistakes.add(name, but(**steps), FIRST)

AGAINST = "Your chunks are counted in one direction and sent in the other, so that what a rank sends on is not what it has just added to. If messages go to rank + 1, the number of the chunk falls: rank - step."
SECOND_ROUNDS = {
    "as_it_should": {}, "upwards": {"send_on": lambda r, s: r + s + 1, "put": lambda r, s: r + s},
    "upwards_to_the_next": {"send_on": lambda r, s: r + s - 1, "put": lambda r, s: r + s},
    "upwards_from_the_own": {"send_on": lambda r, s: r + s, "put": lambda r, s: r + s + 1},
    "upwards_behind_the_own": {"send_on": lambda r, s: r + s, "put": lambda r, s: r + s - 1},
}
for first, steps, seconds in (  # those that differ from each other in what comes out
    ("as_it_should", {}, [*SECOND_ROUNDS][1:]),
    ("upwards", {"send": lambda r, s: r + s, "place": lambda r, s: r + s - 1},
        ["as_it_should", "upwards", "upwards_from_the_own", "upwards_behind_the_own"]),
    ("upwards_to_the_next", {"send": lambda r, s: r + s, "place": lambda r, s: r + s + 1},
        ["upwards", "upwards_to_the_next", "upwards_behind_the_own"]),
):
    for second in seconds:
        mistakes.add(f"counts_{first}_then_{second}", but(**steps, **SECOND_ROUNDS[second]), AGAINST)

mistakes.add("second_round_begins_with_the_own", but(send_on=lambda r, s: r - s, put=lambda r, s: r - s - 1),
    "Your result has the numbers of one rank at each place. Either your first round replaces where it should add, or your second one begins with the rank's own chunk, to which nothing was added: begin with the one that was added to last.")
SECOND = "Your second round begins with the wrong chunk. After the first one a rank's whole sum is in the chunk to which it added last, rank + 1 where it began by sending its own: that is what it sends first."
for name, steps in {
    "the_one_before": {"send_on": lambda r, s: r - s - 1, "put": lambda r, s: r - s - 2},
    "two_ahead": {"send_on": lambda r, s: r - s + 2, "put": lambda r, s: r - s + 1},
}.items():
    mistakes.add(f"second_round_begins_with_{name}", but(**steps), SECOND)
mistakes.add("began_one_earlier", but(send=lambda r, s: r - s - 1, place=lambda r, s: r - s - 2), SECOND)

PUT = "Your second round puts what arrives in the wrong place. It is the chunk that the rank before has sent: its number is one less than that of the chunk you send."
for name, steps in {
    "where_the_sent_one_is": {"put": lambda r, s: r - s + 1}, "one_too_far": {"put": lambda r, s: r - s - 1},
    "always_in_the_same_place": {"put": lambda r, s: r}, "what_it_sends_is_one_less": {"send_on": lambda r, s: r - s},
    "what_it_sends_is_its_whole_one": {"send_on": lambda r, s: r + 1},
}.items():
    mistakes.add(f"put_{name}", but(**steps), PUT)

mistakes.add("first_round_only", but(more_rounds=lambda n: 0),
    "Your result has one chunk with the sum of all ranks, the others are on their way. A second round passes the complete chunks on.")
mistakes.add("returns_in_its_loop", but(rounds=lambda n: 1, more_rounds=lambda n: 0),
    "Your rounds end after one step. Does your function return inside its loop?")
mistakes.add("added_in_the_second_round", but(replace=torch.add),
    "Your second round adds what arrives. It is complete by then, and takes the place of what is there.")
mistakes.add("second_round_only", but(rounds=lambda n: 0),
    "Your chunks go round and nothing is added to them. A first round, of n - 1 steps, adds each rank's numbers.")
mistakes.add("one_step_too_many", but(more_rounds=lambda n: n),
    "One of your rounds has a step too many, which sends more and changes nothing. After n - 1 steps a chunk has been on all n ranks.")
for which, others in {"rounds": "first", "more_rounds": "second"}.items():
    mistakes.add(f"one_step_too_few_in_the_{others}", but(**{which: lambda n: max(n - 2, 0)}),
        f"Your {others} round has one step too few. It takes n - 1 steps to get from one rank to all the others.")
mistakes.add("one_step_too_many_in_both", but(rounds=lambda n: n, more_rounds=lambda n: n),
    "Your rounds have one step too many each. After n - 1 steps a chunk has been on all n ranks.")
mistakes.add("one_step_too_few_in_both", but(rounds=lambda n: max(n - 2, 0), more_rounds=lambda n: max(n - 2, 0)),
    "Your rounds have one step too few each. It takes n - 1 steps to get from one rank to all the others.")

mistakes.add("mean_of_two_at_each_step", but(combine=lambda old, new: (old + new) / 2),
    "Your chunks are halved whenever two are put together, so that ranks count differently. The sum is asked for: add alone.")
mistakes.add("mean", but(answer=lambda chunks, n, rank: torch.cat(chunks) / n),
    "Your result is the mean over the ranks. The sum is asked for.")
mistakes.add("counted_in_twice", lambda x, group: ring_all_reduce(x, group) + x,
    "Your result has the rank's own numbers in it twice. The ring has added them already.")
mistakes.add("whole_copies_once_too_often", functools.partial(whole_copies, rounds=lambda n: n),
    "Your result has the rank's own numbers in it twice, since whole copies come home after n steps. And chunks are enough, each of which is summed on its way.")
mistakes.add("own_chunk_only", but(answer=lambda chunks, n, rank: chunks[(rank + 1) % n]),
    "Your result is one chunk. Every rank returns the whole sum: `torch.cat`.")
mistakes.add("stacked", but(answer=lambda chunks, n, rank: torch.stack(chunks)),
    "Your chunks are stacked, (n, N / n), where (N,) is asked for: `torch.cat`.")
mistakes.add("a_list", but(answer=lambda chunks, n, rank: chunks),
    "Your result is the list of chunks. Put them together: `torch.cat`.")
mistakes.add("own_chunk_first",
    but(answer=lambda chunks, n, rank: torch.cat([chunks[(rank + i) % n] for i in range(n)])),
    "Your chunks are put together from the rank's own on. They go where they were in x, in the same order on all ranks.")
mistakes.add("put_together_in_the_order_of_arrival",
    but(answer=lambda chunks, n, rank: torch.cat([chunks[(rank + 1 - i) % n] for i in range(n)])),
    "Your chunks are put together in the order in which they were complete. They go where they were in x, in the same order on all ranks.")
mistakes.add("returns_nothing", but(answer=lambda chunks, n, rank: None),
    "Your function returns nothing. x stays as it is, and the sum is returned.")
mistakes.add("pieces_of_n", but(cut=lambda x, n: list(x.split(n))),
    "Your pieces have n numbers each, which is what `split(n)` makes. n pieces are needed: `chunk(n)`.")
mistakes.add("every_nth_number", but(cut=lambda x, n: list(x.view(-1, n).T.contiguous())),
    "Your chunks take every n-th number of x, and are put together as if they were neighbours. `chunk(n)` cuts it into n runs.")
mistakes.add("a_tuple_of_chunks", but(cut=lambda x, n: x.chunk(n)),
    "Your chunks are a tuple, as `chunk` returns it, and a tuple's entries cannot be replaced. Make a list of it.")
mistakes.add("unmoved", lambda x, group: x.clone(), "Your result is the rank's own x. Nothing of the others is added.")

CHANGES = "Your x is changed: `chunk` gives views of it, and `+=` or `copy_` writes through them. `chunks[i] = chunks[i] + …` makes a new tensor, or begin with `x.clone()`."
def into(old, new):
    old += new
    return old

mistakes.add("changes_x", but(combine=into), CHANGES)

# How messages are made

for name, (swap, sentence) in WRONG.items():
    mistakes.add(name, but(swap=swap), sentence)
mistakes.add("early_with_whole_copies", functools.partial(whole_copies, swap=WRONG["early"][0]), WRONG["early"][1])

def one_buffer():
    rooms = []

    def swap(x, group):
        received = exchange(x, group)
        rooms[:] = [(rooms or [received])[0].copy_(received)]
        return rooms[0]

    return swap

@mistakes.program("Your messages arrive in one buffer, and what is kept of an earlier one is overwritten by the next. Make a new one for each, or copy what stays: `clone()`.")
def buffer_used_again(x, group):
    return in_steps(x, group, swap=one_buffer())

@mistakes.program("Your chunks are counted beyond the last one, chunk n. Count modulo n: `(rank - step + 1) % n`.")
def chunks_without_modulo(x, group):
    n, rank, chunks = group.size(), group.rank(), list(x.chunk(group.size()))
    for step in range(n - 1):
        chunks[rank - step - 1] = chunks[rank - step - 1] + exchange(chunks[rank - step], group)
    for step in range(n - 1):
        chunks[rank - step] = exchange(chunks[rank - step + 1], group)
    return torch.cat(chunks)

@mistakes.program("Your rank 0 alone takes part, or begins, and waits for others that do nothing. All ranks run the same steps, each with its own chunks.")
def rank_0_alone(x, group):
    return in_steps(x, group) if group.rank() == 0 else x.clone()

@mistakes.program("Your last rank takes no part, so its neighbours wait for it. All ranks run the same steps, each with its own chunks.")
def last_rank_is_missing(x, group):
    return in_steps(x, group) if group.rank() < group.size() - 1 or group.size() == 1 else x.clone()

@mistakes.program("Your ranks make different numbers of steps, so that some wait when others have finished. All make n - 1, whatever their own number.")
def as_many_steps_as_the_rank(x, group):
    return in_steps(x, group, rounds=lambda n: group.rank(), more_rounds=lambda n: group.rank())


def all_ranks(n, N, **kind):
    return {"x": normal(n, N, **kind)}


exercise = Exercise(
    reference=ring_all_reduce,
    use=groups.ring_all_reduce,
    cases=[
        Case("by hand: two ranks, two numbers", x=tensor([[1.0, 2.0], [10.0, 20.0]])),
        Case("two ranks", **all_ranks(2, 6)),
        Case("three ranks, a number in each chunk", **all_ranks(3, 3)),
        Case("three ranks", **all_ranks(3, 12)),
        Case("four ranks, a number in each chunk", **all_ranks(4, 4)),
        Case("four ranks", **all_ranks(4, 12)),
        Case("five ranks", **all_ranks(5, 15)),
        Case("six ranks", **all_ranks(6, 12)),
        Case("large numbers", **all_ranks(4, 16, scale=1e6)),
        Case("64-bit numbers", **all_ranks(4, 8, dtype=torch.float64)),
    ],
    variants=[the_other_way_round, in_batches, even_ranks_send_first],
    mistakes=mistakes,
    points=3,
)  # fmt: skip
