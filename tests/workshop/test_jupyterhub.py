"""One server for a class: a hub with the very configuration and its board, two learners at once, idle servers."""

import contextlib
import importlib.util
import os
import random
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests
from learners import Learner

ROOT = Path(__file__).parents[2]
BESIDE = ROOT / ".jupyterhub"
PRESENT = BESIDE.is_dir() or importlib.util.find_spec("jupyterhub") is not None
pytestmark = [
    pytest.mark.repository,
    pytest.mark.skipif(not PRESENT, reason="needs JupyterHub: tests/workshop/jupyterhub.txt says how to install it"),
]

PAGE = (ROOT / "utils" / "workshop" / "jupyterhub.md").read_text(encoding="utf-8")
# What a test cannot have: accounts of the machine, the usual ports, an hour; and its packages lie beside the course's.
HERE = """
load_subconfig({configuration!r})
c.JupyterHub.bind_url, c.JupyterHub.hub_port = "http://127.0.0.1:{hub}", {own}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.JupyterHub.authenticator_class, c.JupyterHub.spawner_class = "dummy", "simple"
c.Authenticator.allow_all = True
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
ports = iter({ports})
c.Spawner.pre_spawn_hook = lambda spawner: setattr(spawner, "port", next(ports))
c.Spawner.args += ["--allow-root"]
c.Spawner.environment["JUPYTER_CONFIG_PATH"] = {beside!r}
*culler, _ = c.JupyterHub.services[0]["command"]
wait = "until [ -e idle ]; do sleep 0.1; done; exec \\"$@\\""
c.JupyterHub.services[0]["command"] = ["sh", "-c", wait, "sh", *culler, "--timeout=1", "--cull-every=1"]
"""
CELLS = [
    "import os; print(os.getcwd(), os.environ['OMP_NUM_THREADS'])",
    "room = bytearray(3 * 10**9)",
    "print('and goes on')",
    "from ipykernel.kernelapp import IPKernelApp; print(IPKernelApp.instance().curve_publickey is not None)",
]
CODE = "TUESDAY9"
CHECKED = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
os.environ["ATTENTION_COURSE_PROGRESS"] = os.path.expanduser("~/progress.sqlite")
from utils.checks import check
def double(x):
    return 2 * x
check("double", double);
"""


def free_port():
    """Below those that a system hands out itself: it is still free some seconds later, when it is used."""
    while True:
        port = random.randrange(20000, 30000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@pytest.fixture
def hub(tmp_path):
    """The address of a hub that has this folder for its own and for homes; all that it started ends with the test."""
    hub, own, proxy, board, *ports = [free_port() for _ in range(6)]
    configuration = HERE.format(
        configuration=str(ROOT / "utils" / "workshop" / "jupyterhub_board.py"),
        hub=hub,
        own=own,
        proxy=proxy,
        ports=ports,
        homes=str(tmp_path / "{username}"),
        beside=str(BESIDE / "etc" / "jupyter"),
    )
    (tmp_path / "here.py").write_text(configuration)
    environment = os.environ | {
        "PYTHONPATH": str(BESIDE),
        "PATH": os.pathsep.join([str(BESIDE / "bin"), os.environ["PATH"]]),
        "HUB": "hub.example",
        "ROUTE": "half-day",
        "CODE": CODE,
        "BOARD_PORT": str(board),
    }
    command = [sys.executable, "-m", "jupyterhub", "-f", "here.py"]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        while "JupyterHub is now running" not in (said := (tmp_path / "log").read_text(encoding="utf-8")):
            assert process.poll() is None, said
            time.sleep(0.1)
        yield f"http://127.0.0.1:{hub}"
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        for each in living_in(tmp_path):
            each.kill()


def living_in(folder):
    """The processes that were started there, or in a folder below it."""
    processes = psutil.process_iter(["cwd", "cmdline"])
    return [each for each in processes if Path(each.info["cwd"] or "/").is_relative_to(folder)]


def kernels_in(folder):
    return [each for each in living_in(folder) if "ipykernel_launcher" in (each.info["cmdline"] or [])]


def at_work(hub, name):
    """A learner who has run the cells, and what these printed."""
    learner = Learner(hub, name, "any password")
    learner.start()
    return learner, [said for _, said in learner.runs(CELLS)]


def check_the_board(hub, learner):
    """It is found by the hub's name alone and without a login, and counts a check of somebody who has not joined."""
    room = f"{hub}/services/board/{CODE}"
    named = [requests.get(room, headers={"Host": host}) for host in ("hub.example", "elsewhere.example")]
    assert [answer.status_code for answer in named] == [200, 421] and "<html" in named[0].text
    assert [said for _, said in learner.runs([CHECKED])] == [""]
    begin = time.monotonic()
    while passed_in(told := requests.get(f"{room}/standing").json()) != 1:  # the learner joins first, and tells then
        assert time.monotonic() - begin < 60, told
        time.sleep(0.2)
    assert told["there"] == 1


def passed_in(standing):
    """How many have passed the exercise that CHECKED checks."""
    return {each["name"]: each["passed"] for each in standing["exercises"]}["double"]


def test_two_learners_at_once(hub, tmp_path):
    names = ["ada", "bob"]
    for name in names:
        (tmp_path / name / "course" / "chapters").mkdir(parents=True)
    with ThreadPoolExecutor(2) as at_once:
        learners, said = zip(*at_once.map(lambda name: at_work(hub, name), names), strict=True)
    for name, lines in zip(names, said, strict=True):
        assert lines == [f"{tmp_path / name}/course/chapters 1\n", "MemoryError: ", "and goes on\n", "True\n"]
    ada, bob = learners
    assert "git-pull" in ada.ask("GET", "/user/ada/git-pull?repo=any").text
    assert bob.ask("GET", "/user/ada/api/contents").status_code == 403
    assert len(kernels_in(tmp_path)) == 2
    check_the_board(hub, ada)
    assert (tmp_path / "board.sqlite").exists()
    (tmp_path / "idle").touch()  # from now on, idle servers are stopped
    begin = time.monotonic()
    while any(learner.server() for learner in learners) or kernels_in(tmp_path):
        assert time.monotonic() - begin < 60, (tmp_path / "log").read_text(encoding="utf-8")
        time.sleep(0.2)


def test_the_page_installs_what_is_tested():
    pins = set((ROOT / "tests" / "workshop" / "jupyterhub.txt").read_text().splitlines())
    [installed] = re.findall(r"pip install -r requirements.txt (.+)", PAGE)
    assert set(installed.split()) < pins
    assert PAGE.count("\n") <= 80
