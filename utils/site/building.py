"""From notebooks to a site, with Sphinx: nothing on its pages comes from the network."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx

from .pages import Repository, index, page

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = {
    "project": "Attention, from a Python dictionary to deep models",
    "html_title": "Attention",
    "language": "en",
    "extensions": ["myst_nb", "sphinx.ext.mathjax", "sphinx-mathjax-offline"],
    "myst_enable_extensions": ["dollarmath"],
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


def build(executed: Mapping[str, NotebookNode], out: Path, repository: Repository | None = None) -> None:
    """Write the pages of these solutions, by name, into the folder `out`.

    Raises RuntimeError with Sphinx's own words when a page has a fault, say a link that leads nowhere.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        _lay_out(executed, source, repository)
        theme = BUTTONS | ({"repository_url": repository.address, "use_repository_button": True} if repository else {})
        settings = SETTINGS | {"html_static_path": [str(source / "_static")], "html_theme_options": theme}
        with Path(folder, "warnings").open("w+", encoding="utf-8") as warnings:
            sphinx = Sphinx(
                source, None, out, Path(folder, "read"), "html", settings, status=None, warning=warnings, freshenv=True
            )
            sphinx.build(force_all=True)
            warnings.seek(0)
            said = warnings.read().strip()
    if said or sphinx.statuscode:
        raise RuntimeError(said or f"Sphinx ended with status {sphinx.statuscode}")


def _lay_out(executed: Mapping[str, NotebookNode], source: Path, repository: Repository | None) -> None:
    (source / "chapters").mkdir(parents=True)
    for name, notebook in executed.items():
        chapter = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4)
        links = repository.links(f"chapters/{name}.ipynb") if repository else ""
        nbformat.write(page(notebook, chapter, links), source / "chapters" / f"{name}.ipynb")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (source / "index.md").write_text(index(readme, list(executed)), encoding="utf-8")
    (source / "_static").mkdir()
    for picture in (ROOT / ".github").glob("*.*"):
        if picture.suffix in (".svg", ".png", ".webp", ".gif"):
            shutil.copy(picture, source / "_static")
    shutil.copy(Path(__file__).parent / "pages.css", source / "_static")
