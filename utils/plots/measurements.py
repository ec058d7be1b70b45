"""Pictures of what was measured."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from torch import Tensor

from .colours import BLUE, GREY, INK, LINES, signed_shades
from .line_names import named_at_ends
from .style import DASHES, LARGE, MARKERS, SMALL, bare, figure_of, new_axes, new_grid, plain

MARKED = 9  # places of a long line that its marker is drawn at


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    log: str = "",
    chance: float | None = None,
    levels: Mapping[str, float] | None = None,
    ylim: tuple[float | None, float | None] = (None, None),
) -> Axes:
    """One line per entry of lines, over x, named at its end; `log` names the axes with a logarithmic scale ("x", "xy").

    Levels are thin lines across, each with its name and height; chance is one more.
    Raises ValueError for more lines than there are colours, or none.
    """
    if not 0 < len(lines) <= len(LINES):
        raise ValueError(f"1 to {len(LINES)} lines can be told apart, got {len(lines)}")
    x = _numbers(x)
    ax = new_axes(7.4, 3.3)
    for i, (label, y) in enumerate(lines.items()):
        every = (i * len(x) // MARKED // len(lines), max(1, len(x) // MARKED)) if len(x) > 2 * MARKED else None
        ax.plot(
            x,
            _numbers(y),
            label=plain(label),
            color=LINES[i],
            linestyle=DASHES[i],
            marker=MARKERS[i],
            markersize=4.5,
            markevery=every,
        )
    if "x" in log:
        ax.set_xscale("log")
        ax.tick_params(axis="x", labelsize=LARGE)  # an exponent is smaller
    if "y" in log:
        ax.set_yscale("log")
        ax.tick_params(axis="y", labelsize=LARGE)
    for name, height in (({} if chance is None else {"chance": chance}) | dict(levels or {})).items():
        ax.plot(x, [height] * len(x), color=INK, linestyle=(0, (5, 4)), linewidth=1, label=plain(name))
    ax.set(xlabel=xlabel, ylabel=ylabel, ylim=ylim)
    ax.grid(color=GREY, alpha=0.25)
    named_at_ends(ax)
    return bare(ax)


def _numbers(values: Sequence[float] | Tensor) -> list[float]:
    """Whatever holds numbers, tensors among them, that gradients may run through."""
    if isinstance(values, Tensor):
        return values.detach().tolist()
    return [float(np.asarray(value.detach() if hasattr(value, "detach") else value)) for value in values]


def seeds(results: Mapping[str, Tensor], xlabel: str, chance: float | None = None) -> Axes:
    """A bar for the mean of each entry (S,), a point for each seed; chance as a dashed line if given."""
    ax = new_axes(7.0, 0.42 * len(results) + 0.9)
    for row, result in enumerate(results.values()):
        ax.barh(row, result.float().mean().item(), height=0.55, color=to_rgba(BLUE, 0.35), edgecolor=BLUE)
        ax.scatter(result.tolist(), [row] * len(result), s=16, color=INK, zorder=2)
    if chance is not None:
        ax.axvline(chance, color=INK, linestyle=(0, (5, 4)), linewidth=1)
        ax.annotate("chance", (chance, -0.55), fontsize=SMALL, xytext=(3, 0), textcoords="offset points", va="center")
    ax.set_yticks(range(len(results)), results)
    most = max([1.0, *(result.max().item() for result in results.values())])
    ax.set(xlim=(0, 1.03 * most), ylim=(len(results) - 0.4, -0.8), xlabel=xlabel)
    ax.tick_params(axis="y", length=0)
    return bare(ax)


def scatter(points: Mapping[str, tuple[Tensor, Tensor]], xlabel: str, ylabel: str) -> Axes:
    """Points (x, y) of shares between 0 and 1, a sign for each entry, over the diagonal where both are the same.

    Raises ValueError for more entries than there are signs, or none.
    """
    signs = [(colour, marker) for marker in MARKERS for colour in LINES]
    if not 0 < len(points) <= len(signs):
        raise ValueError(f"between 1 and {len(signs)} entries can be told apart, got {len(points)}")
    ax = new_axes(6.6, 4.2)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, zorder=0)
    for (name, (x, y)), (colour, marker) in zip(points.items(), signs, strict=False):
        ax.scatter(x.tolist(), y.tolist(), s=36, color=colour, marker=marker, label=name, alpha=0.85, linewidths=0)
    ax.set(xlim=(0, 1.04), ylim=(0, 1.04), xlabel=xlabel, ylabel=ylabel)
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize=SMALL)
    return ax


def regression(
    x_train: Tensor, y_train: Tensor, x: Tensor, predictions: Mapping[str, Tensor], truth: Tensor | None = None
) -> np.ndarray:
    """Examples as points and a predicted curve over x, a panel for each entry; the truth dashed where it is known."""
    row = new_grid(1, len(predictions), 3.1 * len(predictions), 2.9, sharey=True)[0]
    for ax, (title, prediction) in zip(row, predictions.items(), strict=True):
        ax.scatter(x_train, y_train, s=14, color=GREY, label="examples")
        if truth is not None:
            ax.plot(x, truth, color=INK, linestyle=(0, (5, 4)), linewidth=1, label="truth")
        ax.plot(x, prediction.detach(), color=BLUE, linestyle="-", linewidth=2, label="prediction")
        bare(ax).set_title(title)
    row[0].figure.legend(*row[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return row


def roofline(ridges: Mapping[str, float], points: Mapping[str, tuple[float, float]]) -> Axes:
    """What share of a machine's arithmetic it can do beside moving the bytes, over operations per byte.

    A roof for each ridge, in operations per byte: below it the memory limits, and above it the arithmetic. A point is
    (operations per byte, share reached), one for each way of doing the work, on the machine that is named first.
    Raises ValueError for more roofs and points than can be told apart, or no roof.
    """
    if not ridges or len(ridges) + len(points) > len(LINES):
        raise ValueError(f"1 to {len(LINES)} roofs and points can be told apart, got {len(ridges)} and {len(points)}")
    ax = new_axes(7.4, 3.6)
    reach = [*ridges.values(), *(x for x, _ in points.values())]
    low, high = min(reach) / 4, max(reach) * 4
    for (name, ridge), colour, dashes in zip(ridges.items(), LINES, DASHES, strict=False):
        ax.plot([low, ridge, high], [low / ridge, 1, 1], color=colour, linestyle=dashes, label=plain(name))
    for (name, (x, y)), colour, marker in zip(points.items(), LINES[len(ridges) :], MARKERS, strict=False):
        ax.scatter(x, y, s=46, color=colour, marker=marker, label=plain(name), zorder=2)
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(0.03, 1.5))
    ax.set(xlabel="operations per byte moved", ylabel="share of the arithmetic")
    ax.set_yticks([0.05, 0.1, 0.2, 0.5, 1], ["5 %", "10 %", "20 %", "50 %", "100 %"])
    ax.minorticks_off()
    ax.tick_params(axis="x", labelsize=LARGE)
    ax.grid(color=GREY, alpha=0.25)
    figure_of(ax).legend(loc="outside lower center", ncols=2, handlelength=3.5)
    return bare(ax)


def matrix(values: Tensor, xlabel: str, ylabel: str) -> Axes:
    """A matrix (rows, columns) of numbers around zero as colours, with their scale beside it."""
    ax = new_axes(max(2.5, 0.9 + 0.09 * values.size(1)), max(1.5, 1.0 + 0.07 * len(values)))
    reach = values.abs().max().item()
    drawn = ax.imshow(values.detach().numpy(), cmap=signed_shades(), vmin=-reach, vmax=reach, aspect="auto")
    ax.figure.colorbar(drawn, ax=ax)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax
