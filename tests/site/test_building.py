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
    assert page.count("Show what happens") == 0  # nothing was run, so nothing has happened
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


def test_the_command_needs_a_folder_and_a_repository_that_is_one(tmp_path):
    command = [sys.executable, "-m", "utils.site"]
    wrong = subprocess.run([*command, "--out", tmp_path, "--repository", "x"], cwd=ROOT, capture_output=True, text=True)
    assert wrong.returncode == 2 and "--repository" in wrong.stderr
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 2
