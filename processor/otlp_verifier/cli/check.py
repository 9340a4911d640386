"""`otlp-verifier check`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otlp_verifier.cli.checking import Options, collect, exit_code, interruptible, loading, options, verifier_of
from otlp_verifier.cli.errors import ConfigurationError, shown
from otlp_verifier.cli.outputs import CannotWriteError

if TYPE_CHECKING:
    from otlp_verifier.files import Check
    from otlp_verifier.report.baseline import Baseline
    from otlp_verifier.report.collect import Collector


def _print_schema(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        from otlp_verifier.report import json_document  # noqa: PLC0415  # --help should not load it

        click.echo(json.dumps(json_document.schema(), indent=2))
        ctx.exit()


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@options
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with findings that are known: only others count.",
)
@click.option("--write-baseline", is_flag=True, help="Write all findings of this run to the baseline, and pass.")
@click.option(
    "--annotate",
    type=click.Path(path_type=Path),
    help="Write the telemetry again with the verdicts on it: a file for one input, a folder for several.",
)
@click.option("--profile", default="", help="Policy of the configuration that --annotate follows.")
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of the json report.",
)
def command(
    *,
    paths: tuple[str, ...],
    asked: Options,
    baseline: Path | None,
    write_baseline: bool,
    annotate: Path | None,
    profile: str,
) -> None:
    """Check telemetry in files and say what is wrong with it.

    OTLP, Jaeger and Zipkin are recognised by their content. PATH is a file, a folder,
    a glob, or - for standard input.

    \b
    Exit codes:
      0  nothing at or above --fail-on
      1  findings
      2  wrong usage or configuration, or a report that cannot be written
      3  input that cannot be read; everything else was checked nevertheless
    """  # noqa: D301  # \b is click's
    if write_baseline and baseline is None:
        raise click.UsageError("--write-baseline needs --baseline FILE")
    with interruptible(), shown():
        with loading():
            file, verifier = verifier_of(asked)
            if profile not in verifier.policies:
                raise click.BadParameter(f"`{profile}`: the configuration has no such profile", param_hint="--profile")
            known = _known(baseline) if baseline is not None and not write_baseline else None
            # Here, so that usage and configuration are judged before anything large is loaded.
            from otlp_verifier.files import Check  # noqa: PLC0415
            from otlp_verifier.policy import Completeness  # noqa: PLC0415
            from otlp_verifier.report.collect import Collector  # noqa: PLC0415

            check = Check(
                paths,
                verifier,
                settings=file.settings.files,
                profile=profile,
                completeness=Completeness[asked.completeness.upper()],
                annotate=annotate is not None,
            )
        limit = asked.max_findings
        collector = Collector(verifier.rules, baseline=known, findings_per_rule_max=limit, every=write_baseline)
        collect(check, collector)
        report = collector.report(check.inputs)
        if annotate is not None:
            _annotate(check, annotate)
        if write_baseline and baseline is not None:
            _write_baseline(collector, baseline)
        asked.write(report)
    raise click.exceptions.Exit(exit_code(report, None if write_baseline else asked.fail_on))


def _known(path: Path) -> "Baseline":
    from otlp_verifier.report import baseline  # noqa: PLC0415  # only with --baseline

    try:
        return baseline.read(path)
    except baseline.BaselineError as error:
        hint = "" if path.exists() else "; --write-baseline makes it"
        raise ConfigurationError(f"{error}{hint}") from error


def _write_baseline(collector: "Collector", path: Path) -> None:
    from otlp_verifier.report.baseline import Baseline  # noqa: PLC0415  # as above

    written = Baseline(str(path), collector.recorded.values())
    try:
        path.write_text(written.dump(), encoding="utf-8")
    except OSError as error:
        raise CannotWriteError(f"{path}: cannot be written: {error.strerror or error}") from error
    click.echo(f"{path}: {len(written):,} kinds of findings are known from now on", err=True)
    if collector.unrecorded:
        click.echo(f"{path}: {collector.unrecorded:,} findings of more kinds are not in it: there is no room", err=True)


def _annotate(check: "Check", out: Path) -> None:
    try:
        written = check.annotate(out)
    except OSError as error:
        raise CannotWriteError(f"{out}: cannot be written: {error.strerror or error}") from error
    files = "1 file" if len(written) == 1 else f"{len(written):,} files"
    click.echo(f"{out}: {files} written with the verdicts", err=True)
