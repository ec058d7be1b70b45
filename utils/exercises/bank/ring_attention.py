"""Attention over a sequence that no rank has whole: queries stay, keys and values travel."""

import functools
import math

import torch
import torch.distributed as dist
from torch import tensor

from utils.attempts.uses import groups

from ..exercise import Case, Exercise, Mistakes, replacing
from .drawn import parts
from .merge_partials import merge_partials
from .messages import exchange, gathered
from .wrong_rings import WRONG_MASKS, WRONG_MOVES, moved_by


def ring_attention(query, key, value, positions, group, causal=False):
    """Context (…, T/n, Dv) of this rank's queries for the keys and values of all ranks, which travel once around.

    query, key (…, T/n, Dk) and value (…, T/n, Dv) are this rank's part, positions (T/n,) its places in the sequence.
    causal: a query sees keys at its own place and before. No rank holds more than two parts of keys and values.
    Source: Liu, Zaharia and Abbeel 2023.
    """
    found, here = None, positions  # the places of the keys that are here now
    for step in range(group.size()):
        mask = here <= positions[:, None] if causal else None  # (T/n, T/n)
        part = partial_attention(query, key, value, mask)
        found = merge_partials(found, part) if found else part
        if step < group.size() - 1:
            key, value, here = exchange(key, group), exchange(value, group), exchange(here, group)
    _, total, sums = found
    return sums / total


def partial_attention(query, key, value, mask=None):
    """What these keys contribute: largest (…, Tq, 1), total (…, Tq, 1), sums (…, Tq, Dv); for none -inf, 0 and 0."""
    scores = query @ key.mT / math.sqrt(query.size(-1))  # (…, Tq, Tk)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    largest = scores.amax(-1, keepdim=True)
    weights = torch.exp(scores - largest.masked_fill(largest == -math.inf, 0))
    return largest, weights.sum(-1, keepdim=True), weights @ value


all_three = moved_by(exchange)

def up_to_its_own(positions, here, group, step):
    return here <= positions[:, None]

def divided(found):
    return found[2] / found[1]

def in_steps(
    query, key, value, positions, group, causal=False, look=partial_attention, rounds=lambda n: n, move=all_three,
    turn=lambda query, group: query, seen=up_to_its_own, merge=merge_partials, answer=divided, first=0, again=False,
):
    found, here, own = None, positions, (key, value, positions)
    for step in range(rounds(group.size())):
        if step:
            query, (key, value, here) = turn(query, group), move(*(own if again else (key, value, here)), group)
        if step >= first:
            part = look(query, key, value, seen(positions, here, group, step) if causal else None)
            found = part if found is None else merge(found, part)
    return answer(found)


# Right, and written differently

def as_one_parcel(query, key, value, positions, group, causal=False):
    n, rank = group.size(), group.rank()
    parcel = torch.cat([key, value, positions.to(key.dtype)[:, None].expand(*key.shape[:-1], 1)], -1)
    logs = contexts = None
    for step in range(n):
        if step < n - 1:  # on its way while this one is looked at
            room = torch.empty_like(parcel)
            works = [
                dist.irecv(room, group=group, group_src=(rank + 1) % n),
                dist.isend(parcel, group=group, group_dst=(rank - 1) % n),
            ]
        keys, values, here = parcel.split([key.size(-1), value.size(-1), 1], -1)
        scores = (query * key.size(-1) ** -0.5) @ keys.transpose(-2, -1)
        if causal:
            scores = scores.masked_fill(here.mT > positions[:, None], -math.inf)
        log = scores.logsumexp(-1, keepdim=True)
        context = (scores - log).exp().nan_to_num(0) @ values
        if logs is None:
            logs, contexts = log, context
        else:
            both = torch.logaddexp(logs, log)
            contexts = contexts * (logs - both).exp().nan_to_num(0) + context * (log - both).exp().nan_to_num(0)
            logs = both
        if step < n - 1:
            for work in works:
                work.wait()
            parcel = room
    return contexts

def with_running_largest(query, key, value, positions, group, causal=False):
    n, rank = group.size(), group.rank()
    largest = torch.full((*query.shape[:-1], 1), torch.finfo(query.dtype).min, dtype=query.dtype)
    total, sums = torch.zeros_like(largest), torch.zeros(*query.shape[:-1], value.size(-1), dtype=value.dtype)
    guests = [key, value, positions]
    for _ in range(n):
        scores = torch.einsum("...id,...jd->...ij", query, guests[0]) / query.size(-1) ** 0.5
        if causal:
            scores = torch.where(guests[2][None, :] <= positions[:, None], scores, -math.inf)
        new = torch.maximum(largest, scores.amax(-1, keepdim=True))
        exps, shrink = torch.exp(scores - new), torch.exp(largest - new)
        total, sums, largest = total * shrink + exps.sum(-1, keepdim=True), sums * shrink + exps @ guests[1], new
        if n > 1:  # the last time, too: then everything is home again
            rooms = [torch.empty_like(guest) for guest in guests]
            calls = [dist.P2POp(dist.isend, guest, group=group, group_peer=(rank + 1) % n) for guest in guests]
            calls += [dist.P2POp(dist.irecv, room, group=group, group_peer=(rank - 1) % n) for room in rooms]
            for work in dist.batch_isend_irecv(calls):
                work.wait()
            guests = rooms
    return sums / total

def skipping_what_nobody_sees(query, key, value, positions, group, causal=False):
    n, rank = group.size(), group.rank()
    guests, found = [key, value, positions], []
    for step in range(n):
        rooms = [torch.empty_like(guest) for guest in guests]
        for guest, room in zip(guests, rooms, strict=True) if step else ():
            if rank % 2 == 0:
                dist.send(guest, group=group, group_dst=(rank + 1) % n)
            dist.recv(room, group=group, group_src=(rank - 1) % n)
            if rank % 2:
                dist.send(guest, group=group, group_dst=(rank + 1) % n)
        guests = rooms if step else guests
        keys, values, here = guests
        if causal and here.min() > positions.max():
            continue
        scores = torch.matmul(query, keys.transpose(-1, -2)).div(keys.shape[-1] ** 0.5)
        if causal:
            scores = scores - torch.where(here > positions[:, None], math.inf, 0.0)
        log = torch.logsumexp(scores, -1, keepdim=True)
        found.append((log, torch.exp(scores - log).nan_to_num(0) @ values))
    shares = torch.cat([log for log, _ in found], -1).softmax(-1)
    return sum(shares[..., i : i + 1] * context for i, (_, context) in enumerate(found))


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("one_round_too_many", but(rounds=lambda n: n + 1),
    "Your rank's own keys count twice: they have come round again. With its own block to begin with, n - 1 exchanges bring all the others.")
mistakes.add("one_round_too_few", but(rounds=lambda n: max(n - 1, 1)),
    "Your keys and values stop one rank short of having been everywhere. There are n blocks, one's own and n - 1 that arrive.")
mistakes.add("own_block_alone", but(rounds=lambda n: 1),
    "Your answer is that of the rank's own block. Either nothing travels (what `exchange` returns takes the place of what was sent), or what arrives is looked up and lost: `merge_partials` returns the two together.")
mistakes.add("two_blocks_alone", but(rounds=lambda n: min(n, 2)),
    "Your queries see two blocks, their own and the neighbour's. What has arrived has to be sent on, n - 1 times in all.")
mistakes.add("same_again", but(again=True),
    "Your ranks send their own keys and values at each step, so that the neighbour's come again and again. Send on what has arrived.")
mistakes.add("own_block_left_out", but(first=1),
    "Your rank's own block is not looked up: its keys are sent away before, and only what arrives counts.")
mistakes.add("queries_travel_too", but(turn=exchange),
    "Your queries travel together with the keys, so that they meet the same keys each time. Queries stay where they are.")

# Blocks put together

def contexts(query, key, value, mask=None, least=1e-30):
    largest, total, sums = partial_attention(query, key, value, mask)
    return largest, total, sums / total.clamp(min=least)

contexts_or_nan = functools.partial(contexts, least=0)

def added(one, other):
    return torch.maximum(one[0], other[0]), one[1] + other[1], one[2] + other[2]

def averaged(*given, look=contexts, **named):
    return in_steps(*given, **named, look=look, merge=added, answer=lambda found: found[2]) / given[-1].size()

MEANS = "Your blocks' contexts are averaged, as if each block had as much weight as any other. Merge largest, total and sums, and divide once, at the end."
ADDED = "Your blocks' contexts are added, each divided by its own total, so the weights sum to one in each block. Merge largest, total and sums, and divide once, at the end."
mistakes.add("contexts_averaged", averaged, MEANS)
mistakes.add("contexts_averaged_or_nan", functools.partial(averaged, look=contexts_or_nan), MEANS)
mistakes.add("contexts_added", but(look=contexts, merge=added, answer=lambda found: found[2]), ADDED)
mistakes.add("contexts_added_or_nan", but(look=contexts_or_nan, merge=added, answer=lambda found: found[2]), ADDED)
mistakes.add("contexts_halved", but(look=contexts, answer=lambda found: found[2],
        merge=lambda one, other: (*one[:2], (one[2] + other[2]) / 2)),
    "Your contexts are averaged two by two, so that the block that came last counts half. Merge largest, total and sums, and divide once, at the end.")
mistakes.add("just_added", but(merge=added),
    "Your totals and sums are added as they are, and each block's are measured against its own largest score. Bring both to the common one first, as `merge_partials` does.")

LAST = "Your answer is that of the block that came last. What earlier ones gave is kept, and merged with it."
mistakes.add("last_block_alone", but(merge=lambda one, other: other), LAST)
mistakes.add("last_block_alone_or_0",
    but(merge=lambda one, other: other, answer=lambda found: divided(found).nan_to_num(0)), LAST)
mistakes.add("not_divided", but(answer=lambda found: found[2]),
    "Your sums are not divided by the total, so the weights do not sum to one. Divide once, after the last block.")
mistakes.add("all_three_returned", but(answer=lambda found: found),
    "Your result is largest, total and sums. The context is asked for: sums divided by total.")
mistakes.add("returns_nothing", but(answer=lambda found: None), "Your function returns nothing, and not the context.")

def divided_already(one, other):
    largest, total, sums = merge_partials(one, other)
    return largest, total, sums / total

TOO_EARLY = "Your sums are divided by the total at every merge, and then added to as if they were not. Divide once, after the last block."
mistakes.add("divided_at_each_merge", but(merge=divided_already, answer=lambda found: found[2]), TOO_EARLY)
mistakes.add("divided_before_each_merge",
    but(merge=lambda one, other: merge_partials((*one[:2], divided(one)), other)), TOO_EARLY)
for name, look in {"": contexts, "_or_nan": contexts_or_nan}.items():
    for more, answer in {"": lambda found: found[2], "_and_again_in_the_end": divided}.items():
        mistakes.add(f"divided_by_block{name}{more}", but(look=look, answer=answer),
            "Your blocks are divided by their own totals before they are merged, and a merge takes sums as they are. Divide once, after the last block.")

def from_zero(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.size(-1))
    exps = scores.exp() if mask is None else scores.exp() * mask
    return torch.zeros_like(scores[..., :1]), exps.sum(-1, keepdim=True), exps @ value

def at_least_zero(query, key, value, mask=None):
    part = partial_attention(query, key, value, mask)
    return merge_partials([torch.zeros_like(x) for x in part], part)

mistakes.add("begins_with_zero", but(look=at_least_zero),
    "Your largest score is 0 to begin with, so that all exponentials vanish where scores are far below it. Begin with -inf, or with what the first block gives.")
mistakes.add("no_largest", but(look=from_zero, merge=added),
    "Your exponentials are taken of the scores as they are, and overflow where these are large, or vanish where they are low. Each block subtracts its largest score, and a merge brings two to the common one.")

# Scores, and who sees what
mistakes.add("not_scaled", but(look=lambda q, k, v, mask: partial_attention(q * q.size(-1) ** 0.5, k, v, mask)),
    "Your scores are not scaled. Divide them by the square root of the width of query and key; `partial_attention` does.")
mistakes.add("scaled_twice", but(look=lambda q, k, v, mask: partial_attention(q / q.size(-1) ** 0.5, k, v, mask)),
    "Your scores are divided by the width of query and key, or twice by its square root. `partial_attention` divides already.")
mistakes.add("context_of_keys", but(look=lambda q, k, v, mask: partial_attention(q, k, k, mask)),
    "Your context is made of the keys. Those are for matching; what is carried away are the values.")

def nothing_to_see(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.size(-1))
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    exps = torch.exp(scores - scores.amax(-1, keepdim=True))
    return scores.amax(-1, keepdim=True), exps.sum(-1, keepdim=True), exps @ value

mistakes.add("nan_where_nothing_is_seen", but(look=nothing_to_see),
    "Your result is NaN, because a query that sees no key of a block has the largest score -inf there, and -inf - (-inf) is NaN. Such a block contributes nothing: -inf, 0 and 0.")
mistakes.add("sees_the_future", lambda *given, causal=False: in_steps(*given),
    "Your queries see what comes after them. With `causal`, a query sees keys at its own place and before.")
mistakes.add("always_causal", lambda *given, causal=False: in_steps(*given, causal=True),
    "Your queries see no later keys, though `causal` is False. Hide them only where it is asked for.")

for name, (seen, sentence) in WRONG_MASKS.items():
    mistakes.add(name, but(seen=seen), sentence)

# What is held, and how it is sent

def at_once(query, blocks, positions, causal):
    keys, values, places = blocks
    mask = torch.cat(places) <= positions[:, None] if causal else None
    return divided(partial_attention(query, torch.cat(keys, -2), torch.cat(values, -2), mask))

@mistakes.program("Your ranks make a call all together: after all_gather each holds all keys and values, and while one broadcasts the others wait. Let blocks travel by messages to the neighbour: then all wires work, and a rank holds two blocks.")
def gathers_all(query, key, value, positions, group, causal=False):
    return at_once(query, [gathered(x, group) for x in (key, value, positions)], positions, causal)

@mistakes.program("Your ranks keep every block that arrives, and hold all keys and values in the end. Look a block up when it is there, merge what it gives, and let it go.")
def keeps_all(query, key, value, positions, group, causal=False):
    blocks = [(key, value, positions)]
    for _ in range(group.size() - 1):
        blocks.append(all_three(*blocks[-1], group))
    return at_once(query, zip(*blocks, strict=True), positions, causal)

@mistakes.program("Your ranks send on all that they have so far, so that the parcels grow from step to step. Send on the block that came last alone.")
def parcels_grow(query, key, value, positions, group, causal=False):
    held = [key, value, positions]
    for _ in range(group.size() - 1):
        came = all_three(*held, group)
        held = [torch.cat([x, y], at) for x, y, at in zip((key, value, positions), came, (-2, -2, 0), strict=True)]
    return at_once(query, [[x] for x in held], positions, causal)

@mistakes.program("Your ranks send their block to every other rank. Send it to the neighbour alone, who passes it on: then all wires between neighbours work at the same time.")
def to_everybody(query, key, value, positions, group, causal=False):
    found = partial_attention(query, key, value, positions <= positions[:, None] if causal else None)
    for by in range(1, group.size()):
        keys, values, here = (exchange(x, group, by) for x in (key, value, positions))
        part = partial_attention(query, keys, values, here <= positions[:, None] if causal else None)
        found = merge_partials(found, part)
    return divided(found)

for name, (move, sentence) in WRONG_MOVES.items():
    mistakes.add(name, but(move=move), sentence)

@mistakes.program("Your parcel of keys and values is cut in half, and values may be wider or narrower than keys. `split([key.size(-1), value.size(-1)], -1)` cuts where they meet.")
def parcel_cut_in_half(query, key, value, positions, group, causal=False):
    def move(k, v, here, group):
        return *exchange(torch.cat([k, v], -1), group).chunk(2, -1), exchange(here, group)

    key, value = torch.cat([key, value], -1).chunk(2, -1)
    return in_steps(query, key, value, positions, group, causal, move=move)

SKIPS = "Your ranks leave the exchange out with a block that they need not look at, and others wait for it. Skip the lookup alone: what a rank does not need itself, the next one may."

def skips_the_exchange(query, key, value, positions, group, causal=False, exchanges=lambda n: n):
    found, here = None, positions
    for step in range(group.size()):
        if causal and here.min() > positions.max():
            continue
        part = partial_attention(query, key, value, here <= positions[:, None] if causal else None)
        found = merge_partials(found, part) if found else part
        if step < exchanges(group.size()):
            key, value, here = all_three(key, value, here, group)
    return divided(found)

mistakes.add("skips_the_exchange", skips_the_exchange, SKIPS)
mistakes.add("skips_one_of_fewer", functools.partial(skips_the_exchange, exchanges=lambda n: n - 1), SKIPS)

def up_to_its_rank(*given, causal=False, more=1):
    return in_steps(*given, causal=causal, rounds=lambda n: min(given[-1].rank() + more, n) if causal else n)

mistakes.add("exchanges_up_to_its_rank", up_to_its_rank, SKIPS)
mistakes.add("exchanges_one_more", functools.partial(up_to_its_rank, more=2), SKIPS)

@mistakes.program("Your rank 0 alone exchanges, or others make fewer exchanges than it does, so somebody waits for ever. All make n - 1.")
def rank_0_alone(query, key, value, positions, group, causal=False):
    return in_steps(query, key, value, positions, group, causal, rounds=lambda n: 1 if group.rank() else n)


exercise = Exercise(
    reference=ring_attention,
    use=groups.ring_attention,
    cases=[
        Case("by hand: two ranks, a token on each, scores 0 and log 3",
            query=tensor([[[2.0, 0, 0, 0]]] * 2), value=tensor([[[4.0]], [[8.0]]]),
            key=tensor([[[0.0, 1, 1, 0]], [[math.log(3), 0, 0, 1]]]), positions=tensor([[0], [1]])),
        Case("two ranks", **parts(2, 4, 3, 3)),
        Case("two ranks, causal", **parts(2, 4, 4, 4, causal=True)),
        Case("three ranks, values narrower than keys", **parts(3, 3, 4, 2)),
        Case("three ranks, causal, in stripes", **parts(3, 4, 3, 5, order="striped", causal=True)),
        Case("four ranks, causal", **parts(4, 2, 5, 5, causal=True)),
        Case("four ranks, causal, zigzag", **parts(4, 2, 4, 6, order="zigzag", causal=True)),
        Case("three ranks, causal, in no order", **parts(3, 3, 4, 4, order="shuffled", causal=True)),
        Case("a batch of two, three heads, causal, zigzag", **parts(2, 4, 3, 2, 2, 3, order="zigzag", causal=True)),
        Case("sharp scores, causal", **parts(3, 4, 4, 3, query=(0, 40), causal=True)),
        Case("all scores far above zero", **parts(3, 3, 4, 4, query=(9, 1), key=(9, 1))),
        Case("all scores far below zero", **parts(2, 4, 4, 3, query=(9, 1), key=(-9, 1))),
        Case("eight ranks: none of them holds everything", **parts(8, 3, 48, 16)),
        Case("64-bit numbers, causal", **parts(4, 2, 4, 4, order="zigzag", causal=True, dtype=torch.float64)),
    ],
    variants=[as_one_parcel, with_running_largest, skipping_what_nobody_sees],
    mistakes=mistakes,
    points=4,
)  # fmt: skip
