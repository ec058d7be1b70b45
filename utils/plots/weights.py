"""Pictures of a lookup: its keys, its weights, what comes back."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from torch import Tensor

from .colours import BLUE, GREY, INK, PAPER, shades, signed_shades, words_on
from .style import (
    HALO,
    LETTER,
    NORMAL,
    SMALL,
    WIDEST,
    bare,
    framed,
    name_columns,
    new_axes,
    new_grid,
    numbered,
    plain,
)

ROW = 0.112  # inches of a row of letters


def entries(words: Sequence[str], colours: Tensor, rows: Sequence[str] = ()) -> Axes:
    """A dictionary's entries: each word with its colour (Tk, 3) below, or with one in each row (R, Tk, 3)."""
    strips = colours if colours.dim() == 3 else colours[None]
    if rows and len(rows) != len(strips):
        raise ValueError(f"{len(rows)} names do not fit {len(strips)} rows of colours")
    ax = new_axes(1.1 * len(words), 0.5 + 0.8 * len(strips))
    ax.imshow(strips.clamp(0, 1).numpy(), aspect="auto")
    name_columns(ax, words, min(1.1, WIDEST / len(words)))
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    ax.spines[:].set_visible(False)
    return ax


def bars(weights: Tensor, labels: Sequence[str], colours: Tensor | None = None, ax: Axes | None = None) -> Axes:
    """One bar per weight (Tk,), each with its number; colours (Tk, 3) if given."""
    wide = min(1.1, 0.5 + 0.1 * max(map(len, labels))) * len(labels)
    fill = BLUE if colours is None else colours.clamp(0, 1).tolist()
    if ax is None:
        ax = new_axes(wide + 0.8, 2.4)
        room = min(wide, WIDEST - 0.8) / len(labels)
    else:
        room = math.inf  # whoever gave the axes turns the names
    drawn = ax.bar(range(len(labels)), weights.tolist(), color=fill, edgecolor=INK, linewidth=0.5)
    name_columns(ax, labels, room)
    ax.bar_label(drawn, [numbered(weight) for weight in weights.tolist()], padding=2, fontsize=SMALL)
    ax.set_ylim(min(0.0, 1.3 * weights.min().item()), max(1.12, 1.15 * weights.max().item()))
    ax.set_ylabel("weight")
    return bare(ax)


def bar_grid(columns: Mapping[str, Mapping[str, Tensor]]) -> np.ndarray:
    """Small bars between 0 and 1: a column of panels for each entry, a row for each name in it, with heights (N,)."""
    rows = list(next(iter(columns.values())))
    grid = new_grid(len(rows), len(columns), 2.6 * len(columns) + 0.5, 1.4 * len(rows) + 0.4, sharey=True)
    for panels, (title, heights) in zip(grid.T, columns.items(), strict=True):
        for ax, row in zip(panels, rows, strict=True):
            ax.bar(range(len(heights[row])), heights[row].tolist(), color=BLUE)
            bare(ax).set(ylim=(0, 1.05), xticks=[])
        panels[0].set_title(title)
    for ax, row in zip(grid[:, 0], rows, strict=True):
        ax.set_ylabel(row)
    return grid


def weights_by_temperature(
    key: Tensor, query: Tensor, temperatures: Sequence[float], labels: Sequence[str], colours: Tensor | None = None
) -> np.ndarray:
    """The weights of one query (Dk,) over the keys (Tk, Dk), a panel for each temperature."""
    row = new_grid(1, len(temperatures), 2.3 * len(temperatures), 2.6, sharey=True)[0]
    for ax, temperature in zip(row, temperatures, strict=True):
        bars((key @ query / temperature).softmax(0), labels, colours, ax)
        ax.set_title(f"temperature {temperature:g}")
        ax.tick_params(axis="x", rotation=60)
        ax.set_ylabel("weight" if ax is row[0] else "")
    return row


def heatmap(weights: Tensor, queries: Sequence[str], keys: Sequence[str], ax: Axes | None = None) -> Axes:
    """A matrix (Tq, Tk) with a number in each cell: a row for each query, a column for each key.

    The more of something, the stronger its colour: blue, or brown for what is below zero.
    """
    if weights.shape != (len(queries), len(keys)):
        raise ValueError(f"{len(queries)} queries and {len(keys)} keys do not name a matrix {tuple(weights.shape)}")
    weights = weights.detach().float()
    ax = ax or new_axes(0.8 * len(keys) + 1.4, 0.5 * len(queries) + 1.0)
    reach = max([1.0, *weights[weights.isfinite()].abs().tolist()])
    ax.imshow(weights.numpy(), cmap=signed_shades(), vmin=-reach, vmax=reach, aspect="auto")
    name_columns(ax, keys, min(0.8, (WIDEST - 1.4) / len(keys)))
    ax.set_yticks(range(len(queries)), [plain(name) for name in queries])
    for i, row in enumerate(weights.tolist()):
        for j, weight in enumerate(row):
            colour = words_on(abs(weight) / reach)
            ax.text(j, i, numbered(weight), ha="center", va="center", color=colour, fontsize=SMALL)
    ax.set(xlabel="key", ylabel="query")
    return framed(ax, *weights.shape)


def lookups(tokens: Sequence[str], heads: Mapping[str, Tensor]) -> np.ndarray:
    """Who looks at whom in one sequence: a panel for each head's weights (T, T), who asks above, who answers below."""
    row = new_grid(1, len(heads), (0.8 * len(tokens) + 1.0) * len(heads), 2.6)[0]
    for ax, (title, weights) in zip(row, heads.items(), strict=True):
        for i, shares in enumerate(weights.tolist()):
            for j, weight in enumerate(shares):
                ax.plot([j, i], [0, 1], color=BLUE, linewidth=6 * weight)
        for x, token in enumerate(tokens):
            ax.text(x, -0.06, token, ha="center", va="top")
            ax.text(x, 1.06, token, ha="center", va="bottom")
        ax.set(title=title, xlim=(-0.6, len(tokens) - 0.4), ylim=(-0.3, 1.3), xticks=[], yticks=[0, 1])
        ax.set_yticklabels(["answers", "asks"] if ax is row[0] else ["", ""])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    return row


def attention_maps(weights: Mapping[str, Tensor], tokens: Sequence[str]) -> np.ndarray:
    """A panel for each matrix (T, T), by its title: the bluer, the more a row's token looks at the column's."""
    longest = max(map(len, tokens))
    side = max(ROW * (len(tokens) + 0.7 * longest) + 0.35, LETTER * max(map(len, weights)) + 0.3)
    columns = max(1, int(WIDEST / side))
    rows = -(-len(weights) // columns)
    columns = min(columns, len(weights))
    grid = new_grid(rows, columns, side * columns, (side + 0.25) * rows).flatten()
    for ax in grid[len(weights) :]:
        ax.remove()
    for ax, (title, matrix) in zip(grid, weights.items(), strict=False):
        ax.imshow(matrix.detach().numpy(), cmap=shades(BLUE), vmin=0, vmax=1)
        ax.set_xticks(range(len(tokens)), [*map(plain, tokens)], rotation=90 if longest > 1 else 0)
        ax.set_yticks(range(len(tokens)), [*map(plain, tokens)])
        ax.set_title(title)
        ax.tick_params(length=0)
    grid[0].set(xlabel="key", ylabel="query")
    return grid[: len(weights)]


def patches_seen(pictures: Tensor, weights: Tensor, titles: Sequence[str]) -> np.ndarray:
    """Pictures (N, 8, 8), and below each how much weight (N, 16) every patch of 2 × 2 got, row by row."""
    rows = new_grid(2, len(pictures), 1.25 * len(pictures), 2.8)
    for (above, below), picture, weight, title in zip(rows.T, pictures.numpy(), weights, titles, strict=True):
        above.imshow(picture, cmap=shades(GREY), vmin=0, vmax=1)
        above.set_title(title, fontsize=NORMAL)
        below.imshow(np.kron(weight.view(4, 4).numpy(), np.ones((2, 2))), cmap=shades(BLUE), vmin=0)
        below.contour(picture, levels=[0.5], colors=INK, linewidths=0.6)
        for ax in (above, below):
            ax.set(xticks=[], yticks=[])
    rows[0, 0].set_ylabel("picture")
    rows[1, 0].set_ylabel("weight")
    return rows


def pictures(columns: Mapping[str, Tensor]) -> np.ndarray:
    """Pictures of 64 numbers from -1 to 1, blue where positive: a column of them (N, 64) for each entry."""
    count = len(next(iter(columns.values())))
    grid = new_grid(count, len(columns), 1.25 * len(columns), count + 0.3)
    for panels, (title, each) in zip(grid.T, columns.items(), strict=True):
        for ax, picture in zip(panels, each, strict=True):
            ax.imshow(picture.detach().view(8, 8).numpy(), cmap=signed_shades(), vmin=-1, vmax=1)
            ax.set(xticks=[], yticks=[])
        panels[0].set_title(title, fontsize=NORMAL)
    return grid


def sweep(angles: Tensor, colours: Mapping[str, Tensor], marks: Mapping[str, float]) -> Axes:
    """A strip of colours (len(angles), 3) for each entry, over the query's angle in degrees; marks name angles."""
    ax = new_axes(7.2, 0.55 * len(colours) + 0.9)
    for row, strip in enumerate(colours.values()):
        extent = (angles[0].item(), angles[-1].item(), row + 0.42, row - 0.42)
        ax.imshow(strip.detach().clamp(0, 1)[None].numpy(), extent=extent, aspect="auto", interpolation="nearest")
    ax.set_yticks(range(len(colours)), colours)
    ax.set_ylim(len(colours) - 0.5, -0.5)
    ax.set_xlim(angles[0].item(), angles[-1].item())
    ax.set_xticks(list(marks.values()), [f"{word}\n{angle:.0f}°" for word, angle in marks.items()])
    ax.set_xlabel("direction of the query")
    ax.spines[:].set_visible(False)
    return ax


def plane(
    words: Sequence[str], key: Tensor, value: Tensor, query: Tensor, temperature: float = 1.0, reach: float = 1.6
) -> np.ndarray:
    """Keys (Tk, 2) with their colours (Tk, 3), a query (2,), the weights as bars, and the blended colour."""
    weights = (key @ query / temperature).softmax(0)
    left, middle, right = new_grid(1, 3, WIDEST, 3.3, width_ratios=[3, 3.6, 1])[0]
    colours = value.clamp(0, 1).tolist()
    for word, place, colour, weight in zip(words, key.tolist(), colours, weights.tolist(), strict=True):
        left.plot(*zip(place, query.tolist(), strict=True), color=GREY, linewidth=0.5 + 7 * weight, zorder=1)
        left.scatter(*place, color=[colour], s=170, edgecolor=INK, zorder=2)
        aside = {-1: "right", 0: "center", 1: "left"}[round(place[0] / (0.75 * max(1e-9, math.hypot(*place))))]
        outward = 11 * np.array(place) / max(1e-9, math.hypot(*place))
        left.annotate(word, place, outward, textcoords="offset points", ha=aside, va="center", path_effects=HALO)
    left.scatter(*query.tolist(), marker="X", s=130, color=PAPER, edgecolor=INK, zorder=3)
    left.annotate("query", query.tolist(), textcoords="offset points", xytext=(0, -18), ha="center", path_effects=HALO)
    left.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title="query and keys")
    bars(weights, words, value, middle).set_title(f"weights, temperature {temperature:g}")
    middle.tick_params(axis="x", rotation=35)
    right.add_patch(Rectangle((0, 0), 1, 1, color=(weights @ value).clamp(0, 1).tolist()))
    right.set(
        title="blended\nvalue", xticks=[], yticks=[], xlabel=to_hex(tuple((weights @ value).clamp(0, 1).tolist()))
    )
    right.spines[:].set_visible(False)
    bare(left)
    return np.array([left, middle, right])


def colour_fields(
    lookups: Mapping[str, Callable[[Tensor], Tensor]], words: Sequence[str], key: Tensor, reach: float = 1.6
) -> np.ndarray:
    """What every query in the plane gets: a panel per lookup, a function from queries (N, 2) to colours (N, 3)."""
    steps = torch.linspace(-reach, reach, 161)
    grid = torch.cartesian_prod(steps, steps).flip(1)  # (161 * 161, 2), rows from low to high y
    row = new_grid(1, len(lookups), 3 * len(lookups), 3.2 if len(lookups) < 4 else 2.2)[0]
    for ax, (title, lookup) in zip(row, lookups.items(), strict=True):
        colours = lookup(grid).detach().clamp(0, 1).reshape(161, 161, 3)
        ax.imshow(colours.numpy(), origin="lower", extent=(-reach, reach, -reach, reach))
        ax.scatter(*key.T, facecolor="none", edgecolor=PAPER, linewidth=3, s=40)
        ax.scatter(*key.T, facecolor="none", edgecolor=INK, s=40)
        for word, place in zip(words, key.tolist(), strict=True):
            ax.annotate(word, place, textcoords="offset points", xytext=(0, 6), ha="center", path_effects=HALO)
        ax.set(title=title, xticks=[], yticks=[])
    return row


def keys_in_plane(
    moments: Mapping[str, tuple[Tensor, Tensor]], places: Tensor, colours: Tensor, reach: float | None = None
) -> np.ndarray:
    """Where keys (M, 2) point and the colours of their values (M, 3), a panel per moment.

    Large rings are the places (C, 2) that queries come from, in the colours (C, 3) that they want.
    """
    reach = reach or 1.1 * max(float(x.detach().abs().max()) for x in [places, *(key for key, _ in moments.values())])
    row = new_grid(1, len(moments), 3.6 * len(moments), 3.7)[0]
    for ax, (title, (key, value)) in zip(row, moments.items(), strict=True):
        ax.scatter(*places.T, s=330, facecolor="none", edgecolor=colours.clamp(0, 1).numpy(), linewidth=4)
        for tip in key.tolist():
            ax.plot([0, tip[0]], [0, tip[1]], color=GREY, linewidth=0.8, zorder=1)
        fill = value.detach().clamp(0, 1).numpy()
        ax.scatter(*key.detach().T, s=55, color=fill, edgecolor=INK, linewidth=0.8, zorder=2)
        ax.set(title=title, xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    return row
