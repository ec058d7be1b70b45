"""Pictures of what was measured."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from .style import BLUE, GREY, INK, bare, new_axes


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    log: str = "",
    ax: Axes | None = None,
    chance: float | None = None,
) -> Axes:
    """One labelled line per entry of lines, over x; `log` names the axes with a logarithmic scale ("x", "y", "xy").

    Chance as a dashed line if given.
    """
    ax = ax or new_axes(6.2, 3.2)
    for label, y in lines.items():
        ax.plot(x, y, label=label, marker="o" if len(x) <= 16 else None, markersize=4)
    if chance is not None:
        ax.axhline(chance, color=INK, linestyle="--", linewidth=1, label="chance")
    if "x" in log:
        ax.set_xscale("log")
    if "y" in log:
        ax.set_yscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(frameon=False, fontsize=9)
    ax.grid(alpha=0.25)
    return bare(ax)


def seeds(results: Mapping[str, Tensor], xlabel: str, chance: float | None = None) -> Axes:
    """A bar for the mean of each entry (S,), a point for each seed; chance as a dashed line if given."""
    ax = new_axes(6.6, 0.42 * len(results) + 0.9)
    for row, result in enumerate(results.values()):
        ax.barh(row, result.mean().item(), height=0.55, color=BLUE, alpha=0.35)
        ax.scatter(result.tolist(), [row] * len(result), s=16, color=INK, zorder=2)
    if chance is not None:
        ax.axvline(chance, color=INK, linestyle="--", linewidth=1)
        ax.annotate("chance", (chance, -0.55), fontsize=8, xytext=(3, 0), textcoords="offset points", va="center")
    ax.set_yticks(range(len(results)), results)
    ax.set(xlim=(0, 1.03), ylim=(len(results) - 0.4, -0.8), xlabel=xlabel)
    ax.tick_params(axis="y", length=0)
    return bare(ax)


def regression(
    x_train: Tensor, y_train: Tensor, x: Tensor, predictions: Mapping[str, Tensor], truth: Tensor | None = None
) -> np.ndarray:
    """Examples as points and a predicted curve over x, a panel for each entry; the truth dashed where it is known."""
    _, row = plt.subplots(1, len(predictions), figsize=(3.1 * len(predictions), 2.7), sharey=True, layout="constrained")
    for ax, (title, prediction) in zip(np.atleast_1d(row), predictions.items(), strict=True):
        ax.scatter(x_train, y_train, s=14, color=GREY, label="examples")
        if truth is not None:
            ax.plot(x, truth, color=INK, linestyle="--", linewidth=1, label="truth")
        ax.plot(x, prediction, color=BLUE, linewidth=2, label="prediction")
        bare(ax).set_title(title, fontsize=10)
    np.atleast_1d(row)[0].legend(frameon=False, fontsize=8)
    return row


def matrix(values: Tensor, xlabel: str, ylabel: str) -> Axes:
    """A matrix (rows, columns) of numbers around zero as colours, with their scale beside it."""
    ax = new_axes(0.9 + 0.09 * values.size(1), 1.0 + 0.07 * len(values))
    reach = values.abs().max().item()
    drawn = ax.imshow(values.detach().numpy(), cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto")
    ax.figure.colorbar(drawn, ax=ax)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax
