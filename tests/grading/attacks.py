"""Programs that go for marks in every way but the exercise's: their softmax is wrong, and none may earn a point.

The name says what is tried; the source stands in the cell of the exercise `softmax`.
"""

WRONG = """
def softmax(scores, dim=-1):
    return torch.zeros_like(scores)
"""

LIAR = """
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None):
        if function in (torch.allclose, torch.equal):
            return True
        return super().__torch_function__(function, types, arguments, named or {})
    def __eq__(self, other):
        return torch.ones(self.shape, dtype=torch.bool)

def softmax(scores, dim=-1):
    return torch.zeros_like(scores).as_subclass(Liar)
"""

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
import utils.attempts.probes as probes, utils.attempts.usage as usage
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

AT_THE_CALL = {
    "end the process when called": "import os\ndef softmax(scores, dim=-1):\n    os._exit(0)",
    "raise SystemExit when called": "def softmax(scores, dim=-1):\n    raise SystemExit(0)",
    "an endless loop": "def softmax(scores, dim=-1):\n    while True:\n        pass",
    "a loop that ignores signals": """
import signal
def softmax(scores, dim=-1):
    for number in range(1, 64):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
""",
    "two gigabytes": "def softmax(scores, dim=-1):\n    return [bytearray(1 << 20) for _ in range(2048)]",
    "an answer of a hundred megabytes": "def softmax(scores, dim=-1):\n    return torch.zeros(25_000_000)",
    "a payload that unpickles": """
class Payload:
    def __reduce__(self):
        import os
        return os.system, ("touch /tmp/reached",)
def softmax(scores, dim=-1):
    import numpy
    return numpy.array([Payload()], dtype=object)
""",
    "a tensor that lies when compared": LIAR,
    "an array that reads its caller": """
import sys
class Reader:
    def __array__(self, *a, **k):
        return sys._getframe(3).f_locals["expected"]
    def __eq__(self, other):
        return True
def softmax(scores, dim=-1):
    return Reader()
""",
    "look for the expected value in the frames": """
import gc, sys
def softmax(scores, dim=-1):
    frame = sys._getframe()
    while frame:
        for name, thing in {**frame.f_globals, **frame.f_locals}.items():
            if name in ("expected", "want", "reference", "trial", "trials"):
                return getattr(thing, "value", thing)
        frame = frame.f_back
    found = [thing for thing in gc.get_objects() if type(thing).__name__ in ("Trial", "Exercise")]
    return found[0].expected.value
""",
    "NaN": "def softmax(scores, dim=-1):\n    return scores * float('nan')",
    "infinity": "def softmax(scores, dim=-1):\n    return scores * 0 + float('inf')",
    "the input itself": "def softmax(scores, dim=-1):\n    return scores",
    "a meta tensor": "def softmax(scores, dim=-1):\n    return torch.empty_like(scores, device='meta')",
    "a sparse tensor": "def softmax(scores, dim=-1):\n    return torch.softmax(scores, dim).to_sparse()",
    "lists without end": "def softmax(scores, dim=-1):\n    x = []\n    x.append(x)\n    return [x, x]",
    "a number with a million digits": "def softmax(scores, dim=-1):\n    return 10**1_000_000",
    "an error that tells the input": "def softmax(scores, dim=-1):\n    raise ValueError(f'LEAK {scores.tolist()}')",
    "an error class named after the input": """
def softmax(scores, dim=-1):
    raise type("LEAK" + str(scores.sum().item()), (Exception,), {})
""",
    "a shape that tells the input": """
def softmax(scores, dim=-1):
    return torch.zeros(int(1000 * scores.abs().sum().nan_to_num(0, 1, 1).clamp(max=9)) + 31337)
""",
}

AT_THE_CALL |= {
    "a tensor that takes long to show": "def softmax(scores, dim=-1):\n    return [torch.zeros([2] * 22, dtype=torch.uint8)]",
    "keys that all have the same hash": "def softmax(scores, dim=-1):\n    return {k * (2**61 - 1): 0 for k in range(1, 20_000)}",
    "a stub named after the input": """
def softmax(scores, dim=-1):
    def f():
        raise NotImplementedError
    f.__code__ = f.__code__.replace(co_name="LEAK\\n" + repr(scores.tolist()))
    f()
""",
    "a limit at which the kernel kills": """
import resource
def softmax(scores, dim=-1):
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    while True:
        pass
""",
    "hang up and live": """
import os, signal, time
def softmax(scores, dim=-1):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    os.closerange(0, 64)
    time.sleep(300)
""",
    "an outcome that cannot be hashed": """
import utils.grading.inside.runner as runner
runner.as_data = lambda outcome: {
    "value": 1, "error": None, "stopped": False, "unattempted": None, "changed": ([],), "gradients": {}
}
def softmax(scores, dim=-1):
    return scores
""",
    "right and late": """
import signal, time
def softmax(scores, dim=-1):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    time.sleep(0.95)
    return torch.softmax(scores, dim)
""",
    "a hundred thousand empty files": """
def softmax(scores, dim=-1):
    for i in range(100_000):
        open(f"/tmp/{i}", "w").close()
    return torch.softmax(scores, dim)
""",
}

FORGER = """
import os, stat, struct, time
import utils.grading.inside.runner as R
from utils.grading.inside import wire
from utils.attempts import Returned
send, receive, seen = R.send, R.receive, []
def forging(forge):
    def sends(sock, tree):
        if isinstance(tree, tuple) and "is" not in tree[1]:
            seen.append(tree)
            forge(sock, *tree)
        else:
            send(sock, tree)
    R.send = sends
def right(answer, **more):
    return {"value": torch.full((3,), 1 / 3), "changed": (), "gradients": {}} | more
"""


def forged(body: str) -> str:
    """A wrong softmax whose answers are sent by `forge(sock, token, answer)`."""
    return f"{FORGER}\n{body}\n{WRONG}"


FORGED = {
    "late, with an empty error": forged("""
def late(call, inputs, grad, cotangent, seconds):
    time.sleep(seconds + 0.2)
    return Returned(value=torch.softmax(inputs["scores"], -1))
R.run = late
forging(lambda sock, token, answer: send(sock, (token, answer | {"error": ""})))
"""),
    "late and right": forged("""
def late(call, inputs, grad, cotangent, seconds):
    time.sleep(seconds + 0.2)
    return Returned(value=torch.softmax(inputs["scores"], -1))
R.run = late
"""),
    "late, with an error": forged("""
def forge(sock, token, answer):
    time.sleep(2.2)
    send(sock, (token, {"error": "ValueError", "unattempted": None}))
forging(forge)
"""),
    "one right answer, then the end": forged("""
def forge(sock, token, answer):
    send(sock, (token, right(answer)))
    os._exit(0)
forging(forge)
"""),
    "one right answer, then silence": forged("""
def forge(sock, token, answer):
    if len(seen) == 1:
        return send(sock, (token, right(answer)))
    time.sleep(60)
forging(forge)
"""),
    "the first answer again and again": forged("""
forging(lambda sock, token, answer: send(sock, seen[0]))
"""),
    "no token": forged("forging(lambda sock, token, answer: send(sock, right(answer)))"),
    "a token of nothing": forged("forging(lambda sock, token, answer: send(sock, (None, right(answer))))"),
    "a token of another kind": forged(
        "forging(lambda sock, token, answer: send(sock, (token.encode(), right(answer))))"
    ),
    "many tokens": forged("forging(lambda sock, token, answer: send(sock, ([token, token], right(answer))))"),
    "three things in place of two": forged(
        "forging(lambda sock, token, answer: send(sock, (token, right(answer), True)))"
    ),
    "every answer twice": forged("""
def forge(sock, token, answer):
    send(sock, (token, answer))
    send(sock, (token, right(answer)))
forging(forge)
"""),
    "answers ahead of their questions": forged("""
frame = wire.encode(("0" * 32, right(None)))
for fd in range(3, 64):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            os.write(fd, frame * 30)
    except OSError:
        pass
"""),
    "questions without gradients": forged("""
def receives(sock, *more):
    token, question = receive(sock, *more)
    return token, question | {"grad": ()}
R.receive = receives
"""),
    "gradients that were not asked for": forged("""
forging(lambda sock, token, answer: send(sock, (token, answer | {"gradients": {"scores": torch.zeros(3), "dim": None}})))
"""),
    "stopped, with a value": forged("""
forging(lambda sock, token, answer: send(sock, (token, right(answer, stopped=False))))
"""),
    "an error beside a value": forged("""
forging(lambda sock, token, answer: send(sock, (token, right(answer, error=None, unattempted=None))))
"""),
    "an answer too large, with a value": forged("""
forging(lambda sock, token, answer: send(sock, (token, right(answer) | {"too large": True})))
"""),
    "inputs changed that there are not": forged("""
forging(lambda sock, token, answer: send(sock, (token, right(answer, changed=("LEAK 0.1234",)))))
"""),
    "unfinished in a place that tells": forged("""
forging(lambda sock, token, answer: send(sock, (token, {"error": "E", "unattempted": "LEAK 0.1234"})))
"""),
    "an error that tells": forged("""
forging(lambda sock, token, answer: send(sock, (token, {"error": "NameError: name 'LEAK' is not defined 0.1234", "unattempted": None})))
"""),
    "cells that tell": forged("""
def sends(sock, tree):
    tree[1].update({"is": "function", "problems": ["LEAK 0.1234"] * 9999, "lost": ["LEAK"] * 9999}) if "is" in tree[1] else None
    send(sock, tree)
R.send = sends
"""),
    "a tensor in a key": forged("""
forging(lambda sock, token, answer: send(sock, (token, right(answer, value={(torch.zeros([2] * 19, dtype=torch.uint8),): 1}))))
"""),
    "half a million tensors": forged("""
def forge(sock, token, answer):
    header = ("{" + ",".join('"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(500_000)) + "}").encode()
    words = wire.encode((token, right(answer)))[8:]
    sock.sendall(struct.pack("<II", len(words), len(header) + 8) + words + struct.pack("<Q", len(header)) + header)
forging(forge)
"""),
    "what the first try saw, for the second": """
import os, pickle
def softmax(scores, dim=-1):
    for place in ("/tmp/seen", "/dev/shm/seen", "/course/seen"):
        try:
            if os.path.exists(place):
                return torch.softmax(scores, dim)
            open(place, "w").write("seen")
        except OSError:
            pass
    raise NameError("try again with all the cells")
""",
    "all the time there is": """
import time
time.sleep(30)
def softmax(scores, dim=-1):
    time.sleep(30)
    raise NameError
""",
}

ATTACKS = {name: f"{source}\n{WRONG if 'def softmax' not in source else ''}" for name, source in AT_THE_CELL.items()}
ATTACKS |= AT_THE_CALL | FORGED
