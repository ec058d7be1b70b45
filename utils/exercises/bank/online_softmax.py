"""What a softmax needs of its scores, found while each of them is seen once."""

import math

import torch
from torch import tensor

from utils.attempts.uses import partials

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing


def online_softmax(tiles):
    """The largest score, and the sum of exp(score - largest), over all tiles (n,), each of which is seen once.

    Two 0-d tensors: -inf and 0 as long as every score is -inf. Source: Milakov and Gimelshein 2018, algorithm 3.
    """
    largest, total = tensor(-math.inf), tensor(0.0)
    for scores in tiles:
        new = torch.maximum(largest, scores.max())
        if new > -math.inf:
            total = total * torch.exp(largest - new) + torch.exp(scores - new).sum()
            largest = new
    return largest, total


def larger(largest, scores):
    return torch.maximum(largest, scores.max())

def nothing_yet(new):
    return new == -math.inf

def by_exp(old, new):
    return torch.exp(old - new)

def shifted(scores, new):
    return torch.exp(scores - new).sum()

def shrunk(total, factor, part):
    return total * factor + part

def against_its_own(scores, new):
    return torch.exp(scores - scores.max()).nan_to_num(0).sum()

def fill(new):
    return new.masked_fill(new == -math.inf, 0)

def both(largest, total):
    return largest, total

def in_steps(
    tiles, start=-math.inf, new=larger, skip=nothing_yet, factor=by_exp, part=shifted, add=shrunk, answer=both
):
    largest, total = tensor(start), tensor(0.0)
    for scores in tiles:
        top = new(largest, scores)
        if not skip(top):
            total, largest = add(total, factor(largest, top), part(scores, top)), top
    return answer(largest, total)


# Right, and written differently

def by_logs(tiles):
    largest, log_total = -math.inf, tensor(-math.inf)
    for scores in tiles:
        largest = max(largest, scores.max().item())
        log_total = torch.logaddexp(log_total, scores.logsumexp(0))
    if largest == -math.inf:
        return tensor(largest), tensor(0.0)
    return tensor(largest), torch.exp(log_total - largest)

def number_by_number(tiles):
    largest, total = -math.inf, 0.0
    for scores in tiles:
        for score in scores.tolist():
            if score > largest:
                total, largest = total * math.exp(largest - score) + 1, score
            elif score > -math.inf:
                total += math.exp(score - largest)
    return tensor(largest), tensor(total)

def a_pair_for_each_tile(tiles):
    pairs = []
    for scores in tiles:
        top = scores.amax()
        pairs.append(torch.stack([top, (scores - top).exp().nan_to_num(0).sum()]))
    tops, totals = torch.stack(pairs).unbind(-1)
    largest = tops.max()
    return largest, (totals * (tops - largest).exp().nan_to_num(0)).sum()

def rescaled_when_needed(tiles):
    largest = total = None
    for scores in tiles:
        top = scores.max()
        if largest is None:
            largest, total = top, torch.zeros_like(top)
        if top > largest:
            total *= torch.exp(largest - top)
            largest = top
        if largest.isfinite():
            total += torch.exp(scores - largest).sum()
    return largest, total


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("never_rescaled", but(factor=lambda old, new: 1.0),
    "Your total is never rescaled. What was summed before a larger score came is measured against the old largest one: bring it to the new one, with exp(old - new).")
mistakes.add("rescaled_upside_down", but(factor=lambda old, new: torch.exp(new - old) if old > -math.inf else 0.0),
    "Your total is rescaled by exp(new - old). The new largest score is the larger one, and what was summed has to shrink: exp(old - new).")
@mistakes.program("Your total is NaN from the first tile on: exp(new - old) is infinite there, and infinity times zero is NaN. What was summed has to shrink when a larger score comes: exp(old - new).")
def rescaled_upside_down_from_the_start(tiles):
    return in_steps(tiles, skip=lambda new: False, factor=lambda old, new: torch.exp(new - old))

mistakes.add("old_part_added", but(add=lambda total, factor, part: total + factor + part),
    "Your total has exp(old - new) added to it. It is a factor: multiply by it what was summed before, then add the tile's part.")
mistakes.add("all_rescaled", but(add=lambda total, factor, part: (total + part) * factor),
    "Your total is rescaled after the tile's own part was added, which is measured against the new largest score already. Rescale what was there before, then add.")
mistakes.add("begins_at_zero", but(start=0.0),
    "Your largest score begins at 0, and stays there if all scores are negative. Which number is below every score?")
for number in (-1e4, -1e6, -1e9, torch.finfo(torch.float32).min):
    mistakes.add(f"begins_at_{number:g}", but(start=number),
        "Your largest score begins at a number, however low, which is left over where every score is -inf. Begin at -inf itself.")
@mistakes.program("Your total begins at 1. Nothing has been summed before the first tile: begin at 0.")
def total_begins_at_one(tiles):
    largest, total = in_steps(tiles)
    return largest, total if largest > -math.inf else tensor(1.0)

mistakes.add("nothing_is_nan", but(skip=lambda new: False),
    "Your total becomes NaN where all scores so far are -inf, because -inf - (-inf) is NaN. Nothing has been seen yet then: leave both as they are.")
mistakes.add("nan_mended_at_the_end",
    but(skip=lambda new: False, answer=lambda largest, total: (largest, total.nan_to_num(0))),
    "Your NaN is mended at the end, when all that came behind the hidden tile is lost in it. Mend it where it comes up: nothing has been seen yet there, so nothing is added.")

@mistakes.program("Your program keeps the tiles. Each comes in the place of the one before, so nothing is left of them in the end: take what you need of a tile while it is there.")
def keeps_the_tiles(tiles):
    scores = torch.cat(list(tiles))
    return scores.max(), torch.exp(scores - scores.max()).sum()

@mistakes.program("Your tiles are stacked, which wants them all at once, and of one size. Each comes in the place of the one before: take what you need of a tile while it is there.")
def stacks_the_tiles(tiles):
    scores = torch.stack(list(tiles))
    return scores.max(), torch.exp(scores - scores.max()).sum()

@mistakes.program("Your largest score is a view of a tile, and changes when the next tile comes in the same place. Take a number of its own: `max()`, `item()` or `clone()`.")
def largest_is_a_view(tiles):
    largest, total = tensor(-math.inf), tensor(0.0)
    for scores in tiles:
        for score in scores:
            if score > largest:
                total, largest = total * torch.exp(largest - score) + 1, score
            elif score > -math.inf:
                total = total + torch.exp(score - largest)
    return tensor(largest), tensor(total)

@mistakes.program("Your program goes through the tiles twice, once for the largest score and once for the sum. There is nothing left for a second time: carry both along in one loop.")
def two_passes(tiles):
    largest = max(scores.max() for scores in tiles)
    return largest, sum(torch.exp(scores - largest).sum() for scores in tiles)

@mistakes.program("Your program asks how many tiles there are. They come one after the other and nobody knows how many: `for scores in tiles`.")
def counts_the_tiles(tiles):
    return [tiles[i].max() for i in range(len(tiles))]

@mistakes.program("Your program takes tiles by their number. They come one after the other, each once: `for scores in tiles`.")
def takes_tiles_by_number(tiles):
    return tiles[0].max(), tiles[0].sum()

@mistakes.program("Your tiles are joined by `torch.cat`, which wants them all at once. They come one after the other: `for scores in tiles`.")
def joins_the_tiles(tiles):
    return torch.cat(tiles).max(), torch.cat(tiles).sum()

@mistakes.program("Your program ends at the first tile that is hidden. The ones behind it count: go on to the next, with `continue`.")
def ends_at_a_hidden_tile(tiles):
    seen = []
    for scores in tiles:
        if scores.max() == -math.inf:
            break
        seen.append(scores.clone())
    return in_steps(seen)

@mistakes.program("Your program leaves out a tile as soon as one of its scores is -inf. The others count: only a tile that is hidden whole has nothing to give.")
def partly_hidden_tiles_left_out(tiles):
    return in_steps(scores for scores in tiles if scores.min() > -math.inf)

@mistakes.program("Your largest score stays -inf, for the new one is not kept: at the end of each turn, the new one becomes the old.")
def new_one_not_kept(tiles):
    total = tensor(0.0)
    for scores in tiles:
        if scores.max() > -math.inf:
            total = shifted(scores, scores.max())
    return tensor(-math.inf), total

@mistakes.program("Your numbers are those of the first tile alone. Does your function return inside its loop?")
def first_tile_alone(tiles):
    return in_steps([next(tiles)])

@mistakes.program("Your total is rescaled where a larger score comes, but that tile itself is not added. It counts as well: rescale, then add.")
def tiles_with_a_larger_score_left_out(tiles):
    largest, total = tensor(-math.inf), tensor(0.0)
    for scores in tiles:
        new = larger(largest, scores)
        if new > largest:
            total, largest = total * torch.exp(largest - new), new
        elif new > -math.inf:
            total = total + shifted(scores, new)
    return largest, total

mistakes.add("zero_carried_on", but(new=lambda largest, scores: fill(larger(largest, scores)), skip=lambda new: False),
    "Your largest score is 0 once a tile was hidden, and negative scores never come above that. A 0 may stand in for -inf within exp, where nothing has been seen: carry -inf itself along.")
mistakes.add("mean_of_the_exponentials", but(part=lambda scores, new: torch.exp(scores - new).mean()),
    "Your tiles each add the mean of their exponentials. Their sum is asked for.")
mistakes.add("not_summed", but(part=lambda scores, new: torch.exp(scores - new)),
    "Your exponentials are not summed within a tile, so the total is a row of numbers. One number is asked for.")

@mistakes.program("Your total is rescaled by exp(old - the tile's own largest score), which grows if that is a smaller one. Rescale from the old largest score to the new one, which is the larger of both.")
def rescaled_to_the_tiles_own(tiles):
    largest, total = tensor(-math.inf), tensor(0.0)
    for scores in tiles:
        new = larger(largest, scores)
        if scores.max() > -math.inf:
            total = total * torch.exp(largest - scores.max()) + shifted(scores, new)
        largest = new
    return largest, total

@mistakes.program("Your tile is measured against the old largest score, -inf at first, so that exp overflows. Take the new one, which has the tile's own scores in it.")
def part_against_the_largest_before(tiles):
    largest, total = tensor(-math.inf), tensor(0.0)
    for scores in tiles:
        new = larger(largest, scores)
        if new > -math.inf:
            total, largest = total * torch.exp(largest - new) + shifted(scores, largest), new
    return largest, total

mistakes.add("last_tile_only", but(new=lambda old, scores: scores.max(), add=lambda total, factor, part: part),
    "Your numbers are those of the last tile alone. Carry the largest score and the total over from tile to tile.")
mistakes.add("sum_of_the_last_tile", but(add=lambda total, factor, part: part),
    "Your total is that of the last tile alone. Add to what was summed before, and do not begin it anew in the loop.")
def kept_while_nothing_larger_comes(total, factor, part):
    return (total if factor == 1 else 0.0) + part

BEGUN_ANEW = "Your total begins anew where a larger score comes, so what was summed before is lost. It still counts, if less: bring it to the new largest score, then add."
mistakes.add("total_begun_anew_by_tiles", but(add=kept_while_nothing_larger_comes), BEGUN_ANEW)
mistakes.add("total_begun_anew_by_scores",
    lambda tiles: in_steps((score for tile in tiles for score in tile.split(1)), add=kept_while_nothing_larger_comes),
    BEGUN_ANEW)
@mistakes.program("Your total leaves out the tiles that bring no larger score. Their scores count too, if less: add every tile.")
def tiles_without_a_larger_score_left_out(tiles):
    largest, total = tensor(-math.inf), tensor(0.0)
    for scores in tiles:
        new = larger(largest, scores)
        if new > largest:
            total, largest = total * torch.exp(largest - new) + shifted(scores, new), new
    return largest, total

mistakes.add("softmaxes_added",
    but(factor=lambda old, new: 1.0, skip=lambda new: False, part=lambda scores, new: scores.softmax(0).sum()),
    "Your total adds up softmaxes, each of which sums to one by itself. Add up exp(score - largest), and bring all tiles to one largest score.")
mistakes.add("largest_of_the_last_tile", but(new=lambda old, scores: scores.max()),
    "Your largest score is that of the last tile. It only ever grows: take the larger one of the old and the tile's own.")
mistakes.add("tile_maxima_added", but(factor=lambda old, new: 1.0, part=against_its_own),
    "Your tiles are each measured against their own largest score, and then added. Bring both sums to one largest score before you add.")
mistakes.add("part_against_its_own_tile", but(part=against_its_own),
    "Your tile is measured against its own largest score, while the total belongs to the largest of all so far. Take that for both.")
mistakes.add("part_against_the_old_one", but(skip=lambda new: False, part=lambda scores, new: torch.exp(scores).sum()),
    "Your tile's scores go into exp as they are. The total is a sum of exp(score - largest): subtract the new largest score from them first.")

NO_MAXIMUM = "Your exponentials are taken of the scores as they are, and brought to the largest at the end: far above zero they overflow, far below they vanish. Subtract the largest one so far first."

def at_the_end(bring):
    def program(tiles):
        largest, total = tensor(-math.inf), tensor(0.0)
        for scores in tiles:
            largest, total = torch.maximum(largest, scores.max()), total + torch.exp(scores).sum()
        return largest, bring(total, largest) if largest > -math.inf else total

    return program

mistakes.add("no_maximum", at_the_end(lambda total, largest: total * torch.exp(-largest)), NO_MAXIMUM)
mistakes.add("no_maximum_where_nothing_is_left",
    at_the_end(lambda total, largest: total / torch.exp(largest) if total > 0 else total), NO_MAXIMUM)
mistakes.add("no_maximum_and_a_logarithm",
    at_the_end(lambda total, largest: torch.exp(total.log() - largest)), NO_MAXIMUM)

@mistakes.program("Your total is the sum of exp(score). The sum of exp(score - largest) is asked for, which neither overflows nor vanishes.")
def plain_exponentials(tiles):
    largest, total = tensor(-math.inf), tensor(0.0)
    for scores in tiles:
        largest, total = torch.maximum(largest, scores.max()), total + torch.exp(scores).sum()
    return largest, total

mistakes.add("logarithm_returned", but(answer=lambda largest, total: (largest, torch.log(total))),
    "Your second result is the logarithm of the total. The total itself is asked for.")
mistakes.add("logarithm_with_the_largest", but(answer=lambda largest, total: (largest, largest + torch.log(total))),
    "Your second result is the logarithm of the sum of exp(score). The sum of exp(score - largest) itself is asked for.")
mistakes.add("total_first", but(answer=lambda largest, total: (total, largest)),
    "Your two results are right and in the other order. Return the largest score first, then the total.")
mistakes.add("total_alone", but(answer=lambda largest, total: total),
    "Your program returns the total alone. It means little without the largest score that it is measured against: return both.")
mistakes.add("in_a_row_of_one", but(answer=lambda largest, total: (largest[None], total[None])),
    "Your results are rows of one number, (1,). A plain `max()` and `sum()` give a single number, ().")


def sorted_scores(count, descending):
    return Draw(lambda generator: torch.randn(count, generator=generator).sort(descending=descending).values)

def with_hidden(count, *hidden):
    """Normal numbers of which some are -inf."""
    return Draw(lambda generator: torch.randn(count, generator=generator).index_fill(0, tensor(hidden), -math.inf))

def below_zero(hidden, count):
    """So many scores of -inf, then negative numbers."""

    def draw(generator):
        scores = -1 - torch.rand(count, generator=generator)
        scores[:hidden] = -math.inf
        return {"scores": scores}

    return draw


exercise = Exercise(
    reference=online_softmax,
    use=partials.online_softmax,
    cases=[
        Case("0, log 2 and log 3, one after the other", scores=tensor([0.0, math.log(2), math.log(3)]), tile=1),
        Case("a smaller score after a larger one", scores=tensor([math.log(4), 0.0]), tile=1),
        Case("one tile", scores=normal(6), tile=6),
        Case("the largest first", scores=sorted_scores(8, descending=True), tile=2),
        Case("the largest last", scores=sorted_scores(9, descending=False), tile=3),
        Case("a last tile that is not full", scores=normal(11), tile=4),
        Case("many tiles", scores=normal(60, scale=3.0), tile=4),
        Case("all far below zero", scores=normal(8, shift=-150.0), tile=4),
        Case("all far above zero", scores=normal(8, shift=150.0), tile=4),
        Case("a first tile that is hidden", scores=with_hidden(7, 0, 1), tile=2),
        Case("a first tile that is hidden, and all others below zero", together=below_zero(2, 7), tile=2),
        Case("a hidden tile, and hidden scores in others", scores=with_hidden(12, 1, 3, 4, 5, 7), tile=3),
        Case("a last tile that is hidden", scores=with_hidden(8, 5, 6, 7), tile=3),
        Case("everything hidden", scores=torch.full((5,), -math.inf), tile=2),
        Case("64-bit numbers, a thousand above zero", scores=normal(9, shift=1000.0, dtype=torch.float64), tile=4),
        Case("64-bit numbers, a thousand below zero", scores=normal(9, shift=-1000.0, dtype=torch.float64), tile=2),
    ],
    variants=[by_logs, number_by_number, a_pair_for_each_tile, rescaled_when_needed],
    mistakes=mistakes,
    points=2,
)
