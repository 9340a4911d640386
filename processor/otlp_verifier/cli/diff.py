"""`otlp-verifier diff`."""

import click

from otlp_verifier.cli.checking import Options, collect, exit_code, interruptible, loading, options, verifier_of
from otlp_verifier.cli.errors import shown


@click.command("diff")
@click.argument("before")
@click.argument("after")
@options
def command(*, before: str, after: str, asked: Options) -> None:
    """Compare two captures: findings that appeared and findings that went.

    BEFORE and AFTER are files, folders or globs, as for `check`. Findings are
    told apart by rule, service, scope and the names of the spans from the root,
    not by ids and times; how often one occurs does not matter.

    Exit codes: 1 when a finding at or above --fail-on appeared, else as for check.
    """
    with interruptible(), shown():
        with loading():
            file, verifier = verifier_of(asked)
            from otlp_verifier.files import Check, Inputs  # noqa: PLC0415  # usage and configuration are judged first
            from otlp_verifier.policy import Completeness  # noqa: PLC0415
            from otlp_verifier.report.baseline import Baseline  # noqa: PLC0415
            from otlp_verifier.report.collect import Collector  # noqa: PLC0415

        promised = Completeness[asked.completeness.upper()]

        def gathered(path: str, known: Baseline | None) -> tuple[Collector, Inputs]:
            check = Check([path], verifier, settings=file.settings.files, completeness=promised)
            collector = Collector(
                verifier.rules, baseline=known, findings_per_rule_max=asked.max_findings, every=known is None
            )
            collect(check, collector)
            return collector, check.inputs

        earlier, earlier_inputs = gathered(before, None)
        later, inputs = gathered(after, Baseline(before, earlier.recorded.values()))
        for error in earlier_inputs.errors:
            inputs.notes.error(error.source, error.message)
        report = later.report(inputs)
        asked.write(report)
    raise click.exceptions.Exit(exit_code(report, asked.fail_on))
