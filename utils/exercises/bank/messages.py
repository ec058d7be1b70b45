"""How ranks pass something on to their neighbours, and how that goes wrong."""

import functools

import torch
import torch.distributed as dist


def exchange(x, group, by=1, room=None):
    """What the rank before has, while x goes to the rank after."""
    n, rank = group.size(), group.rank()
    received = torch.empty_like(x) if room is None else room
    sending = dist.isend(x, group=group, group_dst=(rank + by) % n)
    dist.recv(received, group=group, group_src=(rank - by) % n)
    sending.wait()
    return received

def gathered(x, group):
    """What all ranks have, by a collective."""
    every = [torch.empty_like(x) for _ in range(group.size())]
    dist.all_gather(every, x, group=group)
    return every


# Wrong

def sends_first(x, group):
    received, n = torch.empty_like(x), group.size()
    dist.send(x, group=group, group_dst=(group.rank() + 1) % n)
    dist.recv(received, group=group, group_src=(group.rank() - 1) % n)
    return received

def receives_first(x, group):
    received, n = torch.empty_like(x), group.size()
    dist.recv(received, group=group, group_src=(group.rank() - 1) % n)
    dist.send(x, group=group, group_dst=(group.rank() + 1) % n)
    return received

def after(rank, n):
    return (rank + 1) % n

def before(rank, n):
    return (rank - 1) % n

def both_begun(x, group, to=after, source=before, take=lambda room: room, send_waits_first=False):
    """`take` is called before the two have happened."""
    room, rank, n = torch.empty_like(x), group.rank(), group.size()
    works = [
        dist.irecv(room, group=group, group_src=source(rank, n)), dist.isend(x, group=group, group_dst=to(rank, n)),
    ]
    received = take(room)
    for work in works[::-1] if send_waits_first else works:
        work.wait()
    return received

def begun(**how):
    return functools.partial(both_begun, **how)

ONE_SIDE = "Your ranks receive from the neighbour to whom they send, who sends to the one after in turn, so nothing comes. Send to rank + 1 and receive from rank - 1, or the other way round."
OPEN = "Your ring is open: the last rank has no rank + 1, and rank 0 no rank - 1. Count modulo the number of ranks: `(rank + 1) % n`."
WRONG = {
    "sends_first": (sends_first,
        "Your ranks all send before any of them receives, so each waits for its neighbour to take what it sends: for ever. `isend` does not wait: receive then, and wait for the sending after that."),
    "receives_first": (receives_first,
        "Your ranks all receive before any of them sends, so each waits for something that nobody has sent: for ever. Begin with `isend`, which does not wait, then receive."),
    "early": (begun(take=torch.clone),
        "Your ranks use what has not arrived: until `wait()` has returned, what stands in the buffer of an `irecv` means nothing (here it is NaN)."),
    "to_and_from_the_right": (begun(source=after), ONE_SIDE),
    "to_and_from_the_right_waiting_for_the_send": (begun(source=after, send_waits_first=True), ONE_SIDE),
    "to_and_from_the_left_waiting_for_the_send": (begun(to=before, send_waits_first=True), ONE_SIDE),
    "no_rank_after_the_last": (begun(to=lambda rank, n: rank + 1), OPEN),
    "no_rank_before_the_first": (begun(source=lambda rank, n: rank - 1), OPEN),
}  # name: a program for `exchange`, and a sentence


# A sum over all ranks, by other ways than a ring

def through_rank_0(x, group, back=True):
    n, rank, total = group.size(), group.rank(), x.clone()
    if rank:
        dist.send(x, group=group, group_dst=0)
        if back:
            dist.recv(total, group=group, group_src=0)
    else:
        heard = torch.empty_like(x)
        for other in range(1, n):
            dist.recv(heard, group=group, group_src=other)
            total += heard
        for other in range(1, n) if back else ():
            dist.send(total, group=group, group_dst=other)
    return total

def to_everybody(x, group):
    return sum((exchange(x, group, by) for by in range(1, group.size())), x.clone())

def chunks_to_their_owners(x, group):
    n, rank = group.size(), group.rank()
    chunks = x.chunk(n)
    mine = sum((exchange(chunks[(rank + by) % n], group, by) for by in range(1, n)), chunks[rank])
    sums = {(rank - by) % n: exchange(mine, group, by) if by else mine for by in range(n)}
    return torch.cat([sums[i] for i in range(n)])

def there_and_back(x, group):
    n, rank, total, room = group.size(), group.rank(), x.clone(), torch.empty_like(x)
    if rank:
        dist.recv(room, group=group, group_src=rank - 1)
        total += room
    if rank < n - 1:
        dist.send(total, group=group, group_dst=rank + 1)
        dist.recv(total, group=group, group_src=rank + 1)
    if rank:
        dist.send(total, group=group, group_dst=rank - 1)
    return total
