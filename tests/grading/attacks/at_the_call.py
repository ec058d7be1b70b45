"""When it is called, and in what it gives back."""

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
