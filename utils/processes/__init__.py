"""A function of a notebook run by several ranks: in processes of their own, or simulated in one.

`launch(function, *arguments, processes=2)` and `simulate` call function(*arguments, group) on every rank, where group
is torch.distributed's. `simulate` is for checks: it needs no processes, and records what was sent.
"""

from utils.attempts.simulated import Collective, Message, Record, SimulatedGroup, simulate
from utils.attempts.turns import Deadlock, RankFailed

from .launching import launch

__all__ = ["Collective", "Deadlock", "Message", "RankFailed", "Record", "SimulatedGroup", "launch", "simulate"]
