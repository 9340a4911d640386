"""`otlp-verifier rules explain`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from otlp_verifier.cli.errors import ConfigurationError, shown
from otlp_verifier.rules.errors import RuleFileError, RuleFileErrors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otlp_verifier.language.examine import Examined
    from otlp_verifier.rules.catalogue import Rule


@click.command("explain")
@click.argument("rule_id", metavar="ID")
@click.option("--file", type=click.Path(path_type=Path), help="A file of rules that has it; without, a built-in rule.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration whose rules are known, its own and its registries' too, each as it is tuned there.",
)
@click.option("--cost", is_flag=True, help="Show only what it costs at most.")
def command(rule_id: str, file: Path | None, config: Path | None, cost: bool) -> None:
    """Explain the rule ID.

    In plain words: what it demands, what to do about a finding, where it is
    promised, when its violations count, how it is evaluated, and what that
    costs at most.
    """
    if file is not None and config is not None:
        raise click.UsageError("--file and --config cannot be used together: a configuration names files itself")
    from otlp_verifier.language.compiler import Source  # noqa: PLC0415  # --help should not load the compiler
    from otlp_verifier.language.errors import RuleErrors, nearest  # noqa: PLC0415
    from otlp_verifier.language.examine import examine  # noqa: PLC0415
    from otlp_verifier.language.listing import listing  # noqa: PLC0415
    from otlp_verifier.language.words import rule_words  # noqa: PLC0415
    from otlp_verifier.rules import catalogue  # noqa: PLC0415
    from otlp_verifier.rules.advice import advice  # noqa: PLC0415

    errors: list[RuleFileError] = []
    with shown():
        if config is not None:
            from otlp_verifier.selection import surveyed  # noqa: PLC0415  # few ask for a configuration's
            from otlp_verifier.settings import load  # noqa: PLC0415

            known: Sequence[Rule] = [rule for rule, _ in surveyed(load(config))]
        else:
            known = catalogue.builtin() if file is None else catalogue.read(file, errors)
        rules = [rule for rule in known if rule.id == rule_id]
        if not rules and errors:
            raise RuleFileErrors(errors)
    if not rules:
        ids = {rule.id for rule in known}
        raise ConfigurationError(f"`{rule_id}`: no rule is called that{nearest(rule_id, ids)}")
    if not cost:
        click.echo(f"{rule_id} ({rules[0].severity}): {rules[0].description}")
        for heading, text in advice(rules[0].remedy, rules[0].promises):
            click.echo(f"{heading}: {text}")
    for rule in rules:
        with shown():
            try:
                examined = examine(Source(rule.id, rule.rule, rule.parameters))
            except RuleErrors as found:
                raise RuleFileErrors(catalogue.located(error, rules) for error in found.errors) from found
        if cost:
            click.echo(_cost(examined))
            continue
        click.echo(f"\n{rule_words(examined.tree)}")
        for name, value in rule.parameters.items():
            click.echo(f"{name} is {value}.")
        for line in (*_verdicts(examined), *(f"Warning: {warning}." for warning in examined.warnings)):
            click.echo(line)
        click.echo("\nPlan:")
        for line in listing(examined.plan):
            click.echo(f"  {line}")
        click.echo(f"\n{_cost(examined)}")


def _verdicts(examined: "Examined") -> list[str]:
    if examined.final:
        lines = [
            "Final: no span that may still arrive can undo a violation, so it is reported at once, from any batch. It",
            "looks only at what is there, and asks for nothing that might be missing.",
        ]
    else:
        lines = [
            "Needs whole traces: a span that may still arrive could undo a violation, as something is asked for that",
            "may be missing yet. It is checked where the sender promises whole traces.",
        ]
    reasons = {
        "complete": "spans, attributes, events or links of the trace are known to be missing",
        "unsampled": "a sampler has left spans out of the trace",
    }
    if examined.assumes:
        lines.append("It is undecided instead of violated")
        lines.extend(f"- where {reasons[name]};" for name in examined.assumes)
    else:
        lines.append("It assumes nothing: what is violated counts whatever is missing.")
    if examined.skew_ns:
        lines.append(f"Clocks of different resources may be {examined.skew_ns} ns apart: within that it is undecided.")
    return lines


def _cost(examined: "Examined") -> str:
    from otlp_verifier.language.cost import TREE_NS, worst_ns_per_span  # noqa: PLC0415  # as above
    from otlp_verifier.machine.program import Need  # noqa: PLC0415

    needs_tree = Need.TREE in examined.plan.trace.needs
    tree = f", and once for all rules {TREE_NS:.0f} ns for parents and order" if needs_tree else ""
    return f"At most {worst_ns_per_span(examined.plan):.0f} ns per span on one core{tree}."
