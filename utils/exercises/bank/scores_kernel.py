"""The sums of fractions behind additive scores, by a Triton kernel, of which each program writes one tile.

Triton runs on Linux alone, so the bank does without: its programs are functions of a, b and score_vector that give
what a kernel writes, NaN where it writes nothing.
"""

import math

import torch
from torch import tensor

from utils.attempts.uses import kernels
from utils.attempts.uses.kernels import (
    TILE,
    AddressForANumber,
    IndexedPointer,
    JoinedByAnd,
    OtherAddresses,
    WrittenOutside,
)

from ..exercise import Case, Exercise, Mistakes, replacing
from .drawn import exponentials


def scores_kernel(a, b, score_vector):
    """scores[i, j] = Σ_h score_vector[h] / (1 + a[i, h] b[j, h]), for one tile of ROWS queries and COLUMNS keys.

    a (Tq, A), b (Tk, A) and scores (Tq, Tk) are float32, row by row.
    """
    return (1 / (1 + a[:, None] * b)) @ score_vector


def as_given(x):
    return x

def fraction(weight, product):
    return weight / (1 + product)

def all_channels(fractions):
    return fractions.sum(-1)

def everywhere(scores):
    return scores

def in_steps(
    a, b, score_vector, load=as_given, load_b=None, part=fraction, sum_up=all_channels, store=everywhere
):
    a, b = load(a), (load_b or load)(b)
    return store(sum_up(part(score_vector, a[:, None] * b)))


# Right, and written differently

def channel_by_channel(a, b, score_vector):
    scores = torch.zeros(len(a), len(b))
    for h, weight in enumerate(score_vector):
        scores += weight / (1 + torch.outer(a[:, h], b[:, h]))
    return scores

def row_by_row(a, b, score_vector):
    return torch.stack([torch.mv((1 + row * b).reciprocal(), score_vector) for row in a])


# Wrong: what is computed

but = replacing(in_steps)
mistakes = Mistakes()

@mistakes.program("Your kernel is a plain function. `@triton.jit` above it makes it one that can be launched.")
def not_compiled(a, b, score_vector, scores, Tq, Tk, A, ROWS, COLUMNS):
    raise AssertionError("a function of nine arguments is not called")

mistakes.add("last_channel_alone", but(sum_up=lambda fractions: fractions[..., -1]),
    "Your scores hold the last channel alone. Begin the total before the loop over the channels, and add to it within.")
mistakes.add("first_channel_alone", but(sum_up=lambda fractions: fractions[..., 0]),
    "Your scores hold the first channel alone. Loop over all of them, `for h in range(A)`, and add their fractions up.")
mistakes.add("score_vector_left_out", but(part=lambda weight, product: 1 / (1 + product)),
    "Your fractions all count the same. Each has its weight above the line: the number `score_vector + h` points to.")
mistakes.add("one_left_out", but(part=lambda weight, product: weight / product),
    "Your fractions have no one below the line: w / (1 + a b).")
mistakes.add("turned_over", but(part=lambda weight, product: weight * (1 + product)),
    "Your numbers are multiplied by 1 + a b. Divide by it.")
mistakes.add("added_below", lambda a, b, w: (w / (1 + a[:, None] + b)).sum(-1),
    "Your a and b are added below the line. They are multiplied: e^(x + y) is e^x times e^y.")
mistakes.add("whole_scores", lambda a, b, w: w.sum() - 2 * in_steps(a, b, w),
    "Your scores are the whole ones, with the sum of `score_vector` less two of what is asked here. Store the sums of the fractions.")


# Wrong: what is read

def turned(x):
    return x.reshape(x.size(1), len(x)).mT

def one_apart(x):
    beyond = torch.full((x.size(1),), math.nan)
    return torch.cat([x.flatten(), beyond]).unfold(0, x.size(1), 1)[: len(x)]

def first_of_each(x):
    return x[:, :1].expand_as(x)

def tiles_of(length):
    return math.ceil(length / TILE)

def apart(stride):
    """Reads row i from i · stride on, and NaN behind the end."""

    def load(x):
        step, A = stride(x), x.size(1)
        behind = torch.cat([x.flatten(), torch.full((len(x) * step + A,), math.nan)])
        return behind.unfold(0, A, step)[: len(x)]

    return load

COLUMN_BY_COLUMN = "Your kernel reads `a` or `b` as if it lay column by column. They lie row by row: number h of row i is at i · A + h."
ONE_APART = "Your rows of `a` or `b` begin one number apart. A row is A numbers long, so number h of row i is at i · A + h."
for name, a_alone in (("both", {}), ("a", {"load_b": as_given})):
    mistakes.add(f"read_column_by_column_{name}", but(load=turned, **a_alone), COLUMN_BY_COLUMN)
    mistakes.add(f"rows_read_one_apart_{name}", but(load=one_apart, **a_alone), ONE_APART)
mistakes.add("read_column_by_column_b", but(load_b=turned), COLUMN_BY_COLUMN)
mistakes.add("rows_read_one_apart_b", but(load_b=one_apart), ONE_APART)
mistakes.add("rows_read_as_far_apart_as_there_are_of_them", but(load_b=apart(len)),
    "Your rows of `b` begin Tk apart. A row of it is A numbers long, so number h of row j is at j · A + h.")
mistakes.add("rows_of_a_read_as_far_apart_as_there_are_of_them", but(load=apart(len), load_b=as_given),
    "Your rows of `a` begin Tq apart. A row of it is A numbers long, so number h of row i is at i · A + h.")
mistakes.add("first_number_of_each_row", but(load=first_of_each),
    "Your channels are all read from the beginning of the row. Number h of row i is at i · A + h: `h` is lacking.")
mistakes.add("first_weight_alone", lambda a, b, w: in_steps(a, b, w[:1].expand_as(w)),
    "Your channels all have the first one's weight. That of channel h is at `score_vector + h`.")

@mistakes.program("Your kernel takes numbers by their index, as in `score_vector[h]`. It has pointers alone: `tl.load(score_vector + h)` brings the number there, and `tl.store` takes one back.")
def taken_by_index(a, b, score_vector):
    raise IndexedPointer

@mistakes.program("Your kernel calculates with an address. `tl.load` brings the numbers that lie there.")
def not_loaded(a, b, score_vector):
    raise AddressForANumber

@mistakes.program("Your tile has ROWS × COLUMNS numbers, and the addresses of its store have another shape. Let i and j each come from `tl.arange`, and spread them over the tile: `i[:, None]` and `j[None, :]`.")
def addresses_of_another_shape(a, b, score_vector):
    raise OtherAddresses

@mistakes.program("Your rows of `a` and `b` meet position by position, or the other way round. Spread them over the tile: queries down, `[:, None]`, keys across, `[None, :]`.")
def position_by_position(a, b, score_vector):
    def filled_up(x):  # what is masked is loaded as zero
        return torch.cat([x, torch.zeros(-len(x) % TILE, x.size(1))])

    rows = [part.split(TILE) for part in (filled_up(a), filled_up(b))]
    tiles = [[(score_vector / (1 + one * other)).sum(-1) for other in rows[1]] for one in rows[0]]
    return torch.cat([torch.cat([tile.expand(TILE, TILE) for tile in row], 1) for row in tiles])[: len(a), : len(b)]

@mistakes.program("Your queries and keys are spread the wrong way round: `[:, None]` sets the queries down the tile, `[None, :]` the keys across it.")
def spread_the_wrong_way_round(a, b, score_vector):
    Tq, Tk = len(a), len(b)
    a, b = (torch.cat([x, torch.zeros(-len(x) % TILE, x.size(1))]) for x in (a, b))
    scores = in_steps(a, b, score_vector)
    rows = [torch.cat([tile.mT for tile in row.split(TILE, 1)], 1) for row in scores.split(TILE)]
    return torch.cat(rows)[:Tq, :Tk]


# Wrong: what is written

def filled(rows=None, columns=None):
    """Stores so many of the first rows and columns, as functions of Tq, Tk, and leaves NaN elsewhere."""

    def store(scores):
        Tq, Tk = scores.shape
        left = torch.full_like(scores, math.nan)
        place = slice(rows(Tq, Tk) if rows else None), slice(columns(Tq, Tk) if columns else None)
        left[place] = scores[place]
        return left

    return store

def one_tile(Tq, Tk):
    return TILE

mistakes.add("first_tile_alone", but(store=filled(one_tile, one_tile)),
    "Your programs all write the first tile. Each has numbers of its own, `tl.program_id(0)` and `tl.program_id(1)`, which say where its tile begins.")
mistakes.add("first_rows_alone", but(store=filled(rows=one_tile)),
    "Your programs all write the first ROWS queries. `tl.program_id(0) * ROWS` says where those of a program begin.")
mistakes.add("first_columns_alone", but(store=filled(columns=one_tile)),
    "Your programs all write the first COLUMNS keys. `tl.program_id(1) * COLUMNS` says where those of a program begin.")
mistakes.add("programs_one_apart",
    but(store=filled(lambda Tq, Tk: tiles_of(Tq) + TILE - 1, lambda Tq, Tk: tiles_of(Tk) + TILE - 1)),
    "Your tiles begin one number apart. That of program p begins at p · ROWS, and at p · COLUMNS.")
mistakes.add("programs_swapped",
    but(store=filled(lambda Tq, Tk: tiles_of(Tk) * TILE, lambda Tq, Tk: tiles_of(Tq) * TILE)),
    "Your two program numbers are swapped. Number 0 counts the tiles of queries, number 1 those of keys.")
@mistakes.program("Your two program numbers are one and the same. Number 0 counts the tiles of queries, number 1 those of keys.")
def one_program_number(a, b, score_vector):
    left = torch.full((len(a), len(b)), math.nan)
    for top in range(0, len(a), TILE):
        place = slice(top, top + TILE)
        left[place, place] = in_steps(a[place], b[place], score_vector)
    return left

mistakes.add("nothing_stored", but(store=lambda scores: torch.full_like(scores, math.nan)),
    "Your scores are what they were before, or were added to it: a fresh tensor holds anything. Sum up in a tile of zeros, and store that at the end with `tl.store`.")
mistakes.add("stored_column_by_column", but(store=lambda scores: scores.mT.reshape(scores.shape)),
    "Your scores are stored column by column. They lie row by row: number j of row i is at i · Tk + j.")

def unmasked(rows, columns, error=WrittenOutside):
    def store(scores):
        if (rows and len(scores) % TILE) or (columns and scores.size(1) % TILE):
            raise error
        return scores

    return store

mistakes.add("no_mask", but(store=unmasked(rows=True, columns=True)),
    "Your kernel writes beside the scores where a tile is not full, into whatever lies there. Give `tl.store` a mask: (i < Tq) and (j < Tk), each in brackets, joined by `&` and spread over the tile, `[:, None]` and `[None, :]`.")
mistakes.add("rows_without_a_mask", but(store=unmasked(rows=True, columns=False)),
    "Your kernel writes behind the scores where the last queries do not fill a tile. The mask of `tl.store` joins two with `&`: (i < Tq) down the tile, `[:, None]`, and (j < Tk) across it, `[None, :]`.")
mistakes.add("columns_without_a_mask", but(store=unmasked(rows=False, columns=True)),
    "Your kernel writes into the next row where the last keys do not fill a tile. The mask of `tl.store` joins two with `&`: (i < Tq) down the tile, `[:, None]`, and (j < Tk) across it, `[None, :]`.")

JOINED_BY_AND = "Your mask joins its halves with `and`, which keeps one of them alone. `&` joins them number by number, with each half in brackets: (i < Tq) & (j < Tk)."
mistakes.add("rows_joined_by_and", but(store=unmasked(rows=True, columns=False, error=JoinedByAnd)), JOINED_BY_AND)
mistakes.add("columns_joined_by_and", but(store=unmasked(rows=False, columns=True, error=JoinedByAnd)), JOINED_BY_AND)

def masked_with_the_other(rows):
    """Stores keys below Tq, or queries below Tk, in programs that cover no more than the last tile."""

    def store(scores):
        own, other = (len(scores), scores.size(1)) if rows else (scores.size(1), len(scores))
        if own % TILE and other > own:
            raise WrittenOutside
        first = (lambda Tq, Tk: other) if rows else None
        return filled(first, None if rows else lambda Tq, Tk: other)(scores)

    return store

mistakes.add("keys_masked_with_the_number_of_queries", but(store=masked_with_the_other(rows=False)),
    "Your mask compares the keys with Tq. There are Tk of them: j < Tk.")
mistakes.add("queries_masked_with_the_number_of_keys", but(store=masked_with_the_other(rows=True)),
    "Your mask compares the queries with Tk. There are Tq of them: i < Tq.")

def zero_behind(x, count):
    return torch.where(torch.arange(len(x))[:, None] < count, x, 0.0)

mistakes.add("keys_loaded_as_far_as_queries_go", lambda a, b, w: in_steps(a, zero_behind(b, len(a)), w),
    "Your load of the keys is masked with Tq, so that the others count as zeros. There are Tk of them: j < Tk.")
mistakes.add("queries_loaded_as_far_as_keys_go", lambda a, b, w: in_steps(zero_behind(a, len(b)), b, w),
    "Your load of the queries is masked with Tk, so that the others count as zeros. There are Tq of them: i < Tq.")

def rows_apart(stride):
    """Stores row i from i · stride on, tile by tile."""

    def store(scores):
        Tq, Tk = scores.shape
        step = stride(Tq, Tk)
        if (Tq - 1) * step + Tk > Tq * Tk:
            raise WrittenOutside
        flat = torch.full((Tq * Tk,), math.nan)
        for top in range(0, Tq, TILE):
            for left in range(0, Tk, TILE):
                for i, row in enumerate(scores[top : top + TILE, left : left + TILE], top):
                    flat[i * step + left : i * step + left + len(row)] = row
        return flat.view(Tq, Tk)

    return store

mistakes.add("rows_as_long_as_queries", but(store=rows_apart(lambda Tq, Tk: Tq)),
    "Your rows of scores are stored Tq apart. A row has Tk numbers: number j of row i is at i · Tk + j.")
mistakes.add("rows_as_long_as_a_tile", but(store=rows_apart(lambda Tq, Tk: TILE)),
    "Your rows of scores are stored COLUMNS apart. A row of all the scores has Tk numbers: number j of row i is at i · Tk + j.")
mistakes.add("rows_one_apart", but(store=rows_apart(lambda Tq, Tk: 1)),
    "Your rows of scores are stored one number apart. A row has Tk numbers: number j of row i is at i · Tk + j.")


exercise = Exercise(
    reference=scores_kernel,
    use=kernels.scores_kernel,
    cases=[
        Case("one pair, two channels, by hand: 1/2 and 4/4",
            a=tensor([[1.0, 3.0]]), b=tensor([[1.0, 1.0]]), score_vector=tensor([1.0, 4.0])),
        Case("one tile that is not full", **exponentials(3, 5, 2)),
        Case("one full tile", **exponentials(16, 16, 3)),
        Case("two full tiles, one below the other", **exponentials(32, 16, 2)),
        Case("full queries, keys left over", **exponentials(16, 21, 3)),
        Case("queries left over, full keys", **exponentials(19, 16, 4)),
        Case("two tiles by three", **exponentials(20, 35, 4)),
        Case("three tiles by one", **exponentials(36, 9, 2)),
        Case("one channel", **exponentials(17, 18, 1)),
    ],
    variants=[channel_by_channel, row_by_row],
    mistakes=mistakes,
    points=0,  # Triton runs on Linux alone
)
