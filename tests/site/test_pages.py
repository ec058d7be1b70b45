"""What a chapter becomes on a page: answers folded, links at the top, and a first page from the README."""

from pathlib import Path

import nbformat
import pytest

from utils import notebooks
from utils.site.pages import Repository, index, page

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCE = '''# %% [markdown]
# # 09 · A chapter
#
# Its text.

# %% exercise="softmax"
def softmax(scores, dim=-1):
    """Weights."""
    # BEGIN SOLUTION
    return scores.softmax(dim)
    # END SOLUTION


# %%
softmax = check("softmax", softmax)

# %% [markdown] tags=["solution"]
# *Why.*

# %%
predict("Hot?", "yes", "no")

# %%
predict.answer(
    "yes",
    "because.",
)

# %%
predict.score()
'''


@pytest.fixture
def cells():
    chapter, solution = notebooks.build(SOURCE)
    return page(solution, chapter).cells


def test_an_exercise_shows_its_stub_and_folds_the_answer(cells):
    stub, answer = cells[1:3]
    assert stub.source.startswith("```python\ndef softmax") and "raise NotImplementedError" in stub.source
    assert "return scores.softmax(dim)" in answer.source and answer.metadata.tags == ["hide-input"]
    assert all("return scores" not in cell.source for cell in cells if cell is not answer)


def test_the_reason_is_folded_and_the_check_is_not(cells):
    check, why = cells[3:5]
    assert "tags" not in check.metadata
    assert why.source == "<details><summary>Why the answer is so</summary>\n\n*Why.*\n\n</details>"


def test_a_question_stands_open_what_happens_is_folded_and_nothing_is_counted(cells):
    question, told = cells[5:]
    assert question.source.startswith("predict(") and "tags" not in question.metadata
    assert told.metadata.tags == ["remove-input", "hide-output"]


def test_links_stand_below_the_title():
    chapter, solution = notebooks.build(SOURCE)
    there = "someone/attention/blob/main/chapters/09_a.ipynb"
    top = page(solution, chapter, Repository("someone/attention").links("chapters/09_a.ipynb", README)).cells[0].source
    title, _, links, *setting_up, text = top.splitlines()
    assert title == "# 09 · A chapter" and text == "Its text."
    assert any("git clone -q https://github.com/someone/attention ~/course" in line for line in setting_up)
    assert "%cd ~/course/chapters" in setting_up
    assert f"(https://colab.research.google.com/github/{there})" in links
    assert f"(https://kaggle.com/kernels/welcome?src=https://github.com/{there})" in links
    assert "(https://github.com/someone/attention/raw/main/chapters/09_a.ipynb)" in links


@pytest.mark.parametrize(
    "name", ["attention", "https://github.com/a/b", "a/b/c", "a b/c", "", "-a/b", "a/..", "a/b.git", "ä/b"]
)
def test_what_is_no_repository_is_named(name):
    with pytest.raises(ValueError, match="OWNER/NAME, got"):
        Repository(name)


def test_the_first_page_is_the_readmes_beginning_and_its_chapters():
    first = index(README, ["00_start_here", "01_dictionaries"])
    assert first.startswith("# Attention") and "## Chapters" in first and "### On Colab" not in first
    assert "pip install -r requirements.txt && .venv/bin/jupyter lab" in first and "(#start)" not in first
    assert ".github/" not in first and "<picture>" not in first
    assert first.count('class="only-light"') == first.count('class="only-dark"') >= 1
    assert "\nchapters/00_start_here\nchapters/01_dictionaries\n```\n" in first


def test_a_readme_without_its_sections_is_refused():
    with pytest.raises(ValueError, match="no section"):
        index("# A title\n", [])
    with pytest.raises(ValueError, match="no lines"):
        Repository("someone/attention").links("chapters/09_a.ipynb", "# A title\n")


def test_in_outputs_links_lead_to_pages_and_questions_are_open():
    chapter, solution = notebooks.build(SOURCE)
    shown = '<a href="02_soft_lookup.ipynb">02</a> <p>Predict. Hot?</p> {"chosen": -1, "told": true}'
    solution.cells[2].outputs = [nbformat.v4.new_output("display_data", {"text/html": shown})]
    (output,) = page(solution, chapter).cells[3].outputs
    assert output.data["text/html"] == shown.replace(".ipynb", ".html").replace("true", "false")
