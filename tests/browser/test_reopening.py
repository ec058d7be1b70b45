"""A chapter that was run, saved and closed is the same when opened again without a kernel, or made into a page."""

import re

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from driver import PATIENCE, in_reach, opened, until
from nbconvert import HTMLExporter

CHAPTER = "03_a_dictionary_that_learns.ipynb"
SAVE = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.context.save();
    await panel.sessionContext.shutdown();
}"""
OPEN_WITHOUT_A_KERNEL = """async (path) => {
    const app = window.jupyterapp;
    await app.restored;
    const kernelPreference = { shouldStart: false };
    const panel = await app.commands.execute("docmanager:open", { path, factory: "Notebook", kernelPreference });
    await panel.context.ready;
    await panel.sessionContext.ready;
    app.shell.activateById(panel.id);
    return panel.sessionContext.session === null;
}"""
COPY_THAT_NOBODY_TRUSTS = """async ([from, to]) => {
    const { contents } = window.jupyterapp.serviceManager;
    const { content } = await contents.get(from);
    for (const cell of content.cells) delete cell.metadata.trusted;
    content.metadata.copied = true; // so that its signature is another's
    await contents.save(to, { type: "notebook", format: "json", content });
}"""
CONTENT = "async (path) => (await window.jupyterapp.serviceManager.contents.get(path)).content"
OUTPUTS = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output"
BROKEN = re.compile("Error displaying|not found|Loading widget|Cannot display|object at 0x|it/s")
INK = "drawing => getComputedStyle(drawing.querySelector('[id^=text] *')).fill"
SEEN_ONE_AFTER_THE_OTHER = """async () => {
    const { content } = window.jupyterapp.shell.currentWidget;
    const seen = { texts: [], images: [] };
    for (const [i, cell] of content.widgets.entries()) {
        if (cell.model.type !== "code") continue;
        await content.scrollToItem(i); // only what is near is in the page
        await cell.ready;
        for (const output of cell.outputArea.node.querySelectorAll(".jp-OutputArea-output")) {
            seen.texts.push(output.textContent.trim());
            for (const image of output.querySelectorAll("img")) {
                await image.decode();
                seen.images.push([image.naturalWidth / image.width, image.alt]);
            }
        }
    }
    return seen;
}"""
VISIBLE = "all => all.filter((one) => one.getBoundingClientRect().width > 0).length"


@pytest.fixture(scope="module")
def reopened(lab, browser):
    page = opened(browser, lab, CHAPTER)
    page.evaluate(SAVE)
    page.close()
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(PATIENCE)
    page.goto(lab)
    page.wait_for_url("**/lab/tree/**")
    page.goto(re.sub("/lab/tree/.*", "/lab/workspaces/reopened", page.url))
    page.wait_for_function("() => window.jupyterapp?.serviceManager")
    page.evaluate(COPY_THAT_NOBODY_TRUSTS, [CHAPTER, "untrusted.ipynb"])
    assert page.evaluate(OPEN_WITHOUT_A_KERNEL, CHAPTER)
    yield page
    page.close()


@pytest.fixture
def trusted(reopened):
    assert reopened.evaluate(OPEN_WITHOUT_A_KERNEL, CHAPTER)
    return reopened


def test_no_output_is_an_error_or_a_bar_that_stands_still(trusted):
    texts = trusted.evaluate(SEEN_ONE_AFTER_THE_OTHER)["texts"]
    assert [text for text in texts if BROKEN.search(text)] == []
    lines = [line for text in texts for line in text.splitlines()]
    bars = [line for line in lines if re.fullmatch(r".+: 30 steps, [\d.]+ s, loss \S+", line)]
    assert bars[0].startswith("A: keys and values learned: 30 steps") and len(bars) == 4


def test_figures_are_drawn_in_the_ink_of_the_theme(trusted):
    drawing = trusted.locator(f"{OUTPUTS} svg.drawing").last
    assert trusted.locator(f"{OUTPUTS} svg.drawing + img").evaluate_all(VISIBLE) == 0
    inks = {}
    for theme in ("Dark", "Light"):
        trusted.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })",
                         f"JupyterLab {theme}")  # fmt: skip
        until(lambda theme=theme: trusted.locator(f"body[data-jp-theme-name='JupyterLab {theme}']").count() == 1)
        inks[theme] = drawing.evaluate(INK)
    assert inks == {"Dark": "rgb(255, 255, 255)", "Light": "rgba(0, 0, 0, 0.87)"}


def test_the_live_figure_lives_without_a_kernel(trusted):
    figure = trusted.locator(f"{OUTPUTS} .training-steps")
    until(lambda: in_reach(figure))
    before = figure.locator(".plane .key").first.get_attribute("cx")
    figure.locator(".slider").focus()
    trusted.keyboard.press("End")
    assert figure.locator(".slider").get_attribute("aria-valuetext").startswith("step 600, loss ")
    assert figure.locator(".plane .key").first.get_attribute("cx") != before


def test_escape_leads_out_of_the_figure_and_back_to_the_notebook(trusted):
    slider = trusted.locator(f"{OUTPUTS} .training-steps .slider")
    slider.focus()
    trusted.keyboard.press("Escape")
    assert not slider.evaluate("slider => slider === document.activeElement")
    assert trusted.evaluate("() => document.activeElement.closest('.jp-Notebook') !== null")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_our_outputs_have_no_serious_fault_of_accessibility(trusted, theme):
    trusted.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
                     f"JupyterLab {theme}")  # fmt: skip
    until(lambda: trusted.locator(f"body[data-jp-theme-name='JupyterLab {theme}']").count() == 1)
    found = Axe().run(trusted, context=OUTPUTS).response
    assert len(found["passes"]) > 5
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in serious] == []


def test_where_nothing_is_trusted_every_figure_is_a_picture_with_words(reopened):
    assert reopened.evaluate(OPEN_WITHOUT_A_KERNEL, "untrusted.ipynb")
    seen = reopened.evaluate(SEEN_ONE_AFTER_THE_OTHER)
    assert [text for text in seen["texts"] if BROKEN.search(text)] == []
    assert reopened.locator(f"{OUTPUTS} svg.drawing, {OUTPUTS} .training-steps").count() == 0
    assert len(seen["images"]) >= 7  # six figures, and the live one's picture
    assert all(sharpness == 2 and words.startswith("Figure. ") for sharpness, words in seen["images"])


def test_a_page_made_of_it_has_all_figures_and_the_live_one_lives(trusted, browser):
    content = nbformat.from_dict(trusted.evaluate(CONTENT, CHAPTER))
    made, _ = HTMLExporter().from_notebook_node(content)
    assert "widget-view" not in made and "No description" not in made
    page = browser.new_page()
    page.set_content(made, wait_until="domcontentloaded")
    assert page.locator("svg.drawing").evaluate_all(VISIBLE) == page.locator("svg.drawing").count() >= 5
    page.locator(".training-steps .slider").press("End")
    assert page.locator(".training-steps .reading").inner_text().startswith("step 600")
    page.emulate_media(media="print")
    assert page.locator(".training-steps .plane").is_visible()
    page.close()


def test_where_no_motion_is_wanted_play_goes_in_steps(trusted, browser):
    made, _ = HTMLExporter().from_notebook_node(nbformat.from_dict(trusted.evaluate(CONTENT, CHAPTER)))
    page = browser.new_page(reduced_motion="reduce")
    page.set_content(made, wait_until="domcontentloaded")
    button, slider = page.locator(".training-steps .play"), page.locator(".training-steps .slider")
    assert button.inner_text() == "Step"
    places = []
    for _ in range(3):
        button.click()
        places.append(int(slider.input_value()))
    assert places == [places[0] * n for n in (1, 2, 3)] and places[0] > 1
    page.close()
