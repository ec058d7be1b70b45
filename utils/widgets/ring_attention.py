"""The figure in which ranks compute their rows of a causal attention while keys go round, or wait for the others."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import traitlets
from matplotlib.figure import Figure
from torch import Tensor

from utils import plots
from utils.plots.colours import RANKS
from utils.plots.style import figure_of

from .live import LiveFigure
from .ring_choice import chosen, one_of

if TYPE_CHECKING:
    from utils.processes import AttentionTrace


class RingAttention(LiveFigure):
    """The matrix of a causal attention, lit as ranks compute it, and who computes how much in each round.

    attend: a program (query, key, value, positions, group, causal=True) in which keys and values travel; orders: of
    each name a function (length, ranks) -> positions (ranks, length / ranks). It is run on simulated ranks, with
    `stretch` positions in each of 2 · ranks stretches; a rank computes with a part of the keys when it has come.
    `ranks`, `order` and `step`, from 0, can be read and set from the kernel.
    Raises ValueError for a program that is no causal attention or whose keys cannot be followed, and for an order that
    has not each position once; traitlets.TraitError for a number of ranks, an order or a step that there is not.
    """

    files = "ring_attention"

    sizes = traitlets.List(traitlets.Int()).tag(sync=True)  # of the rings that can be chosen
    orders = traitlets.List(traitlets.Unicode()).tag(sync=True)
    runs: traitlets.List[list] = traitlets.List().tag(sync=True)  # (orders, sizes) of what a run shows
    colours = traitlets.List(traitlets.Unicode(), RANKS).tag(sync=True)
    ranks = traitlets.Int().tag(sync=True)
    order = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        attend: Callable[..., Tensor],
        orders: Mapping[str, Callable[[int, int], Tensor]],
        ranks: Iterable[int] = range(2, 9),
        stretch: int = 32,
    ):
        from utils.processes import trace_attention  # here, as every chapter loads the widgets, and one needs it

        sizes = chosen(orders, ranks, "order")
        if stretch < 1:
            raise ValueError(f"a stretch has one position or more, got {stretch}")
        self._traces = {
            name: {n: trace_attention(attend, _positions(name, order, n, stretch)) for n in sizes}
            for name, order in orders.items()
        }
        super().__init__(
            sizes=sizes,
            orders=list(orders),
            runs=[[_run(trace) for trace in each.values()] for each in self._traces.values()],
            ranks=4 if 4 in sizes else sizes[0],
            order=next(iter(orders)),
        )

    def picture(self) -> Figure:
        shown = {name: each[self.ranks] for name, each in self._traces.items()}
        return figure_of(plots.lockstep({name: (t.positions, t.owners, t.pairs) for name, t in shown.items()})[0, 0])

    @traitlets.validate("ranks", "order", "step")
    def _is_there(self, proposal: traitlets.Bunch) -> Any:
        last = max(len(trace.pairs) for each in self._traces.values() for trace in each.values()) - 1
        return one_of(proposal, {"ranks": self.sizes, "order": self.orders, "step": range(last + 1)})


def _positions(name: str, order: Callable[[int, int], Tensor], ranks: int, stretch: int) -> Tensor:
    positions, wanted = order(2 * ranks * stretch, ranks), (ranks, 2 * stretch)
    if positions.shape != wanted:
        raise ValueError(f"{name!r} has to give positions {wanted}, got {tuple(positions.shape)}")
    return positions


def _run(trace: "AttentionTrace") -> dict[str, Any]:
    """What the browser draws: positions as stretches [first, how many], of each rank."""
    stretches = [_stretches(sorted(row)) for row in trace.positions.tolist()]
    return {"stretches": stretches, "owners": trace.owners, "pairs": trace.pairs.tolist()}


def _stretches(places: list[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for place in places:
        if found and sum(found[-1]) == place:
            found[-1][1] += 1
        else:
            found.append([place, 1])
    return found
