"""A prediction in chapter 02: made with the mouse and with the keyboard, told, and there again after a restart."""

import pytest
from driver import ACTIVE_CELL, in_kernel, in_reach, opened, told, until
from test_reopening import OPEN_WITHOUT_A_KERNEL, OUTPUTS, SAVE

CHAPTER = "02_soft_lookup.ipynb"
CHOSEN = "predict._asked['Which words get a share of the vote?'].choice"
RUN_CELL = """async (start) => {
    const app = window.jupyterapp;
    const { content } = app.shell.currentWidget;
    content.activeCellIndex = content.widgets.findIndex((cell) => cell.model.sharedModel.getSource().includes(start));
    await app.commands.execute("notebook:run-cell");
    return content.activeCell.outputArea.node.textContent;
}"""
ASK, ANSWER = 'predict("Which words', 'predict.answer(\n    "all six"'
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
    for choice in ("only the best match", "all six"):
        question.get_by_text(choice).click()
        until(lambda choice=choice: told(chapter, CHOSEN) == choice)
        assert taken(question) == [choice]
    assert "all six" not in question.locator(".note").inner_text()  # nothing is revealed


def test_the_keyboard_chooses_and_does_not_move_the_notebook(chapter, question):
    question.locator("input").first.focus()
    active = chapter.evaluate(ACTIVE_CELL)
    chapter.keyboard.press("Space")
    until(lambda: told(chapter, CHOSEN) == "only the best match")
    chapter.keyboard.press("ArrowRight")
    until(lambda: told(chapter, CHOSEN) == "those with a positive score")
    assert taken(question) == ["those with a positive score"]
    assert chapter.evaluate(ACTIVE_CELL) == active


def test_the_answer_says_what_was_predicted_and_closes_the_question(chapter, question):
    question.get_by_text("only the best match").click()
    until(lambda: told(chapter, CHOSEN) == "only the best match")
    said = chapter.evaluate(RUN_CELL, ANSWER)
    assert "You predicted only the best match. What happens: all six, because" in said
    closed = chapter.locator(f"{OUTPUTS} .question").first
    until(lambda: closed.locator("input").first.is_disabled())
    assert taken(closed) == ["only the best match"]
    assert chapter.errors == []


def test_after_a_restart_the_choice_is_still_there(chapter, question, file):
    question.get_by_text("those with a positive score").click()
    until(lambda: told(chapter, CHOSEN) == "those with a positive score")
    chapter.evaluate(RESTART)
    in_kernel(chapter, f"import os; os.environ['ATTENTION_COURSE_PROGRESS'] = {str(file)!r}")
    in_kernel(chapter, "import sys; sys.path.insert(0, '..')")
    chapter.evaluate(RUN_CELL, ASK)
    until(lambda: taken(chapter.locator(f"{OUTPUTS} .question").first) == ["those with a positive score"])
    assert told(chapter, CHOSEN) == "those with a positive score"


def test_reopened_without_a_kernel_it_stands_as_it_was_told(chapter, question):
    question.get_by_text("only the best match").click()
    until(lambda: told(chapter, CHOSEN) == "only the best match")
    chapter.evaluate(RUN_CELL, ANSWER)
    chapter.evaluate(SAVE)
    chapter.evaluate("async () => await window.jupyterapp.shell.currentWidget.close()")
    assert chapter.evaluate(OPEN_WITHOUT_A_KERNEL, CHAPTER)
    again = chapter.locator(f"{OUTPUTS} .question").first
    until(lambda: again.count() and again.locator("input").first.is_disabled())
    assert taken(again) == ["only the best match"]
