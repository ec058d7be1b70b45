"""Pictures of how a network is put together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from torch import Tensor

from .colours import BLUE, GREY, INK, PAPER
from .style import SMALL, new_axes


def encoder_decoder(source: Sequence[str], target: Sequence[str], weights: Tensor | None = None) -> Axes:
    """A sentence read below, its translation written above: through one vector, or with weights (Tq, Tk)."""
    columns = max(len(source), len(target)) - 1
    ax = new_axes(0.95 * columns + 2.2, 3.1)
    xs, xt = (np.arange(len(words)) + (columns + 1 - len(words)) / 2 for words in (source, target))
    for places, height, words, side in [(xs, 0, source, -1), (xt, 2, target, 1)]:
        ax.scatter(places, [height] * len(places), s=330, color=PAPER, edgecolor=INK, zorder=2)
        ax.plot(places, [height] * len(places), color=INK, linewidth=1, zorder=1)
        for x, word in zip(places, words, strict=True):
            ax.annotate(word, (x, height), (0, 17 * side), textcoords="offset points", ha="center", va="center")
    if weights is None:
        ax.plot([xs[-1], columns / 2], [0, 1], color=INK, linewidth=1, zorder=1)
        for x in xt:
            ax.plot([columns / 2, x], [1, 2], color=GREY, linewidth=1, zorder=1)
        ax.scatter(columns / 2, 1, marker="s", s=400, color=BLUE, edgecolor=INK, zorder=2)
        ax.annotate("one vector", (columns / 2, 1), (18, 0), textcoords="offset points", va="center")
    else:
        for x, row in zip(xt, weights.tolist(), strict=True):
            for start, weight in zip(xs, row, strict=True):
                ax.plot([start, x], [0, 2], color=BLUE, linewidth=6 * weight, zorder=1)
    ax.set(xlim=(-0.6, columns + 0.6), ylim=(-0.7, 2.7), xticks=[], yticks=[0, 2])
    ax.set_yticklabels(["encoder\nreads", "decoder\nwrites"])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def deep_network(depth: int = 16, asked_at: int = 13) -> Axes:
    """A network of so many layers, its input below, a question at one layer, and three ways from one to the other."""
    ax = new_axes(7.4, 5.4)

    def arrow(start: tuple[float, float], end: tuple[float, float], colour: str = INK, **options: Any) -> None:
        ax.annotate(
            "", end, start, arrowprops={"arrowstyle": "->", "color": colour, "shrinkA": 0, "shrinkB": 0} | options
        )

    def box(bottom: float, height: float, words: str, filled: bool = False) -> None:
        for fill in [PAPER, *[to_rgba(BLUE, 0.3)] * filled]:
            ax.add_patch(Rectangle((-1, bottom), 2, height, facecolor=fill, edgecolor=INK, zorder=2))
        ax.text(0, bottom + height / 2, words, ha="center", va="center", fontsize=SMALL, zorder=3)

    box(-1.6, 1.1, "the input:\na table, a and b")
    for layer in range(1, depth + 1):
        box(layer, 0.6, f"layer {layer}", filled=layer == asked_at)
        arrow((0, -0.5 if layer == 1 else layer - 0.4), (0, layer), GREY, linewidth=2)
        arrow((-1, layer - 0.2), (-1, layer + 0.8), GREY, connectionstyle="arc3,rad=-0.55", linestyle="--")
    arrow((1, -1), (1, asked_at + 0.15), BLUE, connectionstyle="arc3,rad=0.35", linewidth=2)
    arrow((3, asked_at + 0.45), (1, asked_at + 0.45))
    arrow((-1, asked_at - 0.2), (-3, asked_at - 0.2))
    arrow((0, depth + 0.6), (0, depth + 1.5))
    ax.text(3.1, asked_at + 0.45, "the question:\nwhat stands in slot q?", va="center")
    ax.text(-3.1, asked_at - 0.2, "other work:\n(a + b) mod 3", va="center", ha="right")
    ax.text(0, depth + 1.6, "the value in slot q", ha="center", va="bottom")
    ax.text(
        -1.9,
        asked_at / 2 - 1,
        "through every layer,\nor around each by a\nskip (dashed)",
        ha="right",
        va="center",
    )
    ax.text(3.6, asked_at / 2 - 1, "by a lookup in\nthe input itself", va="center")
    ax.set(xlim=(-6, 6.4), ylim=(-1.8, depth + 2.6), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def residual_stream(layers: int = 2) -> Axes:
    """A transformer from left to right: one stream, and branches that read it through a norm and add to it."""
    ax = new_axes(2.6 * layers + 3.4, 2.6)
    end = 2.6 * layers + 1.2
    ax.annotate("", (end, 0), (0, 0), arrowprops={"arrowstyle": "-|>", "color": BLUE, "linewidth": 3}, zorder=0)
    for place, words in [(0, "tokens\n↓\nembedding"), (end, "norm\n↓\nhead\n↓\nlogits")]:
        ax.text(place, -0.22, words, ha="center", va="top")
    for branch in range(2 * layers):
        start = 0.5 + 1.3 * branch
        ax.plot([start, start, start + 0.9, start + 0.9], [0, 1, 1, 0.1], color=GREY, linewidth=1.3, zorder=0)
        for height, words in [(0.45, "norm"), (1, "MLP" if branch % 2 else "attention")]:
            box = {"boxstyle": "round", "facecolor": PAPER, "edgecolor": INK, "linewidth": 0.8}
            place = start + (0.45 if height == 1 else 0)
            ax.text(place, height, words, ha="center", va="center", bbox=box)
        ax.text(start + 0.9, 0, "+", ha="center", va="center", fontsize=11, bbox=box | {"boxstyle": "circle"})
    for layer in range(layers):
        ax.text(1.6 + 2.6 * layer, 1.42, f"block {layer + 1}", ha="center")
    ax.set(xlim=(-0.6, end + 0.6), ylim=(-1.1, 1.7), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax
