"""Runs a learner's program for the judge. Holds no reference and no mark: whatever is done to it, it can only change
the answers to the questions that this one program is asked."""

import __future__

import ast
import functools
import socket
from collections.abc import Sequence
from typing import Any

from utils.attempts import Outcome, Raised, Returned, Usage, run, torch_as_usual
from utils.attempts.limits import TimeLimit, time_limit

from .program import everything, program
from .wire import TooLarge, receive, send

READY = "ready"
COURSE = "utils"  # not here, whatever a notebook imports from it


def serve(sock: socket.socket) -> None:
    """Load the cells that the judge sends, then answer its calls, until it hangs up.

    Each answer goes with the token of its question, which nobody can know beforehand.
    """
    send(sock, READY)
    token, request = receive(sock)
    exercise = request.pop("exercise")
    namespace, problems, lost = load(exercise=exercise, **request)
    attempt: Any = namespace.get(exercise)
    send(sock, (token, {"is": _kind(attempt), "problems": problems, "lost": lost}))
    while True:
        token, call = receive(sock)
        usage = Usage(**call["usage"])
        outcome = run(
            functools.partial(usage, attempt), call["inputs"], call["grad"], call["cotangent"], call["seconds"]
        )
        try:
            send(sock, (token, as_data(outcome)))
        except TooLarge:  # unsaid, it would end this process, as if the program had done so
            send(sock, (token, {"too large": True}))


def load(
    cells: Sequence[tuple[Sequence[str], str]], exercise: str, horizon: int, seconds: float = 5.0, whole: bool = False
) -> tuple[dict[str, Any], list[str], list[str]]:
    """The names after what the exercise needs of the cells has run (the whole: all of them), the errors that this met,
    and the names that it did not get from the course's `utils`.

    As in a notebook, a statement that fails keeps no other from running; and it is tried again when the others have
    run, for cells may have been moved. After so many seconds, what is defined by then has to do.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    problems: list[str] = []
    lost: list[str] = []
    flags = 0
    try:
        statements = (everything if whole else program)(cells, exercise, horizon)
        with torch_as_usual(), time_limit(seconds):
            while statements:
                problems, failed = [], []  # what another round mends is no problem
                for statement in statements:
                    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                        # statements are compiled one by one, and what comes from the future holds for those below
                        flags |= sum(getattr(__future__, alias.name).compiler_flag for alias in statement.names)
                    try:
                        code = compile(ast.Module([statement], []), f"<{exercise}>", "exec", flags, dont_inherit=True)
                        exec(code, namespace)
                    except TimeLimit:  # not this statement's own error: the time of all is over
                        raise
                    except BaseException as error:  # a cell may raise anything, SystemExit too
                        failed.append(statement)
                        problems.append(_in_words(error))
                        lost += _from_the_course(statement)
                if len(failed) == len(statements):
                    break
                statements = failed
    except (SyntaxError, ValueError, RecursionError, MemoryError, TimeLimit) as error:
        problems.insert(0, _in_words(error))
    return namespace, problems, lost


def _from_the_course(statement: ast.stmt) -> list[str]:
    """The names that an import from `utils` would have bound."""
    if isinstance(statement, ast.ImportFrom):
        names = [alias.asname or alias.name for alias in statement.names]
        return names if str(statement.module).partition(".")[0] == COURSE else []
    if isinstance(statement, ast.Import):
        parts = [(alias.name.partition(".")[0], alias.asname) for alias in statement.names]
        return [asname or top for top, asname in parts if top == COURSE]
    return []


def as_data(outcome: Outcome) -> dict[str, Any]:
    """The part of an outcome that the judge compares."""
    match outcome:
        case Returned(value=value, changed=changed, gradients=gradients):
            return {"value": value, "changed": changed, "gradients": gradients}
        case Raised(error=error, unattempted=unattempted):
            return {"error": error, "unattempted": unattempted}
    return {"stopped": True}


def _kind(attempt: Any) -> str:
    return "class" if isinstance(attempt, type) else "function" if callable(attempt) else "nothing that can be called"


def _in_words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except BaseException:
        return type(error).__name__
