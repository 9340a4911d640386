"""Names that stand for rules, in selections and wherever else a configuration speaks of several at once."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, get_args

from otlp_verifier.language.errors import nearest
from otlp_verifier.policy import SeverityName
from otlp_verifier.rules.catalogue import DecidedBy, Rule
from otlp_verifier.rules.errors import RuleFileError
from otlp_verifier.settings import SettingsFile
from otlp_verifier.settings.presets import presets

# How binding the source of a rule is: the first word of its level, whatever else is said with it.
LEVELS: Final = ("must", "should", "derived", "heur", "policy")
_GROUPS: Final = frozenset({"all", "default", *LEVELS, *get_args(SeverityName), *get_args(DecidedBy)})


def groups(rules: Iterable[Rule]) -> Mapping[str, set[str]]:
    """Every name that a selection may have, and the ids of the rules that it stands for.

    Ids, families, severities, levels, what decides a rule (record, batch, trace), `all`, `default`, and presets.
    """
    found: dict[str, set[str]] = {name: set() for name in _GROUPS}
    for rule in rules:
        level = re.match("[a-z]*", rule.level.lower())
        for name in (
            rule.id, rule.family, rule.severity, rule.decided_by, "all", "default" if rule.default else "",
            level[0] if level and level[0] in LEVELS else "",
        ):  # fmt: skip
            if name:
                found.setdefault(name, set()).add(rule.id)
    for name, preset in presets().items():
        chosen, left_out = (
            set[str]().union(*(found.get(each, ()) for each in names)) for names in (preset.select, preset.ignore)
        )
        found[name] = chosen - left_out
    return found


def ids_of_groups(rules: Sequence[Rule]) -> list[RuleFileError]:
    """What is wrong with rules whose id a selection would take for something else."""
    names = _GROUPS.union(presets(), (rule.family for rule in rules))
    return [
        RuleFileError(rule.file, rule.line, f"id `{rule.id}` is a name that stands for several rules: choose another")
        for rule in rules
        if rule.id in names
    ]


def unknown(name: str, names: Iterable[str]) -> str:
    """What is said of a name that is none of `names`."""
    return f"`{name}`: no rule or family is called that{nearest(name, names)}"


def named(
    file: SettingsFile, given: Sequence[str], names: Mapping[str, set[str]], at: tuple[str | int, ...]
) -> set[str]:
    """The ids that names in a configuration stand for.

    Args:
        file: the configuration.
        given: the names.
        names: as `groups` makes them.
        at: where in the configuration the list of names stands.

    Raises:
        SettingsError: a name stands for nothing.

    """
    found: set[str] = set()
    for position, name in enumerate(given):
        if name not in names:
            raise file.error((*at, position), unknown(name, names))
        found |= names[name]
    return found
