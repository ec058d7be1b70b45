"""Chapter 05's figure: what each word of a translation looked at."""

import pytest
from driver import ACTIVE_CELL, in_kernel, in_reach, opened, told, until, written


@pytest.fixture(scope="module")
def translating(lab, browser):
    page = opened(browser, lab, "05_bahdanau_attention.ipynb")
    yield page
    page.close()


@pytest.fixture
def alignment(translating):
    """Chapter 05's figure with no word selected."""
    figure = translating.locator(".alignment").first
    until(lambda: in_reach(figure, ".heatmap"))
    in_kernel(translating, "figure.selected = -1")
    until(lambda: figure.locator("[aria-selected=true]").count() == 0)
    return figure


def assert_shows_word(page, figure, word):
    """One chip and one row are lit, and the line of text names the source word that the kernel's weights name first."""
    assert figure.locator("[role=option]").nth(word).get_attribute("aria-selected") == "true"
    assert figure.locator("[aria-selected=true]").count() == figure.locator(".row.lit").count() == 1
    assert "lit" in figure.locator(".row").nth(word).get_attribute("class")
    weights, source, asked = told(page, f"[figure.weights[{word}], figure.source, figure.target[{word}]]")
    first = f"“{asked}” looked at: {source[weights.index(max(weights))]} {written(max(weights))}"
    assert figure.locator(".reading").inner_text().startswith(first)
    looked_at = figure.locator(".chip:not([role])")
    shades = looked_at.evaluate_all("all => all.map((chip) => Number(chip.style.getPropertyValue('--weight')))")
    assert shades == pytest.approx(weights)


@pytest.mark.parametrize("part", ["[role=option]", ".row"])
def test_pointing_at_a_target_word_shows_where_it_looked(translating, alignment, part):
    for word in (1, 0, 2):
        alignment.locator(part).nth(word).hover()
        assert_shows_word(translating, alignment, word)
        until(lambda word=word: told(translating, "figure.selected") == word)


def test_the_arrow_keys_go_through_the_target_words_and_not_the_notebook(translating, alignment):
    last = told(translating, "len(figure.target) - 1")
    alignment.locator("[role=option][tabindex='0']").focus()
    active, before = translating.evaluate(ACTIVE_CELL), alignment.bounding_box()
    assert_shows_word(translating, alignment, 0)
    presses = [
        ("ArrowRight", 1),
        ("ArrowDown", 2),
        ("ArrowUp", 1),
        ("End", last),
        ("ArrowRight", last),
        ("ArrowLeft", last - 1),
        ("Home", 0),
    ]
    for press, word in presses:
        translating.keyboard.press(press)
        assert_shows_word(translating, alignment, word)
        assert alignment.locator("[role=option]:focus").get_attribute("tabindex") == "0"
        assert alignment.locator("[role=option][tabindex='0']").count() == 1
        assert translating.evaluate(ACTIVE_CELL) == active
    until(lambda: told(translating, "figure.selected") == 0)
    assert alignment.bounding_box() == before  # the page has not scrolled


def test_the_kernel_can_set_the_word(translating, alignment):
    in_kernel(translating, "figure.selected = 1")
    until(lambda: alignment.locator(".row.lit").count() == 1)
    assert_shows_word(translating, alignment, 1)
    in_kernel(translating, "figure.selected = -1")
    until(lambda: alignment.locator(".row.lit").count() == 0)
    assert alignment.locator(".reading").inner_text().startswith("Point at a target word")
    assert translating.errors == []
