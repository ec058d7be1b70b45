"""Runs a learner's program for the judge. Holds no reference and no mark: whatever is done to it, it can only change
the answers to the questions that this one program is asked."""

import __future__

import ast
import functools
import socket
from collections.abc import Sequence
from typing import Any

from utils.attempts import Outcome, Usage, run, torch_as_usual
from utils.attempts.limits import TimeLimit, time_limit

from .program import program
from .wire import receive, send

READY = "ready"
ANSWER = ("value", "error", "stopped", "unattempted", "changed", "gradients")


def serve(sock: socket.socket) -> None:
    """Load the cells that the judge sends, then answer its calls, until it hangs up."""
    send(sock, READY)
    request = receive(sock)
    exercise = request["exercise"]
    namespace, problems = load(request["cells"], exercise, request["horizon"], request["seconds"])
    attempt = namespace.get(exercise)
    send(sock, {"is": _kind(attempt), "problems": problems})
    while True:
        call = receive(sock)
        usage = Usage(**call["usage"])
        outcome = run(
            functools.partial(usage, attempt), call["inputs"], call["grad"], call["cotangent"], call["seconds"]
        )
        send(sock, as_data(outcome))


def load(
    cells: Sequence[tuple[Sequence[str], str]], exercise: str, horizon: int, seconds: float = 5.0
) -> tuple[dict[str, Any], list[str]]:
    """The names after what the exercise needs of the cells has run, and the errors that this met.

    As in a notebook, a statement that fails keeps no other from running; and it is tried again when the others have
    run, for cells may have been moved. After so many seconds, what is defined by then has to do.
    """
    namespace, problems, flags = {"__name__": "__main__"}, [], 0
    try:
        statements = list(program(cells, exercise, horizon))
        with torch_as_usual(), time_limit(seconds):
            while statements:
                problems, failed = [], []
                for statement in statements:
                    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                        flags |= sum(getattr(__future__, alias.name).compiler_flag for alias in statement.names)
                    try:
                        code = compile(ast.Module([statement], []), f"<{exercise}>", "exec", flags, dont_inherit=True)
                        exec(code, namespace)
                    except TimeLimit:
                        raise
                    except BaseException as error:  # a cell may raise anything, SystemExit too
                        failed.append(statement)
                        problems.append(_in_words(error))
                if len(failed) == len(statements):
                    break
                statements = failed
    except (SyntaxError, ValueError, RecursionError, MemoryError, TimeLimit) as error:
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
