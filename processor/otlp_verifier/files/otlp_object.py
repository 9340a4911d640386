"""OTLP/JSON as Python objects: what other formats are translated to before one transcoder reads them all."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from otlp_verifier.files.phrases import shown

# What decoding well-formed JSON into structs raises; a text that is no UTF-8 is no ValidationError.
UNREADABLE: Final = (msgspec.ValidationError, UnicodeDecodeError)
_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,32}")


class TranslationError(ValueError):
    """Something in a document of another format cannot be translated."""


class Place(NamedTuple):
    """Where a document or a span stands: offset and line in the file, and in which document of it."""

    offset: int
    line: int
    request: int


class Translation(msgspec.Struct):
    """Spans of another format as OTLP.

    Attributes:
        resource_spans: objects as in OTLP/JSON.
        places: of each span, in their order.

    """

    resource_spans: list[dict[str, Any]] = msgspec.field(default_factory=list)
    places: list[Place] = msgspec.field(default_factory=list)


class Scoped(msgspec.Struct, frozen=True):
    """A translated span, and the resource and scope that it belongs to."""

    resource: tuple[tuple[str, Any], ...]
    scope: tuple[str, str]  # name, version
    span: dict[str, Any]
    place: Place


def grouped(spans: list[Scoped]) -> Translation:
    """Put spans of equal resource and scope together, in the order in which these are first met."""
    resources: dict[tuple[tuple[str, Any], ...], dict[tuple[str, str], list[Scoped]]] = {}
    for span in spans:
        resources.setdefault(span.resource, {}).setdefault(span.scope, []).append(span)
    result = Translation()
    for resource, scopes in resources.items():
        result.resource_spans.append(
            {
                "resource": {"attributes": attributes(dict(resource))},
                "scopeSpans": [
                    {
                        "scope": {"name": name, "version": version},
                        "spans": [member.span for member in members],
                    }
                    for (name, version), members in scopes.items()
                ],
            }
        )
        for members in scopes.values():
            result.places += [member.place for member in members]
    return result


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Encode attributes whose values are of Python's plain types."""
    return [{"key": key, "value": _any_value(value)} for key, value in values.items()]


def _any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, Base64):
        return {"bytesValue": value.text}
    return {"stringValue": str(value)}


class Base64(msgspec.Struct, frozen=True):
    """Bytes, as they are written in JSON."""

    text: str


def hex_id(text: str, digits: int, name: str) -> str:
    """Pad an id with zeros in front, as both formats allow to leave them out; an empty one stays empty.

    Raises:
        TranslationError: it has other characters than hex digits, or too many.

    """
    if not text:
        return ""
    if _HEX.fullmatch(text) is None or len(text) > digits:
        raise TranslationError(f"{name} {shown(text.encode())}; expected at most {digits} hex digits")
    return text.rjust(digits, "0")


def unix_ns(microseconds: float, name: str) -> str:
    """Convert a time or duration in microseconds.

    Raises:
        TranslationError: it is negative, or beyond what nanoseconds in 64 bits can say.

    """
    nanoseconds = round(microseconds * 1000)
    if not 0 <= nanoseconds < 1 << 64:
        raise TranslationError(f"{name} {microseconds}; expected microseconds from 0 to 2^64 / 1000")
    return str(nanoseconds)
