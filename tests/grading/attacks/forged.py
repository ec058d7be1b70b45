"""Answers written by the program itself, in the runner's place."""

from .wrong import WRONG

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
