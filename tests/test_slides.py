"""The slides in a chapter: what the builder writes for them, and that they are few, short, and begin at the title."""

import re
from pathlib import Path

import nbformat
import pytest

from utils.notebooks import SLIDES, SourceError, build

SOURCE = '# %% [markdown] slide="slide"\n# # A chapter\n\n# %%\n1 + 1\n'
CHAPTERS = sorted((Path(__file__).parents[1] / "chapters").glob("*.ipynb"))[1:11]  # 00 is short and has fewer
MOST_WORDS = 175  # in the texts of a slide; with the code and the figure beside them they fit in 1280 × 720 pixels


def slides(notebook):
    """The cells of each slide, with the fragments that appear on it."""
    shown = []
    for cell in notebook.cells:
        kind = cell.metadata.slideshow.slide_type
        if kind in ("slide", "subslide"):
            shown.append([cell])
        elif kind == "fragment":
            shown[-1].append(cell)
    return shown


def words(cell):
    """How many words a slide shows of a text: hints are closed."""
    return len(re.sub(r"<details>.*?</details>", "", cell.source, flags=re.S).split())


@pytest.mark.parametrize("kind", SLIDES)
def test_a_cell_is_what_its_source_says_and_every_other_is_skipped(kind):
    plain, marked = build(SOURCE), build(SOURCE.replace("# %%\n", f'# %% slide="{kind}"\n'))
    for before, after in zip(plain, marked, strict=True):
        assert [cell.id for cell in before.cells] == [cell.id for cell in after.cells]
        for notebook, last in ((before, "skip"), (after, kind)):
            found = [cell.metadata for cell in notebook.cells]
            assert found == [{"slideshow": {"slide_type": each}} for each in ("slide", last)]


def test_another_word_is_refused_and_the_cell_is_named():
    with pytest.raises(SourceError, match=r"slide='slides' is none of slide, .*, skip, in:\s# A chapter"):
        build(SOURCE.replace('"slide"', '"slides"'))


@pytest.mark.repository
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_12_to_20_slides_from_its_title_on_and_each_is_short(path):
    chapter = nbformat.read(path, as_version=4)
    shown = slides(chapter)
    assert 12 <= len(shown) <= 20
    assert shown[0] == [chapter.cells[0]]
    texts = [[cell for cell in slide if cell.cell_type == "markdown"] for slide in shown]
    long = [text[0].source.splitlines()[0] for text in texts if sum(map(words, text)) > MOST_WORDS]
    assert long == []
