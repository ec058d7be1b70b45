"""What all pictures have in common: letters that can be read, a cell's width, a look for each line, bare axes."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from .colours import GREY, INK, LINES, PAPER
from .shown import Drawing, show_in_notebooks

MARKERS = ["o", "s", "^", "D", "v", "P"]
DASHES = ["-", (0, (6, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1)), (0, (9, 1.5, 1.5, 1, 1.5, 1.5))]
SMALL, NORMAL, LARGE = 8.0, 9.0, 10.0  # points, of which a pixel is 0.72
WIDEST = 9.1  # inches, of 100 pixels: a cell of JupyterLab is 914 wide on a screen of 1366
LETTER = 0.085  # inches of a letter in a row of words
HALO = [withStroke(linewidth=2.5, foreground=PAPER)]  # round words that lie on any colour

STYLE: dict[Any, Any] = {
    "font.size": NORMAL,
    "axes.titlesize": LARGE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": NORMAL,
    "legend.frameon": False,
    "axes.prop_cycle": cycler(color=LINES),
    "axes.facecolor": "none",
    "svg.hashsalt": "attention",  # the same figure is the same text
    "axes.edgecolor": GREY,
    **dict.fromkeys(["text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"], INK),
}


def new_grid(rows: int, columns: int, width: float, height: float, **options: Any) -> np.ndarray:
    """The axes (rows, columns) of a new figure of so many inches; no wider than a cell."""
    plt.rcParams.update(STYLE)
    options |= {"FigureClass": Drawing, "figsize": (min(width, WIDEST), height), "layout": "constrained"}
    axes = plt.subplots(rows, columns, squeeze=False, **options)[1]
    show_in_notebooks()
    return axes


def new_axes(width: float, height: float) -> Axes:
    return new_grid(1, 1, width, height)[0, 0]


def figure_of(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def bare(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def framed(ax: Axes, rows: int, columns: int) -> Axes:
    """Thin lines between the cells of a matrix: what is transparent is a cell too."""
    ax.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    ax.grid(which="minor", color=GREY, linewidth=0.4)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    return ax


def numbered(weight: float) -> str:
    """A weight in few letters: two digits, a whole number as one, and no .00 for what is not zero."""
    if not math.isfinite(weight) or weight == round(weight):
        return f"{weight:.0f}"
    if abs(weight) < 0.005:
        return "<.01" if weight > 0 else ">-.01"
    return f"{weight:.2f}".replace("0.", ".", 1)


def name_columns(ax: Axes, names: Sequence[str], room: float) -> None:
    """Names below the columns, each so many inches wide; turned if they are wider."""
    wide = LETTER * max(map(len, names)) > room
    ax.set_xticks(range(len(names)), [plain(name) for name in names], rotation=90 if wide else 0)


def plain(text: str) -> str:
    """Text in which a dollar is a dollar, and not mathematics, on one line."""
    return " ".join(text.split()).replace("$", r"\$") or " "
