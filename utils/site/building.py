"""From notebooks to a site, with Sphinx: nothing on its pages comes from the network."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from .pages import Repository, index, page

ROOT = Path(__file__).parents[2]
MARK = ".buildinfo"  # which Sphinx leaves in a folder of pages
SETTINGS: dict[str, Any] = {
    "project": "Attention, from a Python dictionary to deep models",
    "html_title": "Attention",
    "language": "en",
    "extensions": ["myst_nb", "sphinx.ext.mathjax", "sphinx-mathjax-offline"],
    "myst_enable_extensions": ["dollarmath"],
    "myst_html_meta": {"description": "A course on attention: from a Python dictionary to deep attention models."},
    "nb_execution_mode": "off",
    "nb_ipywidgets_js": {},  # what can be touched brings its own script
    "html_theme": "sphinx_book_theme",
    "html_css_files": ["pages.css"],
    "html_show_sourcelink": False,
    "html_copy_source": False,
    "html_show_copyright": False,
}
BUTTONS = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "footer_content_items": [],
}


def make_room(out: Path) -> None:
    """A folder for the pages; earlier pages there will be replaced. Raises OSError if it cannot be written, ValueError
    if it holds anything else."""
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()) and not (out / MARK).exists():
        raise ValueError(f"{out} holds something else than pages: name a new folder")
    with tempfile.TemporaryFile(dir=out):
        pass


def build(executed: Mapping[str, NotebookNode], out: Path, repository: Repository | None = None) -> None:
    """Write the pages of these solutions, by name, into the folder `out`, in the place of earlier ones.

    Raises RuntimeError with Sphinx's own words when a page has a fault, say a link that leads nowhere; and as
    `make_room` does.
    """
    make_room(out)
    with tempfile.TemporaryDirectory() as folder:
        source, pages = Path(folder, "source"), Path(folder, "pages")
        _lay_out(executed, source, repository)
        theme = BUTTONS | ({"repository_url": repository.address, "use_repository_button": True} if repository else {})
        settings = SETTINGS | {"html_static_path": [str(source / "_static")], "html_theme_options": theme}
        with Path(folder, "warnings").open("w+", encoding="utf-8") as warnings:
            read = Path(folder, "read")
            with patch_docutils(), docutils_namespace():  # so that it can be done again
                sphinx = Sphinx(source, None, pages, read, "html", settings, None, warnings, freshenv=True)
                sphinx.build(force_all=True)
            warnings.seek(0)
            said = warnings.read().strip()
        if said or sphinx.statuscode:
            raise RuntimeError(said or f"Sphinx ended with status {sphinx.statuscode}")
        shutil.rmtree(out)
        shutil.copytree(pages, out)


def _lay_out(executed: Mapping[str, NotebookNode], source: Path, repository: Repository | None) -> None:
    (source / "chapters").mkdir(parents=True)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, notebook in executed.items():
        chapter = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4)
        links = repository.links(f"chapters/{name}.ipynb", readme) if repository else ""
        nbformat.write(page(notebook, chapter, links), source / "chapters" / f"{name}.ipynb")
    (source / "index.md").write_text(index(readme, list(executed)), encoding="utf-8")
    (source / "_static").mkdir()
    for picture in (ROOT / ".github").glob("*_*.*"):
        shutil.copy(picture, source / "_static")
    shutil.copy(Path(__file__).parent / "pages.css", source / "_static")
