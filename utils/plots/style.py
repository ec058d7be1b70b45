"""What all pictures have in common: colours that everyone can tell apart, letters that can be read, bare axes.

Every colour stands out (3:1) on a white page and on JupyterLab's dark one; where words lie on a colour it is 4.5:1, in
ink, white, or with a halo. The tests measure both, and how far apart colour-blind readers see two lines of one figure.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, to_rgb
from matplotlib.patheffects import withStroke

from .shown import INK, PAPER, show_in_notebooks

LINES = ["#0f69c3", "#d27800", "#3c9687", "#ff2d78", "#78694b", "#a587c3"]
MARKERS = ["o", "s", "^", "D", "v", "P"]
DASHES = ["-", (0, (6, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1)), (0, (9, 1.5, 1.5, 1, 1.5, 1.5))]
BLUE, BROWN, GREY = LINES[0], "#a85400", "#7f8487"
SMALL, NORMAL, LARGE = 8.0, 9.0, 10.0  # points, of which a pixel is 0.72
WIDEST = 9.1  # inches, of 100 pixels: a cell of JupyterLab is 914 wide on a screen of 1366
HALO = [withStroke(linewidth=2.5, foreground=PAPER)]  # round words that lie on any colour
UNDER_INK, UNDER_WHITE = 0.77, 0.915  # so opaque blue or brown may be under ink, and has to be under white words

STYLE = {
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
    size = (min(width, WIDEST), height)
    axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **options)[1]
    show_in_notebooks()
    return axes


def new_axes(width: float, height: float) -> Axes:
    return new_grid(1, 1, width, height)[0, 0]


def bare(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def opacity(share: float) -> float:
    """How opaque a colour is for a share between 0 and 1: it leaps over what neither ink nor white can be read on."""
    if share <= UNDER_INK:
        return share
    return UNDER_WHITE + (1 - UNDER_WHITE) * (share - UNDER_INK) / (1 - UNDER_INK)


def words_on(share: float) -> str:
    """The colour of words that lie on blue or brown of this share."""
    return INK if share <= UNDER_INK else "white"


def shades(colour: str) -> Colormap:
    """From transparent to the colour: nothing is the page itself, light or dark."""
    return ListedColormap([(*to_rgb(colour), opacity(share)) for share in np.linspace(0, 1, 256)])


def signed_shades() -> Colormap:
    """Brown for what is negative, blue for what is positive, transparent for zero."""
    shares = np.linspace(-1, 1, 511)
    return ListedColormap([(*to_rgb(BLUE if share > 0 else BROWN), opacity(abs(share))) for share in shares])


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
    if weight == round(weight):
        return f"{weight:.0f}"
    return "<.01" if 0 < weight < 0.005 else f"{weight:.2f}".replace("0.", ".", 1)
