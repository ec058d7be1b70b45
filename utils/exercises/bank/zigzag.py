"""Which places of a sequence each rank has, so that all have the same causal work."""

import torch

from ..exercise import Case, Exercise, Mistakes, replacing
from .causal_mask import drawn


def zigzag(length, ranks):
    """Positions (ranks, length / ranks) for equal causal work: of 2n stretches, rank r has the r-th from either end.

    First the one from the front, then the one from the back, so that each rank's places ascend. length is a multiple
    of 2n. Source: Grattafiori et al. 2024, section 3.3.2.
    """
    stretches = torch.arange(length).view(2 * ranks, -1)
    return torch.cat([stretches[:ranks], stretches[ranks:].flip(0)], 1)


def mirrored(r, n):
    return 2 * n - 1 - r

def both(front, back):
    return torch.cat([front, back])

def in_steps(
    length, ranks, places=torch.arange, count=lambda n: 2 * n, front=lambda r, n: r, back=mirrored, join=both,
    answer=torch.stack,
):
    stretches = places(length).chunk(count(ranks))
    return answer([join(stretches[front(r, ranks)], stretches[back(r, ranks)]) for r in range(ranks)])


# Right, and written differently

def by_index(length, ranks):
    r, within = torch.arange(ranks)[:, None], torch.arange(length // (2 * ranks))
    size = len(within)
    return torch.hstack([r * size + within, length - (r + 1) * size + within])

def place_by_place(length, ranks):
    size, mine = length // ranks // 2, [[] for _ in range(ranks)]
    for place in range(length):
        stretch = place // size
        mine[min(stretch, 2 * ranks - 1 - stretch)].append(place)
    return torch.tensor(mine)

def ranges(length, ranks):
    step = length // (ranks * 2)
    rows = [
        [*range(step * r, step * (r + 1)), *range(length - step * (r + 1), length - step * r)] for r in range(ranks)
    ]
    return torch.as_tensor(rows, dtype=torch.int64)

def pairs_of_stretches(length, ranks):
    stretches = torch.arange(length).reshape(2 * ranks, length // 2 // ranks)
    which = torch.stack([torch.arange(ranks), torch.arange(2 * ranks - 1, ranks - 1, -1)], 1)
    return stretches[which].flatten(1)


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("contiguous", lambda length, ranks: torch.arange(length).view(ranks, -1),
    "Your ranks have neighbouring places, so that the last rank's queries see nearly everything and the first rank's next to nothing. Give each a stretch from the front and one from the back.")
mistakes.add("striped", lambda length, ranks: torch.arange(length).view(-1, ranks).T,
    "Your ranks have every n-th place. That is nearly as fair, and not what is asked for: two stretches, each of neighbouring places.")
mistakes.add("back_not_mirrored", but(back=lambda r, n: n + r),
    "Your rank r has stretches r and n + r, so that the last rank has the later one of both halves, and most to do. The r-th from the back is counted from the other end.")
mistakes.add("both_mirrored", but(front=lambda r, n: n - 1 - r, back=lambda r, n: n + r),
    "Your ranks are in the opposite order: rank 0 has the two stretches in the middle. It has the first and the last.")
mistakes.add("front_mirrored", but(front=lambda r, n: n - 1 - r),
    "Your front stretches are counted from the middle, and those from the back from the end, so that rank 0 has the two with most to do. The r-th from either end.")
mistakes.add("stretches_for_n", but(count=lambda n: n, back=lambda r, n: n - 1 - r),
    "Your sequence is cut into n stretches, and each is given to two ranks. With two for each rank there are 2n.")
mistakes.add("stretches_for_n_not_mirrored", but(count=lambda n: n, back=lambda r, n: (r + 1) % n),
    "Your sequence is cut into n stretches, and each is given to two ranks. With two for each rank there are 2n.")
mistakes.add("one_stretch_twice", but(back=lambda r, n: r),
    "Your ranks have the same stretch twice, and the other half of the sequence belongs to nobody.")
mistakes.add("front_half_only", lambda length, ranks: torch.arange(length).view(2 * ranks, -1)[:ranks],
    "Your ranks have the front stretches alone. Half of the sequence, the back, belongs to nobody.")
mistakes.add("back_half_only", lambda length, ranks: torch.arange(length).view(2 * ranks, -1)[ranks:].flip(0),
    "Your ranks have the back stretches alone. Half of the sequence, the front, belongs to nobody.")
mistakes.add("counted_from_minus_r", but(back=lambda r, n: -r),
    "Your back stretch is number -r, which is the first one for r = 0. Counted from the end, the first is -1: -1 - r.")
mistakes.add("one_beyond_the_end", but(back=lambda r, n: 2 * n - r),
    "Your back stretch is number 2n - r, and there is no number 2n: the last one is 2n - 1.")
mistakes.add("one_beyond_the_end_of_a_tensor",
    lambda length, ranks: torch.stack([torch.arange(length).view(2 * ranks, -1)[2 * ranks - r] for r in range(ranks)]),
    "Your back stretch is number 2n - r, and there is no number 2n: the last one is 2n - 1.")
mistakes.add("within_the_half", but(back=lambda r, n: 2 * n - 2 - r),
    "Your back stretches are one too far in front: the last one of the sequence belongs to nobody, and the last rank has one twice.")
mistakes.add("every_other_stretch", but(front=lambda r, n: 2 * r, back=lambda r, n: 2 * n - 1 - 2 * r),
    "Your front stretches are every other one of the whole sequence. Those of rank r are the r-th from the front and the r-th from the back.")
mistakes.add("back_first", but(join=lambda front, back: torch.cat([back, front])),
    "Your ranks have the right places, those from the back first. Put the front ones first, so that they ascend.")
mistakes.add("back_descends", but(join=lambda front, back: torch.cat([front, back.flip(0)])),
    "Your back stretches run backwards. Turn round which stretch a rank has (`flip(0)` on rows), not the places in it.")
mistakes.add("back_descends_and_is_not_mirrored",
    but(back=lambda r, n: n + r, join=lambda front, back: torch.cat([front, back.flip(0)])),
    "Your stretches are each turned round within, and come in their old order. It is the order of stretches that is turned round: `flip(0)` on rows.")
mistakes.add("front_there_and_back",
    but(back=lambda r, n: r, join=lambda front, back: torch.cat([front, back.flip(0)])),
    "Your ranks have their front stretch twice, the second time backwards: `flip(1)` turns round the places in each. `flip(0)` turns round the order of stretches.")
mistakes.add("alternating", but(join=lambda front, back: torch.stack([front, back], 1).flatten()),
    "Your places alternate between front and back. First the whole stretch from the front, then the one from the back.")
mistakes.add("two_axes", but(join=lambda front, back: torch.stack([front, back])),
    "Your stretches are apart, (ranks, 2, length / 2n). Put the two of a rank into one row: `cat`, or `flatten(1)`.")
mistakes.add("one_row", but(answer=torch.cat),
    "Your places are in one row. Each rank has a row of its own: (ranks, length / ranks).")
mistakes.add("a_list", but(answer=list),
    "Your result is a list. A tensor (ranks, length / ranks) is asked for: `torch.stack`.")
mistakes.add("lists_of_numbers", lambda length, ranks: zigzag(length, ranks).tolist(),
    "Your result is a list of lists. A tensor (ranks, length / ranks) is asked for: `torch.tensor`.")
mistakes.add("a_dictionary", but(answer=lambda rows: dict(enumerate(rows))),
    "Your result is a dictionary. A tensor (ranks, length / ranks) is asked for: `torch.stack`.")
mistakes.add("descending", but(answer=lambda rows: torch.stack(rows).flip(1)),
    "Your ranks have the right places, from the last to the first. They ascend.")
mistakes.add("columns_for_ranks", but(answer=lambda rows: torch.stack(rows, 1)),
    "Your ranks are the columns. They are the rows: (ranks, length / ranks).")
mistakes.add("counted_from_one", but(places=lambda length: torch.arange(1, length + 1)),
    "Your places are counted from 1. The first place of the sequence is 0.")
mistakes.add("floats", but(places=lambda length: torch.arange(float(length))),
    "Your places are numbers with a decimal point. Places are whole numbers, by which a tensor can be indexed.")
mistakes.add("32_bits", but(places=lambda length: torch.arange(length, dtype=torch.int32)),
    "Your places are whole numbers of 32 bits. PyTorch's own have 64, as `torch.arange(length)` makes them.")

@mistakes.program("Your back stretches are one too far behind: that of rank 0 lies beyond the sequence. Its first place is length - (r + 1) · length / 2n.")
def beyond_the_sequence(length, ranks):
    r, within, size = torch.arange(ranks)[:, None], torch.arange(length // (2 * ranks)), length // (2 * ranks)
    return torch.cat([r * size + within, length - r * size + within], 1)

@mistakes.program("Your places are dealt out one by one, there and back. That is as fair, and not what is asked for: two stretches, each of neighbouring places.")
def dealt_out_there_and_back(length, ranks):
    there, back = torch.arange(length).view(-1, 2, ranks).unbind(1)
    return torch.stack([there, back.flip(1)], 1).flatten(0, 1).T

def pairs_of_places(length):
    return torch.stack([torch.arange(length), torch.arange(length).flip(0)], 1)[: length // 2]

PAIRS = "Your ranks have places in pairs, one from the front and one from the back. That is as fair, and not what is asked for: the whole stretch from the front, then the one from the back, so that places ascend."
mistakes.add("pairs_of_places", lambda length, ranks: pairs_of_places(length).view(ranks, -1), PAIRS)
mistakes.add("pairs_dealt_out",
    lambda length, ranks: pairs_of_places(length).view(-1, ranks, 2).transpose(0, 1).flatten(1), PAIRS)

@mistakes.program("Your front and back stretches stand below each other, (2n, length / 2n). The two of a rank belong into one row: `torch.cat([…], 1)`.")
def below_each_other(length, ranks):
    stretches = torch.arange(length).view(2 * ranks, -1)
    return torch.cat([stretches[:ranks], stretches[ranks:].flip(0)])

@mistakes.program("Your stretches of two ranks stand in one row: all front ones come first, then all from the back, and a view takes them as they come. `torch.cat([…], 1)` puts a rank's own side by side.")
def two_ranks_in_a_row(length, ranks):
    return below_each_other(length, ranks).view(ranks, -1)

@mistakes.program("Your result is a mask over all places. Their numbers are asked for, (ranks, length / ranks), by which a tensor can be indexed.")
def a_mask(length, ranks):
    return torch.zeros(ranks, length).scatter(1, zigzag(length, ranks), 1).bool()

@mistakes.program("Your result says which rank has each place. The other way round: which places each rank has, (ranks, length / ranks).")
def rank_of_each_place(length, ranks):
    stretch = torch.arange(length) * 2 * ranks // length
    return torch.minimum(stretch, 2 * ranks - 1 - stretch)

mistakes.add("pieces_of_two_n", lambda length, ranks: in_steps(length, ranks, count=lambda n: -(-length // (2 * n))),
    "Your pieces have 2n places each, which is what `split(2 * ranks)` makes. 2n pieces are needed: `chunk(2 * ranks)`.")
mistakes.add("returns_nothing", but(answer=lambda rows: None),
    "Your function returns nothing. The places of all ranks are asked for, a tensor.")


def sizes(ranks, size):
    """So many ranks, and 2n stretches of so many places; each a number or a range to draw from."""

    def draw(generator):
        n, places = (drawn(generator, *ends) if isinstance(ends, tuple) else ends for ends in (ranks, size))
        return {"length": 2 * n * places, "ranks": n}

    return {"together": draw}


exercise = Exercise(
    reference=zigzag,
    cases=[
        Case("two ranks, eight places", length=8, ranks=2),
        Case("one rank", length=6, ranks=1),
        Case("one place in each stretch", length=8, ranks=4),
        Case("three ranks, twelve places", length=12, ranks=3),
        Case("two ranks", **sizes(2, (3, 40))),
        Case("three ranks", **sizes(3, (4, 40))),
        Case("four ranks, short stretches", **sizes(4, (2, 6))),
        Case("more ranks", **sizes((5, 9), (3, 30))),
        Case("many ranks, a place in each stretch", **sizes((10, 40), 1)),
        Case("sizes that are drawn", **sizes((2, 12), (2, 50))),
    ],
    variants=[by_index, place_by_place, ranges, pairs_of_stretches],
    mistakes=mistakes,
    points=1,
)
