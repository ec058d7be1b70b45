"""A slider and its bars: over the width in chapter 06, over the layers in chapter 07."""

import pytest
from driver import ACTIVE_CELL, in_kernel, in_reach, opened, told, until, written


@pytest.fixture(scope="module", params=["06_queries_keys_and_values.ipynb", "07_layer_thirteen.ipynb"])
def sliding(lab, browser, request):
    page = opened(browser, lab, request.param)
    yield page
    page.close()


@pytest.fixture
def bars(sliding):
    """The chapter's figure at its first step."""
    figure = sliding.locator(".slider-bars").first
    until(lambda: in_reach(figure, ".panels"))
    in_kernel(sliding, "figure.record = 0")
    until(lambda: figure.locator(".slider").input_value() == "0")
    return figure


def assert_shows_step(page, figure, record):
    """The reading names the step, and every bar is as high, and says as much, as the kernel's weight."""
    assert figure.locator(".reading").inner_text() == told(page, f"figure.steps[{record}]")
    for p, panel in enumerate(figure.locator(".panel").all()):
        expected = told(page, f"figure.heights[{p}][{record}]")
        drawn = [float(bar.get_attribute("height")) for bar in panel.locator(".bar").all()]
        scale = max(drawn) / max(expected)
        assert drawn == pytest.approx([scale * height for height in expected], abs=0.1)
        numbers = [number.text_content() for number in panel.locator(".number").all()]
        assert numbers == [written(weight) for weight in expected]


def test_the_keyboard_moves_the_slider_and_not_the_notebook(sliding, bars):
    last = told(sliding, "len(figure.steps) - 1")
    assert_shows_step(sliding, bars, 0)
    bars.locator(".slider").focus()
    active = sliding.evaluate(ACTIVE_CELL)
    for press, record in [("ArrowRight", 1), ("End", last), ("ArrowLeft", last - 1), ("Home", 0)]:
        sliding.keyboard.press(press)
        assert_shows_step(sliding, bars, record)
        until(lambda record=record: told(sliding, "figure.record") == record)
    assert sliding.evaluate(ACTIVE_CELL) == active


def test_the_bars_move_while_the_slider_is_dragged(sliding, bars):
    box, seen = bars.locator(".slider").bounding_box(), set()
    sliding.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    sliding.mouse.down()
    for share in (0.3, 0.6, 0.97):
        sliding.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        seen.add(bars.locator(".reading").inner_text())
    sliding.mouse.up()
    assert len(seen) == 3
    last = told(sliding, "len(figure.steps) - 1")
    until(lambda: told(sliding, "figure.record") == last)
    assert_shows_step(sliding, bars, last)


def test_the_kernel_can_set_the_step(sliding, bars):
    in_kernel(sliding, "figure.record = 2")
    until(lambda: bars.locator(".slider").input_value() == "2")
    assert_shows_step(sliding, bars, 2)
    assert sliding.errors == []


def test_the_dashed_line_stands_where_the_kernel_says(sliding, bars):
    level = told(sliding, "figure.level")
    assert bars.locator(".level").count() == (0 if level is None else len(told(sliding, "figure.titles")))
