"""Builds chapters/*.ipynb and solutions/*.ipynb from solutions/NN_name.py, the one source of each chapter.

    python -m utils.notebooks            build all
    python -m utils.notebooks --check    fail if any notebook is not what its source builds, or its minutes are off
    python -m utils.notebooks --force    build even over a notebook that somebody has run

A source is in percent format. A cell marked `exercise="name"` holds a function or class whose solution stands
between `# BEGIN SOLUTION` and `# END SOLUTION`; the next code cell is its check, `name = check("name", name)`.
In chapters/ each region becomes `raise NotImplementedError`, and cells tagged `solution` are left out. A cell that
tells a prediction's answer has its code folded, so that nobody reads it before the experiment. A cell marked
`slide="…"`, with a word of SLIDES, is part of a slide show, and every other cell is skipped there.
"""

import argparse
import copy
import hashlib
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from utils import exercises, minutes

ROOT = Path(__file__).parents[1]
BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
SLIDES = ("slide", "subslide", "fragment", "notes", "skip")  # what JupyterLab calls a cell's slide type
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class SourceError(ValueError):
    """A source that cannot be built; the message names the cell."""


def build(source: str) -> tuple[NotebookNode, NotebookNode]:
    """The chapter and the solution notebook of a source in percent format. Raises SourceError naming the cell."""
    solution = nbformat.v4.new_notebook(metadata=METADATA)
    solution.cells = [_clean(cell) for cell in jupytext.reads(source, fmt="py:percent").cells]
    _mark_exercises(solution.cells)
    chapter = copy.deepcopy(solution)
    chapter.cells = [_handed_out(cell) for cell in chapter.cells if "solution" not in cell.metadata.get("tags", [])]
    for notebook in (chapter, solution):
        _number(notebook.cells)
        nbformat.validate(notebook)
    return chapter, solution


def build_all(root: Path = ROOT) -> dict[Path, str]:
    """The text of every notebook under root, by path. Raises SourceError naming the file and the cell."""
    built = {}
    for path in sorted((root / "solutions").glob("[0-9][0-9]_*.py")):
        try:
            chapter, solution = build(path.read_text(encoding="utf-8"))
        except SourceError as error:
            raise SourceError(f"{path.name}: {error}") from error
        built[root / "chapters" / f"{path.stem}.ipynb"] = nbformat.writes(chapter) + "\n"
        built[path.with_suffix(".ipynb")] = nbformat.writes(solution) + "\n"
    return built


def _clean(cell: NotebookNode) -> NotebookNode:
    kept = {name: cell.metadata[name] for name in ("exercise", "tags") if name in cell.metadata}
    slide = cell.metadata.get("slide", "skip")
    if slide not in SLIDES:
        raise SourceError(f"slide={slide!r} is none of {', '.join(SLIDES)}, in:\n{cell.source}")
    kept["slideshow"] = {"slide_type": slide}
    if cell.source.startswith("predict.answer("):
        kept["jupyter"] = {"source_hidden": True}
    new = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
    return new(cell.source, metadata=kept)


def _mark_exercises(cells: list[NotebookNode]) -> None:
    """Give each exercise cell and its check cell the metadata that nbgrader reads (schema 3)."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    for cell, following in zip(code, [*code[1:], None], strict=True):
        name = cell.metadata.get("exercise")
        regions = _regions(cell)
        if name is None:
            if regions:
                raise SourceError(f"a solution region outside an exercise cell:\n{cell.source}")
            continue
        if not regions:
            raise SourceError(f"exercise {name} has no region between {BEGIN} and {END}")
        if name not in exercises.names():
            raise SourceError(f"exercise {name} is not in the bank")
        if following is None or not re.search(rf'^{name} = check\("{name}", {name}\)', following.source, re.M):
            raise SourceError(f'exercise {name} is not followed by its check, {name} = check("{name}", {name})')
        cell.metadata["nbgrader"] = _nbgrader(name, solution=True)
        following.metadata["nbgrader"] = _nbgrader(
            f"check-{name}", grade=True, locked=True, points=exercises.get(name).points
        )


def _nbgrader(grade_id: str, **given: Any) -> dict:
    return {
        "schema_version": 3, "grade_id": grade_id, "grade": False, "solution": False, "locked": False, "task": False,
    } | given  # fmt: skip


def _regions(cell: NotebookNode) -> int:
    """How many solution regions the cell has. Raises SourceError if a marker stands alone."""
    markers = [line.strip() for line in cell.source.splitlines() if line.strip() in (BEGIN, END)]
    if markers != [BEGIN, END] * (len(markers) // 2):
        raise SourceError(f"{BEGIN} and {END} do not pair up in:\n{cell.source}")
    return len(markers) // 2


def _handed_out(cell: NotebookNode) -> NotebookNode:
    """The cell with each solution region replaced by what the learner finds in its place."""
    lines, inside = [], False
    for line in cell.source.splitlines():
        if line.strip() == BEGIN:
            indent = line[: len(line) - len(line.lstrip())]
            lines += [f"{indent}# YOUR CODE HERE", f"{indent}raise NotImplementedError"]
            inside = True
        elif line.strip() == END:
            inside = False
        elif not inside:
            lines.append(line)
    cell.source = "\n".join(lines)
    return cell


def _number(cells: list[NotebookNode]) -> None:
    """Stable ids: ex-<name> for an exercise, else the nbgrader id, else a hash of the cell's text."""
    seen: Counter[str] = Counter()
    for cell in cells:
        name = cell.metadata.get("exercise")
        cell.id = f"ex-{name}" if name else cell.metadata.get("nbgrader", {}).get("grade_id") or _hash(cell)
        seen[cell.id] += 1
        if seen[cell.id] > 1:
            if name:
                raise SourceError(f"exercise {name} stands twice")
            cell.id += f"-{seen[cell.id]}"


def _hash(cell: NotebookNode) -> str:
    return hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]


def _has_been_run(path: Path) -> bool:
    if not path.exists():
        return False
    cells = nbformat.read(path, as_version=4).cells
    return any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def _differences(built: dict[Path, str], root: Path) -> list[str]:
    found = {path for folder in ("chapters", "solutions") for path in (root / folder).glob("*.ipynb")}
    stale = [path for path, text in built.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return [f"{path.relative_to(root)} is not what its source builds" for path in stale] + [
        f"{path.relative_to(root)} has no source in solutions/" for path in sorted(found - built.keys())
    ]


def _off(built: dict[Path, str], root: Path) -> list[str]:
    """What chapters say of their minutes that does not agree with what stands in them."""
    wrong = []
    for path in (path for path in built if path.parent.name == "chapters"):
        place = path.relative_to(root)
        try:
            parts = minutes.of(nbformat.reads(built[path], as_version=4))
        except ValueError as error:
            wrong.append(f"{place}: {error}")
            continue
        for part in parts:
            if not part.is_right:
                what = f", Further · {part.name}," if part.name else ""
                wrong.append(f"{place}{what} says {part.stated} minutes; what stands in it takes {part.computed:.0f}")
    return wrong


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.notebooks", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="build nothing; fail if a notebook is stale")
    parser.add_argument("--force", action="store_true", help="build even over a notebook that somebody has run")
    options = parser.parse_args(arguments)
    try:
        built = build_all(root)
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    if options.check:
        stale = _differences(built, root)
        how = ["Build with: python -m utils.notebooks"] if stale else []
        wrong = stale + how + _off(built, root)
        print("\n".join(wrong or ["Every notebook is up to date."]))
        return 1 if wrong else 0
    run = [path for path in built if _has_been_run(path)]
    if run and not options.force:
        names = "\n".join(f"  {path.relative_to(root)}" for path in run)
        print(
            f"Nothing was built: these hold somebody's outputs, and perhaps answers (--force overwrites them):\n{names}"
        )
        return 1
    for path, text in built.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        print(path.relative_to(root))
    for line in _off(built, root):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
