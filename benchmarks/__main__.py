"""Runs the benchmarks, prints a table, writes results.json."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Figure

BENCHMARKS = ("native_stack", "cold_build")
SLOW = {"cold_build"}
"""Run only when they are named."""


def main() -> None:
    """Run the named benchmarks; without a name all but the slow ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("results.json"))
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")

    figures: list[Figure] = []
    for name in arguments.names or [name for name in BENCHMARKS if name not in SLOW]:
        figures += import_module(f"benchmarks.{name}").run()

    table = Table("figure", "measured", "reference", "ratio")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.value:.2f} {figure.unit}",
            f"{figure.reference:g} {figure.unit} ({figure.reference_name})",
            f"{figure.ratio:.2f}",
        )
    Console().print(table)
    arguments.json.write_text(json.dumps([asdict(f) | {"ratio": f.ratio} for f in figures], indent=2) + "\n")


if __name__ == "__main__":
    main()
