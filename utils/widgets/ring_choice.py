"""What the ring's figures let a reader choose from."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import traitlets

from utils.plots.colours import RANKS


def chosen(named: Mapping, ranks: Iterable[int], what: str) -> list[int]:
    """The numbers of ranks, in order. Raises ValueError if one has no colours, or if nothing is there to show."""
    sizes = sorted({*ranks})
    if not named or not sizes:
        raise ValueError(f"a {what} and a number of ranks are needed, got {len(named)} and {len(sizes)}")
    if not 2 <= sizes[0] <= sizes[-1] <= len(RANKS):
        raise ValueError(f"2 to {len(RANKS)} ranks can be drawn, not {sizes}")
    return sizes


def one_of(proposal: traitlets.Bunch, there: Mapping[str, Collection]) -> Any:
    """What is proposed for a trait. Raises TraitError if it is none of what there is."""
    name = proposal.trait.name
    if proposal.value not in there[name]:
        raise traitlets.TraitError(f"{name} {proposal.value!r} is none of {list(there[name])}")
    return proposal.value
