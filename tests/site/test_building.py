"""The site as Sphinx builds it, from solutions that were not run: every page, link and picture, and no network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

if not os.environ.get("CI"):
    pytest.importorskip("sphinx", reason="needs utils/site/requirements.txt")

pytestmark = [pytest.mark.repository, pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")]
ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "solutions").glob("*.ipynb"))


def solutions():
    return {name: nbformat.read(ROOT / "solutions" / f"{name}.ipynb", as_version=4) for name in NAMES}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from utils.site.building import build
    from utils.site.pages import Repository

    executed = solutions()
    figure = '<div><svg class="drawing"></svg></div>'
    executed[NAMES[1]].cells[1].outputs = [nbformat.v4.new_output("display_data", {"text/html": figure})]
    told = next(cell for cell in executed["02_soft_lookup"].cells if cell.source.startswith("predict.answer("))
    told.outputs = [nbformat.v4.new_output("display_data", {"text/markdown": "The answer is **so**."})]
    out = tmp_path_factory.mktemp("site")
    build(executed, out, Repository("someone/attention"))
    return out


@pytest.fixture(scope="module")
def pages(site):
    """The text of every page, by its place. (The theme keeps a template among what is static.)"""
    paths = [path for path in site.rglob("*.html") if path.parent.name != "_static"]
    return {path.relative_to(site): path.read_text(encoding="utf-8") for path in paths}


def of(pages, name):
    return pages[Path("chapters", f"{name}.html")]


def test_every_chapter_is_a_page_with_its_links(pages):
    for name in NAMES:
        assert f"colab.research.google.com/github/someone/attention/blob/main/chapters/{name}.ipynb" in of(pages, name)
        assert f"github.com/someone/attention/raw/main/chapters/{name}.ipynb" in of(pages, name)


def test_every_link_and_picture_within_the_site_is_there(site, pages):
    for path, page in pages.items():
        for target in re.findall(r'(?:href|src)="([^"#?]+)', page):
            if not re.match(r"[a-z]+:", target):
                assert (site / path.parent / target).exists(), (path, target)


def test_no_page_takes_anything_from_the_network(pages):
    taken = r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//[^"]+|<link[^>]+stylesheet[^>]+//[^>]+'
    assert {path: re.findall(taken, page) for path, page in pages.items()} == {path: [] for path in pages}


def test_answers_are_folded_and_outputs_shown(pages):
    page = of(pages, "02_soft_lookup")
    assert page.count("Show an answer") == page.count("Why the answer is so") == 5
    assert page.count("What happens?") == 1  # of the one answer that was told
    folded = page.split("What happens?")[0].rpartition("<details")[2]
    assert "</details>" not in folded and "predict.answer" not in page
    assert "The answer is <strong>so</strong>." in page.split("What happens?")[1].partition("</details>")[0]
    assert '<svg class="drawing">' in of(pages, NAMES[1])


def test_formulas_are_formulas(site, pages):
    page = of(pages, "02_soft_lookup")
    assert page.count('class="math notranslate nohighlight"') >= 8 and "$\\" not in page
    assert (site / "_static" / "mathjax").is_dir()


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    from utils.site.building import build

    executed = solutions()
    executed[NAMES[2]].cells[0].source += "\n\n[This](no_such_chapter.ipynb) is missing."
    with pytest.raises(RuntimeError, match="no_such_chapter"):
        build(executed, tmp_path / "site")


def command(*arguments):
    """The exit status, and what is said last."""
    done = subprocess.run([sys.executable, "-m", "utils.site", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stderr.splitlines()[-1]


def test_the_command_says_in_a_line_what_is_wrong_before_anything_is_run(tmp_path):
    (tmp_path / "file").write_text("")
    status, said = command("--out", tmp_path, "--repository", "https://github.com/a/b")
    assert status == 2 and said.endswith("a repository is OWNER/NAME, got 'https://github.com/a/b'")
    assert command("--out", tmp_path, "--jobs", "0")[1].endswith("at least one, got '0'")
    assert command()[1].endswith("required: --out")
    status, said = command("--out", tmp_path)
    assert status == 1 and said == f"{tmp_path} holds something else than pages: name a new folder"
    status, said = command("--out", tmp_path / "file" / "pages")
    assert status == 1 and str(tmp_path / "file") in said
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_earlier_pages_are_replaced_whole(site):
    from utils.site.building import build

    (site / "chapters" / "09_old.html").write_text("")
    build(solutions(), site)
    assert not (site / "chapters" / "09_old.html").exists() and (site / "index.html").exists()
    assert not (site.parent / "jupyter_execute").exists()  # where what MyST-NB adds would be


def test_a_solution_that_fails_is_named_with_its_cell(tmp_path):
    from utils.site.executing import execute

    cells = [nbformat.v4.new_code_cell(source) for source in ["print('well', flush=True)\nprint('done')", "x = 1 / 0"]]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "01_wrong.ipynb")
    nbformat.write(nbformat.v4.new_notebook(cells=cells[:1]), tmp_path / "00_right.ipynb")
    paths = sorted(tmp_path.glob("*.ipynb"))
    with pytest.raises(
        RuntimeError, match="01_wrong.ipynb: ZeroDivisionError: division by zero, in the cell\nx = 1 / 0"
    ):
        dict(execute(paths, jobs=2))
    ((name, notebook),) = execute(paths[:1])
    assert name == "00_right" and [output.text for output in notebook.cells[0].outputs] == ["well\ndone\n"]
