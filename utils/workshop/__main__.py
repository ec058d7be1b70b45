"""For who teaches with the course.

python -m utils.workshop ready               try everything once, and say whether this machine is ready
python -m utils.workshop route half-day 9:00 print a route's clock: half-day, day or two-days
python -m utils.workshop sections 05         print what a room takes for each section of a chapter
python -m utils.workshop board --port 8800   show what a room believes, while it happens
"""

from __future__ import annotations  # as in `ready`

import argparse
import sys
from pathlib import Path

from . import ready

FILE = Path(__file__).resolve().parents[2] / "board.sqlite"


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status: 1 if the machine is not ready, 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m utils.workshop", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ready", help="try everything once, and say whether this machine is ready")
    route = commands.add_parser("route", help="print a route's clock")
    route.add_argument("name", help="half-day, day or two-days")
    route.add_argument("start", nargs="?", default="9:00", help="when each day begins (9:00)")
    sections = commands.add_parser("sections", help="print what a room takes for each section of a chapter")
    sections.add_argument("chapter", help="two digits")
    board = commands.add_parser("board", help="show what a room believes, while it happens")
    board.add_argument("--port", type=int, default=8800, help="where it answers (8800; 0 for any that is free)")
    board.add_argument("--route", default="half-day", help="half-day, day or two-days (half-day)")
    board.add_argument("--host", default="", help="the only address of this machine that it answers at (all)")
    board.add_argument("--address", default="", help="where browsers find it, if not there: https://host/folder")
    board.add_argument("--code", default="", help="the code, if it is to be known before (a random one)")
    board.add_argument("--file", type=Path, default=FILE, help="what it keeps until the workshop ends (board.sqlite)")
    options = parser.parse_args(arguments)
    if options.command == "ready":
        return ready.say()
    if options.command == "board":
        from .board import starting

        return starting.start(options)
    from . import rooms, routes  # here, for a machine that lacks what they import still has to be told so

    try:
        clock = options.command == "route"
        lines = routes.get(options.name).clock(options.start) if clock else rooms.lines(options.chapter)
        print(*lines, sep="\n")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
