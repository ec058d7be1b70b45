"""Where a rank is: the innermost line that its reader wrote, and how that is told."""

import linecache
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from utils.attempts.outcome import NOT_THE_READERS


@dataclass(frozen=True)
class Place:
    """A line of a function. Its text is not here: a process that got a function by value has no source of it."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        """As in 'Cell In[5], line 3, in step: dist.all_reduce(x)'. To be told where the function was written."""
        text = linecache.getline(self.file, self.line).strip()
        return f"{_file(self.file)}, line {self.line}, in {self.function}" + (f": {text}" if text else "")


def innermost(stack: traceback.StackSummary) -> Place | None:
    """The reader's own line in a stack, or the last one at all if there is none."""
    readers = [frame for frame in stack if not any(place in frame.filename for place in NOT_THE_READERS)]
    if not stack:
        return None
    frame = (readers or stack)[-1]
    return Place(frame.filename, frame.lineno or 0, frame.name)


def _file(name: str) -> str:
    """A file's name, or a cell's as Jupyter tells it."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    cell = shell.compile.format_code_name(name) if shell else None
    return " ".join(cell) if cell else Path(name).name
