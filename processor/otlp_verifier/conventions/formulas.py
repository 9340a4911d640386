"""Cases as formulas of the rule language, and what a finding says about each."""

import json
from collections.abc import Iterator

import msgspec

from otlp_verifier.conventions.cases import IMPLIED, Case
from otlp_verifier.registry.model import Level

# One line of a formula is at most this long, as any line of the project.
_WIDTH = 110


class Formula(msgspec.Struct, frozen=True):
    """A formula and its message; `case` is what they were made of."""

    case: Case
    text: str
    message: str


def formula(case: Case, level: Level, *, weighed: bool = False) -> Formula:
    """Write a case down.

    Args:
        case: the case.
        level: what it was made for: `opt_in` forbids the attribute, the others demand it.
        weighed: whether the rule has a parameter `development`, which turns on what may still change.

    """
    name = "s" if case.record == "span" else "e"
    head = "for each span s" if case.record == "span" else "for each event e with span s"
    conditions = list(_conditions(case, name))
    if level != "opt_in":
        conditions.append(f"{name}.dropped_attributes_count == 0")
    if weighed and not case.settled:
        conditions.append("development > 0")
    if case.since is not None:
        conditions.append(f'SinceSemconv({name}, "{case.since}")')
    lines = [f"{'where' if number == 0 else '  and'} {condition}" for number, condition in enumerate(conditions)]
    return Formula(case, "\n".join([head, *lines, f"require {_demand(case, name, level)}"]) + "\n", _said(case, level))


def quoted(text: str) -> str:
    """A text as a string of the language."""
    return json.dumps(text, ensure_ascii=False)


def _attribute(name: str, key: str) -> str:
    return f"{name}.attributes[{quoted(key)}]"


def _conditions(case: Case, name: str) -> Iterator[str]:
    if case.kinds:
        yield _any(f"{name}.kind == SPAN_KIND_{kind.upper()}" for kind in sorted(case.kinds))
    if case.names:
        yield _any(f"{name}.name == {quoted(each)}" for each in case.names)
    for key, values in case.fixed:
        yield _any(f"{_attribute(name, key)} == {quoted(value)}" for value in values)
    if case.any_of:
        yield _any(f"{_attribute(name, key)} != nil" for key in case.any_of)
    for key in case.without:
        yield f"{_attribute(name, key)} == nil"


def _any(conditions: Iterator[str]) -> str:
    found = list(conditions)
    if len(found) == 1:
        return found[0]
    line = f"({' or '.join(found)})"
    return line if len(line) <= _WIDTH else "(" + "\n       or ".join(found) + ")"


def _demand(case: Case, name: str, level: Level) -> str:
    attribute = _attribute(name, case.attribute)
    if level == "opt_in":
        return f"{attribute} == nil"
    if case.record == "span" and case.attribute in IMPLIED:
        other, pattern = IMPLIED[case.attribute]
        return f"{attribute} != nil\n  or IsMatch({_attribute(name, other)}, {quoted(pattern)})"
    return f"{attribute} != nil"


def _said(case: Case, level: Level) -> str:
    what = "span `{s.name}`" if case.record == "span" else "event `{e.name}` of span `{s.name}`"
    if len(case.kinds) == 1:
        what = f"{min(case.kinds)} {what}"
    key = case.attribute
    who, one = _together(case.ids), len(case.ids) == 1
    if level == "opt_in":
        return f"{what} has {key}, which {who} {'records' if one else 'record'} only where it is asked for"
    verb = "require" if level == "required" else "recommend"
    return f"{what} has no {key}, which {who} {verb}{'s' if one else ''}"


def _together(ids: tuple[str, ...]) -> str:
    """Few ids one by one; of many what they have in common: `span.messaging.*`."""
    if len(ids) <= 3:
        return " and ".join([", ".join(ids[:-1]), ids[-1]] if len(ids) > 1 else ids)
    parts = []
    for at_one_place in zip(*(each.split(".") for each in ids), strict=False):
        if len(set(at_one_place)) > 1:
            break
        parts.append(at_one_place[0])
    return ".".join([*parts, "*"])
