"""Every attack gains nothing, harms nobody else's marks, tells no hidden input, and is one line in the report."""

import csv
import re

import pytest
from attacks import ATTACKS
from classes import MOST
from handed_in import as_bytes, handed_in

from utils.grading import __main__ as grading
from utils.grading.judge import grade

pytestmark = pytest.mark.repository

CHAPTER = "02_soft_lookup"
SECONDS = 2
LEAKED = re.compile(r"LEAK|\d{4}|\d\.\d")  # what some attacks would tell: a shape of 31337 and more, numbers drawn


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gains_nothing(name, sandbox):
    marks = grade(as_bytes(handed_in(CHAPTER, {"softmax": ATTACKS[name]})), CHAPTER, sandbox, 7, SECONDS)
    assert marks.score == 0
    softmax = marks.marks[0]
    assert softmax.status == "failed"
    assert "\n" not in softmax.message and len(softmax.message) < 400
    assert not LEAKED.search(softmax.message)


def test_honest_work_among_attacks(tmp_path, capfd):
    """All attacks and twelve honest notebooks in one run: the honest have full marks, each attack a line and none."""
    folder = tmp_path / "submitted"
    folder.mkdir()
    for i, source in enumerate(ATTACKS.values()):
        (folder / f"attack{i:02}_{CHAPTER}.ipynb").write_bytes(as_bytes(handed_in(CHAPTER, {"softmax": source})))
    for i in range(12):
        (folder / f"attack{4 * i:02}honest_{CHAPTER}.ipynb").write_bytes(
            as_bytes(handed_in(CHAPTER, folder="solutions"))
        )
    arguments = [str(folder), "--out", str(tmp_path / "out"), "--jobs", "2", "--timeout", str(SECONDS)]
    assert grading.main(arguments) == 0
    with open(tmp_path / "out" / "marks.csv") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert len(rows) == len(ATTACKS) + 12
    assert {row["score"] for student, row in rows.items() if "honest" in student} == {str(MOST)}
    assert {row["score"] for student, row in rows.items() if "honest" not in student} == {"0"}
    lines = capfd.readouterr().out.splitlines()
    assert all(sum(line.startswith(f"{student} ") for line in lines) == 1 for student in rows)
    written = "".join(path.read_text() for path in (tmp_path / "out").rglob("*.md"))
    assert not LEAKED.search(written)


def test_a_right_value_with_a_wrong_gradient_earns_what_the_exercise_gives_for_values(sandbox):
    detached = "def soft_lookup(query, key, value, temperature=1.0, mask=None):\n    with torch.no_grad():\n"
    source = handed_in(CHAPTER, folder="solutions")
    cell = next(cell for cell in source.cells if cell.id == "ex-soft_lookup")
    body = cell.source.split('"""')[-1]
    cell.source = detached + "\n".join(f"    {line}" for line in body.splitlines())
    marks = {mark.exercise: mark for mark in grade(as_bytes(source), CHAPTER, sandbox, 7).marks}
    assert (marks["soft_lookup"].points, marks["soft_lookup"].most) == (2, 3)
    assert marks["soft_lookup"].status == "failed"
    detached = {"softmax": "def softmax(scores, dim=-1):\n    return torch.softmax(scores, dim).detach()"}
    marks = grade(as_bytes(handed_in(CHAPTER, detached)), CHAPTER, sandbox, 7).marks
    assert marks[0].points == 0 and "gradient" in marks[0].message
