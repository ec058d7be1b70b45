"""Pictures of vectors that are turned by their position."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Arc
from torch import Tensor

from .colours import BLUE, BROWN, GREY
from .style import HALO, NORMAL, new_grid

REACH = 1.35  # of a panel, with a circle of radius 1


def rotary_pair(query: Tensor, key: Tensor, places: Sequence[tuple[int, int]], step: float = 0.5) -> np.ndarray:
    """One pair of columns of a query (2,) and a key (2,), turned: a panel for each two places (query's, key's).

    Both vectors are drawn with length 1, thin and dashed as they are, thick as turned by `step` radians for each
    position; the arc is the angle between the turned ones. The title has the places and the product of the turned
    vectors, in full length.
    """
    row = new_grid(1, len(places), 2.9 * len(places), 3.4)[0]
    for ax, (asks, answers) in zip(row, places, strict=True):
        turned = {}
        for name, vector, place, colour in (("query", query, asks, BLUE), ("key", key, answers, BROWN)):
            turned[name] = _turned(vector, step * place)
            _arrow(ax, vector, colour, "")
            _arrow(ax, turned[name], colour, f"{name}\nat {place}")
        _arc(ax, _degrees(turned["key"]), _degrees(turned["query"]))
        ax.add_patch(Arc((0, 0), 2, 2, color=GREY, linewidth=0.6))
        score = (turned["query"] @ turned["key"]).item()
        ax.set_title(f"query at {asks}, key at {answers}:\nproduct {score:.2f}", fontsize=NORMAL)
        ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return row


def _turned(vector: Tensor, angle: float) -> Tensor:
    cosine, sine = math.cos(angle), math.sin(angle)
    return torch.stack([vector[0] * cosine - vector[1] * sine, vector[0] * sine + vector[1] * cosine])


def _degrees(vector: Tensor) -> float:
    return math.degrees(math.atan2(vector[1].item(), vector[0].item()))


def _arrow(ax: Axes, vector: Tensor, colour: str, name: str) -> None:
    """As it is turned, with a name; as it was, thin and dashed, without one."""
    x, y = (vector / vector.norm()).tolist()
    look = {"linewidth": 2.2, "shrinkA": 0, "shrinkB": 0} if name else {"linewidth": 1, "linestyle": "--", "shrinkA": 0}
    ax.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "color": colour} | look)
    if name:
        ax.text(1.17 * x, 1.17 * y, name, ha="center", va="center", fontsize=NORMAL, path_effects=HALO)


def _arc(ax: Axes, start: float, end: float) -> None:
    """From one direction to the other, in degrees, the shorter way round."""
    if (end - start) % 360 > 180:
        start, end = end, start
    ax.add_patch(Arc((0, 0), 0.6, 0.6, theta1=start, theta2=end, color=GREY, linewidth=2))
