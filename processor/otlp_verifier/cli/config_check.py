"""`otlp-verifier config check`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otlp_verifier.cli.errors import shown

if TYPE_CHECKING:
    from otlp_verifier.registry.model import Registries


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
    if settings.settings.registries:
        for line in _of_registries(verifier.registries):
            click.echo(line)


def _of_registries(registries: "Registries") -> Iterator[str]:
    """What each registry of one's own holds, and which of its conventions nobody can be judged by."""
    from otlp_verifier.conventions.cases import unrecognised  # noqa: PLC0415  # few configurations name a registry

    for registry in registries.all[:-1]:
        counts = f"{len(registry.attributes)} attributes, {len(registry.conventions)} conventions"
        yield f"registry {registry.name} {registry.version}: {counts}"
        for convention in unrecognised(registry, registries):
            yield f"  {convention.id} cannot be recognised: it requires no attribute that this registry defines"
