"""What all pictures have in common: colours, and axes without more ink than needed."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

BLUE, GREY, INK = "#1f77b4", "#9aa0a6", "#202124"


def new_axes(width: float, height: float) -> Axes:
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def bare(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    return ax
