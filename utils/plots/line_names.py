"""The names of a figure's lines, off the data: where each line ends, or below the axes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .style import NORMAL

GAP = 1.35 * NORMAL  # points from a name to the next
STRAYS = 3.5 * NORMAL  # points that a name may be from the height of its line
LONGEST = 36  # letters of a name


def named_at_ends(ax: Axes) -> None:
    """Name each labelled line where it ends; below the axes where that does not fit."""
    lines = [line for line in ax.lines if not line.get_label().startswith("_")]
    ax.figure.draw_without_rendering()
    ends = [_end(ax, line) for line in lines]
    heights = _spread([y for _, _, y in ends], GAP)
    low, high = sorted(ax.get_ylim())
    seen = all(low <= value <= high for _, value, _ in ends)
    strays = max(abs(height - y) for height, (_, _, y) in zip(heights, ends, strict=True))
    if not seen or strays > STRAYS or max(len(line.get_label()) for line in lines) > LONGEST:
        ax.figure.legend(handles=lines, loc="outside lower center", ncols=2, handlelength=3.5)
        return
    for line, height, (x, value, y) in zip(lines, heights, ends, strict=True):
        leader = {
            "arrowstyle": "-",
            "color": line.get_color(),
            "linewidth": 1,
            "shrinkA": 0,
            "shrinkB": 1,
            "relpos": (0, 0.5),
        }
        ax.annotate(
            line.get_label(), (x, value), (14, height - y), textcoords="offset points", va="center", arrowprops=leader
        )


def _end(ax: Axes, line: Line2D) -> tuple[float, float, float]:
    """Where a line ends: x, y, and the height of that in points."""
    x, y = line.get_xydata()[-1]
    return x, y, ax.transData.transform((x, y))[1] * 72 / ax.figure.dpi


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """The nearest heights in the same order that are a gap apart: what is too close moves as one, about its middle."""
    order = np.argsort(heights, kind="stable")
    groups: list[list[float]] = []  # of each its members' own heights
    for place in order:
        groups.append([heights[place]])
        while len(groups) > 1 and _lowest(groups[-1], gap) - _highest(groups[-2], gap) < gap:
            groups[-2:] = [groups[-2] + groups[-1]]
    spread = [_lowest(group, gap) + gap * i for group in groups for i in range(len(group))]
    return [spread[list(order).index(i)] for i in range(len(heights))]


def _lowest(group: Sequence[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _highest(group: Sequence[float], gap: float) -> float:
    return sum(group) / len(group) + gap * (len(group) - 1) / 2
