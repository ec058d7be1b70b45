"""Colab and Kaggle: the README's two lines in a fresh folder, with a PyTorch that is already there."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

from utils.site import pages

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = pages.LINES.search(README)[1]
HOSTED = (ROOT / "utils" / "hosted.txt").read_text(encoding="utf-8").splitlines()[1:]


def versions(text):
    """The lowest version of a specifier such as >=2.11,<2.14, as numbers; and the first that is too high, if any."""
    found = {sign: tuple(map(int, number.split("."))) for sign, number in re.findall(r"(>=|<)([\d.]+)", text)}
    return found[">="], found.get("<", (10**6,))


def test_what_a_host_needs_is_what_the_course_pins_and_nothing_of_the_judges_or_the_tests():
    pins = dict(re.findall(r"^([\w-]+)==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.M))
    names = {re.match(r"[\w-]+", line)[0] for line in HOSTED}
    course = (ROOT / "requirements.txt").read_text().split("# Its judge")[0]
    assert names == {*re.findall(r"^([\w-]+)==", course, re.M)} - {"jupyterlab", "triton"}
    for line in HOSTED:
        lowest, too_high = versions(line)
        assert lowest <= tuple(map(int, pins[re.match(r"[\w-]+", line)[0]].split("."))) < too_high, line
    assert "A PyTorch from 2.11 to 2.13" in README and "torch>=2.11,<2.14" in HOSTED


LACKS = re.compile(r"anywidget|num2words|pip|setuptools|_distutils|distutils|__pycache__")
RUN = """
import sys
from pathlib import Path
import nbformat
from nbclient import NotebookClient

path = Path(sys.argv[1])
notebook = nbformat.read(path, as_version=4)
NotebookClient(notebook, kernel_name="host", resources={"metadata": {"path": str(path.parent)}}, timeout=600).execute()
nbformat.write(notebook, path)
"""
ASK = """
import os, num2words, torch
print(torch.__version__, torch.__file__, num2words.__file__, os.getcwd(), sep="\\n")
"""


@pytest.fixture
def host(tmp_path):
    """A new environment, whose machine has (outside of it) what this one has but for two packages; and its kernel."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    python = tmp_path / "environment" / "bin" / "python"
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own, machines = Path(subprocess.check_output(ask, text=True).strip()), tmp_path / "machine"
    machines.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not LACKS.match(entry.name) and not entry.name.endswith(".pth"):
            (machines / entry.name).symlink_to(entry)
    (own / "machine.pth").write_text(str(machines))
    kernel = tmp_path / "kernels" / "host"
    kernel.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "host", "language": "python"}))
    return own, machines


@pytest.mark.repository
def test_the_two_lines_make_a_course_and_keep_the_pytorch_that_is_there(host, tmp_path):
    """Chapter 02, opened in a folder that holds nothing else."""
    own, machines = host
    opened = tmp_path / "content" / "opened.ipynb"
    opened.parent.mkdir()
    chapter = nbformat.read(ROOT / "chapters" / "02_soft_lookup.ipynb", as_version=4)
    two_lines = LINES.replace("https://github.com/OWNER/NAME", str(ROOT))
    twice = [nbformat.v4.new_code_cell(two_lines) for _ in range(2)]  # a cell may be run again
    chapter.cells = [*twice, *chapter.cells, nbformat.v4.new_code_cell(ASK)]
    nbformat.write(chapter, opened)
    path = f"{tmp_path}/environment/bin:{os.environ['PATH']}"
    env = os.environ | {"JUPYTER_PATH": str(tmp_path), "HOME": str(tmp_path), "PATH": path}
    subprocess.run([sys.executable, "-c", RUN, opened], env=env, check=True)
    (told,) = nbformat.read(opened, as_version=4).cells[-1].outputs
    version, torch, num2words, folder = told.text.splitlines()
    assert version.startswith("2.13.0") and Path(torch) == machines / "torch" / "__init__.py"
    assert Path(num2words) == own / "num2words" / "__init__.py"
    assert folder == str(tmp_path / "course" / "chapters")
    assert not (own / "torch").exists()
