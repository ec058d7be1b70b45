"""Runs a learner's program for the judge. Holds no reference and no mark: whatever is done to it, it can only change
the answers to the questions that this one program is asked."""

import ast
import functools
import socket
from collections.abc import Sequence
from typing import Any

from utils.attempts import Outcome, Usage, run, torch_as_usual

from .program import program
from .wire import receive, send

READY = "ready"
ANSWER = ("value", "error", "stopped", "unattempted", "changed", "gradients")


def serve(sock: socket.socket) -> None:
    """Load the cells that the judge sends, then answer its calls, until it hangs up."""
    send(sock, READY)
    request = receive(sock)
    namespace, problems = load(request["cells"], request["exercise"])
    attempt = namespace.get(request["exercise"])
    send(sock, {"is": _kind(attempt), "problems": problems})
    while True:
        call = receive(sock)
        usage = Usage(**call["usage"])
        outcome = run(
            functools.partial(usage, attempt), call["inputs"], call["grad"], call["cotangent"], call["seconds"]
        )
        send(sock, as_data(outcome))


def load(cells: Sequence[tuple[Sequence[str], str]], exercise: str) -> tuple[dict[str, Any], list[str]]:
    """The names after what the exercise needs of the cells has run, and the errors that this met.

    A statement that fails does not keep the others from running, as a cell does not in a notebook.
    """
    namespace, problems = {"__name__": "__main__"}, []
    try:
        with torch_as_usual():
            for statement in program(cells, exercise):
                try:
                    exec(compile(ast.Module([statement], []), f"<{exercise}>", "exec"), namespace)
                except BaseException as error:  # a cell may raise anything, SystemExit too
                    problems.append(_in_words(error))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        problems.append(_in_words(error))
    return namespace, problems


def as_data(outcome: Outcome) -> dict[str, Any]:
    """The part of an outcome that the judge compares."""
    return {name: getattr(outcome, name) for name in ANSWER}


def _kind(attempt: Any) -> str:
    return "class" if isinstance(attempt, type) else "function" if callable(attempt) else "nothing that can be called"


def _in_words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except BaseException:
        return type(error).__name__
