"""For who teaches with the course: is a machine ready, routes with a clock, a board, and pages beside this file.

Learners need `join(address)` of it, `moment()` and `leave()`.
"""


def join(address: str) -> None:
    """Join a workshop: from now on its board is told the sign of every check, in every notebook of this folder."""
    from . import joining  # here, for a machine that lacks what it imports still has to be told so

    joining.join(address)


def moment(wanted: bool = True) -> None:
    """Tell the board that you need a moment, or, with False, that you do not any more."""
    from . import joining

    joining.moment(wanted)


def leave() -> None:
    """Leave the workshop: nothing is sent any more."""
    from . import joining

    joining.leave()
