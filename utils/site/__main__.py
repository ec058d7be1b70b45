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
    parser.add_argument("--repository", type=Repository, metavar="OWNER/NAME", help="where the course is, on GitHub")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="solutions that run side by side")
    options = parser.parse_args(arguments)
    try:
        from .building import ROOT, build
    except ImportError as error:
        parser.exit(2, f"{error.name} is missing: pip install -r utils/site/requirements.txt\n")
    from .executing import execute

    paths = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))
    executed = dict(tqdm(execute(paths, options.jobs), "solutions run", len(paths)))
    build(executed, options.out, options.repository)
    print(f"Open {options.out / 'index.html'}")


if __name__ == "__main__":
    main()
