"""The figure in which a slider changes what bars show, in several panels at once."""

from collections.abc import Mapping, Sequence

import traitlets
from matplotlib.figure import Figure
from torch import Tensor, tensor

from utils import plots
from utils.plots.style import figure_of

from .live import LiveFigure


class SliderBars(LiveFigure):
    """Panels of bars, all of the same things, that follow one slider.

    steps: what each of the slider's R positions is called; panels: of each title the heights (R, N), between 0 and 1;
    bars: what each of the N bars is called; level: the height of a dashed line, if any; name: what the slider is for.
    `record`, an index into steps, can be read and set from the kernel; the browser reports it when a move ends.
    Raises ValueError if shapes or heights do not fit, traitlets.TraitError for a record that there is not.
    """

    files = "slider_bars"

    steps = traitlets.List(traitlets.Unicode()).tag(sync=True)
    bars = traitlets.List(traitlets.Unicode()).tag(sync=True)
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    heights: traitlets.List[list] = traitlets.List().tag(sync=True)  # (panels, R, N)
    ylabel = traitlets.Unicode().tag(sync=True)
    level = traitlets.Float(None, allow_none=True).tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)
    record = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        steps: Sequence[str],
        panels: Mapping[str, Tensor],
        bars: Sequence[str],
        ylabel: str = "",
        level: float | None = None,
        name: str = "step",
    ):
        shape = (len(steps), len(bars))
        if not panels or 0 in shape:
            raise ValueError(f"a step, a panel and a bar are needed, got {shape[0]}, {len(panels)} and {shape[1]}")
        for title, heights in panels.items():
            if heights.shape != shape:
                raise ValueError(
                    f"{shape[0]} steps and {shape[1]} bars need heights {shape}, "
                    f"got {tuple(heights.shape)} for {title!r}"
                )
            if not ((heights >= 0) & (heights <= 1)).all():
                raise ValueError(f"heights lie between 0 and 1; those of {title!r} do not")
        super().__init__(
            steps=list(steps),
            bars=list(bars),
            titles=list(panels),
            heights=[heights.tolist() for heights in panels.values()],
            ylabel=ylabel,
            level=level,
            name=name,
        )

    def picture(self) -> Figure:
        some = dict.fromkeys([0, len(self.steps) // 2, len(self.steps) - 1])
        heights = {
            self.steps[r]: dict(zip(self.titles, (tensor(each[r]) for each in self.heights), strict=True)) for r in some
        }
        return figure_of(plots.bar_grid(heights)[0, 0])

    @traitlets.validate("record")
    def _is_a_step(self, proposal: traitlets.Bunch) -> int:
        if not 0 <= proposal.value < len(self.steps):
            raise traitlets.TraitError(f"record {proposal.value} is not among the {len(self.steps)} steps, from 0")
        return proposal.value
