"""A correct program that is not the course's own drives the rest of its chapter just as well."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from utils import exercises

CHAPTERS = Path(__file__).parents[1] / "chapters"


@pytest.mark.parametrize("which", [0, -1], ids=["first variants", "last variants"])
@pytest.mark.parametrize("chapter", sorted(path.name for path in CHAPTERS.glob("*.ipynb")))
def test_a_chapter_runs_on_correct_variants(chapter, which):
    notebook = nbformat.read(CHAPTERS / chapter, as_version=4)
    for cell in notebook.cells:
        if "exercise" in cell.metadata:
            name = cell.metadata.exercise
            variant = exercises.get(name).variants[which]
            cell.source = f"from {variant.__module__} import {variant.__name__} as {name}"
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": CHAPTERS}}).execute()
    signs = [cell.outputs[0]["data"]["text/plain"][0] for cell in notebook.cells if cell.id.startswith("check-")]
    assert signs and set(signs) == {"✓"}
