"""Grades submitted notebooks. utils/grading/README.md is the teacher's page.

    python -m utils.grading SUBMISSION.ipynb… --out DIR
    python -m utils.grading submitted/ --out DIR --gradebook gradebook.db

The same command goes on where an interrupted one stopped. Exit status: 0 when all were graded, 3 when some were not
(they are listed, and have no mark), 2 for arguments that cannot be used.
"""

import argparse
import sys
from pathlib import Path

import joblib

from . import batch, bubblewrap, gradebook, notebook, report, submissions
from .submissions import STUDENTS, Submission, UnusableArguments


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    options = _options(arguments)
    try:
        if options.scheduler and options.backend != "dask":
            raise UnusableArguments("--scheduler goes with --backend dask")
        found = submissions.find(options.submissions)
        if options.gradebook:
            gradebook.check(options.gradebook)
        if not options.trusted:
            bubblewrap.check()
        with batch.opened(options.out):
            seed = batch.seed_of(options.out, options.seed)
            settings = batch.Settings(seed, options.timeout, options.trusted, options.chapter)
            return _grade(found, settings, options)
    except (UnusableArguments, bubblewrap.SandboxUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130


def _grade(found: list[Submission], settings: batch.Settings, options: argparse.Namespace) -> int:
    if settings.trusted:
        print(f"--trusted: {report.UNSANDBOXED}", file=sys.stderr)
    graded = batch.grade(found, options.out, settings, options.jobs, options.backend, options.scheduler)
    records = [graded[submission] for submission in found]
    report.write_csv(records, options.out / report.CSV)
    print(report.table(records))
    print(f"Marks: {options.out / report.CSV}. For each student: {report.FEEDBACK} in {options.out / STUDENTS}.")
    left_out = [f"{submission.path}: {why}" for submission in found if (why := graded[submission].get("not graded"))]
    _list("Not graded, and without a mark:", left_out)
    homeless = []
    if options.gradebook:
        homeless = gradebook.write(zip(found, records, strict=True), options.gradebook)
        print(f"Written to {options.gradebook}: {len(found) - len(homeless)} of {len(found)}.")
        _list("Not in the gradebook:", homeless)
    return 3 if left_out or homeless else 0


def _list(heading: str, lines: list[str]) -> None:
    if lines:
        print("\n  ".join([heading, *map(report.printable, lines)]), file=sys.stderr)


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
        "--chapter", choices=notebook.names(), metavar="NAME", help="that was set (default: what names and cells say)"
    )
    parser.add_argument("--gradebook", type=Path, metavar="FILE", help="nbgrader's gradebook.db, to write marks into")
    return parser.parse_args(arguments)


def _positive(kind):
    def number(text: str):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    number.__name__ = kind.__name__
    return number


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 1 << 48:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {(1 << 48) - 1}")
    return value


if __name__ == "__main__":
    sys.exit(main())
