"""Single values of a batch, read from its columns one by one: for the few rows that people get to see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import (
    NO_ROW,
    AttributeNarrow,
    AttributeWide,
    Columns,
    EventWide,
    LinkWide,
    NestedNarrow,
    NestedWide,
    ResourceWide,
    ScopeWide,
    SpanWide,
    ValueType,
)
from otlp_verifier.findings.printable import masked
from otlp_verifier.language.paths import ATTRIBUTES, Field, Step, Type
from otlp_verifier.machine.operations import Domain, NarrowTable, WideTable
from otlp_verifier.sensitive.scan import Context, context_of
from otlp_verifier.sensitive.texts import TEXTS
from otlp_verifier.wire.key_index import KeyWithIndex, keys_with_index
from otlp_verifier.wire.values import double, signed

if TYPE_CHECKING:
    from otlp_verifier.registry.model import Registries
    from otlp_verifier.relate.relations import Relations

KEY_MAX: Final = 80  # characters of a key
_ELEMENTS_READ_MAX: Final = 16  # of an array: more do not fit into what is shown of it
_BYTES: Final = {
    Domain.RESOURCE: ResourceWide.BYTES,
    Domain.SCOPE: ScopeWide.BYTES,
    Domain.SPAN: SpanWide.BYTES,
    Domain.EVENT: EventWide.BYTES,
    Domain.LINK: LinkWide.BYTES,
}


class Octets(NamedTuple):
    """The content of a bytes attribute."""

    content: bytes


class Elements(NamedTuple):
    """An array or map: of a map only the size is shown.

    Attributes:
        size: how many direct elements it has.
        first: of an attribute that is an array the first few of them, in their order.

    """

    size: int
    is_map: bool
    first: tuple[Value, ...] = ()


class AttributeAsSent(NamedTuple):
    """An attribute: its key, its ValueType, 64 bits of a scalar or else bytes, the ValueTypes of its elements."""

    key: bytes
    kind: int
    content: bytes | int
    elements: tuple[int, ...]


class Element(NamedTuple):
    """A value within an array or map, at any level.

    Attributes:
        key: empty in an array.
        kind: its ValueType.
        text: a string's content, of others nothing.
        holder: which of the attribute's elements holds it; None is the attribute itself.

    """

    key: bytes
    kind: int
    text: bytes
    holder: int | None


class Excerpt(NamedTuple):
    """What may be shown of something sensitive, with where it stands: UTF-8."""

    content: bytes


# None is nil; bytes are a string's; an id is its hex digits.
Value = bool | int | float | bytes | str | Octets | Elements | Excerpt | None


class Batch(msgspec.Struct, frozen=True, dict=True):
    """A batch's columns and relations, by the names that paths use; and the registries that its attributes are from.

    Rows are numbers in the table of their domain, or None where a step led nowhere.
    """

    columns: Columns
    relations: Relations
    registries: Registries

    def step(self, row: int | None, step: Step) -> int | None:
        """Follow a step to another row."""
        if row is None:
            return None
        column = self._narrow[step.table][step.column]
        if step.before:
            return row - 1 if row and column[row - 1] == column[row] else None
        to = int(column[row])
        return None if to == NO_ROW else to

    def field(self, row: int | None, field: Field) -> Value:
        """Read a field: times and durations in nanoseconds, ids as hex digits, strings as bytes."""
        if row is None:
            return None
        words = [
            int((self._wide[table] if isinstance(table, WideTable) else self._narrow[table])[column, row])
            for table, column in field.columns
        ]
        word = words[0]
        if field.type is Type.BOOL:
            is_known = field.known is None or word & field.known
            return bool(word & (field.mask or 0)) if is_known else None
        if field.type is Type.ID:
            return "".join(f"{part:016x}" for part in words) if any(words) else None
        if field.type is Type.TEXT:
            return self.columns.text(word)
        word >>= field.shift
        if field.mask is not None:
            word &= field.mask
        return word - (1 << 32) if field.signed and word >= 1 << 31 else word

    def attribute(self, row: int | None, domain: Domain, key: bytes) -> Value:
        """Read an attribute; of several with one key, the first."""
        at = None if row is None else self.attribute_row(row, domain, key)
        return None if at is None else self._value(at)

    def attribute_row(self, row: int, domain: Domain, key: bytes) -> int | None:
        """Find an attribute in the table of attributes; of several with one key, the first."""
        keys = self.columns.attributes.wide[AttributeWide.KEY]
        return next((at for at in self._attributes_of(row, domain) if self.columns.text(keys[at]) == key), None)

    def attributes_as_sent(self, row: int, domain: Domain) -> Iterator[AttributeAsSent]:
        """Read all attributes of a record, in their order."""
        attributes, nested = self.columns.attributes, self.columns.nested.narrow
        for at in self._attributes_of(row, domain):
            key = self.columns.text(attributes.wide[AttributeWide.KEY, at])
            kind, word = int(attributes.narrow[AttributeNarrow.TYPE, at]), int(attributes.wide[AttributeWide.VALUE, at])
            is_text = kind not in (ValueType.EMPTY, ValueType.BOOL, ValueType.INT, ValueType.DOUBLE)
            start, count = (
                int(attributes.narrow[c, at]) for c in (AttributeNarrow.NESTED_START, AttributeNarrow.NESTED_COUNT)
            )
            below = slice(start, start + count)
            direct = nested[NestedNarrow.TYPE, below][nested[NestedNarrow.PARENT, below] == NO_ROW]
            yield AttributeAsSent(key, kind, self.columns.text(word) if is_text else word, tuple(direct.tolist()))

    def attributes(self, row: int, domain: Domain) -> Iterator[tuple[bytes, Value]]:
        """Read all attributes of a record, keys and values, in their order."""
        for at in self._attributes_of(row, domain):
            yield self.columns.text(self.columns.attributes.wide[AttributeWide.KEY, at]), self._value(at)

    def elements(self, row: int, domain: Domain) -> Iterator[list[Element]]:
        """Read what each attribute of a record holds, all levels, depth first; in the attributes' order."""
        nested, narrow = self.columns.nested, self.columns.attributes.narrow
        for at in self._attributes_of(row, domain):
            start, count = (int(narrow[c, at]) for c in (AttributeNarrow.NESTED_START, AttributeNarrow.NESTED_COUNT))
            held = []
            for below in range(start, start + count):
                kind, word = int(nested.narrow[NestedNarrow.TYPE, below]), int(nested.wide[NestedWide.VALUE, below])
                holder = int(nested.narrow[NestedNarrow.PARENT, below])
                held.append(
                    Element(
                        self.columns.text(nested.wide[NestedWide.KEY, below]),
                        kind,
                        self.columns.text(word) if kind == ValueType.STRING else b"",
                        None if holder == NO_ROW else holder - start,
                    )
                )
            yield held

    def keys_with_index(self, row: int, domain: Domain) -> Iterator[KeyWithIndex]:
        """Read the keys of a record that are given by an index too, from the record's bytes: columns keep no index."""
        table = WideTable(domain)
        offset, length = divmod(int(self._wide[table][_BYTES[domain], row]), 1 << 32)
        return keys_with_index(memoryview(self.columns.buffer)[offset : offset + length], table.name.lower())

    def texts(self, row: int, domain: Domain) -> Iterator[tuple[str, Value, Context]]:
        """Read all that may be sensitive in a record: what people call it, a string or number, what its keys say."""
        wide = self._wide[WideTable(domain)]
        for column, name in TEXTS[domain]:
            yield name, self.columns.text(wide[column, row]), Context()
        nested, narrow = self.columns.nested, self.columns.attributes.narrow
        for at in self._attributes_of(row, domain):
            key = self.columns.text(self.columns.attributes.wide[AttributeWide.KEY, at])
            name, context = f"attribute `{masked(key, KEY_MAX)}`", context_of(key)
            yield name, self._value(at), context
            start, count = (int(narrow[c, at]) for c in (AttributeNarrow.NESTED_START, AttributeNarrow.NESTED_COUNT))
            for below in range(start, start + count):
                word, kind = int(nested.wide[NestedWide.VALUE, below]), int(nested.narrow[NestedNarrow.TYPE, below])
                inner = context_of(self.columns.text(nested.wide[NestedWide.KEY, below]))
                yield name, self._content(kind, word, 0), context | inner

    def _attributes_of(self, row: int, domain: Domain) -> range:
        narrow = self._narrow[NarrowTable(domain)]
        start, count = (int(narrow[column, row]) for column in ATTRIBUTES[domain])
        return range(start, start + count)

    def _value(self, at: int) -> Value:
        attributes = self.columns.attributes
        return self._content(
            int(attributes.narrow[AttributeNarrow.TYPE, at]),
            int(attributes.wide[AttributeWide.VALUE, at]),
            int(attributes.narrow[AttributeNarrow.ELEMENTS, at]),
            self._first(at),
        )

    def _first(self, at: int) -> tuple[Value, ...]:
        """The first elements of an attribute that is an array."""
        attributes, nested = self.columns.attributes.narrow, self.columns.nested
        if attributes[AttributeNarrow.TYPE, at] != ValueType.ARRAY:
            return ()
        start, count = (int(attributes[c, at]) for c in (AttributeNarrow.NESTED_START, AttributeNarrow.NESTED_COUNT))
        first = []
        for row in range(start, start + min(count, _ELEMENTS_READ_MAX)):
            if nested.narrow[NestedNarrow.PARENT, row] == NO_ROW:
                kind, elements = (int(nested.narrow[c, row]) for c in (NestedNarrow.TYPE, NestedNarrow.ELEMENTS))
                first.append(self._content(kind, int(nested.wide[NestedWide.VALUE, row]), elements))
        return tuple(first)

    def _content(self, kind: int, word: int, elements: int, first: tuple[Value, ...] = ()) -> Value:
        if kind == ValueType.STRING:
            return self.columns.text(word)
        if kind == ValueType.BOOL:
            return bool(word)
        if kind == ValueType.INT:
            return signed(word)
        if kind == ValueType.DOUBLE:
            return double(word)
        if kind == ValueType.BYTES:
            return Octets(self.columns.text(word))
        if kind in (ValueType.ARRAY, ValueType.MAP):
            return Elements(elements, kind == ValueType.MAP, first)
        return None

    @cached_property
    def _wide(self) -> Mapping[WideTable, NDArray[np.uint64]]:
        columns = self.columns
        return {
            WideTable.RESOURCES: columns.resources.wide,
            WideTable.SCOPES: columns.scopes.wide,
            WideTable.SPANS: columns.spans.wide,
            WideTable.EVENTS: columns.events.wide,
            WideTable.LINKS: columns.links.wide,
            WideTable.ATTRIBUTES: columns.attributes.wide,
        }

    @cached_property
    def _narrow(self) -> Mapping[NarrowTable, NDArray[np.uint32]]:
        columns, relations = self.columns, self.relations
        return {
            NarrowTable.RESOURCES: columns.resources.narrow,
            NarrowTable.SCOPES: columns.scopes.narrow,
            NarrowTable.SPANS: columns.spans.narrow,
            NarrowTable.EVENTS: columns.events.narrow,
            NarrowTable.LINKS: columns.links.narrow,
            NarrowTable.SPAN_RELATIONS: relations.spans,
            NarrowTable.TRACES: relations.traces,
        }
