"""`otlp-verifier serve`."""

import os
from pathlib import Path

import click

from otlp_verifier.cli.errors import shown
from otlp_verifier.version import VERSION


@click.command("serve")
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file; without one, everything has its default.",
)
def command(config: Path | None) -> None:
    """Serve collectors until SIGTERM.

    Listens on localhost:4320 (gRPC) and localhost:4321 (HTTP: /metrics,
    /healthz, /readyz) unless the configuration says otherwise. SIGHUP reads the
    configuration again; SIGTERM and SIGINT answer what is in flight and end.
    """
    # gRPC's core writes lines of its own to standard error, between ours; what matters comes as an exception.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from otlp_verifier.serve.lifecycle import run  # noqa: PLC0415  # --help should not load an engine

    with shown():
        run(config, VERSION)
