"""`otlp-verifier rules test`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from otlp_verifier.cli.errors import ConfigurationError, shown
from otlp_verifier.rules.errors import RuleFileError, RuleFileErrors

if TYPE_CHECKING:
    from otlp_verifier.rules.catalogue import Rule
    from otlp_verifier.rules.example import Example
    from otlp_verifier.worker import Worker


@click.command("test")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.pass_context
def command(context: click.Context, files: tuple[Path, ...]) -> None:
    """Run the examples of the rules in FILES.

    In an example under `fires` its rule must find something, in one under
    `silent` nothing. The rules of `shop.rules` have theirs in
    `shop.examples.yaml`, by id. Ends with 1 where an example does not behave,
    with 2 where a file cannot be used.
    """
    from otlp_verifier.language.errors import RuleErrors  # noqa: PLC0415  # --help should not load an engine
    from otlp_verifier.pipeline import Verifier  # noqa: PLC0415
    from otlp_verifier.rules import catalogue, example  # noqa: PLC0415
    from otlp_verifier.rules.notation import NotationError  # noqa: PLC0415

    errors: list[RuleFileError] = []
    rules = [rule for file in files for rule in catalogue.read(file, errors)]
    catalogue.check_ids(rules, errors)
    examples = {}
    for number, rule in enumerate(rules):
        try:
            examples[rule.id] = example.of(rule)
            rules[number] = example.tried(rule)
        except NotationError as error:
            errors.append(RuleFileError(rule.file, rule.line, str(error)))
        except RuleFileErrors as found:
            errors.extend(found.errors)
    try:
        worker = Verifier(rules).worker()
    except RuleErrors as found:
        errors.extend(catalogue.located(error, rules) for error in found.errors)
    if errors:
        with shown():
            raise RuleFileErrors(set(errors))
    if not rules:
        raise ConfigurationError("no rules in these files")
    failed = 0
    for rule in rules:
        if rule.part:
            continue
        cases = examples[rule.id]
        wrong = [
            line
            for kind in ("fires", "silent")
            for number, case in enumerate(getattr(cases, kind))
            if (line := _wrong(worker, rule, kind, number, case))
        ]
        failed += len(wrong)
        counts = f"{len(cases.fires)} fire, {len(cases.silent)} stay silent"
        untested = not cases.fires or not cases.silent
        click.echo(f"{rule.id}: {'FAILED' if wrong else 'good'}: {counts}{' (untested)' if untested else ''}")
        for line in wrong:
            click.echo(f"  {line}")
    if failed:
        click.echo(f"{failed} example{'s' * (failed > 1)} did not behave", err=True)
        context.exit(1)


def _wrong(worker: "Worker", rule: "Rule", kind: str, number: int, case: "Example") -> str:
    """What is wrong with what an example gives; nothing where it behaves."""
    outcome = worker.verify(case.request, completeness=case.completeness)
    found = [finding for finding in outcome.findings(1_000) if finding.rule == rule.id]
    if bool(found) == (kind == "fires"):
        return ""
    which = f"{kind}[{number}]{f' ({case.why})' if case.why else ''}"
    if found:
        return f"{which}: expected nothing, found: {found[0].message}"
    undecided = sum(
        int(count) for count, other in zip(outcome.undecided_by_rule, worker.rules, strict=True) if other.id == rule.id
    )
    why = "an assumption does not hold" if undecided else _silence(worker, rule, case)
    return f"{which}: expected a finding, found nothing: {why}"


def _silence(worker: "Worker", rule: "Rule", case: "Example") -> str:
    """Why a rule may have been silent."""
    from otlp_verifier.policy import Completeness  # noqa: PLC0415  # as above

    final = [
        final for final, other in zip(worker.plan.final, worker.rules, strict=True)
        if other.id == rule.id
    ]  # fmt: skip
    if case.completeness is Completeness.BATCH and not all(final):
        return "it needs whole traces; say `completeness: trace`"
    return "nothing violates it"
