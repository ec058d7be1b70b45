"""Pictures of ranks that work together: whose numbers are where, and who computes when."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle
from torch import Tensor

from .colours import BLUE, GREY, INK, RANKS, shades
from .style import NORMAL, SMALL, WIDEST, bare, new_grid

NODE = 0.74  # radius of a rank's circle, around its chunks, which fill a square of side 1
COLUMNS = 4


def ring_rounds(held: Tensor, arrows: Sequence[Sequence[tuple[int, int]]], copies: Mapping[str, Tensor]) -> np.ndarray:
    """A panel for each round, and one for what the busiest rank has sent by then.

    held (rounds + 1, ranks, chunks): bit r of a number says that rank r's part is in it; arrows: of each round the
    messages that led to it, (source, target); copies: of each way to add up, how often x the busiest has sent, round
    after round. A chunk is a row of parts, of which those are coloured that are in it.
    """
    rows = math.ceil((len(held) + 1) / COLUMNS)
    grid = new_grid(rows, COLUMNS, WIDEST, 2.45 * rows).flatten()
    for after, (ax, chunks) in enumerate(zip(grid, held.tolist(), strict=False)):
        _ring(ax, chunks, arrows[after - 1] if after else [])
        complete = sum(parts == 2 ** len(each) - 1 for each in chunks for parts in each)
        ax.set_title(f"step {after}: {complete} of {held[0].numel()} complete", fontsize=NORMAL)
    for ax in grid[len(held) + 1 :]:
        ax.remove()
    _copies(grid[len(held)], copies)
    return grid[: len(held) + 1]


def _ring(ax: Axes, chunks: list[list[int]], arrows: Sequence[tuple[int, int]]) -> None:
    """Circles in a ring, rank 0 at the top, then clockwise; in each a row of parts for every chunk."""
    ranks = len(chunks)
    radius = 0.98 / math.sin(math.pi / ranks)
    turns = [2 * math.pi * rank / ranks for rank in range(ranks)]
    centres = [(radius * math.sin(turn), radius * math.cos(turn)) for turn in turns]
    for rank, (x, y) in enumerate(centres):
        ax.add_patch(Circle((x, y), NODE, facecolor="none", edgecolor=RANKS[rank], linewidth=1.5))
        outward = (radius + NODE + 0.25) / radius
        ax.text(x * outward, y * outward, str(rank), ha="center", va="center", fontsize=SMALL)
        for chunk, parts in enumerate(chunks[rank]):
            left, bottom, high = x - 0.5, y + 0.5 - (chunk + 1) / ranks, 0.84 / ranks
            for part in range(ranks):
                if parts >> part & 1:
                    corner = (left + part / ranks, bottom)
                    ax.add_patch(Rectangle(corner, 1 / ranks, high, color=RANKS[part], linewidth=0))
            ax.add_patch(Rectangle((left, bottom), 1, high, facecolor="none", edgecolor=GREY, linewidth=0.6))
    for source, target in arrows:
        (x, y), (u, v) = centres[source], centres[target]
        share = (NODE + 0.04) / math.hypot(u - x, v - y)
        start, end = (x + share * (u - x), y + share * (v - y)), (u - share * (u - x), v - share * (v - y))
        ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": INK, "shrinkA": 0, "shrinkB": 0})
    reach = radius + NODE + 0.4
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _copies(ax: Axes, copies: Mapping[str, Tensor]) -> None:
    for way, sent in copies.items():
        ax.plot(sent.tolist(), marker=".", label=f"{way}: {sent[-1].item():.4g}")
    ax.set_title("sent by the busiest", fontsize=NORMAL)
    ax.set(xlabel="step", ylabel="copies of x")
    ax.legend(fontsize=SMALL, handlelength=1)
    bare(ax)


def lockstep(orders: Mapping[str, tuple[Tensor, list[list[int]], Tensor]]) -> np.ndarray:
    """Of each order of positions two panels: the attention matrix, the bluer the later, and who works when.

    An order is positions (ranks, length / ranks), of each rank whose keys it has, round after round, and the pairs
    (rounds, ranks) that it computes then. Below, a round lasts as long as its busiest rank; hatched is idle.
    """
    grid = new_grid(2, len(orders), min(WIDEST, 4.4 * len(orders)), 5.6, height_ratios=[5, 2])
    longest = max((pairs.amax(1).sum() * pairs.size(1) / pairs.sum()).item() for _, _, pairs in orders.values())
    for (above, below), (name, (positions, owners, pairs)) in zip(grid.T, orders.items(), strict=True):
        _matrix(above, positions, owners, len(pairs))
        above.set_title(f"{name} (the bluer, the later)")
        _schedule(below, pairs)
        below.set_xlim(0, 1.02 * longest)
    grid[1, 0].set_ylabel("rank")
    return grid


def _matrix(ax: Axes, positions: Tensor, owners: list[list[int]], rounds: int) -> None:
    length, rows = positions.numel(), positions.numpy()
    share = np.full((length, length), np.nan)
    for rank, has in enumerate(owners):
        for step, owner in enumerate(has):
            share[np.ix_(rows[rank], rows[owner])] = (step + 1) / rounds
    share[np.triu_indices(length, 1)] = np.nan  # a query sees keys at its own place and before
    ax.imshow(share, cmap=shades(BLUE), vmin=0, vmax=1, interpolation="nearest")
    of = np.empty(length, dtype=int)  # whose a position is
    for rank, row in enumerate(rows):
        of[row] = rank
    starts = [0, *(np.flatnonzero(np.diff(of)) + 1), length]
    few = len(starts) <= 2 * len(RANKS) + 1
    if few:
        middles = [(start + end - 1) / 2 for start, end in zip(starts, starts[1:], strict=False)]
        names = [str(of[start]) for start in starts[:-1]]
        ax.set_xticks(middles, names)
        ax.set_yticks(middles, names)
        ax.set_xticks([start - 0.5 for start in starts], minor=True)
        ax.set_yticks([start - 0.5 for start in starts], minor=True)
        ax.grid(which="minor", color=GREY, linewidth=0.4)
    ax.tick_params(which="both", length=0)
    what = "rank" if few else "position"
    ax.set(xlabel=f"{what} of the key", ylabel=f"{what} of the query")
    ax.spines[:].set_color(GREY)


def _schedule(ax: Axes, pairs: Tensor) -> None:
    """Bars of pairs, in equal shares of the whole work."""
    work = (pairs * pairs.size(1) / pairs.sum()).numpy()  # (rounds, ranks)
    start, ranks, scale = 0.0, range(pairs.size(1)), shades(BLUE)
    for step, done in enumerate(work, 1):
        busiest = done.max()
        ax.barh(ranks, done, left=start, color=scale(step / len(work)), edgecolor=GREY, linewidth=0.5)
        idle = busiest - done
        ax.barh(ranks, idle, left=start + done, color="none", edgecolor=GREY, linewidth=0, hatch="////")
        start += busiest
    ax.axvline(1, color=INK, linestyle="--", linewidth=1)
    ax.set_title(f"{start:.2f} times the ideal (dashed)", fontsize=NORMAL)
    ax.set(xlabel="time, in equal shares (hatched: idle)", yticks=list(ranks))
    ax.invert_yaxis()
    bare(ax)
