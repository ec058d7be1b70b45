"""Draws the README's picture for a light page and for a dark one: `.venv/bin/python .github/pictures.py`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import torch  # noqa: E402

from utils import data, plots  # noqa: E402
from utils.plots.colours import INK, PAPER  # noqa: E402
from utils.plots.shown import drawn  # noqa: E402

words, key, value = data.small_dictionary()
figure = plots.plane(words, key, value, torch.tensor([0.2, 1.0]), temperature=0.3)[0].figure
for page, ink, paper in [("light", "#1f2328", "#ffffff"), ("dark", "#f0f6fc", "#0d1117")]:
    (HERE / f"soft_lookup_{page}.svg").write_text(drawn(figure, {INK: ink, PAPER: paper}), encoding="utf-8")
