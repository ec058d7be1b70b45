"""Prints the tables. Ours, the formula and what torch.compile makes of the formula take turns; medians are compared."""

import argparse
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

from tqdm import tqdm

from .machine import description
from .rows import Row, tables

HEADINGS = (
    "operation", "shape", "pass", "threads", "backend", "ours, ms", "naive, ms", "naive ÷ ours", "compiled ÷ ours",
    "of its bound", "error (naive's)", "memory, MB (naive's)",
)  # fmt: skip

PARTS = (
    "shape", "pass", "ours, ms", "the loop's arithmetic", "padding", "exponentials", "matrix products", "new memory",
    "rest", "bytes moved, meanwhile",
)  # fmt: skip
PASSES = {"both_ways": "forward + backward"}


def cells(row: Row) -> list[str]:
    def number(x: float | None, form: str) -> str:
        return "" if x is None else format(x, form)

    def over(x: float | None, y: float | None, form: str) -> str:
        return "" if x is None or y is None else format(x / y, form)

    def pair(x: float | None, y: float | None, form: str) -> str:
        return "" if x is None or y is None else f"{x:{form}} ({y:{form}})"

    bound, by = row.parts.bound() if row.parts else (None, "")
    return [
        row.operation, row.shape, PASSES.get(row.what, row.what), str(row.threads or ""),
        row.backend or "", number(row.ours, ".3g"), number(row.naive, ".3g"), over(row.naive, row.ours, ".1f"),
        over(row.other, row.ours, ".1f"), f"{over(bound, row.ours, '.0%')} {by}".strip(),
        pair(row.error, row.naive_error, ".0e"), pair(row.memory, row.naive_memory, ".0f"),
    ]  # fmt: skip


def part_cells(row: Row) -> list[str]:
    """Where the milliseconds of a row go; only for rows that have an account."""
    assert row.parts and row.ours
    parts = row.parts
    found = row.ours, parts.loop, parts.padding, parts.exponentials, parts.products, parts.new_memory
    numbers = *found, parts.rest(row.ours), parts.traffic
    return [row.shape, PASSES.get(row.what, row.what), *(f"{x:.2f}" for x in numbers)]


def show(headings: tuple[str, ...], rows: list[list[str]]) -> None:
    lines = [list(headings), ["---"] * len(headings), *rows]
    print("\n".join(f"| {' | '.join(line)} |" for line in lines))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m utils.attention.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller inputs: within a minute")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write every number there")
    arguments = parser.parse_args()

    rows: list[Row] = []
    with tqdm(tables(arguments.quick).items(), unit="table") as progress:
        for name, found in progress:
            for row in found:
                rows.append(row)
                progress.set_description(f"{name} {row.shape} {row.what}")
    said = description() | {"date": date.today().isoformat()}
    print(", ".join(f"{name} {value}" for name, value in said.items()), end="\n\n")
    show(HEADINGS, [cells(row) for row in rows])
    print("\nWhere the time goes, in milliseconds of one thread:\n")
    show(PARTS, [part_cells(row) for row in rows if row.parts])
    if arguments.json:
        arguments.json.write_text(json.dumps(said | {"rows": [asdict(row) for row in rows]}, indent=1))


if __name__ == "__main__":
    main()
