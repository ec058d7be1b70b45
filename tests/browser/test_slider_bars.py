"""Chapter 06's figure: a slider over the width, and what it does to the weights."""

import pytest
from driver import ACTIVE_CELL, in_kernel, in_reach, opened, told, until


@pytest.fixture(scope="module")
def widening(lab, browser):
    page = opened(browser, lab, "06_queries_keys_and_values.ipynb")
    yield page
    page.close()


@pytest.fixture
def bars(widening):
    """Chapter 06's figure at its first step."""
    figure = widening.locator(".slider-bars").first
    until(lambda: in_reach(figure, ".panels"))
    in_kernel(widening, "figure.record = 0")
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
        numbers = [float(number.text_content()) for number in panel.locator(".number").all()]
        assert numbers == pytest.approx(expected, abs=0.0051)


def test_the_keyboard_moves_the_slider_and_not_the_notebook(widening, bars):
    last = told(widening, "len(figure.steps) - 1")
    assert_shows_step(widening, bars, 0)
    bars.locator(".slider").focus()
    active = widening.evaluate(ACTIVE_CELL)
    for press, record in [("ArrowRight", 1), ("End", last), ("ArrowLeft", last - 1), ("Home", 0)]:
        widening.keyboard.press(press)
        assert_shows_step(widening, bars, record)
        until(lambda record=record: told(widening, "figure.record") == record)
    assert widening.evaluate(ACTIVE_CELL) == active


def test_the_bars_move_while_the_slider_is_dragged(widening, bars):
    box, seen = bars.locator(".slider").bounding_box(), set()
    widening.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    widening.mouse.down()
    for share in (0.3, 0.6, 0.97):
        widening.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        seen.add(bars.locator(".reading").inner_text())
    widening.mouse.up()
    assert len(seen) == 3
    last = told(widening, "len(figure.steps) - 1")
    until(lambda: told(widening, "figure.record") == last)
    assert_shows_step(widening, bars, last)


def test_the_kernel_can_set_the_step(widening, bars):
    in_kernel(widening, "figure.record = 2")
    until(lambda: bars.locator(".slider").input_value() == "2")
    assert_shows_step(widening, bars, 2)
    assert widening.errors == []
