"""The builder: what a learner finds in place of a solution, ids that stay, metadata that nbgrader accepts, errors."""

import json
import re

import jsonschema
import nbformat
import pytest

from utils import exercises, notebooks
from utils.notebooks import SourceError, build

SOURCE = '''# %% [markdown]
# # A chapter
#
# **2 minutes.** You need nothing.

# %%
1 + 1

# %% exercise="double"
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


# %%
double = check("double", double)

# %% [markdown] tags=["solution"]
# Why.

# %%
1 + 1
'''

# Source: nbgrader's documentation of its cell metadata, schema version 3.
NBGRADER = {
    "type": "object",
    "properties": {
        "schema_version": {"const": 3},
        "grade": {"type": "boolean"},
        "solution": {"type": "boolean"},
        "locked": {"type": "boolean"},
        "task": {"const": False},
        "grade_id": {"type": "string", "pattern": r"^[a-zA-Z0-9_\-]+$"},
        "points": {"type": "number", "minimum": 0},
    },
    "required": ["schema_version", "grade", "solution", "locked", "grade_id"],
    "additionalProperties": False,
    "if": {"properties": {"grade": {"const": True}}},
    "then": {"required": ["points"], "properties": {"locked": {"const": True}, "solution": {"const": False}}},
    "else": {"not": {"required": ["points"]}},
}


@pytest.fixture
def course(tmp_path):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "00_chapter.py").write_text(SOURCE)
    return tmp_path


def ids(notebook):
    return [cell.id for cell in notebook.cells]


def all_notebooks():
    return [nbformat.reads(text, as_version=4) for text in notebooks.build_all().values()]


def test_a_learner_finds_the_stub_and_no_solution():
    chapter, solution = build(SOURCE)
    assert chapter.cells[2].source == (
        'def double(x):\n    """Twice x."""\n    # YOUR CODE HERE\n    raise NotImplementedError'
    )
    assert "return 2 * x" in solution.cells[2].source
    assert len(chapter.cells) == len(solution.cells) - 1
    assert not any("Why." in cell.source for cell in chapter.cells)


def test_ids_are_stable_and_unique():
    chapter, solution = build(SOURCE)
    moved, _ = build(SOURCE.replace("# # A chapter", "# # Another title"))
    assert ids(chapter)[1:] == ids(moved)[1:]
    assert ids(chapter)[2:4] == ["ex-double", "check-double"]
    assert ids(chapter)[4] == f"{ids(chapter)[1]}-2"
    assert len(set(ids(solution))) == len(solution.cells)


def test_building_twice_gives_the_same_bytes():
    assert notebooks.build_all() == notebooks.build_all()


def test_built_notebooks_have_no_outputs():
    for notebook in all_notebooks():
        assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)


def test_no_line_of_code_is_longer_than_a_cell_is_wide():
    cells = [cell for notebook in all_notebooks() for cell in notebook.cells if cell.cell_type == "code"]
    assert [line for cell in cells for line in cell.source.splitlines() if len(line) > 112] == []


def test_a_predictions_answer_is_folded_and_its_first_line_tells_nothing():
    """Of a folded cell JupyterLab shows the first line."""
    cells = [cell for notebook in all_notebooks() for cell in notebook.cells if "predict.answer(" in cell.source]
    assert cells and all(cell.source.startswith("predict.answer(\n") for cell in cells)
    assert all(cell.metadata.jupyter.source_hidden and cell.source.endswith("\n)") for cell in cells)


def test_nbgrader_accepts_the_metadata():
    for notebook in all_notebooks():
        marks = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
        for mark in marks:
            jsonschema.validate(mark, NBGRADER)
        assert len({mark.grade_id for mark in marks}) == len(marks)
        assert all(cell.cell_type == "code" for cell in notebook.cells if "nbgrader" in cell.metadata)


def test_every_exercise_of_the_bank_stands_in_one_chapter_with_its_points():
    chapters = [
        nbformat.reads(text, as_version=4)
        for path, text in notebooks.build_all().items()
        if path.parent.name == "chapters"
    ]
    cells = [cell for chapter in chapters for cell in chapter.cells]
    assert [cell.metadata.exercise for cell in cells if "exercise" in cell.metadata] == exercises.names()
    points = {
        cell.id.removeprefix("check-"): cell.metadata.nbgrader.points for cell in cells if cell.id.startswith("check-")
    }
    assert points == {name: exercises.get(name).points for name in exercises.names()}


def test_every_exercise_has_a_time_and_a_hint():
    for path, text in notebooks.build_all().items():
        cells = json.loads(text)["cells"]
        for before, cell in zip(cells, cells[1:], strict=False):
            if cell["id"].startswith("ex-"):
                task = "".join(before["source"])
                assert re.search(r"### Exercise \d+\.\d+ · .+ \(\d+ minutes?, .*lines?\)", task), (
                    f"{path}: {cell['id']}"
                )
                assert "<summary>Hint" in task


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("    # END SOLUTION\n", ""), "do not pair up"),
        (("    # BEGIN SOLUTION\n", ""), "do not pair up"),
        (("    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION\n", "    return 2 * x\n"), "has no region"),
        (('exercise="double"', 'exercise="tripel"'), "tripel is not in the bank"),
        (('double = check("double", double)', "double(3)"), "not followed by its check"),
        (('# %% exercise="double"', "# %%"), "outside an exercise cell"),
    ],
    ids=["end", "begin", "region", "bank", "check", "outside"],
)
def test_a_source_that_cannot_be_built_says_where(change, message, course, capsys):
    broken = SOURCE.replace(*change)
    assert broken != SOURCE
    with pytest.raises(SourceError, match=message):
        build(broken)
    (course / "solutions" / "00_chapter.py").write_text(broken)
    assert notebooks.main([], root=course) == 1
    assert "00_chapter.py: " in capsys.readouterr().err


def test_an_exercise_stands_once():
    exercise = SOURCE[SOURCE.index("# %% exercise") : SOURCE.index("# %% [markdown] tags")]
    with pytest.raises(SourceError, match="double stands twice"):
        build(SOURCE + "\n" + exercise)


def test_check_finds_what_is_stale_missing_or_without_a_source(course, capsys):
    assert notebooks.main(["--check"], root=course) == 1
    assert notebooks.main([], root=course) == 0
    assert notebooks.main(["--check"], root=course) == 0
    (course / "solutions" / "00_chapter.py").write_text(SOURCE.replace("1 + 1", "1 + 2"))
    (course / "chapters" / "99_old.ipynb").write_text("{}")
    capsys.readouterr()
    assert notebooks.main(["--check"], root=course) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "chapters/00_chapter.ipynb is not what its source builds" in lines
    assert "solutions/00_chapter.ipynb is not what its source builds" in lines
    assert "chapters/99_old.ipynb has no source in solutions/" in lines


def test_somebodys_answers_are_not_overwritten(course, capsys):
    notebooks.main([], root=course)
    path = course / "chapters" / "00_chapter.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].execution_count = 1
    nbformat.write(notebook, path)
    answered = path.read_text()
    assert notebooks.main([], root=course) == 1
    assert "chapters/00_chapter.ipynb" in capsys.readouterr().out
    assert path.read_text() == answered
    assert notebooks.main(["--force"], root=course) == 0
    assert path.read_text() != answered


def test_a_notebook_with_the_marks_of_a_merge_is_built_anew(course):
    notebooks.main([], root=course)
    path = course / "chapters" / "00_chapter.ipynb"
    built = path.read_text()
    path.write_text(built.replace('"cells": [', '"cells": [\n<<<<<<< HEAD', 1))
    assert notebooks.main([], root=course) == 0
    assert path.read_text() == built


@pytest.mark.repository
def test_the_projects_notebooks_are_up_to_date():
    assert notebooks.main(["--check"]) == 0
