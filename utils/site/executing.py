"""The solutions, run from top to bottom as they stand."""

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
from joblib import Parallel, delayed
from nbclient import NotebookClient
from nbformat import NotebookNode

from utils.progress import store


def execute(paths: list[Path], jobs: int = 1) -> Iterator[tuple[str, NotebookNode]]:
    """Each notebook by its name, as soon as it and those before it have run.

    Raises nbclient's CellExecutionError for a cell that fails.
    """
    run = Parallel(n_jobs=jobs, return_as="generator")(delayed(_run)(path) for path in paths)
    for path, notebook in zip(paths, run, strict=True):
        yield path.stem, notebook


def _run(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    resources, quiet = {"metadata": {"path": str(path.parent)}}, ["--IPKernelApp.log_level=ERROR"]
    client = NotebookClient(notebook, timeout=300, resources=resources, extra_arguments=quiet, store_widget_state=False)
    return client.execute(env=os.environ | {store.VARIABLE: ""})  # what is shown is nobody's progress
