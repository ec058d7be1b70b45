"""Where a learner stands: what is kept of a check, by many kernels, whatever the file is like; and the table."""

import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter

import nbformat
import pytest
import torch
from nbclient import NotebookClient

from utils import exercises
from utils.checks import check
from utils.progress import course, store
from utils.progress.cards import _field, cards
from utils.progress.standing import Table
from utils.progress.store import Check, Prediction

BLANK = "def {0}(x):\n    # YOUR CODE HERE\n    raise NotImplementedError"


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "progress.sqlite"))
    return tmp_path / "progress.sqlite"


@pytest.fixture
def table(file, tmp_path, monkeypatch):
    """The table of a course of one chapter, with these answers to its exercises."""

    def made(**answers):
        cells = [nbformat.v4.new_markdown_cell("# 02 · Soft lookup")]
        for i, name in enumerate(["softmax", "soft_lookup", "lookup_gradient"], 1):
            cells.append(nbformat.v4.new_markdown_cell(f"### Exercise 2.{i} · The {name}  ({i} minutes, 1 line)"))
            source = answers.get(name, BLANK.format(name))
            cells.append(nbformat.v4.new_code_cell(source, metadata={"exercise": name}))
        (tmp_path / "chapters").mkdir(exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "chapters" / "02_soft_lookup.ipynb")
        monkeypatch.setattr("utils.progress.standing.chapters", lambda: course.chapters(tmp_path))
        return Table()

    return made


def how(table):
    return {standing.task.name: standing.how for standing in table.standings}


def softmax(scores, dim=-1):
    return torch.softmax(scores, dim)


def test_a_check_is_kept_with_what_came_of_it(file, capsys):
    exercise = exercises.get("softmax")
    check("softmax", softmax)
    wrong = exercise.mistakes[0].program
    wrong.__name__ = "softmax"
    check("softmax", wrong)
    first, second = store.kept(Check)
    assert (first.exercise, first.status, first.mistake) == ("softmax", "passed", None)
    assert (second.exercise, second.status, second.mistake) == ("softmax", "failed", exercise.mistakes[0].name)
    assert 0 <= time.time() - second.at < 60


def test_what_a_chapter_checks_to_show_a_check_is_not_kept(file):
    check("double", lambda x: x * x)
    assert store.kept(Check) == []


def test_solutions_are_nobodys_progress(file, tmp_path, monkeypatch):
    (tmp_path / "solutions").mkdir()
    monkeypatch.chdir(tmp_path / "solutions")
    check("softmax", softmax)
    assert store.kept(Check) == []


def test_an_answer_that_passed_is_known_again_until_it_changes(table):
    answer = "def softmax(x):\n    return 1"
    store.keep(Check("softmax", "passed", None, course.fingerprint(answer + "  \n")))
    assert how(table(softmax=answer)) == {"softmax": "passed", "soft_lookup": "open", "lookup_gradient": "open"}
    assert how(table(softmax=answer.replace("1", "2")))["softmax"] == "changed"
    assert how(table())["softmax"] == "changed"  # the notebook was not saved, or has been set back
    store.keep(Check("softmax", "failed", None, "another"))
    assert how(table(softmax=answer))["softmax"] == "failed"
    store.keep(Check("softmax", "not attempted", None, course.fingerprint(answer)))  # run again, on the course's own
    assert how(table(softmax=answer))["softmax"] == "failed"
    store.keep(Check("softmax", "passed", None, course.fingerprint(answer)))
    assert how(table(softmax=answer))["softmax"] == "passed"


def test_the_table_says_where_to_go_on_and_what_is_left(table):
    assert repr(table()).endswith("Go on with exercise 2.1, The softmax, in chapters/02_soft_lookup.ipynb")
    answers = {name: f"def {name}(x):\n    return x" for name in ("softmax", "lookup_gradient")}
    store.keep(Check("softmax", "passed", None, course.fingerprint(answers["softmax"])))
    now = table(**answers)
    assert "02 Soft lookup        5 of 6  ✓ softmax  ○ soft_lookup  ○ lookup_gradient" in repr(now)
    assert now.next.task.number == "2.2"
    store.keep(Check("lookup_gradient", "failed", None, "wrong"))
    store.keep(Check("softmax", "passed", None, course.fingerprint(answers["softmax"])))  # the chapter was run again
    assert table(**answers).next.task.number == "2.3"
    store.keep(Check("lookup_gradient", "passed", None, course.fingerprint(answers["lookup_gradient"])))
    assert table(**answers).next.task.number == "2.2"
    store.keep(Check("soft_lookup", "passed", None, course.fingerprint("x = 1")))
    assert repr(table(**answers, soft_lookup="x = 1")).endswith("Every exercise is done.")


def test_the_page_says_the_same_and_escapes_it(table):
    page = table(softmax="x")._repr_html_()
    assert '<a href="02_soft_lookup.ipynb">02 Soft lookup</a>' in page and "○&nbsp;softmax" in page
    assert "Go on with exercise 2.1" in page and page.count("<tr>") == 2


def test_predictions_that_came_true_are_counted_by_chapter(file):
    (chapter,) = [chapter for chapter in course.chapters() if chapter.path.stem == "02_soft_lookup"]
    first, second, *others = chapter.predictions
    assert len(others) == 10
    store.keep(Prediction(first, "a", "b"))
    store.keep(Prediction(first, "b", "b"))  # asked again
    store.keep(Prediction(second, "a", "b"))
    store.keep(Prediction(others[0], "a"))  # not told yet
    store.keep(Prediction("of no chapter", "a", "a"))
    assert "1 of 2 predictions came true" in repr(Table()) and repr(Table()).count("came true") == 1
    assert ">1 of 2</td>" in Table()._repr_html_()


def test_a_notebook_that_cannot_be_read_is_left_out(table, tmp_path):
    table()
    (tmp_path / "chapters" / "03_half.ipynb").write_text('{"cells": [')
    (tmp_path / "chapters" / "04_odd.ipynb").write_text('{"cells": [{"source": "x"}, 3]}')
    assert [chapter.title for chapter in table().course] == ["Soft lookup"]


def test_every_chapters_questions_are_cards():
    text = cards()
    assert text.startswith("#separator:tab\n#html:true\n#deck:Attention\n#columns:Front\tBack\tTags\n#tags column:3\n")
    lines = [line.split("\t") for line in text.splitlines()[5:]]
    assert {len(line) for line in lines} == {3} and "$" not in text and "**" not in text
    by_chapter = Counter(tag for _, _, tag in lines)
    assert [*by_chapter] == [f"chapter_{chapter.path.stem}" for chapter in course.chapters()][1:]  # 00 asks none
    assert min(by_chapter.values()) >= 3


def test_a_cards_formulas_code_and_emphasis_are_kept():
    assert _field("What is $a < b_i$, in\n*short*, of `x & y`?") == (
        r"What is \(a &lt; b_i\), in <em>short</em>, of <code>x &amp; y</code>?"
    )


def test_the_course_itself_has_every_exercise_in_its_chapter():
    tasks = [task for chapter in course.chapters() for task in chapter.tasks]
    assert [task.name for task in tasks] == exercises.names()
    assert all(task.answer is None and task.minutes > 0 for task in tasks)


def test_many_kernels_may_check_at_once(file):
    code = "import time; from utils.progress import Check, store\n"
    code += "for i in range(15): store.keep(Check('softmax', 'passed', None, str(i))); time.sleep(0.1)"  # in a hurry
    kernels = [subprocess.Popen([sys.executable, "-c", code], cwd=store.ROOT) for _ in range(4)]
    assert [kernel.wait(60) for kernel in kernels] == [0] * 4
    assert len(store.kept(Check)) == 60


def test_a_locked_file_does_not_hold_a_check_up(file, capsys):
    store.keep(Check("softmax", "passed"))
    with sqlite3.connect(file) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        returned = []
        checking = threading.Thread(target=lambda: returned.append(check("softmax", softmax)))
        checking.start()
        checking.join(30)
        assert returned == [softmax]
        holder.rollback()
    holder.close()
    assert len(store.kept(Check)) == 1


def test_a_broken_file_is_put_aside_whole_and_a_new_one_begun(file):
    file.write_bytes(b"this is no database, " * 100)
    assert store.kept(Check) == []
    store.keep(Check("softmax", "passed"))
    assert len(store.kept(Check)) == 1
    (aside,) = file.parent.glob("progress.sqlite.broken-*")
    assert aside.read_bytes() == b"this is no database, " * 100


def test_a_folder_that_cannot_be_written_sends_it_to_the_users_own(tmp_path, monkeypatch):
    monkeypatch.delenv(store.VARIABLE, raising=False)
    monkeypatch.setattr(store.platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path / "user" / "data"))
    assert store.place() == store.ROOT / "progress.sqlite"
    monkeypatch.setattr(store.os, "access", lambda path, mode: False)  # whoever runs the tests may write everywhere
    store.keep(Check("softmax", "passed"))
    assert store.place().parent == tmp_path / "user" / "data" and len(store.kept(Check)) == 1


def test_where_nothing_can_be_written_a_check_is_as_ever(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "file" / "progress.sqlite"))
    assert check("softmax", softmax) is softmax and store.kept(Check) == []
    monkeypatch.setenv(store.VARIABLE, "")
    assert check("softmax", softmax) is softmax and store.kept(Check) == []


def test_in_a_notebook_the_answer_is_the_cell_that_defined_it(file, tmp_path):
    answer = "def double(x):\n    return 2 * x"
    cells = [
        f"import sys; sys.path.insert(0, {str(store.ROOT)!r})",
        "from utils.checks import check",
        "%time 1",
        answer,
        'double = check("double", double)',
        "from utils import progress; progress.table()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    (kept,) = store.kept(Check)
    assert (kept.exercise, kept.status, kept.answer) == ("double", "passed", course.fingerprint(answer))
    assert "✓?&nbsp;double" in notebook.cells[-1].outputs[0]["data"]["text/html"]  # the chapter's own cell is blank


def test_a_terminal_prints_the_table(file):
    printed = subprocess.run(
        [sys.executable, "-m", "utils.progress"], cwd=store.ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"^07 Layer thirteen +\d+ of \d+  ○ gradient_by_layer", printed, re.M)
    assert printed.splitlines()[-1].startswith("Go on with exercise 0.1")
