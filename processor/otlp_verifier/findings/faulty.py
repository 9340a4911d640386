"""What is wrong with a record's attributes, one by one and in words: for the few records that people get to see."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

from otlp_verifier.attributes.facts import (
    NEVER,
    KeyFacts,
    facts_of,
    listed_members,
    nearest_member,
    text_faults,
    value_faults,
    version_number,
)
from otlp_verifier.attributes.faults import HUGE_BYTES, OF_KNOWN_VERSIONS, Fault
from otlp_verifier.columns import ValueType
from otlp_verifier.findings.printable import clean
from otlp_verifier.findings.wording import shown
from otlp_verifier.language.paths import FIELDS, STEPS
from otlp_verifier.machine.operations import Domain
from otlp_verifier.wire.values import double, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otlp_verifier.findings.batch import AttributeAsSent, Batch
    from otlp_verifier.registry.model import Registries, Registry, Version

NAMED_MAX: Final = 3  # attributes that a message names
_KEY_MAX, _VALUE_MAX, _MEMBERS_MAX = 80, 40, 6
_TYPES: Final = {
    ValueType.STRING: "a string",
    ValueType.BOOL: "a boolean",
    ValueType.INT: "an int",
    ValueType.DOUBLE: "a double",
    ValueType.ARRAY: "an array",
    ValueType.MAP: "a map",
    ValueType.BYTES: "bytes",
}
_Declared: TypeAlias = "tuple[Registry, Version] | None"


def faulty(batch: Batch, row: int, domain: Domain, fault: Fault) -> Iterator[str]:
    """Name each attribute of a record that has a fault, with what is wrong about it; no value that is sensitive."""
    registries = batch.registries
    if fault is Fault.SCHEMA_VERSION:
        yield from _schema_version(batch, row, domain)
        return
    declared = _declared(batch, row, domain)
    if fault & OF_KNOWN_VERSIONS and declared is not None and declared[1] > declared[0].version:
        return
    attributes = list(batch.attributes_as_sent(row, domain))
    if fault is Fault.CASE_COLLISION:
        yield from _case_collisions([each.key for each in attributes])
        return
    if fault is Fault.NAMESPACE_COLLISION:
        yield from _namespace_collisions([each.key for each in attributes])
    for each in attributes:
        facts = facts_of(each.key, registries)
        if _has(each, facts, fault, declared, registries):
            words = _words(each, facts, fault, registries)
            yield f"{key_shown(each.key)} ({words})" if words else key_shown(each.key)


def in_force(batch: Batch, row: int, domain: Domain) -> Version | None:
    """The version of OpenTelemetry's conventions that a record declares to follow."""
    declared = _declared(batch, row, domain)
    return declared[1] if declared is not None and declared[0] is batch.registries.all[-1] else None


def _has(
    attribute: AttributeAsSent, facts: KeyFacts, fault: Fault, declared: _Declared, registries: Registries
) -> bool:
    kind, content = attribute.kind, attribute.content
    if fault in (Fault.DEPRECATED, Fault.DEPRECATED_LATER):
        stated = declared is not None and declared[0] is registries.all[facts.registry]
        version = version_number(declared[1]) if stated and declared is not None else NEVER - 1
        if fault is Fault.DEPRECATED:
            return facts.deprecated_since <= version
        return version < facts.deprecated_since < NEVER
    if fault is Fault.HUGE:
        return kind == ValueType.STRING and isinstance(content, bytes) and len(content) > HUGE_BYTES
    number = double(content) if kind == ValueType.DOUBLE and isinstance(content, int) else 0.0
    if fault is Fault.NOT_FINITE:
        return not math.isfinite(number)
    if fault is Fault.CONTROL_CHARACTERS:
        return kind == ValueType.STRING and isinstance(content, bytes) and bool(text_faults(content))
    found = facts.faults
    if facts.asks >> kind & 1:
        found |= value_faults(facts, signed(content) if isinstance(content, int) else content)
    elif not facts.types >> kind & 1 or (facts.whole and not (math.isfinite(number) and number.is_integer())):
        found |= facts.type_fault
    elif kind == ValueType.ARRAY and facts.elements:
        kinds = {each for each in attribute.elements if each != ValueType.EMPTY}
        if any(not facts.elements >> each & 1 for each in kinds):
            found |= Fault.MIXED_ARRAY if len(kinds) > 1 else facts.type_fault
    return bool(found & fault)


def _words(attribute: AttributeAsSent, facts: KeyFacts, fault: Fault, registries: Registries) -> str:
    key, definition = attribute.key, facts.definition
    value = shown(attribute.content, _VALUE_MAX, key) if isinstance(attribute.content, bytes) else ""
    if fault in (Fault.DEPRECATED, Fault.DEPRECATED_LATER):
        return _deprecation(key, facts, registries)
    if fault is Fault.NOT_STABLE and definition is not None:
        return str(definition.stability).replace("_", " ")
    if fault in (Fault.TYPE, Fault.HEADER_SHAPE) and definition is not None:
        found = _TYPES.get(ValueType(attribute.kind), "of another type")
        if key != key.lower() and fault is Fault.HEADER_SHAPE:
            return "in capital letters"
        return f"{found}, defined is {definition.type}"
    if fault is Fault.NUMBER_AS_STRING and definition is not None:
        return f"the string `{value}`, defined is {definition.type}"
    if fault is Fault.MIXED_ARRAY and definition is not None:
        return f"values of several types, defined is {definition.type}"
    if fault in (Fault.ENUM_UNKNOWN, Fault.ENUM_NEAR_MISS):
        return _member(attribute, facts, value)
    if fault is Fault.EXTENDS_NAMESPACE:
        return f"`{clean(key.partition(b'.')[0], _KEY_MAX)}` is a namespace of the conventions"
    if fault is Fault.NAMESPACE_COLLISION:
        return "a namespace of the conventions"
    if fault is Fault.HUGE:
        return f"{len(attribute.content):,} bytes" if isinstance(attribute.content, bytes) else ""
    return ""


def _member(attribute: AttributeAsSent, facts: KeyFacts, value: str) -> str:
    members = listed_members(facts)
    if not isinstance(attribute.content, bytes):
        return f"{attribute.content}, known are {_listed(members)}"
    meant = nearest_member(attribute.content.decode(errors="replace"), members)
    return f"`{value}`, known are {_listed(members)}" if meant is None else f"`{value}` instead of `{meant}`"


def _listed(members: tuple[str | int, ...]) -> str:
    few = ", ".join(f"`{member}`" for member in members[:_MEMBERS_MAX])
    return few if len(members) <= _MEMBERS_MAX else f"{few} and {len(members) - _MEMBERS_MAX} more"


def _deprecation(key: bytes, facts: KeyFacts, registries: Registries) -> str:
    steps = registries.renamed(key.decode(errors="replace"))
    deprecated = facts.definition.deprecated if facts.definition is not None else None
    if steps:
        return f"since {steps[0].version} it is `{steps[-1].new}`"
    if deprecated is None:
        return ""
    since = f" since {deprecated.since}" if deprecated.since else ""
    if deprecated.renamed_to:
        return f"it is `{deprecated.renamed_to}`{since}"
    return f"see `{deprecated.see}`{since}" if deprecated.see else f"{deprecated.reason}{since}"


def _case_collisions(keys: list[bytes]) -> Iterator[str]:
    first: dict[str, bytes] = {}
    for key in dict.fromkeys(keys):
        other = first.setdefault(key.decode(errors="surrogateescape").casefold(), key)
        if other != key:
            yield f"{key_shown(other)} and {key_shown(key)}"


def _namespace_collisions(keys: list[bytes]) -> Iterator[str]:
    distinct = dict.fromkeys(keys)
    for key in distinct:
        prefix = key.rpartition(b".")[0]
        while prefix:
            if prefix in distinct:
                yield f"{key_shown(prefix)} and {key_shown(key)}"
            prefix = prefix.rpartition(b".")[0]


def _schema_version(batch: Batch, row: int, domain: Domain) -> Iterator[str]:
    if domain in (Domain.RESOURCE, Domain.SCOPE):
        url = batch.field(row, FIELDS[domain]["schema_url"])
        declared = batch.registries.version_of(url.decode(errors="replace")) if isinstance(url, bytes) else None
        if declared is not None and declared[1] > declared[0].version:
            yield f"{declared[1]} (the newest known is {declared[0].version})"


def _declared(batch: Batch, row: int, domain: Domain) -> _Declared:
    """Whose conventions a record follows, and which version of them: as its scope declares, else its resource."""
    scope: int | None = row
    if domain in (Domain.EVENT, Domain.LINK):
        scope = batch.step(scope, STEPS[domain]["span"])
    if domain not in (Domain.RESOURCE, Domain.SCOPE):
        scope = batch.step(scope, STEPS[Domain.SPAN]["scope"])
    resource = row if domain is Domain.RESOURCE else batch.step(scope, STEPS[Domain.SCOPE]["resource"])
    for where, at in ((Domain.SCOPE, scope), (Domain.RESOURCE, resource)):
        if domain is Domain.RESOURCE and where is Domain.SCOPE:
            continue
        url = batch.field(at, FIELDS[where]["schema_url"])
        declared = batch.registries.version_of(url.decode(errors="replace")) if isinstance(url, bytes) else None
        if declared is not None:
            return declared
    return None


def key_shown(key: bytes) -> str:
    """Write a key as people may see it: short, and without what is sensitive in it."""
    return f"`{shown(key, _KEY_MAX)}`"
