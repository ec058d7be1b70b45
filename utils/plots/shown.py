"""How a picture stands in a notebook: drawn in the page's own colours, sharp on any screen, and described in words.

JupyterLab shows an SVG image in the colours that it came with, and gives no image a text. So a figure is HTML that
holds the drawing itself: its ink is the colour of the text around it, light or dark. Where a page takes no drawing (a
notebook that is not trusted, a code host) the same HTML holds a bitmap, which the drawing hides where it is taken.
"""

import base64
import hashlib
import html
import io
import re
import warnings
from typing import Any

from IPython.core.getipython import get_ipython
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from .colours import INK, PAPER

# what ink and paper become in a page
PAGE = {INK: "currentColor", PAPER: "var(--jp-layout-color0, var(--vscode-editor-background, Canvas))"}
PIXELS = 100  # of a page, in an inch
UNSAID = dict.fromkeys(["Creator", "Date", "Format", "Type"])


class Drawing(Figure):
    """A figure of the course's. What a reader draws is shown as matplotlib shows it."""


def show_in_notebooks() -> None:
    """From now on the running notebook, if this is one, shows drawings so."""
    shell = get_ipython()
    if shell is not None and shell.display_formatter is not None:
        shell.display_formatter.mimebundle_formatter.for_type(Drawing, mimebundle)
        shell.display_formatter.formatters["image/png"].for_type(Drawing, lambda drawing: None)  # it is in the bundle


def mimebundle(figure: Figure, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
    """A drawing for every kind of page, and what is said of it, as IPython asks for them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # an emoji is a box, which is no error
        words, (bitmap, width) = described(figure), _bitmap(figure)
        bundle = {"text/html": _html(drawn(figure), bitmap, width, words), "image/png": bitmap, "text/plain": words}
    return bundle, {"image/png": {"width": width, "alt": words}}


def drawn(figure: Figure, colours: dict[str, str] = PAGE) -> str:
    """The figure as SVG on no ground, with these colours in the place of ink and paper."""
    file = io.StringIO()
    figure.savefig(file, format="svg", dpi=2 * PIXELS, transparent=True, metadata=UNSAID)
    drawing = file.getvalue()[file.getvalue().index("<svg") :]
    # a hundredth of a point is less than a pixel, but for a letter's scale
    drawing = re.sub(r"scale\([^)]*\)|(\b\d+\.\d\d)\d+", lambda number: number[1] or number[0], drawing)
    for given, wanted in colours.items():
        drawing = drawing.replace(given, wanted)
    own = hashlib.sha256(drawing.encode()).hexdigest()[:8]
    for name in set(re.findall(r"url\(#([^)]+)\)", drawing)):  # a page clips nothing by another drawing that it hides
        drawing = drawing.replace(name, f"{name}-{own}")
    return drawing


def _bitmap(figure: Figure) -> tuple[str, int]:
    """The figure as a PNG on white, with two of its pixels for each of the page; and its width in those."""
    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", dpi=2 * PIXELS, facecolor="white", pil_kwargs={"compress_level": 1})
    image = Image.open(whole).convert("RGB").quantize(128, Image.Quantize.FASTOCTREE)
    image.save(small, format="png")  # a quarter of the bytes
    return base64.b64encode(small.getvalue()).decode(), image.width // 2


def _html(drawing: str, bitmap: str, width: int, words: str) -> str:
    words = html.escape(words)
    drawing = re.sub(r' (width|height)="[^"]*pt"', "", drawing, count=2).replace(
        "<svg",
        f'<svg role="img" aria-label="{words}" width="{width}" class="drawing" '
        'style="max-width: 100%; height: auto; fill: currentColor"',
        1,
    )
    # matplotlib's rule is for every element of a page
    drawing = drawing.replace(">*{", ">.drawing + img {display: none} .drawing *{", 1)
    return f'<div>{drawing}<img alt="{words}" width="{width}" src="data:image/png;base64,{bitmap}"></div>'


def described(figure: Figure) -> str:
    """What a reader is told who cannot see the figure: of each panel its title, axes, named lines and words."""
    panels = [_described(ax) for ax in figure.axes]
    return " ".join(["Figure.", *(f"{'; '.join(parts)}." for parts in panels if parts)])


def _described(ax: Axes) -> list[str]:
    parts = [_line(ax.get_title())]
    for name, axis, scale in [("across", ax.xaxis, ax.get_xscale()), ("up", ax.yaxis, ax.get_yscale())]:
        label = _line(axis.get_label_text())
        parts.append(label and f"{name}: {label}{' (logarithmic)' * (scale == 'log')}")
    texts = [text.get_text() for text in [*ax.get_xticklabels(), *ax.get_yticklabels(), *ax.texts]]
    words = dict.fromkeys(_line(text) for text in texts if re.search(r"[^\W\d_]{2}", text) and "$" not in text)
    named = [label for label in (str(line.get_label()) for line in ax.lines) if not label.startswith("_")]
    parts += [", ".join(word for word in words if word not in named), f"lines: {', '.join(named)}" if named else ""]
    return [part for part in parts if part]


def _line(text: str) -> str:
    return " ".join(text.split())
