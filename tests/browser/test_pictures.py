"""The README's pictures: there, small enough, and drawn by the command that it names."""

import importlib.util
import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURES = [f"{name}_{scheme}.{kind}" for scheme in ("light", "dark")
            for name, kind in [("dragged", "webp"), ("mistake", "webp"), ("curve", "svg")]]  # fmt: skip


def test_every_picture_of_the_readme_is_there_and_under_a_megabyte():
    named = re.findall(r'(?:src|srcset)="\.github/([^"]+)"', README)
    assert sorted(named) == sorted(PICTURES)
    assert [name for name in named if (ROOT / ".github" / name).stat().st_size > 1e6] == []
    assert README.count('alt="') == README.count("<picture>") == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_query_of_the_animation_moves(scheme):
    animation = Image.open(ROOT / ".github" / f"dragged_{scheme}.webp")
    assert animation.n_frames >= 50
    seen = set()
    for frame in range(0, animation.n_frames, 10):
        animation.seek(frame)
        seen.add(animation.convert("RGB").tobytes())
    assert len(seen) == len(range(0, animation.n_frames, 10))


@pytest.mark.repository
def test_the_command_draws_them_all(browser, tmp_path, monkeypatch):
    """But for chapter 05's training, which the chapter itself is tested for."""
    assert ".venv/bin/python .github/pictures.py" in README
    spec = importlib.util.spec_from_file_location("pictures", ROOT / ".github" / "pictures.py")
    pictures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pictures)
    monkeypatch.setattr(pictures, "HERE", tmp_path)
    monkeypatch.setattr(pictures, "FRAMES", 3)
    pictures.draw(browser, '<svg stroke="currentColor"></svg>')
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(PICTURES)
    for scheme, (ink, paper, _) in pictures.PAGES.items():
        assert (tmp_path / f"curve_{scheme}.svg").read_text() == f'<svg stroke="{ink}"></svg>'
        assert Image.open(tmp_path / f"dragged_{scheme}.webp").n_frames == 3
        corner = Image.open(tmp_path / f"mistake_{scheme}.webp").convert("RGB").getpixel((1, 1))
        assert "#{:02x}{:02x}{:02x}".format(*corner) in (paper, pictures.PAGES[scheme][2])
