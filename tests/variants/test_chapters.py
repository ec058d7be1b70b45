"""Correct programs that are not the course's own drive the rest of their chapters just as well: every variant."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from utils import exercises
from utils.grading import notebook as handed_in

HERE = Path(__file__).parent
CHAPTERS = HERE.parents[1] / "chapters"
SHORT = HERE.parent / "short_trainings.py"
TRAIN_FOR_LONG = ("05", "06", "07", "08")  # and run to the end with networks that have learned next to nothing


@pytest.mark.repository
@pytest.mark.parametrize("chapter", [f"{name}.ipynb" for name in reversed(handed_in.names())])
def test_a_chapter_runs_on_every_variant(chapter):
    """Several in one run, as long as there is one that the chapter has not called yet.

    The first run is whole; where training takes long the others are short of it, for the programs are equal by their
    checks. What other processes call alone, nobody here knows of: tests/processes/test_programs_for_ranks.py has those.
    """
    variants = {name: [one.__name__ for one in exercises.get(name).variants] for name in exercises.names()}
    called = {}
    left = {"whatever"}
    while left:
        now = run(chapter, called)
        assert any(set(indices) - called.get(name, set()) for name, indices in now.items()), f"never called: {left}"
        called |= {name: called.get(name, set()) | set(indices) for name, indices in now.items()}
        left = {name for name, indices in now.items() if indices and len(called[name]) < len(variants[name])}


def run(chapter, called):
    """Run it to the end, where every check says ✓; by exercise, the indices of the variants that it called."""
    notebook = nbformat.read(CHAPTERS / chapter, as_version=4)
    names = [cell.metadata.exercise for cell in notebook.cells if "exercise" in cell.metadata]
    for cell in notebook.cells:
        name = cell.metadata.get("exercise", cell.id.removeprefix("check-"))
        first = min(set(range(9)) - called.get(name, set()))
        if "exercise" in cell.metadata:
            cell.source = f"{name} = turns.in_turn({name!r}, {first})"
        elif cell.id.startswith("check-"):
            cell.source += f"\nturns.checked({name!r}, {first})"
    begin = SHORT.read_text(encoding="utf-8") if called and chapter.startswith(TRAIN_FOR_LONG) else ""
    begin += f"""
import sys
sys.path[:0] = ["..", {str(HERE)!r}]
import turns
get_ipython().events.register("pre_run_cell", lambda _: turns.next_cell())"""
    end = "import json\nprint(json.dumps({name: sorted(set(them)) for name, them in turns.CALLED.items()}))"
    notebook.cells = [*map(nbformat.v4.new_code_cell, [begin]), *notebook.cells, nbformat.v4.new_code_cell(end)]
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": CHAPTERS}}).execute()
    said = [cell.outputs[0]["data"]["text/plain"] for cell in notebook.cells if cell.id.startswith("check-")]
    assert len(said) == len(names) and all(text.startswith("✓") for text in said), said
    return {name: [] for name in names} | json.loads(notebook.cells[-1].outputs[-1]["text"])
