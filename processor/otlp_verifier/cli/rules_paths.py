"""`otlp-verifier rules paths`."""

import click


@click.command("paths")
def command() -> None:
    """List what rules can ask for.

    A table of all paths with their types, as in the documentation.
    """
    from otlp_verifier.language.reference import markdown  # noqa: PLC0415  # --help should not load it

    click.echo(markdown(), nl=False)
