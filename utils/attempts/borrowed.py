"""What a program uses of the course's own. An answer has to do without: the course is not there when it is graded."""

import dis
import functools
import types
from collections.abc import Callable, Collection, Iterator
from typing import Any

COURSE = __name__.partition(".")[0]


def borrowed(program: Callable, given: Collection[Any]) -> str | None:
    """The name under which a program uses something of `utils`, itself or in a helper beside it, or None.

    What is `given` may be used: a chapter hands on its earlier exercises. A program of the course's own is not looked
    into, and one that refuses to be looked at has nothing borrowed.
    """
    try:
        return _borrowed(_bare(program), given)
    except Exception:  # an attempt may be any object that can be called
        return None


def _borrowed(program: type | types.FunctionType, given: Collection[Any]) -> str | None:
    todo: list[type | types.FunctionType] = [program]
    seen: list[type | types.FunctionType] = []
    while todo:
        part = todo.pop()
        # `is`, for == may be the reader's own; other modules, such as PyTorch's, are not looked into
        if any(part is one for one in (*seen, *given)) or part.__module__ != program.__module__ or _courses(part):
            continue
        seen.append(part)
        for name, used in _uses(part):
            if _courses(used) and not any(used is one for one in given):
                return name
            used = _bare(used)
            if isinstance(used, type | types.FunctionType):
                todo.append(used)
    return None


def _bare(thing: Any) -> Any:
    """The function or class behind a decorated, bound or partial one, and behind an object that can be called."""
    while not isinstance(thing, type | types.FunctionType):
        if isinstance(thing, functools.partial):
            thing = thing.func
        elif isinstance(thing, property):
            thing = thing.fget
        elif hasattr(type(thing), "__func__") or hasattr(thing, "__wrapped__"):
            thing = getattr(thing, "__func__", None) or thing.__wrapped__
        else:
            return type(thing) if callable(thing) else thing
    return thing


def _uses(part: type | types.FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function or a class refers to, by name."""
    if isinstance(part, type):
        yield from ((base.__name__, base) for base in part.__bases__)
        yield from vars(part).items()
    else:
        for code in _codes(part.__code__):
            for step in dis.get_instructions(code):
                # not co_names, where the `data` of `scores.data` looks like the module of that name
                if step.opname == "LOAD_GLOBAL" and step.argval in part.__globals__:
                    yield step.argval, part.__globals__[step.argval]
                elif step.opname == "IMPORT_NAME":
                    yield step.argval, types.ModuleType(step.argval)  # not imported: its name is enough


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _courses(thing: Any) -> bool:
    if isinstance(thing, types.ModuleType):
        home = thing.__name__
    else:
        home = thing.__module__ if isinstance(thing, type | types.FunctionType) else type(thing).__module__
    return str(home).partition(".")[0] == COURSE
