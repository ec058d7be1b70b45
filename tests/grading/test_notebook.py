"""Reading what is handed in: every format and mishap, and which cell answers which exercise."""

import copy
import json
import random

import nbformat
import pytest
from handed_in import as_bytes, handed_in

from utils.grading import notebook
from utils.grading.judge import grade
from utils.grading.marks import NotGraded
from utils.grading.notebook import Unreadable

pytestmark = pytest.mark.repository

CHAPTER = "01_dictionaries"
FULL = 9


def points(content, sandbox, name="ana.ipynb"):
    return grade(content, name, sandbox, 5).score


def solved():
    return handed_in(CHAPTER, folder="solutions")


def as_json(change):
    raw = json.loads(nbformat.writes(solved()))
    change(raw)
    return json.dumps(raw).encode()


@pytest.mark.parametrize("minor", range(6))
def test_every_minor_version_of_the_format(minor, sandbox):
    def older(raw):
        raw["nbformat_minor"] = minor
        for cell in raw["cells"]:
            if minor < 5:
                del cell["id"]

    assert points(as_json(older), sandbox) == FULL


def test_metadata_and_ids_stripped(sandbox):
    def strip(raw):
        raw["metadata"] = {}
        for i, cell in enumerate(raw["cells"]):
            cell["metadata"], cell["id"] = {}, f"cell-{i}"

    assert points(as_json(strip), sandbox) == FULL


def test_cells_in_another_order(sandbox):
    def shuffle(raw):
        random.Random(0).shuffle(raw["cells"])

    assert points(as_json(shuffle), sandbox) == FULL


def test_sources_as_lists_and_a_byte_order_mark(sandbox):
    def lists(raw):
        for cell in raw["cells"]:
            cell["source"] = "".join(cell["source"]).splitlines(keepends=True)

    assert points(as_json(lists), sandbox) == FULL
    assert points(b"\xef\xbb\xbf" + as_bytes(solved()), sandbox) == FULL


def test_magics_and_shell_lines(sandbox):
    work = solved()
    for cell in work.cells:
        if cell.id.startswith("ex-"):
            cell.source = f"%matplotlib inline\n!pip list\n{cell.source}\n%timeit 1 + 1"
    assert points(as_bytes(work), sandbox) == FULL


def test_the_definition_above_the_check_counts(sandbox):
    work = solved()
    place = next(i for i, cell in enumerate(work.cells) if cell.id == "ex-one_hot")
    good = copy.deepcopy(work.cells[place])
    good.id, good.metadata = "again", {}
    work.cells[place].source = "def one_hot(index, size):\n    return index"
    work.cells.insert(place + 1, good)
    experiment = nbformat.v4.new_code_cell("def one_hot(index, size):\n    return 0")
    work.cells.append(experiment)
    marks = grade(as_bytes(work), "ana.ipynb", sandbox, 5)
    assert marks.score == FULL
    assert marks.warnings == ("one_hot is defined in 3 cells: the last one above its check was marked.",)


def test_of_two_cells_with_one_id_the_last_counts(sandbox):
    work = handed_in(CHAPTER)
    place = next(i for i, cell in enumerate(work.cells) if cell.id == "ex-one_hot")
    for source in (
        "def one_hot(index, size):\n    return 0",
        "def one_hot(index, size):\n    return torch.eye(size)[index]",
    ):
        place += 1
        cell = nbformat.v4.new_code_cell(source, metadata={"exercise": "one_hot"})
        cell.id = "ex-one_hot"
        work.cells.insert(place, cell)
    raw = json.dumps(work).encode()
    marks = grade(raw, "ana.ipynb", sandbox, 5)
    assert marks.score == 1
    assert len(marks.warnings) == 1


def test_a_solution_left_in_another_cell_than_the_blank_one(sandbox):
    work = handed_in(CHAPTER)
    place = next(i for i, cell in enumerate(work.cells) if cell.id == "ex-one_hot")
    work.cells.insert(place, nbformat.v4.new_code_cell("def one_hot(index, size):\n    return torch.eye(size)[index]"))
    assert points(as_bytes(work), sandbox) == 1


def test_a_check_in_the_exercises_own_cell(sandbox):
    work = solved()
    for cell, following in zip(work.cells, work.cells[1:], strict=False):
        if cell.id.startswith("ex-"):
            cell.source += f"\n\n{following.source}"
    work.cells = [cell for cell in work.cells if not cell.id.startswith("check-")]
    assert points(as_bytes(work), sandbox) == FULL


def test_all_in_one_cell(sandbox):
    work = solved()
    code = [cell.source for cell in work.cells if cell.id.startswith("ex-")]
    work.cells = [nbformat.v4.new_code_cell("import torch\n" + "\n".join(code))]
    assert points(as_bytes(work), sandbox) == FULL
    work.cells[0].source = work.cells[0].source.replace("torch.eye(size)[index]", "torch.eye(size)")
    assert points(as_bytes(work), sandbox) == FULL - 1


def test_an_exercise_that_is_missing_earns_nothing_and_counts(sandbox):
    work = solved()
    work.cells = [cell for cell in work.cells if cell.id not in ("ex-HashTable", "ex-one_hot")]
    marks = grade(as_bytes(work), "ana.ipynb", sandbox, 5)
    assert (marks.score, marks.most) == (FULL - 4, FULL)
    assert marks.marks[0].message == "No cell of the notebook defines it."


def test_no_exercise_at_all(sandbox):
    empty = as_bytes(nbformat.v4.new_notebook())
    with pytest.raises(NotGraded, match="no exercise of the course"):
        points(empty, sandbox)
    assert points(empty, sandbox, "ana_01_dictionaries.ipynb") == 0


def test_a_chapter_is_known_by_its_name_or_by_its_cells():
    cells = notebook.read(as_bytes(solved()))
    assert notebook.chapter_of(cells, "homework.ipynb") == (notebook.chapter(CHAPTER), [])
    chosen, warnings = notebook.chapter_of(cells, "02_soft_lookup (3).ipynb")
    assert chosen.name == "02_soft_lookup"
    assert warnings == ["This was to be 02_soft_lookup; the exercises in it are those of 01_dictionaries."]


def test_fifty_megabytes_of_outputs(sandbox):
    work = solved()
    picture = {"image/png": "A" * 5_000_000}
    for cell in [cell for cell in work.cells if cell.cell_type == "code"][:10]:
        cell.outputs = [nbformat.v4.new_output("display_data", data=picture)]
    content = as_bytes(work)
    assert len(content) > 50_000_000
    assert points(content, sandbox) == FULL


@pytest.mark.parametrize(
    "content",
    [
        b"", b"  \n", b"{", b"[]", b"{}", b"null", b"\xff\xfe", b"PK\x03\x04", b"[" * 200_000,
        b'{"cells": 3, "nbformat": 4}',
        b'{"cells": [3], "nbformat": 4}', b'{"cells": [{"cell_type": "code"}], "nbformat": 4}',
        b'{"cells": [{"cell_type": "code", "source": 3}], "nbformat": 4}', b'{"nbformat": "4", "cells": []}',
        b'{"cells": [{"cell_type": "code", "source": "", "metadata": []}], "nbformat": 4}', b'{"nbformat": 2}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_notebook_is_said_to_be_none(content):
    with pytest.raises(Unreadable):
        notebook.read(content)


def test_any_part_of_a_notebook_is_no_notebook(sandbox):
    whole = as_bytes(solved())
    for length in (1, 100, len(whole) // 2, len(whole) - 10):
        with pytest.raises(NotGraded):
            points(whole[:length], sandbox)


def test_a_cell_of_a_megabyte_is_left_out_and_told(sandbox):
    work = solved()
    work.cells.append(nbformat.v4.new_code_cell("#" + "x" * 1_000_000))
    marks = grade(as_bytes(work), "", sandbox, 5)
    assert marks.score == FULL
    assert marks.warnings == ("A cell of 1,000,001 characters was not read, the limit is 100,000.",)


@pytest.mark.parametrize("cells", [["#" + "x" * 3_000_000], ["\n" * 99_999] * 300], ids=["one", "many"])
def test_more_code_than_is_read_is_refused_before_it_is_searched(cells, monkeypatch):
    work = solved()
    work.cells += [nbformat.v4.new_code_cell(source) for source in cells]
    monkeypatch.setattr(notebook, "DEFINES", None)  # nothing may be searched
    with pytest.raises(notebook.Unreadable, match="bytes of code, the limit is 2,097,152"):
        notebook.read(as_bytes(work))


@pytest.mark.parametrize("comment", ["x", "\n", "ü", "字", "\x00", "\ud800"], ids=repr)
def test_all_that_is_read_can_be_sent(comment, sandbox):
    """Nobody gets to be "not graded" by way of letters that take more room on the way than in the file."""
    work = solved()
    work.cells += [nbformat.v4.new_code_cell("#" + comment * 16_000) for _ in range(20)]
    content = json.dumps(work).encode()
    assert points(content, sandbox) == FULL


def test_more_cells_than_are_read_are_refused(sandbox):
    work = solved()
    work.cells += [nbformat.v4.new_code_cell("1") for _ in range(notebook.MOST_CELLS)]
    with pytest.raises(NotGraded, match="code cells, the limit"):
        points(as_bytes(work), sandbox)


def test_a_check_and_the_next_exercise_in_one_cell(sandbox):
    work = solved()
    for cell, following in zip(work.cells, work.cells[1:], strict=False):
        if cell.id.startswith("check-"):
            cell.source += "\n\ndef helper():\n    return 3"
            if following.id.startswith("ex-"):
                cell.source += f"\n\n{following.source}"
                following.source = ""
    assert points(as_bytes(work), sandbox) == FULL


def test_a_check_is_above_what_is_tried_below_it(sandbox):
    work = solved()
    experiments = ["def one_hot(index, size):\n    return 0", "import numpy as torch", "class HashTable:\n    pass"]
    work.cells += [nbformat.v4.new_code_cell(source) for source in experiments]
    assert points(as_bytes(work), sandbox) == FULL
