"""The JavaScript and the style of a live figure, from the files beside it."""

from pathlib import Path

HERE = Path(__file__).parent


def script(name: str) -> str:
    """What all figures share, then its own file."""
    return "\n".join((HERE / f"{file}.js").read_text(encoding="utf-8") for file in ("elements", "alive", name))


def style(name: str) -> str:
    """Its style sheet, after what figures share."""
    return "".join((HERE / f"{file}.css").read_text(encoding="utf-8") for file in ("elements", name))
