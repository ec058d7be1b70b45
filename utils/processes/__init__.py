"""A function of a notebook run by several ranks: in processes of their own, or simulated in one.

`launch(function, *arguments, processes=2)` and `simulate` call function(*arguments, group) on every rank, where group
is torch.distributed's. `simulate` is for checks: it needs no processes, and records what was sent.
`trace_sum` and `trace_attention` follow whose numbers it was.
"""

from utils.attempts.simulated import Collective, Message, Record, SimulatedGroup, simulate
from utils.attempts.turns import Deadlock, RankFailed

from .launching import launch
from .traces import AttentionTrace, SumTrace, through_rank_0, trace_attention, trace_sum

__all__ = [
    "AttentionTrace",
    "Collective",
    "Deadlock",
    "Message",
    "RankFailed",
    "Record",
    "SimulatedGroup",
    "SumTrace",
    "launch",
    "simulate",
    "through_rank_0",
    "trace_attention",
    "trace_sum",
]
