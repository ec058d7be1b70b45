"""The solutions, run from top to bottom as they stand."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from utils.progress import store


def execute(paths: list[Path], jobs: int = 1) -> Iterator[tuple[str, NotebookNode]]:
    """Each notebook by its name, as soon as it and those before it have run, so many side by side.

    Raises RuntimeError for a cell that fails, naming notebook, cell and error.
    """
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(_run, path) for path in paths]
        try:
            for path, notebook in zip(paths, running, strict=True):
                yield path.stem, notebook.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _run(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    resources, quiet = {"metadata": {"path": str(path.parent)}}, ["--IPKernelApp.log_level=ERROR"]
    client = NotebookClient(notebook, timeout=300, resources=resources, extra_arguments=quiet, store_widget_state=False)
    client.coalesce_streams = True  # what is printed at several times is one output, as JupyterLab shows it
    try:
        return client.execute(env=os.environ | {store.VARIABLE: ""})  # what is shown is nobody's progress
    except CellExecutionError as error:
        failed = next(cell for cell in notebook.cells if _error(cell))
        raise RuntimeError(f"{path.name}: {error.ename}: {error.evalue}, in the cell\n{failed.source}") from None


def _error(cell: NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.get("outputs", []))
