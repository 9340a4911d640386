"""Rules as one organisation wants them: another severity, other limits, fewer records that they look at."""

from collections.abc import Mapping, Sequence

from msgspec import structs

from otlp_verifier.groups import named
from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.errors import RuleError, RuleErrors, nearest
from otlp_verifier.language.formatter import body_text
from otlp_verifier.language.parser import parse_expression, read_rule
from otlp_verifier.language.syntax import Binary, Expression
from otlp_verifier.rules.catalogue import Parameter, Rule
from otlp_verifier.settings import SettingsFile, Tuning

_Place = tuple[str | int, ...]


def tuned(file: SettingsFile, rules: Sequence[Rule], names: Mapping[str, set[str]]) -> tuple[Rule, ...]:
    """The rules as `rules.tune` of the configuration makes them, one line after the other.

    Args:
        file: the configuration.
        rules: those that it selects.
        names: what a name in `rules.tune[].rules` stands for; see `groups.groups`.

    Raises:
        SettingsError: no rule has a name or a parameter, a value is of another kind than the rule's own, or a
            condition is none about what a rule looks at.

    """
    found = tuple(rules)
    for number, line in enumerate(file.settings.rules.tune):
        at: _Place = ("rules", "tune", number)
        meant = named(file, line.rules, names, (*at, "rules"))
        condition = _condition(file, line, at)
        known = {name for rule in found if rule.id in meant for name in rule.parameters}
        for name in line.parameters:
            if name not in known and any(rule.id in meant for rule in found):
                raise file.error(
                    (*at, "parameters", name), f"`{name}`: none of these rules has such a limit{nearest(name, known)}"
                )
        found = tuple(_tuned(file, rule, line, condition, at) if rule.id in meant else rule for rule in found)
    return found


def _condition(file: SettingsFile, line: Tuning, at: _Place) -> Expression | None:
    if line.where is None:
        return None
    try:
        return parse_expression(line.where)
    except (RuleError, RuleErrors) as error:
        raise file.error((*at, "where"), _said(error)) from None


def _tuned(file: SettingsFile, rule: Rule, line: Tuning, condition: Expression | None, at: _Place) -> Rule:
    changed: dict[str, Parameter] = {name: value for name, value in line.parameters.items() if name in rule.parameters}
    for name, value in changed.items():
        if isinstance(value, str) != isinstance(rule.parameters[name], str):
            raise file.error(
                (*at, "parameters", name), f"`{name}` of {rule.id} is {rule.parameters[name]}: expected its like"
            )
    text = rule.rule
    if condition is not None:
        tree = read_rule(text)
        guard = condition if tree.guard is None else Binary("and", tree.guard, condition, 0)
        text = body_text(structs.replace(tree, guard=guard))
    result = structs.replace(
        rule, severity=line.severity or rule.severity, parameters={**rule.parameters, **changed}, rule=text
    )
    if result.rule != rule.rule or changed:
        try:
            compile_rules([Source(rule.id, result.rule, result.parameters)])
        except RuleErrors as errors:
            key = "where" if condition is not None else "parameters"
            raise file.error((*at, key), f"{rule.id} cannot be tuned so: {_said(errors)}") from None
    return result


def _said(error: RuleError | RuleErrors) -> str:
    first = error.errors[0] if isinstance(error, RuleErrors) else error
    return f"{first.message}, in `{first.source.strip()}`"
