"""The figure in which pointing at a token shows where each head looked."""

from collections.abc import Mapping, Sequence

import traitlets
from matplotlib.figure import Figure
from torch import Tensor, tensor

from utils import plots
from utils.plots.style import figure_of

from .live import LiveFigure

SHOWN, HEADS = 48, 8  # tokens and heads of the picture, at most


class HeadViews(LiveFigure):
    """A sequence of tokens, and below it once more for each head, shaded by the weights of the token pointed at.

    weights: of each head's title a matrix (T, T), a row for each token that looks; or a tensor (heads, T, T), whose
    heads are numbered from 0. `selected`, the index of the token or -1 for none, can be read and set from the kernel.
    Raises ValueError if the shapes do not fit, traitlets.TraitError for a token that there is not.
    """

    files = "head_views"

    tokens = traitlets.List(traitlets.Unicode()).tag(sync=True)
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    weights: traitlets.List[list] = traitlets.List().tag(sync=True)  # (heads, T, T)
    selected = traitlets.Int(-1).tag(sync=True)

    def __init__(self, tokens: Sequence[str], weights: Tensor | Mapping[str, Tensor]):
        if isinstance(weights, Tensor):
            weights = {f"head {h}": head for h, head in enumerate(weights)}
        shape = (len(tokens), len(tokens))
        for title, head in weights.items():
            if head.shape != shape:
                raise ValueError(f"{shape[0]} tokens need weights {shape}, got {tuple(head.shape)} for {title!r}")
        if not weights or not tokens:
            raise ValueError(f"a token and a head are needed, got {len(tokens)} and {len(weights)}")
        super().__init__(
            tokens=list(tokens), titles=list(weights), weights=[head.tolist() for head in weights.values()]
        )

    def picture(self) -> Figure:
        heads = {title: tensor(head)[:SHOWN, :SHOWN] for title, head in zip(self.titles, self.weights, strict=True)}
        some = dict(list(heads.items())[:HEADS])
        return figure_of(plots.attention_maps(some, self.tokens[:SHOWN])[0])

    @traitlets.validate("selected")
    def _is_a_token(self, proposal: traitlets.Bunch) -> int:
        if not -1 <= proposal.value < len(self.tokens):
            raise traitlets.TraitError(
                f"selected {proposal.value} is none of the {len(self.tokens)} tokens, from 0, nor -1"
            )
        return proposal.value
