"""The command line: one file per command, loaded when it is called.

Exit codes: 0 all is well, 1 it could not be done, 2 wrong usage or configuration.
"""

import importlib
import os
from typing import Any

import click

from otlp_verifier.version import VERSION

# Numpy's BLAS starts a thread for each core when it is loaded, a twentieth of a start, and nothing here uses them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_COMMANDS = {
    "": {"serve": "serve", "check": "check", "diff": "diff", "config": "", "rules": ""},
    "config": {"check": "config_check", "schema": "config_schema"},
    "rules": {
        "list": "rules_list",
        "check": "rules_check",
        "explain": "rules_explain",
        "test": "rules_test",
        "format": "rules_format",
        "paths": "rules_paths",
    },
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called or its help is shown.

    A module `otlp_verifier.cli.X` has the command as `command`.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's argument
        """Name the commands in the order of the table."""
        return list(_COMMANDS[self.name or ""])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # as above
        """Import one command."""
        module = _COMMANDS[self.name or ""].get(cmd_name)
        if module is None:
            return None
        if not module:
            return _GROUPS[cmd_name]
        command = importlib.import_module(f"otlp_verifier.cli.{module}").command
        assert isinstance(command, click.Command)  # noqa: S101  # for the type checker
        return command


_GROUPS: dict[str, click.Command] = {
    "config": LazyGroup("config", help="Check configurations and describe them."),
    "rules": LazyGroup("rules", help="Show the rules; check, explain, test and format your own."),
}


@click.group(name="", cls=LazyGroup)
@click.version_option(VERSION, prog_name="otlp-verifier", message="%(prog)s %(version)s")
def main(**_: Any) -> None:
    """Verify OpenTelemetry data inside a collector pipeline."""
