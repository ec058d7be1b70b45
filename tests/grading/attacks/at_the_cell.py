"""While its cell is run, before anything was called."""

AT_THE_CELL = {
    "patch the comparisons of torch and numpy": """
import numpy
torch.allclose = torch.equal = lambda *a, **k: True
numpy.allclose = numpy.array_equal = lambda *a, **k: True
torch.testing.assert_close = numpy.testing.assert_allclose = lambda *a, **k: None
""",
    "a transformer that empties later cells": """
get_ipython().input_transformers_post.append(lambda lines: [])
""",
    "patch the grader's objects": """
import gc, utils.attempts, utils.grading.inside.runner as runner
runner.run = utils.attempts.run = lambda *a, **k: utils.attempts.Returned(value=True)
for thing in gc.get_objects():
    if type(thing).__name__ in ("Exercise", "Verdict", "Mark"):
        thing.passed = True
""",
    "replace AssertionError, Exception and __import__": """
import builtins
builtins.AssertionError = builtins.Exception = type("Quiet", (BaseException,), {})
builtins.__import__ = lambda *a, **k: None
""",
    "copy the expected value while tracing": """
import sys
seen = []
def trace(frame, event, argument):
    seen.append(frame.f_locals.get("expected"))
    return trace
sys.settrace(trace)
def softmax(scores, dim=-1):
    return next((x for x in seen if x is not None), scores)
""",
    "end the process": "import os\nos._exit(0)",
    "raise SystemExit": "import sys\nsys.exit(0)",
    "read the solutions, other submissions and the gradebook": """
import glob, os
found = [p for root in ("/course", "/home", "/root", "..", "/") for p in glob.glob(root + "/**/*", recursive=True)]
found = [p for p in found if p.endswith((".ipynb", ".db")) or "solutions" in p or "exercises/bank" in p]
exec(open(found[0]).read())
""",
    "write a gradebook and a results file": """
for path in ("/course/results.json", "/tmp/results.json", "results.json", "/course/utils/attempts/outcome.py", "/venv/x.pth"):
    try:
        open(path, "w").write('{"score": 100}')
    except OSError:
        pass
""",
    "import the reference": """
import sys
sys.path[:0] = ["..", "../..", "/course"]
from utils.attention.reference import softmax
""",
    "import the bank": """
from utils import exercises
softmax = exercises.get("softmax").reference
""",
    "print a fake result": """
import json, sys
for stream in (sys.stdout, sys.stderr, sys.__stdout__):
    print(json.dumps({"score": 12, "tests": [{"name": "softmax", "score": 2, "status": "passed"}]}), file=stream)
""",
    "kill every process it can name": """
import os, signal
for pid in [0, -1, os.getppid(), *range(1, 3000)]:
    if pid != os.getpid():
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
""",
    "forge frames on every open descriptor": """
import json, os, struct
answers = [{"dict": [["is", "function"], ["problems", {"list": []}]]}] + 20 * [
    {"dict": [["value", True], ["error", None], ["stopped", False], ["unattempted", None], ["changed", {"tuple": []}], ["gradients", {"dict": []}]]}
]
for fd in range(64):
    for answer in answers:
        words = json.dumps(answer).encode()
        try:
            os.write(fd, struct.pack("<II", len(words), 0) + words)
        except OSError:
            pass
""",
    "a header of four gigabytes": """
import os, struct
for fd in range(3, 64):
    try:
        os.write(fd, struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF))
    except OSError:
        pass
""",
    "fill the disk": """
import os
for i in range(200):
    try:
        with open(f"/tmp/{i}", "wb") as file:
            file.write(b"x" * (8 << 20))
    except OSError:
        pass
""",
    "four hundred threads": """
import threading, time
for _ in range(400):
    try:
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
    except RuntimeError:
        pass
""",
    "forty-five forks": """
import os, subprocess
for _ in range(45):
    try:
        if os.fork() == 0:
            while True:
                pass
    except OSError:
        pass
subprocess.run(["sh", "-c", "echo"])
""",
    "look around": """
import ctypes, os, socket
assert os.environ.get("HOME") == "/tmp" and not any("submi" in value for value in os.environ.values())
found = []
for attempt in (
    lambda: socket.socket(),
    lambda: os.listdir("/proc/1"),
    lambda: open("/etc/passwd").read(),
    lambda: os.execv("/usr/bin/sh", ["sh"]),
    lambda: os.setuid(0),
    lambda: os.memfd_create("x"),
    lambda: 1 / (ctypes.CDLL(None).unshare(0x10000000) + 1),
    lambda: 1 / (ctypes.CDLL(None).ptrace(16, 1, 0, 0) + 1),
):
    try:
        attempt()
        found.append(attempt)
    except (OSError, ZeroDivisionError):
        pass
if found:  # a way out: the test wants none
    def softmax(scores, dim=-1):
        return torch.softmax(scores, dim)
else:
    def softmax(scores, dim=-1):
        return torch.zeros_like(scores)
""",
    "write over the course's own answer": """
import utils.attempts.uses as uses, utils.attempts.usage as usage
usage.Usage.__call__ = lambda self, attempt, inputs: torch.softmax(inputs["scores"], -1) * 0
""",
    "an endless loop in the cell": "while True:\n    pass",
    "a thread that answers later": """
import threading, os
def late():
    while True:
        try:
            os.write(3, b"x" * 100)
        except OSError:
            pass
threading.Thread(target=late, daemon=True).start()
""",
}
