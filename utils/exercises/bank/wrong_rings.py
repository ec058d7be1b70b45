"""What goes wrong with keys, values and their places on the way from rank to rank."""

import torch
import torch.distributed as dist

from .messages import WRONG, after, before, exchange


def moved_by(swap):
    """Keys, values and their places, which travel together."""
    return lambda key, value, here, group: (swap(key, group), swap(value, group), swap(here, group))

def in_another_order(key, value, here, group):
    n, rank = group.size(), group.rank()
    works = [dist.isend(x, group=group, group_dst=after(rank, n)) for x in (key, value, here)]
    rooms = [torch.empty_like(x) for x in (value, key, here)]
    for room in rooms:
        dist.recv(room, group=group, group_src=before(rank, n))
    for work in works:
        work.wait()
    return rooms[1], rooms[0], rooms[2]

STAY = "Your {} travel and your {} stay at home, so the weights of one block meet the values of another. Send both."
WRONG_MOVES = {name: (moved_by(swap), sentence) for name, (swap, sentence) in WRONG.items()} | {
    "values_stay_at_home": (lambda k, v, here, group: (exchange(k, group), v, exchange(here, group)),
        STAY.format("keys", "values")),
    "keys_stay_at_home": (lambda k, v, here, group: (k, exchange(v, group), exchange(here, group)),
        STAY.format("values", "keys")),
    "keys_and_values_swapped":
        (lambda k, v, here, group: (exchange(v, group), exchange(k, group), exchange(here, group)),
        "Your keys and values change places on the way: what has come of one is taken for the other."),
    "values_go_the_other_way":
        (lambda k, v, here, group: (exchange(k, group), exchange(v, group, -1), exchange(here, group)),
        "Your keys and values travel in opposite directions, so the weights of one block meet the values of another."),
    "places_stay_at_home": (lambda k, v, here, group: (exchange(k, group), exchange(v, group), here),
        "Your places stay at home while the keys travel, so that a key that has arrived is taken for one of the rank's own. Send them along."),
    "places_go_the_other_way":
        (lambda k, v, here, group: (exchange(k, group), exchange(v, group), exchange(here, group, -1)),
        "Your places travel in the opposite direction to the keys, so that a key is taken for another. Send them the same way."),
    "stacked": (lambda k, v, here, group: (*exchange(torch.stack([k, v]), group), exchange(here, group)),
        "Your keys and values are stacked into one tensor, which takes two of the same shape. Values may be wider or narrower: send them apart, or `torch.cat` them along the last axis."),
    "room_of_a_key_for_values": (lambda k, v, here, group:
        (exchange(k, group), exchange(v, group, room=torch.empty_like(k)), exchange(here, group)),
        "Your values arrive in a buffer that has the shape of keys. They may be wider or narrower: `torch.empty_like(value)`."),
    "rooms_of_32_bits": (lambda k, v, here, group:
        (*(exchange(x, group, room=torch.empty(x.shape)) for x in (k, v)), exchange(here, group)),
        "Your buffer holds numbers of 32 bits, and numbers of 64 bits arrive. `torch.empty_like(key)` has the right type."),
    "received_in_another_order": (in_another_order,
        "Your keys and values are received in another order than they are sent in, and change places. Messages between two ranks arrive in their order."),
}  # name: a program for `moved_by(exchange)`, and a sentence

GUESSED = "Your mask takes it that rank r has the r-th stretch of the sequence. It may have others: `positions` says which, and they have to travel with the keys."

def in_order(group, step, length):
    source = (group.rank() - step) % group.size()
    return torch.arange(source * length, (source + 1) * length)

WRONG_MASKS = {
    "mask_turned_round": (lambda positions, here, group, step: here > positions[:, None],
        "Your mask is turned round: what is seen is the future. True means that a query may attend."),
    "its_own_and_later": (lambda positions, here, group, step: here >= positions[:, None],
        "Your mask is turned round: a query sees its own place and what comes after. True means that it may attend."),
    "not_its_own": (lambda positions, here, group, step: here < positions[:, None],
        "Your queries do not see their own place, and the first one of the sequence sees nothing. Up to and including it."),
    "mask_transposed": (lambda positions, here, group, step: here[:, None] <= positions,
        "Your mask has keys as rows and queries as columns. Queries are the rows: `positions[:, None]`."),
    "mask_transposed_and_turned_round": (lambda positions, here, group, step: positions <= here[:, None],
        "Your mask has keys as rows and queries as columns. Queries are the rows: `positions[:, None]`."),
    "places_within_the_block":
        (lambda positions, here, group, step: torch.ones(len(here), len(here), dtype=torch.bool).tril(),
        "Your mask compares places within the block, as if each block were the whole sequence. The keys that arrive have places of their own: let these travel with them."),
    "places_of_keys_alone": (lambda positions, here, group, step: here <= here[:, None],
        "Your mask compares the keys' places with themselves. What arrives must not take the place of `positions`, which are your queries': keep the two apart."),
    "only_its_own_block_is_masked":
        (lambda positions, here, group, step: (here <= positions[:, None]) | torch.tensor(step > 0),
        "Your own block is masked, and those that arrive are seen whole. They hold later places, too."),
    "places_of_keys_guessed":
        (lambda positions, here, group, step: in_order(group, step, len(here)) <= positions[:, None], GUESSED),
    "places_guessed": (lambda positions, here, group, step:
        in_order(group, step, len(here)) <= in_order(group, 0, len(here))[:, None], GUESSED),
    "blocks_of_later_ranks_left_out": (lambda positions, here, group, step:
        (here <= positions[:, None]) & torch.tensor(step <= group.rank()),
        "Your blocks from later ranks are left out. That is right only where rank r has the r-th stretch of the sequence: let `positions` decide."),
}  # name: which keys a query sees, and a sentence
