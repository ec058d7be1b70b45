"""A prediction in chapter 02: made with the mouse and with the keyboard, told, and there again after a restart."""

import pytest
from driver import ACTIVE_CELL, in_kernel, in_reach, opened, told, until
from test_reopening import OPEN_WITHOUT_A_KERNEL, OUTPUTS, SAVE

CHAPTER = "02_soft_lookup.ipynb"
CHOSEN = "next(each.choice for question, each in predict._asked.items() if question.startswith('Orange'))"
NONE, SMALL, NEGATIVE = "none", "a small one", "a negative one"
RUN_CELL = """async (start) => {
    const app = window.jupyterapp;
    const { content } = app.shell.currentWidget;
    content.activeCellIndex = content.widgets.findIndex((cell) => cell.model.sharedModel.getSource().includes(start));
    await app.commands.execute("notebook:run-cell");
    return content.activeCell.outputArea.node.textContent;
}"""
ASK, ANSWER = "predict(\n    \"Orange's score", 'predict.answer(\n    "a small one"'
HAS_THE_KEYBOARD = "radio => radio === document.activeElement"
SAVED_TEXT = """(start) => {
    const { widgets } = window.jupyterapp.shell.currentWidget.content;
    const cell = widgets.find((cell) => cell.model.sharedModel.getSource().includes(start));
    return JSON.stringify(cell.model.toJSON().outputs.map((output) => output.data["text/plain"]));
}"""
RESTART = "async () => await window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"


@pytest.fixture(scope="module")
def chapter(lab, browser):
    page = opened(browser, lab, CHAPTER)
    yield page
    page.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("reader") / "progress.sqlite"


@pytest.fixture
def question(chapter, file):
    """The first question, asked anew by a kernel that keeps progress in a file."""
    in_kernel(chapter, f"import os; os.environ['ATTENTION_COURSE_PROGRESS'] = {str(file)!r}")
    chapter.evaluate(RUN_CELL, ASK)
    figure = chapter.locator(f"{OUTPUTS} .question").first
    until(lambda: in_reach(figure, ".choices"))
    until(lambda: not figure.locator("input").first.is_disabled())
    return figure


def taken(question):
    return [label.inner_text() for label in question.locator(".choice:has(:checked)").all()]


def test_a_click_is_told_to_the_kernel_and_may_be_changed(chapter, question):
    for choice in (NONE, SMALL):
        question.get_by_text(choice, exact=True).click()
        until(lambda choice=choice: told(chapter, CHOSEN) == choice)
        assert taken(question) == [choice]
    assert SMALL not in question.locator(".note").inner_text()  # nothing is revealed


def test_the_keyboard_chooses_and_does_not_move_the_notebook(chapter, question):
    question.locator("input").first.focus()
    active = chapter.evaluate(ACTIVE_CELL)
    chapter.keyboard.press("Space")
    until(lambda: told(chapter, CHOSEN) == NONE)
    chapter.keyboard.press("ArrowRight")
    until(lambda: told(chapter, CHOSEN) == SMALL)
    chapter.keyboard.press("ArrowRight")
    until(lambda: told(chapter, CHOSEN) == NEGATIVE)
    assert taken(question) == [NEGATIVE]
    assert chapter.evaluate(ACTIVE_CELL) == active


def test_a_click_and_then_shift_enter_runs_the_cell_and_goes_on(chapter, question):
    question.get_by_text(SMALL, exact=True).click()
    until(lambda: told(chapter, CHOSEN) == SMALL)
    until(lambda: taken(question) == [SMALL] and question.locator("input").nth(1).evaluate(HAS_THE_KEYBOARD))
    active = chapter.evaluate(ACTIVE_CELL)
    chapter.keyboard.press("Shift+Enter")
    until(lambda: chapter.evaluate(ACTIVE_CELL) == active + 1)
    until(lambda: taken(question) == [SMALL])
    until(lambda: question.locator(".note").inner_text().startswith("Noted."))  # though it was chosen before


def test_the_notebook_is_saved_with_a_choice_whose_answer_is_still_open(chapter, question):
    question.get_by_text(NEGATIVE, exact=True).click()
    until(lambda: told(chapter, CHOSEN) == NEGATIVE)
    chapter.keyboard.press("Escape")
    until(lambda: f"● {NEGATIVE}" in chapter.evaluate(SAVED_TEXT, ASK))
    assert taken(question) == [NEGATIVE]


def test_where_no_kernel_hears_a_click_the_page_says_so(chapter, question):
    chapter.evaluate(RESTART)
    question.get_by_text(SMALL, exact=True).click()
    assert question.locator(".note").inner_text() == (
        f'No kernel hears of it from here. In a cell: predict.choose("{SMALL}")'
    )
    in_kernel(chapter, "import sys; sys.path.insert(0, '..')")


def test_the_answer_says_what_was_predicted_and_closes_the_question(chapter, question):
    question.get_by_text(NONE, exact=True).click()
    until(lambda: told(chapter, CHOSEN) == NONE)
    said = chapter.evaluate(RUN_CELL, ANSWER)
    assert f"You predicted {NONE}. The answer is {SMALL}, because" in said
    closed = chapter.locator(f"{OUTPUTS} .question").first
    until(lambda: closed.locator("input").first.is_disabled())
    assert taken(closed) == [NONE]
    assert chapter.errors == []


def test_after_a_restart_the_choice_is_still_there(chapter, question, file):
    question.get_by_text(NEGATIVE, exact=True).click()
    until(lambda: told(chapter, CHOSEN) == NEGATIVE)
    chapter.evaluate(RESTART)
    in_kernel(chapter, f"import os; os.environ['ATTENTION_COURSE_PROGRESS'] = {str(file)!r}")
    in_kernel(chapter, "import sys; sys.path.insert(0, '..')")
    chapter.evaluate(RUN_CELL, ASK)
    until(lambda: taken(chapter.locator(f"{OUTPUTS} .question").first) == [NEGATIVE])
    assert told(chapter, CHOSEN) == NEGATIVE


def test_reopened_without_a_kernel_it_stands_as_it_was_told(chapter, question):
    question.get_by_text(NONE, exact=True).click()
    until(lambda: told(chapter, CHOSEN) == NONE)
    chapter.evaluate(RUN_CELL, ANSWER)
    chapter.evaluate(SAVE)
    chapter.evaluate("async () => await window.jupyterapp.shell.currentWidget.close()")
    assert chapter.evaluate(OPEN_WITHOUT_A_KERNEL, CHAPTER)
    again = chapter.locator(f"{OUTPUTS} .question").first
    until(lambda: again.count() and again.locator("input").first.is_disabled())
    assert taken(again) == [NONE]
