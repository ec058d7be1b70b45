"""Colours that everyone can tell apart.

Each stands out (3:1) on a white page and on JupyterLab's dark one; words on blue or brown can be read (4.5:1). The
tests measure both, and how far apart colour-blind readers see two lines of one figure. Ink and paper are the page's
own, see `shown.py`.
"""

import numpy as np
from matplotlib.colors import Colormap, ListedColormap, to_rgb

INK, PAPER = "#202124", "#fefefd"
LINES = ["#0f69c3", "#d27800", "#3c9687", "#ff2d78", "#78694b", "#a587c3"]
RANKS = [*LINES, "#b23b00", "#993d8a"]  # of eight, whose number always stands with the colour
BLUE, BROWN, GREY = LINES[0], "#a85400", "#7f8487"
UNDER_INK, UNDER_WHITE = 0.77, 0.915  # so opaque blue or brown may be under ink, and has to be under white words


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
