"""The names of a figure's lines, off the data: where each line ends, or below the axes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .style import NORMAL, figure_of

GAP = 1.35 * NORMAL  # points from a name to the next
STRAYS = 3.5 * NORMAL  # points that a name may be from the height of its line
LONGEST = 36  # letters of a name


def named_at_ends(ax: Axes) -> None:
    """Name each labelled line where it ends; below the axes where that does not fit."""
    lines = [line for line in ax.lines if str(line.get_label()).strip()]
    names = [str(line.get_label()) for line in lines]
    figure_of(ax).draw_without_rendering()
    ends = [_end(line) for line in lines]
    own = [float(ax.transData.transform(end)[1] * 72 / figure_of(ax).dpi) for end in ends]  # points
    if not all(_is_seen(ax, end) for end in ends) or max(map(len, names), default=0) > LONGEST:
        _name_below(ax, lines, names)
        return
    heights = _spread(own, GAP)
    if max((abs(height - y) for height, y in zip(heights, own, strict=True)), default=0) > STRAYS:
        _name_below(ax, lines, names)
        return
    for line, name, end, height, y in zip(lines, names, ends, heights, own, strict=True):
        leader = {"arrowstyle": "-", "color": line.get_color(), "shrinkA": 0, "shrinkB": 1, "relpos": (0, 0.5)}
        ax.annotate(name, end, (14, height - y), textcoords="offset points", va="center", arrowprops=leader)


def _name_below(ax: Axes, lines: list[Line2D], names: list[str]) -> None:
    columns = 2 if max(map(len, names)) <= 45 else 1
    figure_of(ax).legend(lines, names, loc="outside lower center", ncols=columns, handlelength=3.5)


def _is_seen(ax: Axes, end: tuple[float, float]) -> bool:
    (left, right), (low, high) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    return left <= end[0] <= right and low <= end[1] <= high


def _end(line: Line2D) -> tuple[float, float]:
    x, y = np.asarray(line.get_xydata())[-1]
    return float(x), float(y)


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
