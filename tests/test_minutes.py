"""How long chapters say they take, held against what stands in them."""

import nbformat
import pytest

from utils import minutes, notebooks

SOURCE = """# %% [markdown]
# # A chapter
#
# **10 minutes.** You need nothing.

# %% [markdown]
# {words}
#
# ### Exercise 0.1 · Twice  (10 minutes, 1 line)
# {words}

# %% exercise="double"
def double(x):
    \"\"\"Twice x.\"\"\"
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


# %%
double = check("double", double)

# %%
{lines}

# %% [markdown]
# ## Further · Once more  (5 minutes)
#
# {words}

# %%
{lines}

# %% [markdown]
# ## In short
#
# {words}
"""


def parts(words=120, lines=10):
    source = SOURCE.format(words=" ".join(["word"] * words), lines="\n\n".join(["1 + 1"] * lines))
    return minutes.of(notebooks.build(source)[0])


def test_text_code_and_exercises_are_counted_and_further_parts_by_themselves():
    whole, further = parts()
    # two texts and some headings, code, the exercise with its own text, the waiting
    assert whole.computed == pytest.approx(2 + 1 + 13 + 1, abs=0.2)
    assert further.name == "Once more"
    assert further.computed == pytest.approx(1 + 1, abs=0.1)
    assert (whole.stated, further.stated) == (10, 5)


def test_tags_and_addresses_are_not_read():
    text = "[a page](https://example.org/a/long/address) and <code>some code</code>"
    cell = nbformat.v4.new_markdown_cell(f"**1 minutes**\n\n{text}")
    (whole,) = minutes.of(nbformat.v4.new_notebook(cells=[cell]))
    assert whole.computed == pytest.approx(minutes.WAITING + 7 / minutes.WORDS)


@pytest.mark.parametrize(("computed", "right"), [(115, True), (116, False), (85, True), (84, False)])
def test_fifteen_of_a_hundred_may_be_off(computed, right):
    assert minutes.Part("", 100, computed).is_right == right


def test_a_chapter_has_to_say_its_minutes():
    with pytest.raises(ValueError, match="does not say"):
        minutes.of(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A chapter")]))


def test_what_every_chapter_says_of_its_minutes_is_right():
    for path, text in notebooks.build_all().items():
        if path.parent.name == "chapters":
            wrong = [part for part in minutes.of(nbformat.reads(text, as_version=4)) if not part.is_right]
            assert wrong == [], path.name


def test_the_builder_names_minutes_that_are_off(tmp_path, capsys):
    (tmp_path / "solutions").mkdir()
    source = SOURCE.format(words=" ".join(["word"] * 120), lines="1 + 1")
    (tmp_path / "solutions" / "00_chapter.py").write_text(source)
    assert notebooks.main([], root=tmp_path) == 0
    assert notebooks.main(["--check"], root=tmp_path) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "chapters/00_chapter.ipynb says 10 minutes; what stands in it takes 16" in lines
    assert lines[-1] == "chapters/00_chapter.ipynb, Further · Once more, says 5 minutes; what stands in it takes 1"
