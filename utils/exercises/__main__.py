"""Begin an exercise, and see whether it is ready.

python -m utils.exercises new NAME --chapter NN    write the skeleton of each of its places
python -m utils.exercises check NAME...            try all its programs, and say what is missing
"""

import argparse
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from . import places


def begin(name: str, chapter: str) -> int:
    """Write the skeletons, and say what to do with each."""
    try:
        module, names, source = places.new(name, chapter)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{module}: the reference, its cases, right and wrong programs")
    print(f"{names}: its place in the course")
    print(f"{source}: its cells, at the end; move them to where they belong")
    print(f"Then: python -m utils.exercises check {name}, and python -m utils.notebooks")
    return 0


def check(name: str) -> int:
    """Say what the exercise consists of and what is wrong with it; 0 if nothing is."""
    start = time.perf_counter()
    print(f"{name} …", flush=True)
    found: list[str] = []
    try:
        found += places.missing(name)
        if (places.ROOT / places.BANK / f"{name}.py").exists():
            found += _tried(name)
    except Exception as error:  # a module may be anything while it is written
        found.append(_where(error))
    for sentence in found:
        print(f"  ✗ {sentence}")
    print(f"{'✗' if found else '✓'} {name}: {time.perf_counter() - start:.1f} s")
    return 1 if found else 0


def _tried(name: str) -> Iterator[str]:
    import torch  # and what imports it, here: `new` does without

    from . import load
    from .health import problems

    torch.set_num_threads(1)  # for cases as small as these, more threads only get in each other's way
    exercise = load(name)
    if exercise.name != name:
        yield f"its reference is called {exercise.name}"
    variants, mistakes, cases = (len(part) for part in (exercise.variants, exercise.mistakes, exercise.cases))
    print(f"  {cases} cases; the reference and {variants} variants should pass, {mistakes} mistakes be named")
    yield from problems(exercise)


def _where(error: Exception) -> str:
    """The error in a line, with the last of its places that is in the bank, or the last at all."""
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        frames.append((error.filename or "", error.lineno))
    own = [frame for frame in frames if "bank" in Path(frame[0]).parts]
    file, line = (own or frames)[-1]
    return f"{Path(file).name}, line {line}: {type(error).__name__}: {error}"


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.exercises", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    beginning = commands.add_parser("new", help="write the skeleton of each of its places")
    beginning.add_argument("name", help="the name of the function or class")
    beginning.add_argument("--chapter", required=True, help="two digits")
    checking = commands.add_parser("check", help="try all its programs, and say what is missing")
    checking.add_argument("names", nargs="+", metavar="name")
    options = parser.parse_args(arguments)
    if options.command == "new":
        return begin(options.name, options.chapter)
    return max([check(name) for name in options.names])


if __name__ == "__main__":
    sys.exit(main())
