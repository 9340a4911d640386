"""`otlp-verifier config schema`."""

import json

import click


@click.command("schema")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "markdown"]),
    default="json",
    show_default=True,
    help="JSON Schema for editors, or the table of the documentation.",
)
def command(form: str) -> None:
    """Describe the configuration file."""
    from otlp_verifier.settings import schema  # noqa: PLC0415  # --help should not load it

    click.echo(
        schema.markdown() if form == "markdown" else json.dumps(schema.json_schema(), indent=2), nl=form == "json"
    )
