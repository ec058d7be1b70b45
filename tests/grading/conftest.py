"""A sandbox for the tests to grade in, and a sentence where there is none."""

import shutil
import sys
from pathlib import Path

import pytest
from classes import a_class

from utils.grading.sandbox import Sandbox

NO_SANDBOX = "needs Linux with bubblewrap: see utils/grading/README.md"


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    if not (sys.platform.startswith("linux") and shutil.which("bwrap")):
        for item in items:
            if item.path.is_relative_to(here):
                item.add_marker(pytest.mark.skip(reason=NO_SANDBOX))


@pytest.fixture(scope="session")
def sandbox():
    box = Sandbox()
    yield box
    box.close()


@pytest.fixture
def klass(tmp_path):
    return a_class(tmp_path / "submitted", 12)


@pytest.fixture
def here(capfd):
    """The command in this process, where its workers go on from test to test."""
    from utils.grading import __main__ as grading  # here, not above: it is for Linux

    def run(*arguments):
        status = grading.main([*map(str, arguments), "--jobs", "2"])
        return status, *capfd.readouterr()

    return run
