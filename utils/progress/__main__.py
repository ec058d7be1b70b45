"""Where you stand, and cards to keep.

python -m utils.progress                        prints the table
python -m utils.progress cards > attention.txt  the chapters' questions, as a text that Anki imports
"""

import argparse
import sys

from . import table
from .cards import cards


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m utils.progress", description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="?", choices=["table", "cards"], default="table")
    if parser.parse_args(arguments).what == "cards":
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # whatever the terminal's is
        print(cards(), end="")
    else:
        print(table())


if __name__ == "__main__":
    main()
