"""Chapter 03's figure: a slider over the steps of a training."""

import time

import pytest
from driver import ACTIVE_CELL, in_kernel, in_reach, opened, told, until


@pytest.fixture(scope="module")
def learning(lab, browser):
    page = opened(browser, lab, "03_a_dictionary_that_learns.ipynb")
    yield page
    page.close()


@pytest.fixture
def training(learning):
    """Chapter 03's figure at its first record."""
    figure = learning.locator(".training-steps").first
    until(lambda: in_reach(figure))
    in_kernel(learning, "figure.record = 0")
    until(lambda: figure.locator(".slider").input_value() == "0")
    return figure


def drawn_keys(figure):
    """The keys' places on the screen, measured from the plane's middle, upwards positive."""
    middle = float(figure.locator(".plane").get_attribute("viewBox").split()[-1]) / 2
    dots = figure.locator(".plane .key").all()
    return [(float(dot.get_attribute("cx")) - middle, middle - float(dot.get_attribute("cy"))) for dot in dots]


def assert_shows_record(page, figure, record):
    """The reading names the record's step, and the keys are drawn in the kernel's proportions."""
    assert figure.locator(".reading").inner_text().startswith(f"step {told(page, f'figure.steps[{record}]')}, loss ")
    numbers = [x for place in told(page, f"figure.places[{record}]") for x in place]
    pixels = [x for place in drawn_keys(figure) for x in place]
    scale = max(map(abs, pixels)) / max(map(abs, numbers))
    assert pixels == pytest.approx([scale * x for x in numbers], abs=0.1)


def test_the_slider_goes_through_the_training_steps(learning, training):
    last = told(learning, "len(figure.steps) - 1")
    assert_shows_record(learning, training, 0)
    training.locator(".slider").focus()
    active = learning.evaluate(ACTIVE_CELL)
    for press, record in [("ArrowRight", 1), ("ArrowRight", 2), ("End", last), ("ArrowLeft", last - 1), ("Home", 0)]:
        learning.keyboard.press(press)
        assert_shows_record(learning, training, record)
        until(lambda record=record: told(learning, "figure.record") == record)
    assert learning.evaluate(ACTIVE_CELL) == active


def test_the_keys_move_while_the_slider_is_dragged(learning, training):
    box, seen = training.locator(".slider").bounding_box(), []
    learning.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    learning.mouse.down()
    for share in (0.3, 0.6, 0.9):
        learning.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        seen.append(drawn_keys(training))
    learning.mouse.up()
    assert len({str(places) for places in seen}) == 3
    until(lambda: told(learning, "figure.record / len(figure.steps)") > 0.7)
    assert_shows_record(learning, training, told(learning, "figure.record"))


@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_play_runs_to_the_last_step_and_stops(learning, training, key):
    last = told(learning, "len(figure.steps) - 1")
    in_kernel(learning, f"figure.record = {last - 4}")
    until(lambda: training.locator(".slider").input_value() == str(last - 4))
    button = training.locator(".play")
    button.focus()
    active = learning.evaluate(ACTIVE_CELL)
    learning.keyboard.press(key)
    assert button.inner_text() == "Pause"
    until(lambda: button.inner_text() == "Play")
    assert_shows_record(learning, training, last)
    until(lambda: told(learning, "figure.record") == last)
    assert learning.evaluate(ACTIVE_CELL) == active


def test_play_starts_again_from_the_first_step_and_can_be_paused(learning, training):
    last = told(learning, "len(figure.steps) - 1")
    in_kernel(learning, f"figure.record = {last}")
    until(lambda: training.locator(".slider").input_value() == str(last))
    training.locator(".play").click()
    assert int(training.locator(".slider").input_value()) < last
    training.locator(".play").click()
    paused = int(training.locator(".slider").input_value())
    time.sleep(0.5)
    assert_shows_record(learning, training, paused)
    until(lambda: told(learning, "figure.record") == paused)


def test_the_kernel_can_set_the_record(learning, training):
    last = told(learning, "len(figure.steps) - 1")
    in_kernel(learning, f"figure.record = {last}")
    until(lambda: training.locator(".slider").input_value() == str(last))
    assert_shows_record(learning, training, last)
    assert learning.errors == []
