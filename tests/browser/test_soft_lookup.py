"""Chapter 02 as its reader uses it, from the first command on."""

import json
import re

import pytest
from driver import ACTIVE_CELL, ALL_RUN, EDIT_CELL, PATIENCE, RUN_ALL, in_kernel, in_reach, until

MULTIPLIED = """def soft_lookup(query, key, value, temperature=1.0, mask=None):
    scores = query @ key.mT * temperature
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return softmax(scores).nan_to_num() @ value"""


@pytest.fixture(scope="module")
def start(lab, browser):
    """Chapter 00, as the first command opens it."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(lab)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    yield page
    page.close()


@pytest.fixture(scope="module")
def page(start):
    """Chapter 02, opened by the link on chapter 00's map, every cell run."""
    start.get_by_role("link", name="02 Soft lookup").first.click()
    start.wait_for_function("() => window.jupyterapp.shell.currentWidget.context.path === '02_soft_lookup.ipynb'")
    start.evaluate(RUN_ALL)
    start.wait_for_function(ALL_RUN)
    return start


@pytest.fixture
def figure(page):
    figure = page.locator(".soft-lookup").first
    until(lambda: in_reach(figure))
    in_kernel(page, "figure.query, figure.temperature = [0.2, 1.0], 0.3")
    until(lambda: figure.locator(".reading").inner_text() == "temperature 0.3")
    return figure


def weights(figure):
    return [float(number.replace("<.01", "0")) for number in figure.locator(".number").all_inner_texts()]


def colour(figure):
    return figure.locator(".swatch").evaluate("swatch => getComputedStyle(swatch).backgroundColor")


def place(figure):
    """Where the query is drawn, in the figure's own pixels."""
    return [float(x) for x in re.findall(r"[\d.]+", figure.locator(".query").get_attribute("transform"))]


def screen(figure, x, y, reach=1.6):
    """Where a place of the plane is on the screen."""
    box = figure.locator(".plane").bounding_box()
    return box["x"] + box["width"] * (x + reach) / (2 * reach), box["y"] + box["height"] * (reach - y) / (2 * reach)


def kernel_weights(page):
    """The weights that the kernel computes for the figure's query, as it knows it."""
    code = "print((key @ torch.tensor(figure.query) / figure.temperature).softmax(0).tolist())"
    return json.loads(in_kernel(page, code))


def test_the_first_command_opens_chapter_00(start):
    assert "/lab/tree/00_start_here.ipynb" in start.url
    start.get_by_role("heading", name="00 · Start here").wait_for()


def test_every_cell_runs_without_an_error(page):
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts() == []
    assert page.locator(".jp-OutputArea-output", has_text="Traceback").count() == 0
    assert page.errors == []


def test_dragging_the_query_moves_weights_and_colour_at_every_move(page, figure):
    assert weights(figure) == pytest.approx(kernel_weights(page), abs=0.0051)
    page.mouse.move(*screen(figure, 0.2, 1.0))
    page.mouse.down()
    seen = []
    for x, y in [(0.0, 1.0), (-0.5, 0.9), (-0.9, 0.5), (-1.0, 0.0), (-0.9, -0.5)]:
        page.mouse.move(*screen(figure, x, y))
        seen.append((weights(figure), colour(figure)))
    page.mouse.up()
    assert len({str(state) for state in seen}) == len(seen)
    until(lambda: in_kernel(page, "print(figure.query[1] < 0)") == "True")
    assert json.loads(in_kernel(page, "print(figure.query)")) == pytest.approx([-0.9, -0.5], abs=0.02)
    assert weights(figure) == pytest.approx(kernel_weights(page), abs=0.0051)


def test_the_slider_turns_the_temperature(page, figure):
    before = weights(figure)
    slider = figure.locator(".slider")
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    assert figure.locator(".reading").inner_text() == "temperature 0.032"
    assert max(weights(figure)) > max(before)
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    assert max(weights(figure)) - min(weights(figure)) < 0.05


def test_the_arrow_keys_move_the_query_and_not_the_notebook(page, figure):
    before = place(figure)
    figure.locator(".plane").focus()
    active = page.evaluate(ACTIVE_CELL)
    page.keyboard.press("ArrowRight")
    assert place(figure) == pytest.approx([before[0] + 5, before[1]])  # 0.05 of 3.2, on 320 pixels
    page.keyboard.press("Shift+ArrowDown")
    until(lambda: in_kernel(page, "print(figure.query[1] < 1)") == "True")
    assert json.loads(in_kernel(page, "print(figure.query)")) == pytest.approx([0.25, 0.8])
    assert page.evaluate(ACTIVE_CELL) == active


def test_a_reader_who_cannot_see_it_is_told_where_the_query_is_and_what_it_gets(page, figure):
    figure.locator(".plane").focus()
    page.keyboard.press("ArrowRight")
    said = "query at 0.25, 1.00, temperature 0.3: orange "
    until(lambda: figure.locator(".said").inner_text().startswith(said))
    assert figure.locator(".slider").get_attribute("aria-valuetext") == "temperature 0.3"


def test_the_kernel_can_set_the_query(page, figure):
    in_kernel(page, "figure.query = [-1.0, 0.0]")
    until(lambda: place(figure) == pytest.approx([60, 160]))
    assert weights(figure) == pytest.approx(kernel_weights(page), abs=0.0051)


def test_a_wrong_answer_gets_its_sentence_on_the_screen(page):
    page.evaluate(EDIT_CELL, "ex-soft_lookup")
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(MULTIPLIED)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    sentence = page.get_by_text("A higher temperature makes your weights sharper.")
    sentence.wait_for()
    sentence.scroll_into_view_if_needed()
    assert sentence.is_visible()
    assert page.errors == []
