"""What is to be said of attributes with one key, whatever record they are on: found out once for each key.

The registry says which keys there are and what their values are to be (semantic
conventions, "Attribute Requirement Levels" and "Naming"); the rest is about keys and
values of any kind (OpenTelemetry specification, common/README.md, "Attribute").
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

import msgspec

from otlp_verifier.attributes.faults import Fault
from otlp_verifier.columns import ValueType

if TYPE_CHECKING:
    from otlp_verifier.registry.model import Attribute, Registries, Version

NEVER: Final = 0xFFFFFFFF  # the number of no version
ANY_TYPE: Final = 0xFFFFFFFF
_FORMAT: Final = re.compile(r"[a-z][a-z0-9]*([._][a-z0-9]+)*")  # naming.md, "General naming considerations"
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BOOLEANS: Final = ("true", "false")
_HEADERS: Final = ("http.request.header", "http.response.header")
# What translators write: counts of what was dropped, for formats that have no field for them, and what Zipkin lacked.
_TRANSLATED: Final = ("otel.dropped_", "otel.zipkin.")
# A rule of its own says this one's.
_METHOD: Final = "http.request.method"
_OTHER: Final = "_OTHER"  # what conventions add to values that nobody can list
_LIKENESS_MIN: Final = 6  # characters: shorter words are alike by chance
_SHORT_FORM_MIN, _SHORT_FORM_LACKS = 5, 3


def _mask(*types: ValueType) -> int:
    bits = 1 << int(ValueType.EMPTY)  # an attribute without a value is nil, and of no type
    for each in types:
        bits |= 1 << int(each)
    return bits


# A number without a fraction may be either: JavaScript knows one type of numbers.
_SCALARS: Final = {
    "string": _mask(ValueType.STRING),
    "boolean": _mask(ValueType.BOOL),
    "int": _mask(ValueType.INT, ValueType.DOUBLE),  # a double with a fraction is told apart by its value
    "double": _mask(ValueType.DOUBLE, ValueType.INT),
}


class KeyFacts(msgspec.Struct, frozen=True):
    """What is known of a key.

    Attributes:
        definition: the registry's, if it has one.
        registry: the number of the registry that it is from.
        faults: what is wrong with each attribute that has the key.
        types: bit n: a value may have ValueType n.
        whole: whether a double must have no fraction.
        elements: the same as `types` for the elements of an array; 0 where they are not looked at.
        type_fault: what a value of another type is.
        asks: bit n: `value_faults` has to be asked about values of ValueType n, strings or integers.
        deprecated_since: the number of the version from which the key is deprecated, or NEVER.

    """

    definition: Attribute | None
    registry: int
    faults: Fault
    types: int = ANY_TYPE
    whole: bool = False
    elements: int = 0
    type_fault: Fault = Fault.TYPE
    asks: int = 0
    deprecated_since: int = NEVER


def facts_of(key: bytes, registries: Registries) -> KeyFacts:
    """What is known of a key as it was sent."""
    text = key.decode(errors="replace")
    definition = registries.attribute(text)
    if definition is None:
        steps = registries.renamed(text)
        if steps:  # from before the history of the registry
            return KeyFacts(None, 0, Fault(0), deprecated_since=version_number(steps[0].version))
        return KeyFacts(None, 0, _of_unknown(text, registries))
    number = next(n for n, each in enumerate(registries.all) if each.attributes.get(definition.key) is definition)
    faults = Fault(0) if definition.stability in ("stable", None) else Fault.NOT_STABLE
    since = _deprecated_since(definition, registries.all[number].version)
    if since != NEVER:  # nobody keeps up what is to be given up
        return KeyFacts(definition, number, faults, deprecated_since=since)
    of_header = definition.is_template and definition.key in _HEADERS
    if of_header and text != text.lower():
        faults |= Fault.HEADER_SHAPE
    base, is_array = definition.type.removesuffix("[]"), definition.type.endswith("[]")
    types = ANY_TYPE if definition.type == "any" else _mask(ValueType.ARRAY) if is_array else _SCALARS[base]
    return KeyFacts(
        definition,
        number,
        faults,
        types,
        whole=definition.type == "int",
        elements=_SCALARS[base] if is_array else 0,
        type_fault=Fault.HEADER_SHAPE if of_header else Fault.TYPE,
        asks=_asks(definition),
    )


def value_faults(facts: KeyFacts, value: bytes | int) -> Fault:
    """What is wrong with a string or an integer, beyond what its key and type say."""
    definition = facts.definition
    if definition is None:
        return Fault(0)
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    if isinstance(text, str) and definition.type in ("int", "double", "boolean"):
        return Fault.NUMBER_AS_STRING if _reads_as(text, definition.type) else Fault.TYPE
    members = _listed(definition)
    if not members or text in members or (isinstance(text, int) != isinstance(members[0], int)):
        return Fault(0)
    return Fault.ENUM_UNKNOWN if nearest_member(text, members) is None else Fault.ENUM_NEAR_MISS


def listed_members(facts: KeyFacts) -> tuple[str | int, ...]:
    """The values that an attribute's definition lists, where it is a list that means something."""
    return _listed(facts.definition) if facts.definition is not None else ()


def nearest_member(value: str | int, members: tuple[str | int, ...]) -> str | None:
    """The member that a value was meant to be: written with other letters, short, or with one mistake."""
    if not isinstance(value, str):
        return None
    folded = value.casefold()
    words = [member for member in members if isinstance(member, str)]
    for member in words:
        if member.casefold() == folded:
            return member
    if len(folded) >= _SHORT_FORM_MIN:
        longer = [member for member in words if member.startswith(folded)]
        if len(longer) == 1 and len(longer[0]) - len(folded) < _SHORT_FORM_LACKS:
            return longer[0]
    return next((member for member in words if _is_slip(folded, member)), None)


def version_number(version: Version) -> int:
    """A version as a number below NEVER that compares as versions do; of what has more digits only the most count."""
    minor, patch = min(version.minor, 0x3FF), min(version.patch, 0x3FF)
    return min(version.major, 0xFFE) << 20 | minor << 10 | patch


def _deprecated_since(definition: Attribute, newest: Version) -> int:
    deprecated = definition.deprecated
    if deprecated is None:
        return NEVER
    return version_number(deprecated.since or newest)


def text_faults(value: bytes) -> Fault:
    """What is wrong with a string, whatever its key is."""
    return Fault.CONTROL_CHARACTERS if _CONTROL.search(value) else Fault(0)


def _asks(definition: Attribute) -> int:
    members = _listed(definition)
    asks_strings = definition.type in ("int", "double", "boolean") or any(isinstance(each, str) for each in members)
    asks_integers = any(isinstance(each, int) for each in members)
    return int(asks_strings << ValueType.STRING | asks_integers << ValueType.INT)


def _listed(definition: Attribute) -> tuple[str | int, ...]:
    values = tuple(member.value for member in definition.members if isinstance(member.value, str | int))
    return () if set(values) <= {_OTHER} or definition.key == _METHOD else values


def _of_unknown(key: str, registries: Registries) -> Fault:
    faults = Fault.UNKNOWN
    if not _FORMAT.fullmatch(key):
        faults |= Fault.KEY_FORMAT
    namespaces = registries.namespaces
    if "." not in key:
        faults |= Fault.NO_NAMESPACE
    elif key.partition(".")[0] in namespaces:
        faults |= Fault.EXTENDS_NAMESPACE
    if key.startswith("otel.") and not key.startswith(_TRANSLATED):
        faults |= Fault.RESERVED_OTEL
    if key in namespaces:
        faults |= Fault.NAMESPACE_COLLISION
    return faults


def _reads_as(text: str, type_: str) -> bool:
    if type_ == "boolean":
        return text.lower() in _BOOLEANS
    if type_ == "int":
        return _INTEGER.fullmatch(text) is not None
    try:
        return math.isfinite(float(text)) and text.isascii()
    except ValueError:
        return False


def _is_slip(word: str, member: str) -> bool:
    """Whether one letter too many, too few or another one makes the words equal; digits tell versions apart."""
    if min(len(word), len(member)) < _LIKENESS_MIN or abs(len(word) - len(member)) > 1:
        return False
    start = 0
    while start < min(len(word), len(member)) and word[start] == member[start]:
        start += 1
    end_a, end_b = len(word), len(member)
    while end_a > start and end_b > start and word[end_a - 1] == member[end_b - 1]:
        end_a, end_b = end_a - 1, end_b - 1
    odd = word[start:end_a] + member[start:end_b]
    return end_a - start <= 1 and end_b - start <= 1 and odd.isalpha()
