"""Pages to read without running.

python -m utils.site --out DIR                           runs every solution, for some minutes, and builds
python -m utils.site --out DIR --repository OWNER/NAME   with links to open each chapter in Colab, and to have it

Needs what is listed in utils/site/requirements.txt.
"""

import argparse
import os
from pathlib import Path

from tqdm import tqdm

from .pages import Repository


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.site", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder that the pages go to")
    parser.add_argument("--repository", type=_repository, metavar="OWNER/NAME", help="where the course is, on GitHub")
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count(), help="solutions that run side by side")
    options = parser.parse_args(arguments)
    try:
        from .building import ROOT, build, make_room
    except ImportError as error:
        parser.exit(2, f"{error.name} is missing: pip install -r utils/site/requirements.txt\n")
    from .executing import execute

    paths = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))
    try:
        make_room(options.out)
        build(dict(tqdm(execute(paths, options.jobs), "solutions run", len(paths))), options.out, options.repository)
    except (OSError, RuntimeError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "Interrupted: no pages were written.\n")
    print(f"Open {options.out / 'index.html'}")


def _repository(text: str) -> Repository:
    try:
        return Repository(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"at least one, got {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
