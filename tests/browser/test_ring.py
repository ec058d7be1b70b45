"""The ring's figures as they stand in a page without a kernel."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from driver import until
from rings import attention_ring, ring_sum

PAGES = {"light": ("#202124", "#ffffff"), "dark": ("#ffffff", "#111111")}  # ink and paper
FIGURES = {"sum": ring_sum, "attention": attention_ring}
SEEN = "all => all.filter((one) => one.getAttribute('fill') !== 'none').length"


@pytest.fixture(scope="module")
def drawn():
    return {name: build(ranks=range(2, 9)) for name, build in FIGURES.items()}


@pytest.fixture
def show(browser, drawn):
    pages = []

    def showing(name, scheme="light", width=1280, **options):
        page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        pages.append(page)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        ink, paper = PAGES[scheme]
        theme = f":root {{--jp-layout-color1: {paper}; --jp-layout-color2: {paper}; color: {ink}; background: {paper}}}"
        figure = drawn[name]._repr_mimebundle_()[0]["text/html"]
        page.set_content(f"<html lang=en><title>a page</title><style>{theme}</style><main>{figure}</main>")
        return page

    yield showing
    errors = [page.errors for page in pages]
    for page in pages:
        page.close()
    assert errors == [[]] * len(pages)


def copies(page):
    return [float(number) for number in page.locator(".number").all_inner_texts()]


def test_the_slider_fills_the_chunks_of_the_sum(show, drawn):
    page, trace = show("sum"), drawn["sum"].runs[0][2]  # of four ranks
    page.locator(".slider").focus()
    for step, held in enumerate(trace["held"]):
        parts = sum(bin(number).count("1") for chunks in held for number in chunks)
        assert page.locator(".part").evaluate_all(SEEN) == parts
        assert page.locator(".arrow").count() == page.locator(".new").count() == (4 if step else 0)
        assert page.locator(".reading").inner_text().startswith(f"step {step} of 6")
        assert copies(page)[0] == 0.25 * step
        page.keyboard.press("ArrowRight")
    assert page.locator(".part").count() == 64 and copies(page) == [1.5, 3]
    assert page.locator(".slider").get_attribute("aria-valuetext").endswith("16 chunks of 16 complete.")
    page.get_by_role("combobox", name="way").select_option("through rank 0")
    page.get_by_role("combobox", name="ranks").select_option("8")
    page.locator(".slider").press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".reading").inner_text() == "step 1 of 14: 1 message of 1 x. 0 chunks of 64 complete."
    assert "rank 7 0" in page.locator(".ring").get_attribute("aria-label")
    assert copies(page) == [0.125, 1]


def test_play_leads_to_the_end_and_without_motion_step_by_step(show):
    page = show("sum")
    page.get_by_role("combobox", name="ranks").select_option("2")
    page.locator(".play").press("Enter")
    until(lambda: page.locator(".play").inner_text() == "Play")
    assert page.locator(".reading").inner_text().startswith("step 2 of 2")
    calm = show("attention", reduced_motion="reduce")
    for step in (2, 3, 4, 2):
        calm.get_by_role("button", name="Step").press("Space")
        assert calm.locator(".reading").inner_text().startswith(f"step {step} of 4")


def test_who_is_idle_is_seen_and_said(show):
    page = show("attention")
    assert page.locator(".sums").inner_text().endswith("contiguous 1.73, zigzag 1.00.")  # of few positions
    page.locator(".slider").press("End")
    hatched = page.locator(".idle").evaluate_all("all => all.map((one) => Number(one.getAttribute('width')) > 0.01)")
    assert hatched == [False] * 4 + [True] + [False] * 3 + [True] * 2 + [False] * 2 + [True] * 3 + [False]
    assert page.locator(".reading").inner_text().endswith("idle: ranks 0, 1, 2.")
    assert "rank 2 0 %, rank 3 100 %" in page.locator(".schedule").get_attribute("aria-label")
    assert page.locator(".matrix .now").count() == 4 and page.locator(".matrix .block").count() == 16
    page.get_by_role("combobox", name="order").select_option("zigzag")
    assert page.locator(".reading").inner_text().endswith("nobody is idle.")


@pytest.mark.parametrize("scheme", PAGES)
@pytest.mark.parametrize("name", FIGURES)
def test_it_fits_a_narrow_page_and_everybody_can_use_it(show, name, scheme):
    page = show(name, scheme, width=420)
    page.get_by_role("combobox", name="ranks").select_option("8")
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    found = Axe().run(page, context="main").response
    assert len(found["passes"]) > 5
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in serious] == []
