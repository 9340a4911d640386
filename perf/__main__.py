"""Runs benchmarks: `python -m perf [names...] [--short] [--output FILE]`, or `make bench` for all of them."""

import importlib
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from perf import results
from perf.catalogue import FIGURES
from perf.effort import EFFORT
from perf.machine import QUIET, busy, machine, versions
from perf.table import HEADINGS, Row, rows, uncatalogued

# In the order of the data flow; each is a module with `figures() -> dict[str, float]`.
# fmt: off
BENCHMARKS: Final = (
    "scan", "lookup", "engine", "rule_costs", "splice", "language", "startup", "check", "roundtrip", "latency",
    "pipeline", "shapes", "growth",
)
# fmt: on


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(BENCHMARKS), metavar="[NAME]...")
@click.option("--short", is_flag=True, help="Only show that the benchmarks work; the figures mean nothing.")
@click.option(
    "--load-minutes",
    type=click.FloatRange(min=1),
    default=EFFORT.load_minutes,
    show_default=True,
    help="How long `growth` watches memory under load; 60 for the whole hour.",
)
@click.option("--details", is_flag=True, help="Show every figure, not only those of the catalogue.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"Where to write the figures as JSON. Default: results/{results.LATEST.name} for a full run of everything.",
)
@click.option("--update", is_flag=True, help="Put the figures of NAME... in place of theirs in the last full run.")
def main(
    names: Sequence[str], short: bool, load_minutes: float, details: bool, output: Path | None, update: bool
) -> None:
    """Run the benchmarks NAME... (all of them without one), print a table and write JSON.

    Ends with 1 when a benchmark does not work. A target that is missed is shown
    and is no failure: machines differ.
    """
    if update and (short or not names):
        raise click.UsageError("--update takes the names of benchmarks, and no --short")
    EFFORT.short, EFFORT.load_minutes = short, load_minutes
    console = Console(stderr=True, highlight=False)
    about = machine()
    if busy() > QUIET:
        console.print(f"[yellow]load is {busy()}: something else is running, which the figures will show")
    figures, broken = _run(names or BENCHMARKS, console)
    about["load_after"] = busy()
    Console(width=None if sys.stdout.isatty() else 200).print(_table(figures, details))
    if output is None and not broken and (update or not (names or short)):
        output = results.LATEST
    if output is not None:
        run = results.Run(about, versions(), figures)
        if update:
            results.update(output, names, run)
        else:
            results.write(output, run)
        console.print(f"written to {output}")
    if broken:
        console.print(f"[red]broken: {', '.join(broken)}")
        sys.exit(1)


def _run(names: Sequence[str], console: Console) -> tuple[dict[str, float], list[str]]:
    figures: dict[str, float] = {}
    broken = []
    for position, name in enumerate(names, 1):
        console.print(f"[bold]{position}/{len(names)} {name}")
        start = time.monotonic()
        try:
            made = importlib.import_module(f"perf.{name}").figures()
            _check(name, made, figures)
        except Exception:  # the others may work: all that is broken is shown at once
            console.print(escape(traceback.format_exc()), style="red")
            broken.append(name)
            continue
        figures |= made
        console.print(f"    {time.monotonic() - start:.0f} s")
    return figures, broken


def _check(name: str, made: Mapping[str, float], earlier: Mapping[str, float]) -> None:
    if taken := earlier.keys() & made.keys():
        raise RuntimeError(f"figures that another benchmark has: {', '.join(sorted(taken))}")
    expected = {
        key
        for key, figure in FIGURES.items()
        if (figure.made_by or key.partition(".")[0]) == name and not figure.optional
    }
    if missing := expected - made.keys():
        raise RuntimeError(f"figures that the catalogue expects and that are not there: {', '.join(sorted(missing))}")


def _table(figures: dict[str, float], details: bool) -> Table:
    table = Table(*HEADINGS, header_style="bold")
    for heading, column in zip(HEADINGS, table.columns, strict=True):
        column.justify = "right" if heading in {"value", "ratio"} else "left"
        column.no_wrap = heading in {"figure", "value"}
    shown: list[Row] = rows(figures) + (uncatalogued(figures) if details else [])
    for row in shown:
        table.add_row(*(cell.replace("`", "") for cell in row.cells), style="yellow" if row.missed else "")
    return table


if __name__ == "__main__":
    main()
