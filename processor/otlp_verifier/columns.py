"""The one data structure: a batch of spans as columns.

Every table has a `wide` block, uint64 of shape (columns, capacity), and a
`narrow` block, uint32 of the same shape; row r of column c is `block[c, r]`, and
only the first `rows` rows mean anything. What each column holds is written
once, in wire/columns.h; the enums here are made from it.
"""

from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.wire import scanner
from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.limits import Limits

NO_ROW: Final = 0xFFFFFFFF
TABLES: Final = ("resources", "scopes", "spans", "events", "links", "attributes", "nested")
_SMALLEST_CAPACITY = 64
_PADDING = 24  # rows: three cache lines of a 64-bit column


def _enum(name: str, c_enum: str, prefix: str) -> Any:  # an IntEnum, whose members no type checker can know
    """The members of a C enum, without their prefix and without the closing count."""
    members = {
        member.removeprefix(prefix): value
        for value, member in ffi.typeof(f"enum {c_enum}").elements.items()
        if member not in (f"{prefix}WIDE", f"{prefix}NARROW")
    }
    return IntEnum(name, members)


SpanWide = _enum("SpanWide", "otlpv_span_wide", "OTLPV_SPAN_")
SpanNarrow = _enum("SpanNarrow", "otlpv_span_narrow", "OTLPV_SPAN_")
EventWide = _enum("EventWide", "otlpv_event_wide", "OTLPV_EVENT_")
EventNarrow = _enum("EventNarrow", "otlpv_event_narrow", "OTLPV_EVENT_")
LinkWide = _enum("LinkWide", "otlpv_link_wide", "OTLPV_LINK_")
LinkNarrow = _enum("LinkNarrow", "otlpv_link_narrow", "OTLPV_LINK_")
ResourceWide = _enum("ResourceWide", "otlpv_resource_wide", "OTLPV_RESOURCE_")
ResourceNarrow = _enum("ResourceNarrow", "otlpv_resource_narrow", "OTLPV_RESOURCE_")
ScopeWide = _enum("ScopeWide", "otlpv_scope_wide", "OTLPV_SCOPE_")
ScopeNarrow = _enum("ScopeNarrow", "otlpv_scope_narrow", "OTLPV_SCOPE_")
AttributeWide = _enum("AttributeWide", "otlpv_attribute_wide", "OTLPV_ATTRIBUTE_")
AttributeNarrow = _enum("AttributeNarrow", "otlpv_attribute_narrow", "OTLPV_ATTRIBUTE_")
NestedWide = _enum("NestedWide", "otlpv_nested_wide", "OTLPV_NESTED_")
NestedNarrow = _enum("NestedNarrow", "otlpv_nested_narrow", "OTLPV_NESTED_")
ValueType = _enum("ValueType", "otlpv_type", "OTLPV_")
Defect = _enum("Defect", "otlpv_defect", "OTLPV_DEFECT_")

_WIDTHS: Final = {
    "resources": (lib.OTLPV_RESOURCE_WIDE, lib.OTLPV_RESOURCE_NARROW),
    "scopes": (lib.OTLPV_SCOPE_WIDE, lib.OTLPV_SCOPE_NARROW),
    "spans": (lib.OTLPV_SPAN_WIDE, lib.OTLPV_SPAN_NARROW),
    "events": (lib.OTLPV_EVENT_WIDE, lib.OTLPV_EVENT_NARROW),
    "links": (lib.OTLPV_LINK_WIDE, lib.OTLPV_LINK_NARROW),
    "attributes": (lib.OTLPV_ATTRIBUTE_WIDE, lib.OTLPV_ATTRIBUTE_NARROW),
    "nested": (lib.OTLPV_NESTED_WIDE, lib.OTLPV_NESTED_NARROW),
}


class Table:
    """One table's blocks.

    Args:
        name: one of TABLES.
        filled: uint32 (1,), where it is written how many rows the last batch filled, as steps are told it.

    """

    __slots__ = ("capacity", "filled", "name", "narrow", "wide")

    def __init__(self, name: str, filled: NDArray[np.uint32]) -> None:
        self.name = name
        self.filled = filled
        self.capacity = 0
        self.wide: NDArray[np.uint64]
        self.narrow: NDArray[np.uint32]
        self.reserve(_SMALLEST_CAPACITY)

    @property
    def rows(self) -> int:
        """How many rows the last batch filled."""
        return int(self.filled[0])

    def reserve(self, rows: int) -> bool:
        """Make room for `rows` rows; the content is lost when this returns True."""
        if rows <= self.capacity:
            return False
        # Not a power of two: columns that lie a multiple of 4 KiB apart share one set of the first cache, and a scan
        # that writes twenty of them would evict its own lines (10 to 15 % of a scan of 8,192 spans).
        capacity = (1 << (rows - 1).bit_length()) + _PADDING
        wide, narrow = _WIDTHS[self.name]
        # Both or none: without memory for the second one the table stays as it is.
        self.wide, self.narrow = np.empty((wide, capacity), np.uint64), np.empty((narrow, capacity), np.uint32)
        self.capacity = capacity
        return True


class Columns:
    """An arena for one batch at a time, reused from batch to batch. Not for use by two threads at once.

    Attributes:
        resources, scopes, spans, events, links, attributes, nested: the tables.
        buffer: the bytes of the batch; every text is an offset and length into it.
        rows: uint32 (len(TABLES),): how many rows the last batch filled of each table, as kernels are told it.
        generation: goes up when a table has moved.
        counts, native: the same as C structs (`otlpv_counts*`, `otlpv_columns*`) for calls into the native module.
        attributes_native: the attributes table as C sees it, `otlpv_table *`.

    """

    def __init__(self) -> None:
        self.counts = ffi.new("otlpv_counts *")
        self.rows = np.frombuffer(ffi.buffer(self.counts), np.uint32)
        self._tables = tuple(Table(name, self.rows[at : at + 1]) for at, name in enumerate(TABLES))
        (
            self.resources, self.scopes, self.spans, self.events, self.links, self.attributes, self.nested,
        ) = self._tables  # fmt: skip
        self.buffer: bytes | memoryview = b""
        self.generation = 0
        self.native = ffi.new("otlpv_columns *")
        self.attributes_native = ffi.addressof(self.native.attributes)
        for table in self._tables:
            self._bind(table)

    def load(self, buffer: bytes | memoryview, limits: Limits) -> None:
        """Scan a whole ExportTraceServiceRequest into the tables.

        Raises:
            scanner.MalformedRequest: the bytes are not a readable request; every table is empty then.
            scanner.RequestOverLimit: one of `limits` is passed; nothing has been allocated for it, and every table is
                empty.

        """
        self.buffer = buffer
        try:
            scanner.load(buffer, limits, self.counts, self.native, self._make_room)
        except BaseException:
            self.rows.fill(0)
            raise

    def text(self, text: int) -> bytes:
        """The bytes of one text value."""
        offset, length = int(text) >> 32, int(text) & 0xFFFFFFFF
        return bytes(self.buffer[offset : offset + length])

    def _make_room(self) -> None:
        for table in self._tables:
            if table.reserve(getattr(self.counts, table.name)):
                self._bind(table)
                self.generation += 1

    def _bind(self, table: Table) -> None:
        native = getattr(self.native, table.name)
        native.wide = ffi.cast("uint64_t *", table.wide.ctypes.data)
        native.narrow = ffi.cast("uint32_t *", table.narrow.ctypes.data)
        native.capacity = table.capacity
