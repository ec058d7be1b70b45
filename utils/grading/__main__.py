"""Grades submitted notebooks. utils/grading/README.md is the teacher's page.

    python -m utils.grading SUBMISSION.ipynb… --out DIR
    python -m utils.grading submitted/ --out DIR --gradebook gradebook.db

The same command goes on where an interrupted one stopped. Exit status: 0 when all were graded, 3 when some were not
(they are listed, and have no mark), 2 for arguments that cannot be used.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import joblib

from . import batch, bubblewrap, gradebook, notebook, results, submissions, tables
from .submissions import UnusableArguments


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    options = _options(arguments)
    try:
        if options.scheduler and options.backend != "dask":
            raise UnusableArguments("--scheduler goes with --backend dask")
        found, left = submissions.find(options.submissions)
        roster = options.roster and tables.roster(options.roster)
        earlier = options.compare and tables.read(options.compare)
        if options.gradebook:
            gradebook.check(options.gradebook)
        if options.trusted:
            print("--trusted: submitted code runs without a sandbox, as you; its marks can be forged.", file=sys.stderr)
        else:
            bubblewrap.check()
        with batch.opened(options.out):
            seed = batch.seed_of(options.out, options.seed)
            if seed < batch.SHORT:
                print(f"The seed {seed} is short: somebody may find it by trying.", file=sys.stderr)
            settings = batch.Settings(seed, options.timeout, options.trusted, options.chapter, batch.course())
            graded = batch.grade(found, options.out, settings, options.jobs, options.backend, options.scheduler)
            return results.tell(found, left, graded, roster, earlier, options)
    except (UnusableArguments, bubblewrap.SandboxUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m utils.grading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "submissions", nargs="+", type=Path, metavar="SUBMISSION", help="a notebook, or a folder of them"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where results go")
    parser.add_argument(
        "--jobs", type=_positive(int), default=joblib.cpu_count(), help="processes (default: %(default)s)"
    )
    parser.add_argument("--backend", choices=["loky", "dask"], default="loky", help="one machine, or a Dask cluster")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster; without it, one is made here")
    parser.add_argument("--seed", type=_seed, help="of the hidden cases: to grade again exactly alike")
    parser.add_argument(
        "--timeout", type=_positive(float), default=5.0, metavar="SECONDS", help="for each exercise (default: 5)"
    )
    parser.add_argument("--trusted", action="store_true", help="run submitted code without a sandbox, as you")
    parser.add_argument(
        "--chapter",
        type=_chapter,
        choices=notebook.names(),
        metavar="NAME",
        help="that was set, its number will do (default: what names and cells say)",
    )
    which = parser.add_mutually_exclusive_group()
    for name, help in (("best", "the one with most points"), ("latest", "the one handed in last")):
        words_for_it = f"of several notebooks of a student for a chapter, only {help} counts"
        which.add_argument(f"--{name}", dest="one_each", action="store_const", const=name, help=words_for_it)
    parser.add_argument("--roster", type=Path, metavar="FILE", help="students.csv: lists those who handed in nothing")
    parser.add_argument("--compare", type=Path, metavar="OLD.csv", help="a marks.csv of before: says what has changed")
    parser.add_argument("--gradebook", type=Path, metavar="FILE", help="nbgrader's gradebook.db, to write marks into")
    return parser.parse_args(arguments)


def _positive(kind: type[float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    number.__name__ = kind.__name__
    return number


def _chapter(text: str) -> str:
    """The chapter of that number, or the text."""
    return next((name for name in notebook.names() if name.partition("_")[0] == text), text)


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 1 << batch.SEED_BITS:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {(1 << batch.SEED_BITS) - 1}")
    return value


_seed.__name__ = "whole number"  # as argparse calls it


if __name__ == "__main__":
    sys.exit(main())
