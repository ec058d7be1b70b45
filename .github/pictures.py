"""Draws the README's pictures, for a light page and for a dark one: `.venv/bin/python .github/pictures.py`.

It needs Chromium, and a minute or two, of which chapter 05 takes half.
"""

import io
import math
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import torch  # noqa: E402

from utils import data, widgets  # noqa: E402
from utils.checks import Feedback  # noqa: E402
from utils.exercises import get  # noqa: E402
from utils.plots.colours import PAPER  # noqa: E402
from utils.plots.shown import PAGE  # noqa: E402
from utils.site.executing import execute  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])))
PAGES = {"light": ("#1f2328", "#ffffff", "#f6f8fa"), "dark": ("#f0f6fc", "#0d1117", "#151b23")}  # ink, paper, code
FRAMES, MILLISECONDS, SHARPNESS = 96, 60, 1.5  # of the animation
ANSWER = """\
def soft_lookup(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT / temperature
    if mask is not None:
        scores = scores.masked_fill(mask, -torch.inf)
    return scores.softmax(-1) @ value
"""
CHECK = 'soft_lookup = check("soft_lookup", soft_lookup)'


def main() -> None:
    curve = length_curve()
    with sync_playwright() as playwright:
        draw(playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]), curve)


def draw(chromium: Browser, curve: str) -> None:
    """Write every picture, the curve from its drawing in the colours of a page."""
    for scheme, (ink, paper, _) in PAGES.items():
        drawing = curve.replace("currentColor", ink).replace(PAGE[PAPER], paper)
        (HERE / f"curve_{scheme}.svg").write_text(drawing, encoding="utf-8")
        page = chromium.new_page(device_scale_factor=SHARPNESS, color_scheme=scheme)
        first, *others = [Image.open(io.BytesIO(frame)) for frame in dragged(page, scheme)]
        moving = {"save_all": True, "append_images": others, "duration": MILLISECONDS, "loop": 0}
        first.save(HERE / f"dragged_{scheme}.webp", lossless=True, method=6, **moving)
        Image.open(io.BytesIO(mistaken(page, scheme))).save(HERE / f"mistake_{scheme}.webp", lossless=True)
        page.close()


def length_curve() -> str:
    """Chapter 05's figure of names right by digits, as its solution draws it."""
    ((_, notebook),) = execute([HERE.parent / "solutions" / "05_bahdanau_attention.ipynb"])
    (cell,) = [cell for cell in notebook.cells if '"whole name right");' in cell.source]
    (page,) = [output.data["text/html"] for output in cell.outputs if "data" in output]
    return re.search(r"<svg.*?</svg>", page, re.S)[0]


def dragged(page: Page, scheme: str) -> Iterator[bytes]:
    """The soft lookup while its query is led once around and through the middle."""
    words, key, value = data.small_dictionary()
    figure = shown(page, scheme, widgets.SoftLookup(words, key, value)._repr_mimebundle_()[0]["text/html"])
    query = figure.locator(".query .dot")
    plane = figure.locator(".plane").bounding_box()
    x, y, wide = plane["x"] + plane["width"] / 2, plane["y"] + plane["height"] / 2, plane["width"]
    box = query.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    figure.locator(".plane").evaluate("plane => plane.blur()")  # no ring around what has the keyboard
    for frame in range(FRAMES):
        turn = 2 * math.pi * frame / FRAMES
        radius = 0.3 * wide * (0.65 + 0.35 * math.cos(2 * turn))
        page.mouse.move(x + radius * math.sin(turn), y - radius * math.cos(turn))
        yield figure.screenshot()
    page.mouse.up()


def mistaken(page: Page, scheme: str) -> bytes:
    """A wrong answer, its check, and what the check says."""
    names = {"torch": torch}
    exec(ANSWER, names)
    feedback = Feedback("soft_lookup", get("soft_lookup").assess(names["soft_lookup"]))
    code = PAGES[scheme][2]
    cells = "".join(f'<pre style="background: {code}; padding: 10px">{cell}</pre>' for cell in (ANSWER, CHECK))
    return shown(page, scheme, f'<div style="width: 780px">{cells}{feedback._repr_html_()}</div>').screenshot()


def shown(page: Page, scheme: str, part: str) -> Locator:
    ink, paper, _ = PAGES[scheme]
    colours = f"color: {ink}; background: {paper}; --jp-layout-color0: {paper}; --jp-layout-color2: {ink}22"
    start = f'<!DOCTYPE html><body style="{colours}; font: 14px sans-serif">'
    page.set_content(f'{start}<div id="part" style="display: inline-block">{part}')
    return page.locator("#part")


if __name__ == "__main__":
    main()
