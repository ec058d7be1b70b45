"""Classes of students who have handed in, and what became of their notebooks."""

import csv

from handed_in import as_bytes, handed_in

from utils import exercises
from utils.grading import notebook, records, tables

CHAPTER = "02_soft_lookup"
MOST = sum(exercises.get(name).points for name in notebook.chapter(CHAPTER).blanks)  # points
SOLVED = as_bytes(handed_in(CHAPTER, folder="solutions"))
BLANK = as_bytes(handed_in(CHAPTER))
WRONG = as_bytes(
    handed_in(CHAPTER, {"linear_memory": "def linear_memory(key, value):\n    return value.mT @ key"}, "solutions")
)


def a_class(folder, count):
    """So many submissions in three kinds (MOST, 0 and MOST - 1 points), as flat files."""
    folder.mkdir()
    for i in range(count):
        (folder / f"student{i:02}_{CHAPTER}.ipynb").write_bytes([SOLVED, BLANK, WRONG][i % 3])
    return folder


def marks(out):
    with open(out / tables.CSV, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def finished(out):
    """When each result was written."""
    return {path: path.stat().st_mtime_ns for path in out.rglob(records.RESULTS)}
