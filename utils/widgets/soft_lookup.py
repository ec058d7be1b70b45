"""The figure in which the query follows the mouse."""

from collections.abc import Sequence

import traitlets
from matplotlib.figure import Figure
from torch import Tensor, tensor

from utils import plots
from utils.plots.style import figure_of

from .live import LiveFigure


class SoftLookup(LiveFigure):
    """Keys (Tk, 2) as coloured points, a query (2,) to drag, the weights as bars and the blended value (3,) as colour.

    The query also moves with the arrow keys (with Shift in larger steps), the temperature with a slider.
    `query` and `temperature` can be read and set from the kernel; the browser reports them when the mouse is released.
    Raises ValueError if the shapes do not fit, traitlets.TraitError for a query that is not two numbers.
    """

    files = "soft_lookup"

    words = traitlets.List(traitlets.Unicode()).tag(sync=True)
    places = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)  # `keys` is taken by ipywidgets
    colours = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    query = traitlets.List(traitlets.CFloat(), minlen=2, maxlen=2).tag(sync=True)
    temperature = traitlets.CFloat(min=1e-3).tag(sync=True)

    def __init__(
        self,
        words: Sequence[str],
        key: Tensor,
        value: Tensor,
        query: Sequence[float] = (0.2, 1.0),
        temperature: float = 0.3,
    ):
        if key.shape != (len(words), 2) or value.shape != (len(words), 3):
            raise ValueError(
                f"{len(words)} words need keys ({len(words)}, 2) and colours ({len(words)}, 3), "
                f"got {tuple(key.shape)} and {tuple(value.shape)}"
            )
        super().__init__(
            words=list(words),
            places=key.tolist(),
            colours=value.tolist(),
            query=[float(x) for x in query],
            temperature=temperature,
        )

    def picture(self) -> Figure:
        key, value, query = tensor(self.places), tensor(self.colours), tensor(self.query)
        return figure_of(plots.plane(self.words, key, value, query, self.temperature)[0])
