"""A chapter as a page: what its solution showed when it was run, with the answers folded until they are asked for."""

import copy
import re
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

BRANCH = "main"
COLAB, KAGGLE = "https://colab.research.google.com/github", "https://kaggle.com/kernels/welcome?src="
SHOWN = {"code_prompt_show": "Show an answer", "code_prompt_hide": "Hide the answer"}
TOLD = {"code_prompt_show": "What happens?", "code_prompt_hide": "What happens"}
LINES = re.compile(r"^```\n(!.*git clone .*\n%cd .*)\n```$", re.M)  # of the README, for Colab and Kaggle


@dataclass(frozen=True)
class Repository:
    """Where the course is kept: OWNER/NAME on GitHub. Raises ValueError for anything else."""

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/(?!\.+$)[A-Za-z0-9._-]+(?<!\.git)", self.name):
            raise ValueError(f"a repository is OWNER/NAME, got {self.name!r}")

    @property
    def address(self) -> str:
        return f"https://github.com/{self.name}"

    def links(self, notebook: str, readme: str) -> str:
        """What stands at the top of a page: to run its notebook elsewhere, or to have it."""
        there, file = f"{self.name}/blob/{BRANCH}/{notebook}", f"{self.address}/raw/{BRANCH}/{notebook}"
        kaggle = f"{KAGGLE}{self.address}/blob/{BRANCH}/{notebook}"
        lines = LINES.search(readme)
        if lines is None:
            raise ValueError("the README has no lines for Colab and Kaggle")
        return (
            f"[Open in Colab]({COLAB}/{there}) · [Open in Kaggle]({kaggle}) · [Download the notebook]({file})\n\n"
            "<details><summary>It needs the course around it</summary>\n\n"
            f"In Colab or Kaggle, run this in a cell above all others:\n\n"
            f"```\n{lines[1].replace('OWNER/NAME', self.name)}\n```\n\n"
            f"On your own machine, begin with the [whole course]({self.address}).\n\n</details>"
        )


def page(executed: NotebookNode, chapter: NotebookNode, links: str = "") -> NotebookNode:
    """The page of a solution that was run (or not) and the chapter that learners get, with these links at its top."""
    stubs = {cell.metadata["exercise"]: cell.source for cell in chapter.cells if "exercise" in cell.metadata}
    cells = [part for cell in executed.cells for part in _parts(copy.deepcopy(cell), stubs)]
    if links:
        title, _, rest = cells[0].source.partition("\n")
        cells[0].source = f"{title}\n\n{links}\n{rest}"
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": executed.metadata.kernelspec})


def _parts(cell: NotebookNode, stubs: dict[str, str]) -> list[NotebookNode]:
    """What stands on the page in the place of a cell."""
    for output in cell.get("outputs", []):
        if "text/html" in output.get("data", {}):
            output.data["text/html"] = _for_a_page(output.data["text/html"])
    if cell.source.startswith("predict.score("):  # nobody has predicted
        return []
    if cell.source.startswith("predict.answer("):
        cell.metadata = {"tags": ["remove-input", "hide-output"], "mystnb": TOLD}
    elif name := cell.metadata.get("exercise"):
        cell.metadata = {"tags": ["hide-input"], "mystnb": SHOWN}
        return [nbformat.v4.new_markdown_cell(f"```python\n{stubs[name]}\n```"), cell]
    elif cell.cell_type == "markdown" and "solution" in cell.metadata.get("tags", []):
        cell.source = f"<details><summary>Why the answer is so</summary>\n\n{cell.source}\n\n</details>"
    return [cell]


def _for_a_page(output: str) -> str:
    """Links lead to pages, and a question whose answer was told is open again."""
    output = re.sub(r'(<a href="\d\d_\w+)\.ipynb"', r'\1.html"', output)
    return output.replace('"told": true', '"told": false') if "<p>Predict. " in output else output


def index(readme: str, names: list[str]) -> str:
    """The first page, in MyST: what the README says to a visitor, its table of chapters, and all pages by name."""
    table = re.search(r"^## Chapters\n.*?(?=^## |\Z)", readme, re.S | re.M)
    start = re.search(r"^## Start\n.*?^```\n.*?^```\n", readme, re.S | re.M)
    if table is None or start is None:
        raise ValueError("the README has no section on its chapters, or on how to start")
    beginning = re.sub(r"^\[.*\]\(#.*\)\n\n", "", readme[: start.start()], flags=re.M).replace(".github/", "_static/")
    toctree = "\n".join(["```{toctree}", ":hidden:", "", *(f"chapters/{name}" for name in names), "```"])
    parts = [PICTURE.sub(_by_theme, beginning).strip(), start[0].strip(), table[0].strip(), toctree]
    return "\n\n".join(parts) + "\n"


PICTURE = re.compile(r'<picture>\s*<source [^>]*srcset="([^"]+)">\s*<img ([^>]*)src="([^"]+)">\s*</picture>')


def _by_theme(picture: re.Match) -> str:
    """A picture for a light page and one for a dark page, of which the page's theme shows one."""
    dark, described, light = picture.groups()
    return f'<img class="only-light" {described}src="{light}"><img class="only-dark" {described}src="{dark}">'
