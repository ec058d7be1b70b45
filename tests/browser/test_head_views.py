"""Chapter 08's figure: where each head of a language model looks."""

import pytest
from driver import ACTIVE_CELL, in_kernel, in_reach, opened, told, until, written


@pytest.fixture(scope="module")
def reading(lab, browser):
    page = opened(browser, lab, "08_deep_attention_models.ipynb")
    yield page
    page.close()


@pytest.fixture
def heads(reading):
    """Chapter 08's figure with no token selected."""
    figure = reading.locator(".head-views").first
    until(lambda: in_reach(figure, ".tokens >> nth=0"))
    in_kernel(reading, "figure.selected = -1")
    until(lambda: figure.locator("[aria-selected=true]").count() == 0)
    return figure


def assert_shows_token(page, figure, token):
    """One token is marked, and each head's row is shaded by the kernel's weights, and names the largest."""
    assert figure.locator("[role=option]").nth(token).get_attribute("aria-selected") == "true"
    assert figure.locator("[aria-selected=true]").count() == 1
    shown = figure.locator(".token:not([role])")
    shades = shown.evaluate_all("all => all.map((token) => Number(token.style.getPropertyValue('--weight')))")
    weights = told(page, f"[head[{token}] for head in figure.weights]")
    assert shades == pytest.approx([weight for row in weights for weight in row])
    for line, row in zip(figure.locator(".reading").all()[1:], weights, strict=True):
        assert f"({row.index(max(row))}) {written(max(row))}" in line.inner_text()


def test_pointing_at_a_token_shows_where_each_head_looks(reading, heads):
    for token in (7, 0, 12):
        heads.locator("[role=option]").nth(token).hover()
        assert_shows_token(reading, heads, token)
        until(lambda token=token: told(reading, "figure.selected") == token)


def test_the_arrow_keys_go_through_the_tokens_and_not_the_notebook(reading, heads):
    last = told(reading, "len(figure.tokens) - 1")
    heads.locator("[role=option][tabindex='0']").focus()
    active = reading.evaluate(ACTIVE_CELL)
    assert_shows_token(reading, heads, 0)
    for press, token in [("ArrowRight", 1), ("End", last), ("ArrowRight", last), ("ArrowLeft", last - 1), ("Home", 0)]:
        reading.keyboard.press(press)
        assert_shows_token(reading, heads, token)
        assert reading.evaluate(ACTIVE_CELL) == active
    until(lambda: told(reading, "figure.selected") == 0)


def test_the_kernel_can_set_the_token(reading, heads):
    in_kernel(reading, "figure.selected = 3")
    until(lambda: heads.locator("[aria-selected=true]").count() == 1)
    assert_shows_token(reading, heads, 3)
    in_kernel(reading, "figure.selected = -1")
    until(lambda: heads.locator("[aria-selected=true]").count() == 0)
    assert heads.locator(".reading").first.inner_text().startswith("Point at a token")
    assert reading.errors == []
