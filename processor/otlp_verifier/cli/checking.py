"""What `check` and `diff` share: options, rules, and the way from files to a report."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from otlp_verifier.cli.outputs import FORMATS, Output, OutputType, write_all
from otlp_verifier.cli.progress import shown_after_a_second

if TYPE_CHECKING:
    from otlp_verifier.files import Check
    from otlp_verifier.pipeline import Verifier
    from otlp_verifier.policy import SeverityName
    from otlp_verifier.report.collect import Collector
    from otlp_verifier.report.model import Report
    from otlp_verifier.report.terminal import Detail
    from otlp_verifier.settings import SettingsFile

FOUND: Final = 1
UNREADABLE: Final = 3
INTERRUPTED: Final = 130
_NEVER: Final = "never"


class CannotReadError(click.ClickException):
    """Reading could not go on."""

    exit_code = UNREADABLE


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What both commands can be told; see the help of each."""

    outputs: tuple[Output, ...]
    detail: "Detail"
    statistics: bool
    quiet: bool
    fail_on: "SeverityName | None"
    config: Path | None
    registries: tuple[Path, ...]
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    completeness: str
    max_findings: int

    def write(self, report: "Report") -> None:
        """Write the report where it is wanted; on standard output too, unless something else goes there.

        Raises:
            CannotWriteError: a file cannot be written.

        """
        outputs = self.outputs
        if not self.quiet and all(output.file is not None for output in outputs):
            outputs = (*outputs, Output("terminal", None))
        write_all(report, outputs, detail=self.detail, statistics=self.statistics, fail_on=self.fail_on)


def _names(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def _severity(_ctx: click.Context, _param: click.Parameter, value: str) -> str | None:
    return None if value == _NEVER else value


_OPTIONS: Final = (
    click.option(
        "-o",
        "--output",
        "outputs",
        type=OutputType(),
        multiple=True,
        help="Write a report: " + "; ".join(f"{name}: {what}" for name, what in FORMATS.items()) + ". Without a file, "
        "or with `-`, to standard output. May be given several times.",
    ),
    click.option(
        "--format",
        "detail",
        type=click.Choice(["full", "concise"]),
        default="full",
        show_default=True,
        help="Terminal: findings explained, with their traces drawn; or one line each.",
    ),
    click.option("--statistics", is_flag=True, help="Terminal: counts by rule and service instead of findings."),
    click.option("-q", "--quiet", is_flag=True, help="No terminal report beside those that go to files."),
    click.option(
        "--fail-on",
        type=click.Choice(["error", "warning", "information", _NEVER]),
        default="error",
        show_default=True,
        callback=_severity,
        help="The least severity of findings for which the exit code is 1.",
    ),
    click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration file, the same as for `serve`: rules, limits, policy.",
    ),
    click.option(
        "--registry",
        "registries",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Registry of your own in Weaver's YAML, a file or a folder, besides those that the configuration names. "
        "May be given several times.",
    ),
    click.option(
        "--select",
        multiple=True,
        callback=_names,
        metavar="NAME,...",
        help="Rules or families to run, instead of those that the configuration selects.",
    ),
    click.option(
        "--ignore",
        multiple=True,
        callback=_names,
        metavar="NAME,...",
        help="Rules or families to leave out, beside those that the configuration leaves out.",
    ),
    click.option(
        "--completeness",
        type=click.Choice(["trace", "batch"]),
        default="trace",
        show_default=True,
        help="Whether the files hold whole traces, so that a parent that is not there is missing.",
    ),
    click.option(
        "--max-findings",
        type=click.IntRange(1, 1_000_000),
        default=1_000,
        show_default=True,
        metavar="COUNT",
        help="Findings of each rule that reports show; the others are counted.",
    ),
)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that both have, as its argument `asked`."""

    @wraps(command)
    def called(**given: Any) -> None:
        own = {field: given.pop(field) for field in Options.__struct_fields__}
        command(asked=Options(**own), **given)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


@contextmanager
def loading() -> Iterator[None]:
    """Load without looking for cycles among what is loaded: it stays, and looking is a tenth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def verifier_of(asked: Options) -> "tuple[SettingsFile, Verifier]":
    """Read the configuration and compile its rules.

    Raises:
        SettingsError, RuleFileErrors: as otlp_verifier.serve.engine.compiled.
        click.BadParameter: a name in `--select` or `--ignore` that no rule has.

    """
    from otlp_verifier.selection import UnknownNameError, narrowed, with_registries  # noqa: PLC0415  # --help should load no engine
    from otlp_verifier.serve.engine import compiled  # noqa: PLC0415
    from otlp_verifier.settings import load  # noqa: PLC0415

    try:
        file = narrowed(with_registries(load(asked.config), asked.registries), asked.select, asked.ignore)
    except UnknownNameError as error:
        raise click.BadParameter(str(error), param_hint=f"--{error.asked}") from error
    return file, compiled(file)


def collect(check: "Check", collector: "Collector") -> None:
    """Iterate a check to its end.

    Raises:
        CannotReadError: reading had to be given up, for instance because a temporary folder is full.

    """
    with shown_after_a_second(check.inputs):
        try:
            for part in check:
                collector.add(part)
        except OSError as error:
            raise CannotReadError(f"given up: {error}") from error


def exit_code(report: "Report", fail_on: "SeverityName | None") -> int:
    """What the process ends with.

    Unreadable input wins over findings: whoever looks at the code alone must not take what was found for all there is.
    """
    if report.inputs.notes.error_count:
        return UNREADABLE
    return FOUND if report.failures(fail_on) else 0


@contextmanager
def interruptible() -> Iterator[None]:
    """End with 130 at Ctrl-C, as shells expect: 1, which click would end with, means findings here."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
