"""What a learner sees of a workshop's board: a line, and a button."""

import ipywidgets
from IPython.display import display

from utils.progress import sharing

JOINED = (
    "Joined. The board is told the sign of each check, the mistake's name and the time: no code, no name. In other "
    "notebooks of this folder, too. workshop.leave() ends it."
)
ASK, ASKED = "I need a moment", "I need a moment: the room knows (press when you have had it)"
NOT_JOINED = "You have not joined a workshop: workshop.join(…) with the address on the wall."


def join(address: str) -> None:
    """Join, say so, and show the button for a moment."""
    try:
        sharing.join(address)
    except (ConnectionError, OSError) as error:
        print(error)
        return
    print(JOINED)
    button = ipywidgets.ToggleButton(description=ASK, layout={"width": "max-content"})
    button.observe(lambda change: _pressed(button), "value")
    display(button)


def moment(wanted: bool = True) -> None:
    """Tell the board that a moment is needed, or is not any more."""
    if not sharing.tell_moment(wanted):
        print(NOT_JOINED)


def leave() -> None:
    """Leave, and say so."""
    sharing.leave()
    print("Nothing is sent any more.")


def _pressed(button: ipywidgets.ToggleButton) -> None:
    button.description = ASKED if button.value else ASK
    moment(button.value)
