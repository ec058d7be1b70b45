"""A sign of life for what takes longer than a second or two, and one plain line that stays when it is over."""

import io
import os
from collections.abc import Iterable
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display
from tqdm import tqdm

WIDTH = 100  # letters, of the 118 that fit into a cell


class Bar(tqdm):  # type: ignore[misc]  # tqdm has no hints
    """tqdm's bar, as text: over an iterable, or by hand with `total` and `update()`.

    In a notebook it becomes one line when it is closed, "GRU: 300 steps, 8 s, loss 2.08", which a saved notebook keeps
    (of tqdm's own bar, a widget, it keeps an error). In a terminal it is tqdm's own.
    """

    def __init__(self, iterable: Iterable | None = None, label: str = "", unit: str = "steps", **options: Any):
        if os.environ.get("TQDM_DISABLE"):  # which tqdm itself reads only where nothing is said
            options["disable"] = True
        shell = get_ipython()
        in_notebook = shell is not None and hasattr(shell, "kernel") and not options.get("disable")
        self._place = display(_text(f"{label} …"), raw=True, display_id=True) if in_notebook else None
        if in_notebook:
            options |= {"file": io.StringIO(), "ncols": WIDTH}
        super().__init__(iterable, label, unit=f" {unit}", **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> Any:
        if self._place is None:
            return super().display(msg, pos)
        if not self.disable:
            self._place.update(_text(str(self)), raw=True)

    def close(self) -> None:
        if not self.disable and self._place is not None:
            self._place.update(_text(self.summary()), raw=True)
        super().close()

    def summary(self) -> str:
        """What was done, in how many seconds, and what the bar said beside it."""
        done, seconds = f"{self.n:,}", self.format_dict["elapsed"]
        if self.total is not None and self.n < self.total:
            done += f" of {self.total:,}"
        parts = [f"{done}{self.unit}", f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1f} s", self.postfix]
        said = ", ".join(part for part in parts if part)
        return f"{self.desc}: {said}" if self.desc else said


def _text(line: str) -> dict[str, str]:
    return {"text/plain": line}
