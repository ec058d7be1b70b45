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

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = re.search(r"^```\n(!git clone .*\n%cd .*)\n```$", README, re.M)[1]
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


@pytest.mark.repository
def test_the_two_lines_make_a_course_and_keep_the_pytorch_that_is_there(tmp_path):
    """In an environment of its own, whose host has installed what this one has but for two packages."""
    here, there = tmp_path / "content", tmp_path / "environment"
    here.mkdir()
    subprocess.run([sys.executable, "-m", "venv", there], check=True)
    python = there / "bin" / "python"
    packages = Path(
        subprocess.check_output([python, "-c", "import site; print(site.getsitepackages()[0])"], text=True).strip()
    )
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        lacks = re.match(r"(anywidget|num2words|pip|setuptools|_distutils|distutils|__pycache__)", entry.name)
        if not lacks and not (packages / entry.name).exists():
            (packages / entry.name).symlink_to(entry)
    kernel = tmp_path / "kernels" / "host"
    kernel.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "host", "language": "python"}))
    lines = LINES.replace("https://github.com/OWNER/NAME", str(ROOT)).replace(
        "!git", "!PATH=%s:$PATH; git" % (there / "bin")
    )
    chapter = nbformat.read(ROOT / "chapters" / "02_soft_lookup.ipynb", as_version=4)
    asked = "import torch, num2words, os\nprint(torch.__version__, torch.__file__, num2words.__file__, os.getcwd(), sep='\\n')"
    chapter.cells = [nbformat.v4.new_code_cell(lines), *chapter.cells, nbformat.v4.new_code_cell(asked)]
    (tmp_path / "run.py").write_text(RUN)
    nbformat.write(chapter, here / "opened.ipynb")
    env = os.environ | {"JUPYTER_PATH": str(tmp_path), "ATTENTION_COURSE_PROGRESS": str(tmp_path / "progress.sqlite")}
    subprocess.run([sys.executable, tmp_path / "run.py", here / "opened.ipynb"], env=env, check=True)
    (told,) = nbformat.read(here / "opened.ipynb", as_version=4).cells[-1].outputs
    version, torch, num2words, folder = told.text.splitlines()
    assert version.startswith("2.13.0")
    assert Path(torch).parent == packages / "torch" and (packages / "torch").is_symlink()
    assert Path(num2words).parent == packages / "num2words" and not (packages / "num2words").is_symlink()
    assert folder == str(here / "course" / "chapters")


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
