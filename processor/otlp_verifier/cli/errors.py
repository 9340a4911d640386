"""Errors as the command line shows them."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from otlp_verifier.rules.errors import RuleFileErrors
from otlp_verifier.settings import SettingsError


class ConfigurationError(click.ClickException):
    """A configuration, or a file that it names, cannot be used."""

    exit_code = 2


@contextmanager
def shown() -> Iterator[None]:
    """Turn errors that a user can mend into a message and an exit code."""
    try:
        yield
    except (SettingsError, RuleFileErrors) as error:
        raise ConfigurationError(str(error)) from error
    except OSError as error:
        raise click.ClickException(str(error)) from error
