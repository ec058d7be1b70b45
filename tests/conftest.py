"""Beside nbval's run of every notebook: a test for each check's sign, ○ in chapters/ and ✓ in solutions/, and one for
what the notebook has shown: whether it fits into a cell and can be read.

And how the work is shared out among workers, so that they do not stand in each other's way.
"""

import os
import re

import pytest
from nbval.plugin import IPyNbCell
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("ATTENTION_COURSE_PROGRESS", "")  # tests are nobody's progress
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # idle threads leave the cores to whoever else is testing
workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))  # kernels inherit it

LETTERS_IN_A_CELL, PIXELS_OF_A_CELL = 112, 914  # of JupyterLab, on a screen of 1366 pixels
SIGNS = {"chapters": "○", "solutions": "✓"}


class Sign(pytest.Item):
    """The sign that a check cell has shown when nbval ran it."""

    def __init__(self, *, cell, **kwargs):
        super().__init__(**kwargs)
        self.cell = cell

    def runtest(self):
        shown = [output["data"]["text/plain"] for output in self.cell.test_outputs or [] if "data" in output]
        assert len(shown) == 1, f"the check cell showed {shown}"
        assert shown[0].startswith(self.name), f"{self.name} was expected, the check said: {shown[0]}"

    def reportinfo(self):
        return self.path, None, f"{self.path.parent.name}/{self.path.name}: {self.name}"


class Fits(pytest.Item):
    """No line that was printed is longer than a cell is wide, no figure wider, and no letter smaller than 9 pixels."""

    def __init__(self, *, cells, **kwargs):
        super().__init__(**kwargs)
        self.cells = cells

    def runtest(self):
        outputs = [output for cell in self.cells for output in cell.test_outputs or []]
        data = [output.get("data", {}) for output in outputs]
        plain = [output.get("text", "") for output in outputs]
        plain += [each["text/plain"] for each in data if {*each} == {"text/plain"}]
        assert any(plain), "nothing was printed"
        assert [line for text in plain for line in text.splitlines() if len(line) > LETTERS_IN_A_CELL] == []
        for page in (each["text/html"] for each in data if 'class="drawing"' in each.get("text/html", "")):
            assert int(re.search(r'<svg [^>]*?width="(\d+)"', page)[1]) <= PIXELS_OF_A_CELL
            points = [100 * float(size) for size in re.findall(r"scale\((0\.\d+) -0\.\d+\)", page)]
            assert points and min(points) * 100 / 72 >= 9, f"letters of {points} points"

    def reportinfo(self):
        return self.path, None, f"{self.path.parent.name}/{self.path.name}: {self.name}"


class ByFile(LoadScopeScheduling):
    """A file's tests run one after another on one worker; a chapter on variants is long enough to go alone."""

    def _split_scope(self, nodeid):
        return nodeid if "tests/variants/" in nodeid else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)


def pytest_collection_modifyitems(items):
    longest = ["/variants/", "/told/"]  # they go first, so that no worker ends long after the others
    items.sort(key=lambda item: [part in item.nodeid for part in longest], reverse=True)
    for position in reversed(range(len(items))):
        cell = getattr(items[position], "cell", None)
        marks = cell.metadata.get("nbgrader", {}) if cell is not None else {}
        if marks.get("grade"):
            item = items[position]
            name = f"{SIGNS[item.path.parent.name]} {marks['grade_id'].removeprefix('check-')}"
            items.insert(position + 1, Sign.from_parent(item.parent, name=name, cell=item))
    for notebook in dict.fromkeys(item.parent for item in items if isinstance(item, IPyNbCell)):
        cells = [item for item in items if item.parent is notebook and isinstance(item, IPyNbCell)]
        items.insert(items.index(cells[-1]) + 1, Fits.from_parent(notebook, name="what is shown fits", cells=cells))


SLOW_START = """
import importlib.abc, sys, time

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torch._dynamo":
            sys.meta_path.remove(self)
            time.sleep({seconds})
            {then}

sys.meta_path.insert(0, Slow())
"""


@pytest.fixture(scope="session")
def slow_start():
    """A program's first lines that make a slow machine: what optimizers import when first used takes so many seconds.

    `then` is a statement that tells that it was met.
    """
    return lambda seconds, then: SLOW_START.format(seconds=seconds, then=then)
