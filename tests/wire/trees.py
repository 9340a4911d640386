"""Columns as the tree of tests.reference.scan, with a check of all that ties rows together."""

from typing import Any

import numpy as np

from otlp_verifier.columns import (
    NO_ROW,
    AttributeNarrow,
    AttributeWide,
    Columns,
    Defect,
    EventNarrow,
    EventWide,
    LinkNarrow,
    LinkWide,
    NestedNarrow,
    NestedWide,
    ResourceNarrow,
    ResourceWide,
    ScopeNarrow,
    ScopeWide,
    SpanNarrow,
    SpanWide,
    Table,
    ValueType,
)
from otlp_verifier.wire._native import lib
from otlp_verifier.wire.seed import SEED
from tests.reference.scan import Attributes, Tree, bits_of_double


class Row:
    """One row of a table."""

    def __init__(self, table: Table, row: int) -> None:
        assert row < table.rows
        self.table = table
        self.row = row

    def wide(self, column: int) -> int:
        return int(self.table.wide[column, self.row])

    def narrow(self, column: int) -> int:
        return int(self.table.narrow[column, self.row])


class Reader:
    """Reads columns back, row after row, and sees to it that every row is read exactly once, in order."""

    def __init__(self, columns: Columns, seed: int) -> None:
        self.columns = columns
        self.seed = seed
        self.attribute_rows: list[int] = []
        self.next_nested = 0
        self.nested_rows: list[int] = []
        self.next_row = dict.fromkeys(("scopes", "spans", "events", "links"), 0)

    def children(self, table: str, start: int, count: int) -> range:
        """The rows of one owner, which must follow those of the owner before it."""
        assert start == self.next_row[table]
        self.next_row[table] += count
        return range(start, start + count)

    def text(self, text: int) -> bytes:
        return self.columns.text(text)

    def hash(self, key: bytes) -> int:
        return int(lib.otlpv_hash(key, len(key), self.seed))

    def scalar(self, kind: int, value: int) -> Any:
        if kind in {ValueType.STRING, ValueType.BYTES}:
            return self.text(value)
        if kind == ValueType.BOOL:
            assert value in {0, 1}
            return value == 1
        if kind == ValueType.DOUBLE:
            return bits_of_double(float(np.uint64(value).view(np.float64)))
        return int(np.uint64(value).view(np.int64))

    def value(self, kind: int, value: int, elements: int, parent: int) -> Any:
        if kind == ValueType.EMPTY:
            assert value == 0
            assert elements == 0
            return None
        name = ValueType(kind).name.lower()
        if kind not in {ValueType.ARRAY, ValueType.MAP}:
            assert elements == 0
            return name, self.scalar(kind, value)
        return name, [self.element(parent, kind) for _ in range(elements)]

    def element(self, parent: int, container: int) -> Any:
        """The next row of nested, and all below it."""
        row = Row(self.columns.nested, self.next_nested)
        self.next_nested += 1
        assert row.narrow(NestedNarrow.PARENT) == parent
        content = self.value(
            row.narrow(NestedNarrow.TYPE),
            row.wide(NestedWide.VALUE),
            row.narrow(NestedNarrow.ELEMENTS),
            row.row,
        )
        if container == ValueType.ARRAY:
            assert row.wide(NestedWide.KEY) == 0
            assert row.wide(NestedWide.KEY_HASH) == 0
            return content
        key = self.text(row.wide(NestedWide.KEY))
        assert row.wide(NestedWide.KEY_HASH) == self.hash(key)
        return key, content

    def attributes(self, start: int, count: int) -> Attributes:
        result = []
        self.attribute_rows.extend(range(start, start + count))
        for number in range(start, start + count):
            row = Row(self.columns.attributes, number)
            key = self.text(row.wide(AttributeWide.KEY))
            assert row.wide(AttributeWide.KEY_HASH) == self.hash(key)
            kind = row.narrow(AttributeNarrow.TYPE)
            first, nested = row.narrow(AttributeNarrow.NESTED_START), row.narrow(AttributeNarrow.NESTED_COUNT)
            if kind in {ValueType.ARRAY, ValueType.MAP}:
                self.next_nested = first
                self.nested_rows.extend(range(first, first + nested))
            else:
                assert (first, nested) == (0, 0)
            value = row.wide(AttributeWide.VALUE)
            content = self.value(kind, value, row.narrow(AttributeNarrow.ELEMENTS), NO_ROW)
            assert nested == 0 or self.next_nested == first + nested
            result.append((key, content))
        return result

    def event(self, number: int, span: int) -> Tree:
        row = Row(self.columns.events, number)
        assert row.narrow(EventNarrow.SPAN) == span
        return {
            "time": row.wide(EventWide.TIME),
            "name": self.text(row.wide(EventWide.NAME)),
            "attributes": self.attributes(
                row.narrow(EventNarrow.ATTRIBUTE_START), row.narrow(EventNarrow.ATTRIBUTE_COUNT)
            ),
            "dropped_attributes": row.narrow(EventNarrow.DROPPED_ATTRIBUTES),
            "bytes": self.text(row.wide(EventWide.BYTES)),
            "defects": defects(row.narrow(EventNarrow.DEFECTS)),
        }

    def link(self, number: int, span: int) -> Tree:
        row = Row(self.columns.links, number)
        assert row.narrow(LinkNarrow.SPAN) == span
        lengths = row.narrow(LinkNarrow.ID_LENGTHS).to_bytes(4, "little")
        assert lengths[2:] == b"\0\0"
        return {
            "trace_id": (trace_id(row, LinkWide.TRACE_ID_HIGH, LinkWide.TRACE_ID_LOW), lengths[0]),
            "span_id": (span_id(row, LinkWide.SPAN_ID), lengths[1]),
            "trace_state": self.text(row.wide(LinkWide.TRACE_STATE)),
            "attributes": self.attributes(
                row.narrow(LinkNarrow.ATTRIBUTE_START), row.narrow(LinkNarrow.ATTRIBUTE_COUNT)
            ),
            "dropped_attributes": row.narrow(LinkNarrow.DROPPED_ATTRIBUTES),
            "flags": row.narrow(LinkNarrow.FLAGS),
            "bytes": self.text(row.wide(LinkWide.BYTES)),
            "defects": defects(row.narrow(LinkNarrow.DEFECTS)),
        }

    def span(self, number: int, scope: int, resource: int) -> Tree:
        row = Row(self.columns.spans, number)
        assert row.narrow(SpanNarrow.SCOPE) == scope
        assert row.narrow(SpanNarrow.RESOURCE) == resource
        lengths = row.narrow(SpanNarrow.ID_LENGTHS).to_bytes(4, "little")
        assert lengths[3] == 0
        events = self.children("events", row.narrow(SpanNarrow.EVENT_START), row.narrow(SpanNarrow.EVENT_COUNT))
        links = self.children("links", row.narrow(SpanNarrow.LINK_START), row.narrow(SpanNarrow.LINK_COUNT))
        return {
            "trace_id": (trace_id(row, SpanWide.TRACE_ID_HIGH, SpanWide.TRACE_ID_LOW), lengths[0]),
            "span_id": (span_id(row, SpanWide.SPAN_ID), lengths[1]),
            "trace_state": self.text(row.wide(SpanWide.TRACE_STATE)),
            "parent_span_id": (span_id(row, SpanWide.PARENT_SPAN_ID), lengths[2]),
            "name": self.text(row.wide(SpanWide.NAME)),
            "kind": row.narrow(SpanNarrow.KIND),
            "start": row.wide(SpanWide.START_TIME),
            "end": row.wide(SpanWide.END_TIME),
            "attributes": self.attributes(
                row.narrow(SpanNarrow.ATTRIBUTE_START), row.narrow(SpanNarrow.ATTRIBUTE_COUNT)
            ),
            "dropped_attributes": row.narrow(SpanNarrow.DROPPED_ATTRIBUTES),
            "events": [self.event(event, number) for event in events],
            "dropped_events": row.narrow(SpanNarrow.DROPPED_EVENTS),
            "links": [self.link(link, number) for link in links],
            "dropped_links": row.narrow(SpanNarrow.DROPPED_LINKS),
            "status": (row.narrow(SpanNarrow.STATUS_CODE), self.text(row.wide(SpanWide.STATUS_MESSAGE))),
            "flags": row.narrow(SpanNarrow.FLAGS),
            "bytes": self.text(row.wide(SpanWide.BYTES)),
            "defects": defects(row.narrow(SpanNarrow.DEFECTS)),
        }

    def scope(self, number: int, resource: int) -> Tree:
        row = Row(self.columns.scopes, number)
        assert row.narrow(ScopeNarrow.RESOURCE) == resource
        spans = self.children("spans", row.narrow(ScopeNarrow.SPAN_START), row.narrow(ScopeNarrow.SPAN_COUNT))
        return {
            "name": self.text(row.wide(ScopeWide.NAME)),
            "version": self.text(row.wide(ScopeWide.VERSION)),
            "attributes": self.attributes(
                row.narrow(ScopeNarrow.ATTRIBUTE_START), row.narrow(ScopeNarrow.ATTRIBUTE_COUNT)
            ),
            "dropped_attributes": row.narrow(ScopeNarrow.DROPPED_ATTRIBUTES),
            "schema_url": self.text(row.wide(ScopeWide.SCHEMA_URL)),
            "spans": [self.span(span, number, resource) for span in spans],
            "bytes": self.text(row.wide(ScopeWide.BYTES)),
            "defects": defects(row.narrow(ScopeNarrow.DEFECTS)),
        }

    def resource(self, number: int) -> Tree:
        row = Row(self.columns.resources, number)
        spans = row.narrow(ResourceNarrow.SPAN_START), row.narrow(ResourceNarrow.SPAN_COUNT)
        assert spans[0] == self.next_row["spans"]
        scopes = self.children("scopes", row.narrow(ResourceNarrow.SCOPE_START), row.narrow(ResourceNarrow.SCOPE_COUNT))
        tree = {
            "attributes": self.attributes(
                row.narrow(ResourceNarrow.ATTRIBUTE_START), row.narrow(ResourceNarrow.ATTRIBUTE_COUNT)
            ),
            "dropped_attributes": row.narrow(ResourceNarrow.DROPPED_ATTRIBUTES),
            "entity_refs": row.narrow(ResourceNarrow.ENTITY_REFS),
            "schema_url": self.text(row.wide(ResourceWide.SCHEMA_URL)),
            "scopes": [self.scope(scope, number) for scope in scopes],
            "bytes": self.text(row.wide(ResourceWide.BYTES)),
            "defects": defects(row.narrow(ResourceNarrow.DEFECTS)),
        }
        assert self.next_row["spans"] == sum(spans)
        return tree


def defects(bits: int) -> set[str]:
    return {defect.name for defect in Defect if bits & defect}


def trace_id(row: Row, high: int, low: int) -> bytes:
    return row.wide(high).to_bytes(8) + row.wide(low).to_bytes(8)


def span_id(row: Row, column: int) -> bytes:
    return row.wide(column).to_bytes(8)


def from_columns(columns: Columns, seed: int = SEED) -> list[Tree]:
    """The resources of a scanned request; fails where rows do not hang together."""
    reader = Reader(columns, seed)
    resources = [reader.resource(row) for row in range(columns.resources.rows)]
    for name, rows in reader.next_row.items():
        assert rows == getattr(columns, name).rows, name
    assert sorted(reader.attribute_rows) == list(range(columns.attributes.rows))
    assert sorted(reader.nested_rows) == list(range(columns.nested.rows))
    return resources
