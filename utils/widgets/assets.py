"""The JavaScript and the style of a widget, from the files beside it."""

from pathlib import Path

HERE = Path(__file__).parent


def script(name: str) -> str:
    """The widget's module: what all widgets share, then its own file."""
    return "\n".join((HERE / f"{file}.js").read_text(encoding="utf-8") for file in ("elements", name))


def style(name: str) -> str:
    """The widget's style sheet."""
    return (HERE / f"{name}.css").read_text(encoding="utf-8")
