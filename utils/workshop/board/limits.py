"""How often somebody may do something."""

import time
from collections.abc import Hashable

MOST = 10_000  # of those who are remembered


class Limit:
    """So many times a second, and so many at once, for each who does it."""

    def __init__(self, rate: float, at_once: int):
        self.rate, self.at_once = rate, at_once
        self._left: dict[Hashable, tuple[float, float]] = {}

    def allows(self, who: Hashable) -> bool:
        """Whether they may once more; it counts."""
        if len(self._left) > MOST:
            self._left.clear()
        now = time.monotonic()
        left, before = self._left.get(who, (self.at_once, now))
        left = min(self.at_once, left + self.rate * (now - before))
        self._left[who] = (left - 1 if left >= 1 else left), now
        return left >= 1
