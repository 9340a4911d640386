"""Which rules a configuration selects."""

from collections.abc import Iterable, Mapping
from typing import get_args

from otlp_verifier.language.errors import nearest
from otlp_verifier.policy import Policy, SeverityName
from otlp_verifier.rules.catalogue import Rule, load
from otlp_verifier.settings import SettingsFile
from otlp_verifier.settings.presets import presets


def selected(file: SettingsFile) -> tuple[Rule, ...]:
    """The rules that `rules` in the configuration selects, sorted by id.

    Raises:
        SettingsError: a name in `rules` or in a policy that no rule has.
        RuleFileErrors: a rule file cannot be read.

    """
    settings = file.settings
    rules = known(file)
    chosen = _named(file, rules, "select") - _named(file, rules, "ignore")
    _check_policy(file, settings.policy, rules, chosen, ("policy",))
    for name, policy in settings.profiles.items():
        _check_policy(file, policy, rules, chosen, ("profiles", name))
    return tuple(rule for rule in rules if rule.id in chosen)


def known(file: SettingsFile) -> tuple[Rule, ...]:
    """The package's rules and those of the configuration's rule files, sorted by id.

    Raises:
        RuleFileErrors: a rule file cannot be read.

    """
    return load(file.resolve(name) for name in file.settings.rules.files)


def groups(rules: Iterable[Rule]) -> Mapping[str, set[str]]:
    """Every name that a selection may have, and the ids of the rules that it stands for.

    Ids, families, severities, what decides a rule (record, batch, trace), `all`, `default`, and presets.
    """
    found: dict[str, set[str]] = {name: set() for name in ("all", "default", *get_args(SeverityName))}
    for rule in rules:
        for name in (rule.id, rule.family, rule.severity, rule.decided_by, "all", "default" if rule.default else ""):
            if name:
                found.setdefault(name, set()).add(rule.id)
    for name, preset in presets().items():
        chosen, left_out = (
            set[str]().union(*(found.get(each, ()) for each in names)) for names in (preset.select, preset.ignore)
        )
        found[name] = chosen - left_out
    return found


def _named(file: SettingsFile, rules: Iterable[Rule], key: str) -> set[str]:
    known_names = groups(rules)
    chosen: set[str] = set()
    for position, name in enumerate(getattr(file.settings.rules, key)):
        if name not in known_names:
            raise file.error(
                ("rules", key, position), f"`{name}`: no rule or family is called that{nearest(name, known_names)}"
            )
        chosen |= known_names[name]
    return chosen


def _check_policy(
    file: SettingsFile, policy: Policy, rules: Iterable[Rule], chosen: set[str], at: tuple[str, ...]
) -> None:
    for number, action in enumerate(policy.actions):
        for position, name in enumerate(action.rules):
            if name in chosen:
                continue
            ids = {rule.id for rule in rules}
            why = "`rules` does not select it" if name in ids else f"no rule is called that{nearest(name, ids)}"
            raise file.error((*at, "actions", number, "rules", position), f"`{name}`: {why}")
