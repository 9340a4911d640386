"""Scan, slowly: bytes to a tree, by recursion.

The tree is made of dicts and says all that columns say, what is odd included.
Besides protobuf itself, it is what the scanner is held against; where protobuf
refuses what the collector accepts, it is the only judge.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from tests.reference.wire import DEPTH_MAX, FIXED32, FIXED64, LENGTH, VARINT, Bytes, Record, Strings, is_utf8

Tree: TypeAlias = dict[str, Any]
Attributes: TypeAlias = list[tuple[bytes, Any]]

TYPES = {
    1: ("string", LENGTH),
    2: ("bool", VARINT),
    3: ("int", VARINT),
    4: ("double", FIXED64),
    5: ("array", LENGTH),
    6: ("map", LENGTH),
    7: ("bytes", LENGTH),
    8: ("string_index", VARINT),
}


def scalar(kind: str, raw: Any, source: Bytes) -> Any:
    if kind in {"string", "bytes"}:
        return source.text(raw)
    if kind == "bool":
        return raw != 0
    if kind == "double":
        return bits_of_double(struct.unpack("<d", struct.pack("<Q", raw))[0])
    if kind == "string_index":
        return (raw + 2**31) % 2**32 - 2**31
    return (raw + 2**63) % 2**64 - 2**63


def bits_of_double(number: float) -> int | str:
    """NaN is not equal to itself, and 0.0 is equal to -0.0: compare bits, but any NaN for any other."""
    return "nan" if math.isnan(number) else int(struct.unpack("<Q", struct.pack("<d", number))[0])


class Value:
    """A KeyValue, or an AnyValue in an array: its fragments in order."""

    def __init__(self, source: Bytes, level: int, containers: int, defects: set[str]) -> None:
        self.source = source
        self.level = level
        self.containers = containers
        self.defects = defects
        self.key = b""
        self.key_index = 0
        self.kind: str | None = None
        self.content: Any = None

    def key_value(self, span: tuple[int, int]) -> "Value":
        seen = set()
        for number, wire_type, value, defects in self.source.fields(span, self.level):
            self.defects |= defects
            if {1: LENGTH, 2: LENGTH, 3: VARINT}.get(number) == wire_type:
                if number in seen:
                    self.defects.add("REPEATED_FIELD")
                seen.add(number)
            if (number, wire_type) == (1, LENGTH):
                self.key = self.source.text(value)
                if not is_utf8(self.key):
                    self.defects.add("ATTRIBUTE_UTF8")
            elif (number, wire_type) == (2, LENGTH):
                self.any_value(value, self.level + 1)
            elif (number, wire_type) == (3, VARINT):
                self.key_index = value & 0xFFFFFFFF
            else:
                self.defects.add("WRONG_WIRE_TYPE" if number in {1, 2, 3} else "UNKNOWN_FIELD")
        return self.complete()

    def any_value(self, span: tuple[int, int], level: int) -> "Value":
        for number, wire_type, value, defects in self.source.fields(span, level):
            self.defects |= defects
            kind, expected = TYPES.get(number, (None, None))
            if kind is None or wire_type != expected:
                self.defects.add("UNKNOWN_FIELD" if kind is None else "WRONG_WIRE_TYPE")
                continue
            if self.kind is not None:
                self.defects.add("REPEATED_FIELD")
            if kind in {"array", "map"}:
                if self.containers >= self.source.depth:
                    self.defects.add("TOO_DEEP")
                    self.kind, self.content = kind, []
                else:
                    before = self.content if self.kind == kind else []
                    self.kind, self.content = kind, before
                    before.extend(self.elements(kind, value, level + 1))
            else:
                self.kind, self.content = kind, scalar(kind, value, self.source)
                if kind == "string" and not is_utf8(self.content):
                    self.defects.add("ATTRIBUTE_UTF8")
        return self

    def elements(self, kind: str, span: tuple[int, int], level: int) -> Iterator[Any]:
        for number, wire_type, value, defects in self.source.fields(span, level):
            self.defects |= defects
            if (number, wire_type) != (1, LENGTH):
                self.defects.add("WRONG_WIRE_TYPE" if number == 1 else "UNKNOWN_FIELD")
                continue
            element = Value(self.source, level + 1, self.containers + 1, self.defects)
            if kind == "array":
                yield element.any_value(value, level + 1).complete().tree()
            else:
                element.key_value(value)
                yield element.key, element.tree()

    def complete(self) -> "Value":
        """Itself, with what is to be said of it as a whole."""
        if self.key_index or self.kind == "string_index":
            self.defects.add("STRING_INDEX")
        if self.key_index and self.key:
            self.defects.add("KEY_AND_INDEX")
        return self

    def tree(self) -> Any:
        return None if self.kind is None else (self.kind, self.content)


def maps_in(value: Any) -> Iterator[Attributes]:
    """All maps in a value, at any level."""
    if value is None:
        return
    kind, content = value
    if kind == "map":
        yield content
    if kind in {"map", "array"}:
        for element in content:
            yield from maps_in(element[1] if kind == "map" else element)


def has_duplicates(pairs: Attributes) -> bool:
    return len({key for key, _ in pairs}) < len(pairs)


def defects_of_attributes(attributes: Attributes) -> set[str]:
    """What can be seen in decoded attributes."""
    found = set()
    if has_duplicates(attributes):
        found.add("DUPLICATE_KEY")
    for key, value in attributes:
        if not key:
            found.add("EMPTY_KEY")
        if key.startswith(b"verifier."):
            found.add("FORGED")
        if value is None:
            found.add("EMPTY_VALUE")
        elif value[0] == "array" and len({element[0] for element in value[1] if element is not None}) > 1:
            found.add("MIXED_ARRAY")
        if any(has_duplicates(pairs) for pairs in maps_in(value)):
            found.add("NESTED_DUPLICATE_KEY")
    return found


def read_attributes(record: Record, number: int) -> Attributes:
    values = [
        Value(record.source, record.level + 1, 0, record.defects).key_value(span) for span in record.bodies[number]
    ]
    attributes = [(value.key, value.tree()) for value in values]
    record.defects |= defects_of_attributes(attributes)
    return attributes


def identifier(record: Record, number: int, size: int) -> tuple[bytes, int]:
    """As columns have it: padded or cut, and the length as sent, at most 255."""
    sent = record.body(number)
    return sent[:size].ljust(size, b"\0"), min(len(sent), 255)


def read_event(source: Bytes, span: tuple[int, int]) -> Tree:
    record = Strings(source, 4, (2,), {1: FIXED64, 4: VARINT}, (3,)).read(span)
    return {
        "time": record.number(1),
        "name": record.body(2),
        "attributes": read_attributes(record, 3),
        "dropped_attributes": record.number(4, 32),
        "bytes": source.text(span),
        "defects": record.defects,
    }


def read_link(source: Bytes, span: tuple[int, int]) -> Tree:
    record = Strings(source, 4, (3,), {1: LENGTH, 2: LENGTH, 5: VARINT, 6: FIXED32}, (4,)).read(span)
    return {
        "trace_id": identifier(record, 1, 16),
        "span_id": identifier(record, 2, 8),
        "trace_state": record.body(3),
        "attributes": read_attributes(record, 4),
        "dropped_attributes": record.number(5, 32),
        "flags": record.number(6),
        "bytes": source.text(span),
        "defects": record.defects,
    }


class EntityRef(Strings):
    """Of which only the encoding matters; its repeated fields are strings too."""

    def __init__(self, source: Bytes) -> None:
        super().__init__(source, 3, (1, 2, 3, 4), {})

    def read(self, span: tuple[int, int]) -> "EntityRef":
        super().read(span)
        numbers = [number for number, wire_type, _, _ in self.source.fields(span, self.level) if wire_type == LENGTH]
        if all(numbers.count(number) < 2 for number in (1, 2)):
            self.defects.discard("REPEATED_FIELD")  # 3 and 4 may repeat
        return self


class Merging(Strings):
    """A message with another in field 1, whose parts merge, strings, and children in field 2."""

    def __init__(self, source: Bytes, level: int, strings: Sequence[int], merged: Record) -> None:
        super().__init__(source, level, strings, {1: LENGTH}, (2,))
        self.merged = merged

    def on(self, number: int, value: Any) -> None:
        if number == 1:
            self.merged.read(value)
        super().on(number, value)


class Span(Strings):
    """A span; its Status is read along, a second one into the first."""

    def __init__(self, source: Bytes) -> None:
        others = {1: LENGTH, 2: LENGTH, 4: LENGTH, 6: VARINT, 7: FIXED64, 8: FIXED64, 10: VARINT, 12: VARINT}
        super().__init__(source, 3, (3, 5), others | {14: VARINT, 15: LENGTH, 16: FIXED32}, (9, 11, 13))
        self.status = Strings(source, 4, (2,), {3: VARINT})

    def on(self, number: int, value: Any) -> None:
        if number == 15:
            self.status.read(value)
        super().on(number, value)


def read_span(source: Bytes, span: tuple[int, int]) -> Tree:
    record = Span(source)
    record.read(span)
    record.defects |= record.status.defects
    attributes = read_attributes(record, 9)
    return {
        "trace_id": identifier(record, 1, 16),
        "span_id": identifier(record, 2, 8),
        "trace_state": record.body(3),
        "parent_span_id": identifier(record, 4, 8),
        "name": record.body(5),
        "kind": record.number(6, 32),
        "start": record.number(7),
        "end": record.number(8),
        "attributes": attributes,
        "dropped_attributes": record.number(10, 32),
        "events": [read_event(source, body) for body in record.bodies[11]],
        "dropped_events": record.number(12, 32),
        "links": [read_link(source, body) for body in record.bodies[13]],
        "dropped_links": record.number(14, 32),
        "status": (record.status.number(3, 32), record.status.body(2)),
        "flags": record.number(16),
        "bytes": source.text(span),
        "defects": record.defects,
    }


def read_scope_spans(source: Bytes, span: tuple[int, int]) -> Tree:
    record = Merging(source, 2, (3,), Strings(source, 3, (1, 2), {4: VARINT}, (3,)))
    record.read(span)
    scope = record.merged
    attributes = read_attributes(scope, 3)
    return {
        "name": scope.body(1),
        "version": scope.body(2),
        "attributes": attributes,
        "dropped_attributes": scope.number(4, 32),
        "schema_url": record.body(3),
        "spans": [read_span(source, body) for body in record.bodies[2]],
        "bytes": source.text(span),
        "defects": record.defects | scope.defects,
    }


def read_resource_spans(source: Bytes, span: tuple[int, int]) -> Tree:
    record = Merging(source, 1, (3,), Record(source, 2, {2: VARINT}, (1, 3)))
    record.read(span)
    resource = record.merged
    attributes = read_attributes(resource, 1)
    for body in resource.bodies[3]:
        resource.defects |= EntityRef(source).read(body).defects
    return {
        "attributes": attributes,
        "dropped_attributes": resource.number(2, 32),
        "entity_refs": len(resource.bodies[3]),
        "schema_url": record.body(3),
        "scopes": [read_scope_spans(source, body) for body in record.bodies[2]],
        "bytes": source.text(span),
        "defects": record.defects | resource.defects,
    }


def from_wire(data: bytes, depth: int = DEPTH_MAX) -> tuple[list[Tree], int]:
    """The resources of a request, with all that belongs to them; and how deeply messages nest in it.

    What is odd about the request itself, which has no row, is the first resource's.

    Raises:
        Malformed: nobody can read it.

    """
    source = Bytes(data, depth)
    request = Record(source, 0, {}, (1,)).read((0, len(data)))
    resources = [read_resource_spans(source, body) for body in request.bodies[1]]
    if resources:
        resources[0]["defects"] |= request.defects
    return resources, source.deepest
