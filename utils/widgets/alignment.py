"""The figure in which pointing at a target word shows where it looked."""

from collections.abc import Sequence

import traitlets
from matplotlib.figure import Figure
from torch import Tensor, tensor

from utils import plots
from utils.plots.style import figure_of

from .live import LiveFigure


class Alignment(LiveFigure):
    """Two sentences and their weights (Tq, Tk) as a heatmap: a row for each target word, a column for each source word.

    The target word under the mouse, or reached with the arrow keys, shades the source words by its weights.
    `selected`, the index of that word or -1 for none, can be read and set from the kernel.
    Raises ValueError if the shapes do not fit, traitlets.TraitError for a word that there is not.
    """

    files = "alignment"

    source = traitlets.List(traitlets.Unicode()).tag(sync=True)
    target = traitlets.List(traitlets.Unicode()).tag(sync=True)
    weights = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)

    def __init__(self, source: Sequence[str], target: Sequence[str], weights: Tensor):
        if weights.shape != (len(target), len(source)):
            raise ValueError(
                f"{len(target)} target words and {len(source)} source words need weights "
                f"({len(target)}, {len(source)}), got {tuple(weights.shape)}"
            )
        super().__init__(source=list(source), target=list(target), weights=weights.tolist())

    def picture(self) -> Figure:
        ax = plots.heatmap(tensor(self.weights), self.target, self.source)
        ax.set(xlabel="source word", ylabel="target word")
        return figure_of(ax)

    @traitlets.validate("selected")
    def _is_a_word(self, proposal: traitlets.Bunch) -> int:
        if not -1 <= proposal.value < len(self.target):
            raise traitlets.TraitError(
                f"selected {proposal.value} is none of the {len(self.target)} target words, from 0, nor -1"
            )
        return proposal.value
