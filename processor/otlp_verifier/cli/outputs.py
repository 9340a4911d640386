"""`--output FORMAT[=FILE]`: where a report goes, and as what."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click
import msgspec

if TYPE_CHECKING:
    from otlp_verifier.policy import SeverityName
    from otlp_verifier.report.model import Report
    from otlp_verifier.report.terminal import Detail

    Writer = Callable[[Report, TextIO], None]

# What each is for; the help shows it.
FORMATS: Final = {
    "terminal": "for people",
    "json": "for programs",
    "junit": "test reports of CI systems",
    "sarif": "code scanning",
    "github": "annotations of GitHub Actions",
    "html": "one page with everything in it",
}
STANDARD_OUTPUT: Final = "-"


class CannotWriteError(click.ClickException):
    """A report, or the annotated telemetry, cannot be written where it was asked for."""

    exit_code = 2


class Output(msgspec.Struct, frozen=True):
    """A format and a file; None for standard output."""

    format: str
    file: Path | None


class OutputType(click.ParamType[Output]):
    """Reads `FORMAT`, `FORMAT=FILE` and `FORMAT=-`."""

    name = "format[=file]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Output:
        """Read one option's value."""
        if isinstance(value, Output):
            return value
        form, separator, file = str(value).partition("=")
        if form not in FORMATS:
            self.fail(f"`{form}`: expected one of {', '.join(FORMATS)}", param, ctx)
        if separator and not file:
            self.fail(f"`{value}`: expected a file's name after `=`, or `-`", param, ctx)
        if file in ("", STANDARD_OUTPUT):
            return Output(form, None)
        path = Path(file)
        if path.is_dir() or not path.absolute().parent.is_dir():
            self.fail(f"`{file}`: expected a file in a folder that exists", param, ctx)
        return Output(form, path)


def write_all(
    report: "Report",
    outputs: Sequence[Output],
    *,
    detail: "Detail",
    statistics: bool,
    fail_on: "SeverityName | None",
) -> None:
    """Write the report to every output, files first; a reader of standard output that goes away is no error.

    Raises:
        CannotWriteError: a file cannot be written.

    """
    for output in sorted(outputs, key=lambda output: output.file is None):
        write = _writer(output.format, detail, fail_on, statistics=statistics)
        if output.file is None:
            _to_standard_output(report, write)
        else:
            _to_file(report, write, output.file)


def _to_file(report: "Report", write: "Writer", path: Path) -> None:
    # Beside it and then in its place: whoever reads the file never sees half of a report.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.exists() and not path.is_file():  # a pipe or a device stays what it is
            with path.open("w", encoding="utf-8") as out:
                write(report, out)
            return
        with unfinished.open("w", encoding="utf-8") as out:
            write(report, out)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise CannotWriteError(f"{path}: cannot be written: {error.strerror or error}") from error


def _to_standard_output(report: "Report", write: "Writer") -> None:
    out: TextIO | None = sys.stdout
    if out is None:  # it was closed from the beginning
        return
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="replace")  # a terminal that cannot show a character shows `?`
    try:
        write(report, out)
        out.flush()
    except BrokenPipeError:
        # `head` has seen enough. What Python still has to flush when it exits must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _writer(form: str, detail: "Detail", fail_on: "SeverityName | None", *, statistics: bool) -> "Writer":
    """Import one format."""
    # ruff: noqa: PLC0415  # a check should load no format that it does not write
    if form == "terminal":
        from otlp_verifier.report import terminal

        return lambda report, out: terminal.write(report, out, detail=detail, statistics=statistics)
    if form == "junit":
        from otlp_verifier.report import junit

        return lambda report, out: junit.write(report, out, fail_on)
    if form == "sarif":
        from otlp_verifier.report import sarif

        return sarif.write
    if form == "github":
        from otlp_verifier.report import github

        return github.write
    if form == "html":
        from otlp_verifier.report import html_page

        return html_page.write
    from otlp_verifier.report import json_document

    return json_document.write
