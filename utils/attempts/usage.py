"""How a program is called with named inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import uses


@dataclass(frozen=True)
class Usage:
    """Through a use, named as in "modules.module"; or the inputs of `in_order` by position, and the others by name."""

    use: str | None = None
    in_order: tuple[str, ...] = ()

    @classmethod
    def through(cls, use: Callable) -> "Usage":
        """Through that function of one of the modules of `uses`."""
        return cls(use=f"{use.__module__.removeprefix(uses.__name__ + '.')}.{use.__name__}")

    def __call__(self, attempt: Callable, inputs: dict[str, Any]) -> Any:
        if self.use:
            module, name = self.use.split(".")
            return getattr(getattr(uses, module), name)(attempt, **inputs)
        by_name = {name: value for name, value in inputs.items() if name not in self.in_order}
        return attempt(*(inputs[name] for name in self.in_order), **by_name)
