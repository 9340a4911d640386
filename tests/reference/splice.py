"""Splice, slowly: messages taken apart into fields, edited, and put together again.

Reads the wire format by itself and knows nothing of columns. Fields that are not
edited keep their bytes, the tag and a length in an odd encoding included.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

# Field numbers of attributes. Events and links keep theirs, whatever their keys: no verdict is written there.
RESOURCE_ATTRIBUTES = 1
SCOPE_ATTRIBUTES = 3
SPAN_ATTRIBUTES = 9

GROUP_START, GROUP_END, LENGTH_DELIMITED = 3, 4, 2


class Field(NamedTuple):
    number: int
    wire_type: int
    tag: bytes
    raw: bytes  # tag and value
    body: bytes | None  # of a length-delimited field


def varint(value: int) -> bytes:
    head, rest = value & 0x7F, value >> 7
    return bytes([head]) if rest == 0 else bytes([head | 0x80]) + varint(rest)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    end = at
    while data[end] & 0x80:
        end += 1
    groups = [byte & 0x7F for byte in data[at : end + 1]]
    return sum(group << (7 * i) for i, group in enumerate(groups)) & (2**64 - 1), end + 1


def read_tag(data: bytes, at: int) -> tuple[int, int, int]:
    """Field number, wire type and end; the collector takes bits 3 to 34 for the number."""
    value, end = read_varint(data, at)
    return (value >> 3) & 0xFFFFFFFF, value & 7, end


def end_of_value(data: bytes, at: int, wire_type: int) -> int:
    if wire_type == 0:
        return read_varint(data, at)[1]
    if wire_type == LENGTH_DELIMITED:
        length, start = read_varint(data, at)
        return start + length
    if wire_type == GROUP_START:
        return end_of_group(data, at)
    return at + {1: 8, 5: 4}[wire_type]


def end_of_group(data: bytes, at: int) -> int:
    """For one that the end of the message cuts off, that is behind its first field, as for the collector."""
    depth = 1
    first_field_end = None
    while depth and at < len(data):
        _, wire_type, at = read_tag(data, at)
        if wire_type in (GROUP_START, GROUP_END):
            depth += 1 if wire_type == GROUP_START else -1
        else:
            at = end_of_value(data, at, wire_type)
            first_field_end = first_field_end or at
    return first_field_end if depth and first_field_end else at


def fields(data: bytes) -> list[Field]:
    result = []
    at = 0
    while at < len(data):
        number, wire_type, value_at = read_tag(data, at)
        end = end_of_value(data, value_at, wire_type)
        body = None
        if wire_type == LENGTH_DELIMITED:
            body = data[read_varint(data, value_at)[1] : end]
        result.append(Field(number, wire_type, data[at:value_at], data[at:end], body))
        at = end
    return result


def is_message(each: Field, number: int) -> bool:
    return each.number == number and each.body is not None


def is_forged(key_value: bytes) -> bool:
    keys = [each.body for each in fields(key_value) if is_message(each, 1)]
    return bool(keys) and keys[-1] is not None and keys[-1].startswith(b"verifier.")


def with_body(each: Field, body: bytes) -> bytes:
    return each.tag + varint(len(body)) + body


def attribute(number: int, key_value: bytes) -> bytes:
    return bytes([number << 3 | LENGTH_DELIMITED]) + varint(len(key_value)) + key_value


@dataclass
class Edits:
    """Per row: KeyValue messages to add; rows of spans to leave out."""

    spans: Mapping[int, Sequence[bytes]] = field(default_factory=dict)
    scopes: Mapping[int, Sequence[bytes]] = field(default_factory=dict)
    resources: Mapping[int, Sequence[bytes]] = field(default_factory=dict)
    drops: Collection[int] = ()


def owner(body: bytes, number: int, patch: Sequence[bytes]) -> bytes | None:
    """The new body of a message with attributes; None if it stays."""
    parts: list[bytes] = []
    edited = bool(patch)
    walked = fields(body)
    for each in walked:
        if is_message(each, number) and is_forged(each.body or b""):
            edited = True
            continue
        parts.append(each.raw)
    added = [attribute(number, key_value) for key_value in patch]
    if walked and walked[-1].wire_type == GROUP_START:
        parts[-1:-1] = added
    else:
        parts += added
    return b"".join(parts) if edited else None


class Splicer:
    def __init__(self, edits: Edits) -> None:
        self.edits = edits
        self.spans = self.scopes = self.resources = 0  # rows so far

    def request(self, body: bytes) -> bytes:
        return b"".join(self.edited(each, 1, self.resource_spans) for each in fields(body))

    def edited(self, each: Field, number: int, edit: Callable[[bytes], bytes | None]) -> bytes:
        """A field's bytes, edited if it is the child that `edit` is for; nothing if that says so."""
        if not is_message(each, number) or each.body is None:
            return each.raw
        body = edit(each.body)
        if body is None:
            return b""
        return each.raw if body is each.body else with_body(each, body)

    def resource_spans(self, body: bytes) -> bytes | None:
        patch = self.edits.resources.get(self.resources, ())
        self.resources += 1
        return self.container(body, RESOURCE_ATTRIBUTES, patch, self.scope_spans)

    def scope_spans(self, body: bytes) -> bytes | None:
        patch = self.edits.scopes.get(self.scopes, ())
        self.scopes += 1
        return self.container(body, SCOPE_ATTRIBUTES, patch, self.span)

    def span(self, body: bytes) -> bytes | None:
        row = self.spans
        self.spans += 1
        if row in self.edits.drops:
            return None
        edited = owner(body, SPAN_ATTRIBUTES, self.edits.spans.get(row, ()))
        return body if edited is None else edited

    def container(
        self, body: bytes, number: int, patch: Sequence[bytes], edit: Callable[[bytes], bytes | None]
    ) -> bytes | None:
        """ResourceSpans or ScopeSpans: the same object if it stays, None if it goes."""
        first_span = self.spans
        walked = fields(body)
        messages = [at for at, each in enumerate(walked) if is_message(each, 1)]
        parts = []
        for at, each in enumerate(walked):
            if at in messages:
                added = patch if at == messages[-1] else ()
                message = owner(each.body or b"", number, added)
                parts.append(each.raw if message is None else with_body(each, message))
            else:
                parts.append(self.edited(each, 2, edit))
        if patch and not messages:
            created = b"".join(attribute(number, key_value) for key_value in patch)
            parts.insert(0, attribute(1, created))
        rows = range(first_span, self.spans)
        if rows and all(row in self.edits.drops for row in rows):
            return None
        if len(parts) == len(walked) and all(part is each.raw for part, each in zip(parts, walked, strict=True)):
            return body
        return b"".join(parts)


def splice(request: bytes, edits: Edits) -> bytes:
    """The request with the edits made and forged attributes removed."""
    return Splicer(edits).request(request)
