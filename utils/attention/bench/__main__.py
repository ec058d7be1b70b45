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
    "of the bound", "error (naive's)", "memory, MB (naive's)",
)  # fmt: skip


def cells(row: Row) -> list[str]:
    def number(x: float | None, form: str) -> str:
        return "" if x is None else format(x, form)

    def over(x: float | None, y: float | None, form: str) -> str:
        return "" if x is None or y is None else format(x / y, form)

    def pair(x: float | None, y: float | None, form: str) -> str:
        return "" if x is None or y is None else f"{x:{form}} ({y:{form}})"

    return [
        row.operation, row.shape, row.what.replace("both_ways", "forward + backward"), str(row.threads or ""),
        row.backend or "", number(row.ours, ".3g"), number(row.naive, ".3g"), over(row.naive, row.ours, ".1f"),
        over(row.other, row.ours, ".1f"), over(row.bound, row.ours, ".0%"),
        pair(row.error, row.naive_error, ".0e"), pair(row.memory, row.naive_memory, ".0f"),
    ]  # fmt: skip


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
    lines = [HEADINGS, ["---"] * len(HEADINGS), *map(cells, rows)]
    print("\n".join(f"| {' | '.join(line)} |" for line in lines))
    if arguments.json:
        arguments.json.write_text(json.dumps(said | {"rows": [asdict(row) for row in rows]}, indent=1))


if __name__ == "__main__":
    main()
