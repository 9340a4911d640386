"""`otlp-verifier config check`."""

from pathlib import Path

import click

from otlp_verifier.cli.errors import shown


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path) -> None:
    """Check a configuration FILE.

    Reads it, compiles the rules that it selects, and starts nothing.
    """
    from otlp_verifier.serve.engine import compiled  # noqa: PLC0415  # --help should not load an engine
    from otlp_verifier.settings import load  # noqa: PLC0415

    with shown():
        settings = load(file)
        verifier = compiled(settings)
    profiles = len(settings.settings.profiles)
    click.echo(f"{file}: good: {verifier.rule_count} rules, {profiles} profiles besides the default policy")
