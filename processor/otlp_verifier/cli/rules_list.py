"""`otlp-verifier rules list`."""

import json
import sys
from pathlib import Path

import click

from otlp_verifier.cli.errors import shown

WIDTH_OF_PIPE = 240


@click.command("list")
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration whose selection is shown, and whose own rule files are read.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people or programs.",
)
def command(config: Path | None, form: str) -> None:
    """List all rules, and which of them run."""
    from otlp_verifier.selection import surveyed  # noqa: PLC0415  # --help should not read the catalogue
    from otlp_verifier.settings import load  # noqa: PLC0415

    with shown():
        rules = {rule.id: (rule, runs) for rule, runs in surveyed(load(config))}  # some have several formulas
    rows: list[dict[str, str | bool]] = [
        {
            "id": rule.id,
            "enabled": runs,
            "severity": rule.severity,
            "level": rule.level,
            "decided_by": rule.decided_by or "",
            "family": rule.family or "",
            "description": rule.description,
        }
        for rule, runs in rules.values()
    ]
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console  # noqa: PLC0415  # the slowest import, for tables only
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*(key.replace("_", " ") for key in rows[0]), box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(_text(value)) for value in row.values()))  # Text: brackets in a description are no markup
    # A pipe has no width; folded lines would be of no use to grep.
    Console(width=None if sys.stdout.isatty() else WIDTH_OF_PIPE).print(table)
    click.echo(f"{sum(runs for _, runs in rules.values())} of {len(rows)} rules run")


def _text(value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value
