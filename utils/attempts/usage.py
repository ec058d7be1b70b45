"""How a program is called with named inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import probes


@dataclass(frozen=True)
class Usage:
    """Through the probe of that name; or with the inputs named in `in_order` by position, and the others by name."""

    probe: str | None = None
    in_order: tuple[str, ...] = ()

    def __call__(self, attempt: Callable, inputs: dict[str, Any]) -> Any:
        if self.probe:
            return getattr(probes, self.probe)(attempt, **inputs)
        by_name = {name: value for name, value in inputs.items() if name not in self.in_order}
        return attempt(*(inputs[name] for name in self.in_order), **by_name)
