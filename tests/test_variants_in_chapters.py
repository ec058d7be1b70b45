"""A correct program that is not the course's own drives the rest of its chapter just as well."""

import copy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from utils import exercises

CHAPTERS = Path(__file__).parents[1] / "chapters"


def exercises_in(notebook):
    return [exercises.get(cell.metadata.exercise) for cell in notebook.cells if "exercise" in cell.metadata]


def runs():
    """Each chapter as often as its most varied exercise has variants."""
    for path in sorted(CHAPTERS.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        for run in range(max(len(exercise.variants) for exercise in exercises_in(notebook))):
            yield pytest.param(notebook, run, id=f"{path.stem}-{run}")


@pytest.mark.parametrize(("notebook", "run"), runs())
def test_a_chapter_runs_on_correct_variants(notebook, run):
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if "exercise" in cell.metadata:
            name = cell.metadata.exercise
            variants = exercises.get(name).variants
            variant = variants[run % len(variants)]
            cell.source = f"from {variant.__module__} import {variant.__name__} as {name}"
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": CHAPTERS}}).execute()
    signs = [cell.outputs[0]["data"]["text/plain"][0] for cell in notebook.cells if cell.id.startswith("check-")]
    assert signs and set(signs) == {"✓"}
