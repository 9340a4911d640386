"""A batch as records that a rule's tree can be walked over. What relates them is found anew, from the ids alone.

The columns are read; of the relations that the engine works with nothing is, so that a mistake there shows too.
Source: the language's description (docs/language.md, Semantics and Relations).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import (
    AttributeNarrow,
    AttributeWide,
    Columns,
    LinkNarrow,
    LinkWide,
    SpanNarrow,
    SpanWide,
    ValueType,
)
from otlp_verifier.findings.batch import Batch
from otlp_verifier.findings.faulty import faulty, in_force
from otlp_verifier.findings.witness.trace import Trace
from otlp_verifier.findings.witness.values import CannotTellError, Id, Time
from otlp_verifier.language.paths import FIELDS, STEPS, Type
from otlp_verifier.machine.operations import Domain, WideTable
from otlp_verifier.relate.tables import TraceRelation
from otlp_verifier.wire.values import Plain, text, unpack

if TYPE_CHECKING:
    from otlp_verifier.attributes.faults import Fault
    from otlp_verifier.registry.model import Registries, Version
    from otlp_verifier.relate.relations import Relations

ROWS_MAX: Final = 256  # that one operator looks at, one by one
_SCALARS: Final = (ValueType.BOOL, ValueType.INT, ValueType.DOUBLE)
_STATES: Final = ("cyclic", "conflict", "duplicate", "repeated")
_KEPT_VALUES_MAX: Final = 200_000
_KEPT_SPANS_MAX: Final = 200_000  # of the traces that are kept related, some 400 bytes each


class Record(NamedTuple):
    """One row of a domain; of a trace that of its first span."""

    domain: Domain
    row: int


class Rows:
    """The batch that columns hold, until they are loaded again."""

    def __init__(self, columns: Columns, relations: Relations, registries: Registries) -> None:
        self._columns = columns
        self._relations = relations
        self._batch = Batch(columns, relations, registries)
        self._traces: dict[object, Trace] = {}
        self._trace_of: dict[int, Trace] = {}
        self._kept_spans = 0
        self._values: dict[tuple[Record, str, bool], Any] = {}
        self._dropped: dict[int, bool] = {}  # by the first row of a trace
        self._trace_states: dict[int, set[bytes]] = {}
        self._linked: dict[int, list[int]] = {}
        self._services: dict[int, Plain] = {}
        self._clocks: dict[int, object] = {}

    # Which rows

    def found(self, domain: Domain, row: int) -> Record:
        """The record that a finding is about."""
        if domain is Domain.TRACE:
            row = int(self._relations.traces[TraceRelation.FIRST_SPAN, row])
        return Record(domain, row)

    def span_of(self, record: Record) -> Record:
        """The span itself, or that of an event or link; of a trace its first."""
        if record.domain in (Domain.EVENT, Domain.LINK):
            return self._step(record, "span")
        return Record(Domain.SPAN, record.row)

    def trace_of(self, record: Record) -> Trace:
        """The trace of a span, or of what belongs to one."""
        row = self.span_of(record).row
        found = self._trace_of.get(row)
        if found is None:
            high, low = (int(self._columns.spans.wide[column, row]) for column in _TRACE_ID)
            found = self._trace(high, low) if high or low else self._related([row], row)
            self._trace_of[row] = found
        return found

    def spans(self, record: Record) -> list[Record]:
        """The spans of a record's trace, without copies.

        Raises:
            CannotTellError: there are more than ROWS_MAX.

        """
        trace = self.trace_of(record)
        return self._records(trace, trace.rows)

    def step(self, record: Record, name: str) -> Record | None:
        """Where a path's next name leads; None where there is nothing.

        Raises:
            KeyError: the name is none of another row.

        """
        to = STEPS[record.domain][name]
        if name == "trace":
            return Record(Domain.TRACE, self.trace_of(record).rows[0])
        if name in ("parent", "previous"):
            row = self.trace_of(record).parent(record.row) if name == "parent" else self._batch.step(record.row, to)
            return None if row is None else Record(record.domain, row)
        if name == "root":
            return Record(Domain.SPAN, self.trace_of(record).root(record.row))
        return self._step(record, name)

    def related(self, record: Record, relation: str) -> list[Record]:
        """The rows in a relation to a span, without copies.

        Raises:
            CannotTellError: there are more than ROWS_MAX.

        """
        if relation == "event":
            narrow = self._columns.spans.narrow
            first, count = (
                int(narrow[column, record.row]) for column in (SpanNarrow.EVENT_START, SpanNarrow.EVENT_COUNT)
            )
            is_copy = self.is_copy(record)
            return [] if is_copy else [Record(Domain.EVENT, row) for row in range(first, first + count)]
        if relation in ("link", "link from"):
            rows = self._targets(record.row) if relation == "link" else self._sources(record)
            if len(rows) > ROWS_MAX:
                raise CannotTellError(f"{len(rows):,} spans are linked; at most {ROWS_MAX} are looked at one by one")
            found = [Record(Domain.SPAN, row) for row in rows]
            return [one for one in found if not self.is_copy(one)]
        trace = self.trace_of(record)
        match relation:
            case "child":
                return self._records(trace, trace.below.get(record.row, []))
            case "descendant":
                return self._records(trace, self._descendants(trace, record.row))
            case "sibling":
                up = trace.above[record.row]
                rows = [] if up is None else [row for row in trace.below[up] if row != record.row]
                return self._records(trace, rows)
            case "parent":
                return self._records(trace, [up for up in [trace.above[record.row]] if up is not None])
            case "ancestor":
                return self._records(trace, list(islice(trace.ancestors(record.row), ROWS_MAX + 1)))
            case _:
                return self._records(trace, [trace.root(record.row)])

    def is_copy(self, record: Record) -> bool:
        """Whether the span that a record is, or belongs to, repeats another one exactly."""
        span = self.span_of(record)
        return self.trace_of(span).is_copy(span.row)

    def is_target(self, source: Record, target: Record) -> bool:
        """Whether one span has a link to another."""
        return target.row in self._targets(source.row)

    # What stands in them

    def value(self, record: Record, path: str, *, with_clock: bool) -> Any:
        """A field. Times know their clock where that is asked for.

        Raises:
            KeyError: it is none of the domain's.

        """
        key = record, path, with_clock
        if key not in self._values:
            if len(self._values) > _KEPT_VALUES_MAX:
                self._values.clear()
            self._values[key] = self._read(record, path, with_clock=with_clock)
        return self._values[key]

    def _read(self, record: Record, path: str, *, with_clock: bool) -> Any:
        what = FIELDS[record.domain][path]
        if path in _STATES and record.domain is Domain.SPAN:
            return self.trace_of(record).state(record.row, path)
        if record.domain is Domain.TRACE:
            return self.trace_of(record).count(path)
        if what.type is Type.ID:
            words = [int(self._columns_of(table)[column, record.row]) for table, column in what.columns]
            return Id(b"".join(word.to_bytes(8, "big") for word in words)) if any(words) else None
        value: Any = self._batch.field(record.row, what)
        if what.type is Type.TEXT:
            return text(value)
        if what.type is Type.TIME:
            return Time(value, {self.clock(record): 1} if with_clock else None)
        return value - 2**64 if what.is_clock and value >= 2**63 else value

    def id_digits(self, record: Record, path: str) -> str:
        """An id's hexadecimal digits, zeros where there is none."""
        found = self.value(record, path, with_clock=False)
        length = 8 * len(FIELDS[record.domain][path].columns)
        return bytes(found or bytes(length)).hex()

    def attribute(self, record: Record, key: str) -> Plain:
        """The first attribute with a key; None where there is none.

        Raises:
            CannotTellError: it is a list or map that cannot be read.

        """
        at = self._batch.attribute_row(record.row, record.domain, key.encode("utf-8", "surrogateescape"))
        if at is None:
            return None
        attributes = self._columns.attributes
        type_, word = int(attributes.narrow[AttributeNarrow.TYPE, at]), int(attributes.wide[AttributeWide.VALUE, at])
        is_text = type_ not in (*_SCALARS, ValueType.EMPTY)
        return _unpacked(type_, self._columns.text(word) if is_text else word)

    def attributes(self, record: Record) -> Iterator[tuple[str, Plain]]:
        """All attributes, keys and values; of several with one key all of them.

        Raises:
            CannotTellError: one is a list or map that cannot be read.

        """
        for key, type_, content, _ in self._batch.attributes_as_sent(record.row, record.domain):
            yield text(key), _unpacked(type_, content)

    def service(self, span: Record) -> Plain:
        """service.name of a span's resource."""
        resource = self._step(span, "resource")
        if resource.row not in self._services:
            self._services[resource.row] = self.attribute(resource, "service.name")
        return self._services[resource.row]

    def has_faulty_attribute(self, record: Record, fault: Fault) -> bool:
        """Whether an attribute of a record has a fault."""
        return any(faulty(self._batch, record.row, record.domain, fault))

    def follows(self, record: Record, version: Version) -> bool:
        """Whether a record follows OpenTelemetry's conventions of a version or of a newer one, or does not say."""
        declared = in_force(self._batch, record.row, record.domain)
        return declared is None or declared >= version

    def clock(self, record: Record) -> object:
        """Whose clock a time was read from: resources with the same attributes, byte for byte, are one."""
        resource = self._step(self.span_of(record), "resource").row
        if resource not in self._clocks:
            self._clocks[resource] = tuple(self._batch.attributes_as_sent(resource, Domain.RESOURCE))
        return self._clocks[resource]

    def rank(self, span: Record) -> tuple[int, int]:
        """What puts points of one time in order: depth and span id."""
        trace = self.trace_of(span)
        return trace.depth(span.row), trace.ids[span.row]

    def order(self, span: Record) -> tuple[int, int, int, bytes]:
        """What puts points in order that share their ids: start, end and content."""
        return self._order(span.row)

    def misses_something(self, record: Record) -> bool:
        """Whether anything says that data was dropped from the trace, or a parent is not there."""
        trace = self.trace_of(record)
        first = trace.rows[0]
        if first not in self._dropped:
            narrow, rows = self._columns.spans.narrow, np.asarray(trace.rows)
            columns = (SpanNarrow.DROPPED_ATTRIBUTES, SpanNarrow.DROPPED_EVENTS, SpanNarrow.DROPPED_LINKS)
            self._dropped[first] = any(bool(narrow[column, rows].any()) for column in columns)
        return self._dropped[first] or trace.lacks_parents

    def trace_states(self, record: Record) -> set[bytes]:
        """The trace states of the trace's spans."""
        rows = self.trace_of(record).rows
        if rows[0] not in self._trace_states:
            words = np.unique(self._columns.spans.wide[SpanWide.TRACE_STATE, np.asarray(rows)]).tolist()
            self._trace_states[rows[0]] = {self._columns.text(word) for word in words}
        return self._trace_states[rows[0]]

    # How they are found

    def _step(self, record: Record, name: str) -> Record:
        step = STEPS[record.domain][name]
        row = self._batch.step(record.row, step)
        if row is None:
            raise AssertionError(f"every {record.domain.name.lower()} has its {name}")
        return Record(step.domain, row)

    def _columns_of(self, table: object) -> NDArray[np.uint64]:
        return (self._columns.spans if table is WideTable.SPANS else self._columns.links).wide

    def _records(self, trace: Trace, rows: Sequence[int]) -> list[Record]:
        if len(rows) > ROWS_MAX:
            raise CannotTellError(f"many spans would have to be looked at one by one; at most {ROWS_MAX} are")
        return [Record(Domain.SPAN, row) for row in rows if not trace.is_copy(row)]

    def _trace(self, high: int, low: int) -> Trace:
        found = self._traces.get((high, low))
        if found is not None:
            return found
        begin, end = _range(self._high, high)
        first, last = _range(self._low[begin:end], low)
        return self._related(sorted(self._by_trace[begin + first : begin + last].tolist()), (high, low))

    def _related(self, rows: list[int], key: object) -> Trace:
        found = self._traces.get(key)
        if found is not None:
            return found
        if self._kept_spans > _KEPT_SPANS_MAX:
            self._traces.clear()
            self._trace_of.clear()
            self._kept_spans = 0
        wide, at = self._columns.spans.wide, np.asarray(rows, np.int64)
        ids = dict(zip(rows, wide[SpanWide.SPAN_ID, at].tolist(), strict=True))
        parents = dict(zip(rows, wide[SpanWide.PARENT_SPAN_ID, at].tolist(), strict=True))
        made = self._traces[key] = Trace(rows, ids, parents, self._order, self._content)
        self._kept_spans += len(rows)
        return made

    @cached_property
    def _by_trace(self) -> NDArray[np.int64]:
        """All spans, those of one trace together."""
        count = self._columns.spans.rows
        high, low = (self._columns.spans.wide[column, :count] for column in _TRACE_ID)
        return np.lexsort((low, high))

    @cached_property
    def _high(self) -> NDArray[np.uint64]:
        high: NDArray[np.uint64] = self._columns.spans.wide[SpanWide.TRACE_ID_HIGH]
        return high[self._by_trace]

    @cached_property
    def _low(self) -> NDArray[np.uint64]:
        low: NDArray[np.uint64] = self._columns.spans.wide[SpanWide.TRACE_ID_LOW]
        return low[self._by_trace]

    def _content(self, row: int) -> bytes:
        return self._columns.text(self._columns.spans.wide[SpanWide.BYTES, row])

    def _order(self, row: int) -> tuple[int, int, int, bytes]:
        content = self._content(row)
        start, end = (int(self._columns.spans.wide[column, row]) for column in (SpanWide.START_TIME, SpanWide.END_TIME))
        return start, end, len(content), content

    def _descendants(self, trace: Trace, row: int) -> list[int]:
        found: list[int] = []
        pending = [row]
        while pending and len(found) <= ROWS_MAX:
            below = trace.below.get(pending.pop(), [])
            found += below
            pending += below
        return found

    def _targets(self, row: int) -> list[int]:
        """The spans that a span's links point to; of those with a link's ids the one that stands for them."""
        if row not in self._linked:
            self._linked[row] = [] if self.is_copy(Record(Domain.SPAN, row)) else self._follow_links(row)
        return self._linked[row]

    def _follow_links(self, row: int) -> list[int]:
        narrow, links = self._columns.spans.narrow, self._columns.links.wide
        first, count = (int(narrow[column, row]) for column in (SpanNarrow.LINK_START, SpanNarrow.LINK_COUNT))
        found: dict[int, None] = {}
        for link in range(first, first + count):
            high, low, own = (int(links[column, link]) for column in _LINK_IDS)
            target = self._trace(high, low).standing.get(own) if own and (high or low) else None
            if target is not None:
                found[target] = None
        return list(found)

    def _sources(self, span: Record) -> list[int]:
        """The spans whose links point to a span."""
        wide, links = self._columns.spans.wide, self._columns.links
        points = np.ones(links.rows, np.bool_)
        for own, other in zip((*_TRACE_ID, SpanWide.SPAN_ID), _LINK_IDS, strict=True):
            points &= links.wide[other, : links.rows] == wide[own, span.row]
        owners = np.unique(links.narrow[LinkNarrow.SPAN, : links.rows][points]).tolist()
        return [row for row in owners if span.row in self._targets(row)]


def _unpacked(type_: int, content: bytes | int) -> Plain:
    if type_ == ValueType.EMPTY:
        return None
    try:
        return unpack(bytes([type_]) + (content.to_bytes(8, "little") if isinstance(content, int) else content))
    except ValueError:
        raise CannotTellError("an attribute cannot be read") from None


def _range(ascending: NDArray[np.uint64], value: int) -> tuple[int, int]:
    """Where a value stands: from, and up to without."""
    first, last = (int(np.searchsorted(ascending, np.uint64(value), side)) for side in ("left", "right"))
    return first, last


_TRACE_ID: Final = (SpanWide.TRACE_ID_HIGH, SpanWide.TRACE_ID_LOW)
_LINK_IDS: Final = (LinkWide.TRACE_ID_HIGH, LinkWide.TRACE_ID_LOW, LinkWide.SPAN_ID)
