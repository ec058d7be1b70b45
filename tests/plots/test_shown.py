"""How a figure stands in a notebook."""

import base64
import io
import re

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure
from PIL import Image

from utils import plots
from utils.plots import colours, shown


@pytest.fixture
def figure():
    lines = {"<one>": [1, 2, 3], "two": [3, 2, 1]}
    return plots.curves([1, 10, 100], lines, "width", "size of a\nscore", log="x").figure


def test_a_figure_is_told_in_words(figure):
    assert shown.described(figure) == "Figure. across: width (logarithmic); up: size of a score; lines: <one>, two."
    heat = plots.heatmap(torch.eye(2), ["lemon", "lime"], ["sour", "sweet"]).figure
    assert shown.described(heat) == "Figure. across: key; up: query; sour, sweet, lemon, lime."


def test_in_a_page_its_ink_and_paper_are_the_pages(figure):
    page = shown.mimebundle(figure)[0]["text/html"]
    drawing = page[: page.index("<img")]
    assert "currentColor" in drawing and colours.INK not in page and colours.PAPER not in page
    assert colours.INK in shown.drawn(figure, {})


def test_its_drawing_takes_the_place_of_its_bitmap_and_touches_nothing_else_of_the_page(figure):
    page = shown.mimebundle(figure)[0]["text/html"]
    assert page.count("<svg") == page.count("<img") == 1
    rules = re.search("<style.*?>(.*?)</style>", page, re.S)[1]
    selectors = [rule.split("{")[0].strip() for rule in rules.split("}") if rule.strip()]
    assert selectors == [".drawing + img", ".drawing *"]


def test_no_drawing_is_clipped_by_what_another_defines():
    """A page that hides the other, as a slide show does, would hide what is clipped by it."""
    named = []
    for weights in (torch.eye(3), torch.ones(3, 3) / 3):
        drawing = shown.drawn(plots.heatmap(weights, "abc", "abc").figure)
        used = set(re.findall(r"url\(#([^)]+)\)", drawing))
        assert used and used <= set(re.findall(r'id="([^"]+)"', drawing))
        named.append(used)
    assert named[0].isdisjoint(named[1])


def test_both_have_its_words_and_its_width(figure):
    bundle, about = shown.mimebundle(figure)
    width = round(100 * figure.get_figwidth())
    words = "Figure. across: width (logarithmic); up: size of a score; lines: &lt;one&gt;, two."
    assert re.search(f'<svg role="img" aria-label="{re.escape(words)}" width="{width}"', bundle["text/html"])
    assert re.search(f'<img alt="{re.escape(words)}" width="{width}"', bundle["text/html"])
    assert about["image/png"] == {"width": width, "alt": shown.described(figure)} and bundle["text/plain"]


def test_the_bitmap_has_two_pixels_for_each_of_the_page(figure):
    bundle, about = shown.mimebundle(figure)
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert image.width == 2 * about["image/png"]["width"]
    assert bundle["image/png"] in bundle["text/html"]
    assert min(image.convert("RGB").getpixel((1, 1))) >= 250


def test_a_notebook_shows_drawings_so_and_a_readers_own_figures_as_ever(monkeypatch, figure):
    shell = InteractiveShell.instance()
    shell.display_formatter.active_types = list(shell.display_formatter.formatters)
    try:
        shell.display_formatter.formatters["image/png"].for_type(Figure, lambda figure: b"the usual")
        shown.show_in_notebooks()
        data, about = shell.display_formatter.format(figure)
        assert {*data} == {"text/html", "image/png", "text/plain"} and data["image/png"] in data["text/html"]
        assert about["image/png"]["alt"].startswith("Figure.")
        readers_own, _ = shell.display_formatter.format(Figure())
        assert "text/html" not in readers_own and readers_own["image/png"] == b"the usual"
    finally:
        InteractiveShell.clear_instance()
