"""The figure in which chunks go round from rank to rank, until every rank has the sum."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import traitlets
from matplotlib.figure import Figure

from utils import plots
from utils.plots.colours import RANKS
from utils.plots.style import figure_of

from .live import LiveFigure
from .ring_choice import chosen, one_of

if TYPE_CHECKING:
    from utils.processes import SumTrace


class RingSum(LiveFigure):
    """Ranks in a ring and their chunks of x: whose numbers are in each, and what the busiest rank has sent.

    ways: of each way's name a program (x, group) -> sum over all ranks, which is run on as many simulated ranks as
    `ranks` holds; what is drawn is what it sent. `ranks`, `way` and `step`, from 0 to the last, can be read and set
    from the kernel; a way that has fewer steps stays at its end.
    Raises ValueError for a program that does not add up, or that sends what does not tell whose numbers it is,
    traitlets.TraitError for a number of ranks, a way or a step that there is not.
    """

    files = "ring_sum"

    sizes = traitlets.List(traitlets.Int()).tag(sync=True)  # of the rings that can be chosen
    ways = traitlets.List(traitlets.Unicode()).tag(sync=True)
    runs: traitlets.List[list] = traitlets.List().tag(sync=True)  # (ways, sizes) of what a run shows
    colours = traitlets.List(traitlets.Unicode(), RANKS).tag(sync=True)
    ranks = traitlets.Int().tag(sync=True)
    way = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)

    def __init__(self, ways: Mapping[str, Callable], ranks: Iterable[int] = range(2, 9)):
        from utils.processes import trace_sum  # here, as every chapter loads the widgets, and one needs it

        sizes = chosen(ways, ranks, "way to add up")
        self._traces = {way: {n: trace_sum(program, n) for n in sizes} for way, program in ways.items()}
        super().__init__(
            sizes=sizes,
            ways=list(ways),
            runs=[[_run(trace) for trace in each.values()] for each in self._traces.values()],
            ranks=4 if 4 in sizes else sizes[0],
            way=next(iter(ways)),
        )

    def picture(self) -> Figure:
        trace = self._traces[self.way][self.ranks]
        arrows: list[list[tuple[int, int]]] = [[] for _ in trace.held[1:]]
        for transfer in trace.transfers:
            arrows[transfer.round - 1].append((transfer.source, transfer.target))
        copies = {way: each[self.ranks].sent.amax(1) / each[self.ranks].size for way, each in self._traces.items()}
        return figure_of(plots.ring_rounds(trace.held, arrows, copies)[0])

    @traitlets.validate("ranks", "way", "step")
    def _is_there(self, proposal: traitlets.Bunch) -> Any:
        last = max(len(trace.held) for each in self._traces.values() for trace in each.values()) - 1
        return one_of(proposal, {"ranks": self.sizes, "way": self.ways, "step": range(last + 1)})


def _run(trace: "SumTrace") -> dict[str, Any]:
    """What the browser draws: `busiest` is what the busiest rank has sent after each round, in bytes."""
    return {
        "held": trace.held.tolist(),
        "busiest": trace.sent.amax(1).tolist(),
        "size": trace.size,
        "transfers": [[each.round, each.source, each.target, each.bytes] for each in trace.transfers],
    }
