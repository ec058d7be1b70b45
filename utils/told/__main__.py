"""Runs what a chapter tells and does not run.

python -m utils.told --list [07]     each figure: its name, how long it takes, its sentence, what is expected
python -m utils.told NAME [NAME …]   run these, and show what comes out beside what is expected
"""

import argparse
import importlib
import pkgutil
import sys
import textwrap
import time
from pathlib import Path

import torch

from .figure import FIGURES, Figure, Range

for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
    if not module.name.startswith("_"):
        importlib.import_module(f"utils.told.{module.name}")  # its figures enter themselves


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status: 1 if a value lies outside its range, 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m utils.told", description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="list the figures, of all chapters or of those given")
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to run; with --list, chapters such as 07")
    options = parser.parse_args(arguments)
    if options.list or not options.names:
        return _list(options.names)
    unknown = [name for name in options.names if name not in FIGURES]
    if unknown:
        print(f"No told figure is called {', '.join(unknown)}; there are {', '.join(FIGURES)}.", file=sys.stderr)
        return 2
    torch.set_num_threads(1)  # as in the chapters: their models are small
    return int(not all([_run(FIGURES[name]) for name in options.names]))


def _list(chapters: list[str]) -> int:
    in_order = sorted(FIGURES.values(), key=lambda figure: figure.chapter)
    chosen = [figure for figure in in_order if not chapters or figure.chapter in chapters]
    if not chosen:
        print(f"No chapter {', '.join(chapters)} tells a figure that it does not run.", file=sys.stderr)
        return 2
    for figure in chosen:
        print(_head(figure))
        for name, expected in figure.expected.items():
            print(f"  {name}: {_words(expected)}")
    return 0


def _run(figure: Figure) -> bool:
    print(_head(figure), flush=True)
    begun, held = time.monotonic(), True
    for name, values, expected, inside in figure.run():
        shown = " ".join(f"{value:.3f}" for value in values)
        print(f"  {'✓' if inside else '✗'} {name}: {shown} (expected {_words(expected)})")
        held &= inside
    print(f"  {time.monotonic() - begun:.0f} seconds\n", flush=True)
    return held


def _head(figure: Figure) -> str:
    sentence = textwrap.fill(f"“{figure.sentence}”", 110, initial_indent="  ", subsequent_indent="  ")
    return f"{figure.name} (chapter {figure.chapter}, about {figure.seconds} s)\n{sentence}"


def _words(expected: Range) -> str:
    low, high = expected
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


if __name__ == "__main__":
    sys.exit(main())
