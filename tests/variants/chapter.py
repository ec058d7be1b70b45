"""A chapter on correct programs that are not the course's own."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

from utils import exercises

CHAPTERS = Path(__file__).parents[2] / "chapters"
NAMES = sorted(path.name for path in CHAPTERS.glob("*.ipynb"))


def assert_runs_on_variants(chapter, which):
    """Run it with the variant of that index in the place of each exercise: to the end, and every check says ✓."""
    notebook = nbformat.read(CHAPTERS / chapter, as_version=4)
    for cell in notebook.cells:
        if "exercise" in cell.metadata:
            name = cell.metadata.exercise
            variant = exercises.get(name).variants[which]
            cell.source = f"from {variant.__module__} import {variant.__name__} as {name}"
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": CHAPTERS}}).execute()
    signs = [cell.outputs[0]["data"]["text/plain"][0] for cell in notebook.cells if cell.id.startswith("check-")]
    assert signs and set(signs) == {"✓"}
