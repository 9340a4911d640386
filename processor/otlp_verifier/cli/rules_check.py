"""`otlp-verifier rules check`."""

from pathlib import Path

import click

from otlp_verifier.rules.errors import RuleFileError, RuleFileErrors


@click.command("check")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.pass_context
def command(context: click.Context, files: tuple[Path, ...]) -> None:
    """Check the rules in FILES.

    Says of every mistake in every file where it is and what was expected, and
    of each rule that is good what it is about, whether its violations are final
    or need whole traces, and what its author may not have meant. Ends with 2
    where there is a mistake.
    """
    from otlp_verifier.findings.template import template  # noqa: PLC0415  # --help should not load the compiler
    from otlp_verifier.groups import ids_of_groups  # noqa: PLC0415
    from otlp_verifier.language.compiler import Source  # noqa: PLC0415
    from otlp_verifier.language.errors import RuleError, RuleErrors  # noqa: PLC0415
    from otlp_verifier.language.examine import examine  # noqa: PLC0415
    from otlp_verifier.rules import catalogue  # noqa: PLC0415

    errors: list[RuleFileError] = []
    rules = [rule for file in files for rule in catalogue.read(file, errors)]
    given = {file.resolve() for file in files}
    others = [rule for rule in catalogue.builtin() if Path(rule.file).resolve() not in given]
    catalogue.check_ids([*others, *rules], errors)
    errors.extend(ids_of_groups([*others, *rules]))
    for rule in rules:
        try:
            examined = examine(Source(rule.id, rule.rule, rule.parameters))
        except RuleErrors as found:
            errors.extend(catalogue.located(error, [rule]) for error in found.errors)
            continue
        try:
            template(rule)
        except RuleError as error:
            message = f"{rule.id}: message: {error.message}"
            errors.append(RuleFileError(rule.file, rule.line, message, error.column, error.source))
            continue
        kind = "final" if examined.final else "needs whole traces"
        part = f" ({rule.part + 1})" if sum(other.id == rule.id for other in rules) > 1 else ""
        click.echo(f"{rule.id}{part}: {examined.domain.name.lower()}, {kind}")
        for warning in examined.warnings:
            click.echo(f"{rule.file}:{rule.rule_line}: warning: {rule.id}: {warning}", err=True)
    if errors:
        click.echo(str(RuleFileErrors(errors)), err=True)
        click.echo(f"{len(errors)} mistake{'s' * (len(errors) > 1)}", err=True)
        context.exit(2)
