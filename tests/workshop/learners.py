"""Learners of a JupyterHub: each logs in, starts a server, opens a chapter and runs its cells, one after another.

python tests/workshop/learners.py http://127.0.0.1:8000 02 < learners.txt

measures a class: all come at once. In the file is a line for each, name:password.
"""

import json
import statistics
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import requests
import websocket

CHAPTERS = Path(__file__).parents[2] / "chapters"


class Learner:
    """A browser, logged in at a hub."""

    def __init__(self, hub, name, password):
        self.hub, self.name, self.web = hub, name, requests.Session()
        self.refused = 0  # how often the hub said: too many at once, try again
        self.web.get(f"{hub}/hub/login")
        form = {"username": name, "password": password, "_xsrf": self.web.cookies.get("_xsrf", path="/hub/")}
        if self.web.post(f"{hub}/hub/login", data=form, allow_redirects=False).status_code != 302:
            raise PermissionError(f"{name} could not log in")

    def ask(self, method, path, **kwargs):
        """A request below /hub/ or /user/, with the cookie that both want to see again in a header."""
        for_whom = "/hub/" if path.startswith("/hub/") else f"/user/{self.name}/"
        headers = {"X-XSRFToken": self.web.cookies.get("_xsrf", path=for_whom)}
        return self.web.request(method, self.hub + path, headers=headers, **kwargs)

    def start(self):
        """Have the server started, and wait until it answers. Its first page is where it learns who this is."""
        self.web.get(f"{self.hub}/hub/home")  # the cookie from before the login is none any more
        while (answer := self.ask("POST", f"/hub/api/users/{self.name}/server", json={})).status_code == 429:
            self.refused += 1
            time.sleep(int(answer.headers.get("Retry-After", 5)))
        if "already running" not in answer.text:
            answer.raise_for_status()
        while not (server := self.server()).get("ready"):
            assert server.get("pending"), f"the server of {self.name} did not start"
            time.sleep(0.5)
        self.ask("GET", f"/user/{self.name}/lab").raise_for_status()

    def server(self):
        """What the hub says of it; nothing if there is none."""
        return self.ask("GET", f"/hub/api/users/{self.name}").json()["servers"].get("", {})

    def stop(self):
        self.ask("DELETE", f"/hub/api/users/{self.name}/server").raise_for_status()

    def runs(self, cells):
        """Run the cells in a new kernel, as those of a chapter; for each, when it was done and what it printed."""
        answer = self.ask("POST", f"/user/{self.name}/api/kernels", json={"path": "course/chapters/any.ipynb"})
        answer.raise_for_status()
        address = f"{self.hub}/user/{self.name}/api/kernels/{answer.json()['id']}/channels".replace("http", "ws", 1)
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.web.cookies)
        kernel = websocket.create_connection(address, cookie=cookies, timeout=300)
        for cell in cells:
            message = request(cell)
            kernel.send(json.dumps(message))
            text = said(kernel, message["header"]["msg_id"])
            yield time.monotonic(), text
        kernel.close()


def request(cell):
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.3"}
    header |= {"username": "", "session": "one"}
    return {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": {"code": cell}}


def said(kernel, request):
    """What a cell printed, or its error. The reply and what is printed come on channels of their own, in any order."""
    printed, reply, idle = "", None, False
    while reply is None or not idle:
        message = json.loads(kernel.recv())
        if message["parent_header"].get("msg_id") == request:
            content = message["content"]
            printed += content["text"] if message["msg_type"] == "stream" else ""
            reply = content if message["msg_type"] == "execute_reply" else reply
            idle = idle or content.get("execution_state") == "idle"
    return printed if reply["status"] == "ok" else f"{reply['ename']}: {reply['evalue']}"


def cells_of(chapter):
    """The code of a chapter whose number is given."""
    [path] = CHAPTERS.glob(f"{chapter}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def study(learner, cells):
    """Seconds until the server answers, after that until the first cell is done, and until all are; what failed."""
    begin = time.monotonic()
    learner.start()
    ready = time.monotonic()
    ends, said = zip(*learner.runs(cells), strict=True)
    failed = [text for text in said if text.partition(":")[0].endswith("Error")]
    return ready - begin, ends[0] - ready, ends[-1] - ready, failed


def megabytes(name):
    """What the processes of an account hold, in MiB; what several share is divided among them."""
    processes = psutil.process_iter(["username"])
    return sum(each.memory_full_info().pss for each in processes if each.info["username"] == name) / 2**20


def main(hub, chapter):
    cells = cells_of(chapter)
    learners = [Learner(hub, *line.strip().split(":", 1)) for line in sys.stdin]
    begin = time.monotonic()
    with ThreadPoolExecutor(len(learners)) as at_once:
        ready, first, whole, failed = zip(*at_once.map(lambda each: study(each, cells), learners), strict=True)
    print(f"{len(learners)} learners in chapter {chapter}, all done after {time.monotonic() - begin:.0f} s")
    for name, seconds in {"server ready": ready, "first cell": first, "whole chapter": whole}.items():
        print(f"{name}: median {statistics.median(seconds):.0f} s, slowest {max(seconds):.0f} s")
    memory = [megabytes(each.name) for each in learners]
    print(f"MiB: median {statistics.median(memory):.0f}, most {max(memory):.0f}")
    print(f"refused and asked again: {sum(each.refused for each in learners)}; cells that failed: {sum(failed, [])}")
    for learner in learners:
        learner.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
