"""Predictions: what is asked, chosen, told and kept, with a notebook around it and without."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import traitlets
from nbclient import NotebookClient

from utils.predictions import Predictions, Told
from utils.progress import Prediction, chosen, store

ROOT = Path(__file__).parents[1]
QUESTION = ("Every score times ten: what do the weights do?", "flatter", "sharper", "nothing")


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "progress.sqlite"))


@pytest.fixture
def predict(file):
    return Predictions()


def shown(capsys):
    return capsys.readouterr().out


def test_without_a_notebook_the_question_is_text_and_tells_how_to_choose(predict, capsys):
    predict(*QUESTION)
    assert shown(capsys) == (
        "Predict. Every score times ten: what do the weights do?\n  ○ flatter\n  ○ sharper\n  ○ nothing\n"
        '  Without buttons: predict.choose("…")\n'
    )


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("sharper", 'You predicted "sharper", and so it is, because the best gains most.'),
        ("flatter", 'You predicted "flatter". The answer is "sharper", because the best gains most.'),
        (None, 'The answer is "sharper", because the best gains most.'),
    ],
)
def test_the_answer_says_what_was_chosen_what_happened_and_why(predict, capsys, choice, said):
    predict(*QUESTION)
    shown(capsys)
    if choice:
        predict.choose(choice)
        assert shown(capsys) == f"{choice}: Noted. You may change your mind until the answer is told.\n"
    for _ in range(2):  # a cell may be run again
        predict.answer("sharper", "because the best gains most.")
        assert shown(capsys) == f"{said}\n"


def test_predictions_are_kept_beside_the_checks(predict):
    predict(*QUESTION)
    predict.choose("flatter")
    predict.choose("sharper")
    predict.answer("sharper", "because.")
    kept = store.kept(Prediction)
    assert [(each.choice, each.happened) for each in kept] == [
        ("flatter", None),
        ("sharper", None),
        ("sharper", "sharper"),
    ]
    assert {each.question for each in kept} == {QUESTION[0]}


def test_what_was_chosen_yesterday_is_chosen_still(predict):
    predict(*QUESTION)
    predict.choose("sharper")
    today = Predictions()
    today(*QUESTION)
    assert today._asked[QUESTION[0]].choice == "sharper"
    other = Predictions()
    other(QUESTION[0], "up", "down")  # the chapter has changed
    assert other._asked[QUESTION[0]].choice is None


def test_among_the_solutions_nothing_is_kept_or_known(predict, tmp_path, monkeypatch):
    predict(*QUESTION)
    predict.choose("sharper")
    (tmp_path / "solutions").mkdir()
    monkeypatch.chdir(tmp_path / "solutions")
    assert chosen(QUESTION[0]) is None
    predict.choose("flatter")
    assert [each.choice for each in store.kept(Prediction)] == ["sharper"]


def test_an_answer_finds_its_question_in_whatever_order_cells_are_run(predict, capsys):
    predict("Hot or cold?", "hot", "cold")
    predict.choose("cold")
    predict(*QUESTION)
    predict.choose("sharper")
    predict.answer("hot", "because.")
    predict.answer("sharper", "because.")
    assert 'You predicted "cold". The answer is "hot"' in shown(capsys)
    predict.score()
    assert shown(capsys) == "1 of 2 predictions came true.\n"


def test_the_score_counts_what_was_told_and_says_what_was_not_chosen(predict, capsys):
    predict("Hot or cold?", "hot", "cold")
    predict.answer("hot", "because.")
    predict(*QUESTION)
    predict.answer("nothing", "because.")
    predict("Up or down?", "up", "down")
    shown(capsys)
    predict.score()
    assert shown(capsys) == "0 of 2 predictions came true (2 were not made).\n"


def test_a_click_that_comes_after_the_answer_changes_nothing(predict, capsys):
    """And the page is told so."""
    predict("Hot or cold?", "hot", "cold")
    predict.answer("hot", "because.")
    shown_there, sent = predict._asked["Hot or cold?"].shown, []
    shown_there.send_state = lambda key=None: sent.append(key)
    shown_there.set_state({"chosen": 0})  # as the browser does
    assert shown_there.chosen == -1 and "chosen" in sent
    shown(capsys)
    predict.score()
    assert shown(capsys) == "0 of 1 predictions came true (1 was not made).\n"


def test_what_cannot_be_kept_is_said(predict, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "file" / "progress.sqlite"))
    predict(*QUESTION)
    predict.choose("flatter")
    assert "the file with your progress cannot be written" in shown(capsys)
    predict.answer("flatter", "because.")
    assert 'You predicted "flatter", and so it is' in shown(capsys)


def test_choices_may_be_numbers_and_signs_are_what_they_are(predict, capsys):
    predict("How many?", 1, "$2", "<b>3</b>")
    predict.choose(1)
    predict.answer(1, "because.")
    assert 'You predicted "1", and so it is' in shown(capsys)
    assert Told("<b>3</b>", "$2", "$x$.")._repr_markdown_() == (
        r"You predicted **\<b\>3\</b\>**. The answer is **\$2**, $x$."
    )


def test_asked_again_the_question_is_open_again(predict, capsys):
    predict(*QUESTION)
    predict.choose("sharper")
    predict.answer("sharper", "because.")
    with pytest.raises(ValueError, match="'flatter' is not a choice, since no question is open"):
        predict.choose("flatter")
    predict(*QUESTION)
    predict.choose("flatter")
    predict.answer("sharper", "because.")
    shown(capsys)
    predict.score()
    assert shown(capsys) == "0 of 1 predictions came true.\n"


@pytest.mark.parametrize("choices", [(), ("one",), ("one", "one")])
def test_what_is_no_choice_is_refused(predict, choices):
    with pytest.raises(ValueError, match=re.escape(f"got {list(choices)}")):
        predict("Which?", *choices)


def test_an_answer_without_its_question_is_told_all_the_same(predict, capsys):
    """After a restart a reader may run it first."""
    predict.answer("hot", "because.")
    predict.score()
    assert shown(capsys) == 'The answer is "hot", because.\n0 of 0 predictions came true.\n'


def test_a_choice_that_there_is_not_is_named(predict):
    with pytest.raises(ValueError, match="'hot' is not a choice, since no question is open"):
        predict.choose("hot")
    predict(*QUESTION)
    with pytest.raises(ValueError, match="'hot' is not among the choices of 'Every score times ten"):
        predict.choose("hot")
    with pytest.raises(traitlets.TraitError, match="choice 3 is not among the 3"):
        predict._asked[QUESTION[0]].shown.chosen = 3


def test_in_a_notebook_the_question_is_saved_with_the_choice(file, tmp_path):
    cells = [
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from utils.predictions import predict",
        'predict("Hot or <b>cold</b>?", "hot", "cold")\npredict.choose("cold")',
        'predict.answer("hot", "because $x$.")',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    (asked, _), (told,) = (cell.outputs for cell in notebook.cells[1:])
    page = asked["data"]["text/html"]
    assert '"chosen": 1' in page and '"told": true' in page and "<div>  ● cold</div>" in page and "<b>" not in page
    assert told["data"]["text/markdown"] == "You predicted **cold**. The answer is **hot**, because $x$."


def calls(path):
    """What a chapter says to `predict`, as (method, words) in its order."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[0] == "predict":
            yield ast.unparse(call.func), [ast.literal_eval(each) for each in call.args]


@pytest.mark.parametrize("path", sorted((ROOT / "solutions").glob("*.py")), ids=lambda path: path.stem)
def test_in_a_chapter_each_question_is_answered_and_no_choice_belongs_to_two(path):
    said = list(calls(path))
    questions = [words for method, words in said if method == "predict"]
    answers = [words[0] for method, words in said if method == "predict.answer"]
    everything = [choice for _, *choices in questions for choice in choices]
    assert len({*everything}) == len(everything) and len({question for question, *_ in questions}) == len(questions)
    assert [method for method, _ in said].count("predict.score") == bool(questions)
    places = [choices.index(answer) for (_, *choices), answer in zip(questions, answers, strict=True)]
    assert len({*places}) > 1 or len(places) < 3, "the answer always stands in the same place"
    marked = [word for words in questions for word in words if re.search(r"`|\*\w|\$", str(word))]
    assert not marked, f"they are shown as they stand, marks included: {marked}"


def test_chapter_02_asks_throughout():
    assert sum(method == "predict" for method, _ in calls(ROOT / "solutions" / "02_soft_lookup.py")) == 12
    assert "**Predict.**" not in (ROOT / "solutions" / "02_soft_lookup.py").read_text(encoding="utf-8")
