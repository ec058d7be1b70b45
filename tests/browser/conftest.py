"""A real JupyterLab, started as the README says, and a headless Chromium: the chapters as their reader uses them."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from driver import until

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def pytest_collection_modifyitems(items):
    if CHROMIUM is None and not os.environ.get("CI"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine: the browser is not tested"))


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """What the README's first command opens in the reader's browser, over a copy of the course."""
    home = tmp_path_factory.mktemp("lab")
    for folder in ("chapters", "utils"):
        shutil.copytree(ROOT / folder, home / folder)
    readers_browser, opened = home / "readers_browser", home / "opened"
    readers_browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    readers_browser.chmod(0o755)
    startup = home / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(Path(__file__).parents[1] / "short_trainings.py", startup)
    own = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "RUNTIME")}
    own |= {"IPYTHONDIR": str(home / "ipython")}
    own |= {f"JUPYTERLAB_{kind}_DIR": str(home / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", "chapters/00_start_here.ipynb", "--allow-root",
         f"--ServerApp.port={free_port()}", "--LabApp.expose_app_in_browser=True"],
        cwd=home, env=os.environ | own | {"BROWSER": str(readers_browser)},
        stdout=subprocess.DEVNULL, stderr=(home / "log").open("w"),
    )  # fmt: skip
    try:
        until(lambda: server.poll() is not None or (opened.exists() and opened.read_text().endswith("\n")))
        assert server.poll() is None, (home / "log").read_text()
        yield opened.read_text().strip()
    finally:
        server.terminate()
        server.wait(30)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()
