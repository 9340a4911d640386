"""Spans of a trace as objects, for reports: made only for traces that somebody will look at."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from otlp_verifier.columns import (
    NO_ROW,
    Columns,
    EventNarrow,
    EventWide,
    LinkNarrow,
    SpanNarrow,
    SpanWide,
)
from otlp_verifier.files.notes import Source
from otlp_verifier.findings.batch import Batch
from otlp_verifier.findings.renderer import NAME_MAX
from otlp_verifier.findings.wording import shown, worded
from otlp_verifier.language.paths import Type
from otlp_verifier.machine.operations import Domain
from otlp_verifier.relate.relations import Relations
from otlp_verifier.relate.tables import SpanRelation

_KINDS: Final = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")  # by number, trace.proto
_STATUS: Final = ("UNSET", "OK", "ERROR")


PATH_MAX: Final = 64  # spans of a path: a recursion thousands of calls deep is told by its ends
_WALKED_MAX: Final = 20_000


class PathSpan(NamedTuple):
    """A span on the way from the root to another.

    Attributes:
        kind: name as in the protocol without prefix.
        name: bounded, on one line, valid UTF-8.

    """

    kind: str
    name: str


class SpanView(msgspec.Struct, frozen=True):
    """One span.

    Attributes:
        span_id, parent_id: hex digits; empty where the id is absent or zero.
        name, service, status_message: bounded, on one line, valid UTF-8.
        kind, status: names as in the protocol without prefix, `SERVER`, `ERROR`; a number as text outside the enum.
        start_ns, end_ns: Unix nanoseconds, as sent.
        source: where the span stands.
        rules: ids of the rules that the span, its events or its links violate, sorted.
        events: (time in Unix nanoseconds, name) of each.
        attributes: key and value as text, bounded; none unless asked for.

    """

    span_id: str
    parent_id: str
    name: str
    service: str
    kind: str
    start_ns: int
    end_ns: int
    status: str
    status_message: str
    source: Source
    rules: tuple[str, ...] = ()
    events: tuple[tuple[int, str], ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


class TraceView(msgspec.Struct, frozen=True):
    """One trace: its spans in the order of a tree, parents before children, siblings by start.

    Attributes:
        trace_id: hex digits; empty where it is zero.
        spans: at most as many as were asked for.
        depths: of each span, how many ancestors are in the trace; 0 where its parent is not.
        spans_total: how many the trace has.
        rules: ids of the rules that the trace as a whole violates, sorted.

    """

    trace_id: str
    spans: tuple[SpanView, ...]
    depths: tuple[int, ...]
    spans_total: int
    rules: tuple[str, ...] = ()


def tree(rows: Sequence[int], columns: Columns, relations: Relations) -> Iterator[tuple[int, int]]:
    """Yield span rows of one trace with their depths, parents before children, siblings by start.

    Spans that are their own ancestors come last, each as if it had no parent.
    """
    starts = columns.spans.wide[SpanWide.START_TIME]
    parents = relations.spans[SpanRelation.PARENT]
    children: dict[int, list[int]] = {}
    for row in sorted(rows, key=lambda row: (int(starts[row]), row)):
        children.setdefault(int(parents[row]), []).append(row)
    left = set(rows)
    for root in [*children.get(NO_ROW, ()), *rows]:
        pending = [(root, 0)]
        while pending:
            row, depth = pending.pop()
            if row in left:
                left.remove(row)
                yield row, depth
                pending.extend((child, depth + 1) for child in reversed(children.get(row, ())))


def span_view(
    row: int, batch: Batch, source: Source, rules: Sequence[str], *, with_attributes: bool = False
) -> SpanView:
    """Make one span visible."""
    columns = batch.columns
    wide, narrow = columns.spans.wide[:, row], columns.spans.narrow[:, row]
    service = batch.attribute(int(narrow[SpanNarrow.RESOURCE]), Domain.RESOURCE, b"service.name")
    return SpanView(
        span_id=_hex(wide[SpanWide.SPAN_ID]),
        parent_id=_hex(wide[SpanWide.PARENT_SPAN_ID]),
        name=_text(columns, wide[SpanWide.NAME]),
        service=shown(service, NAME_MAX) if isinstance(service, bytes) else "",
        kind=_named(narrow[SpanNarrow.KIND], _KINDS),
        start_ns=int(wide[SpanWide.START_TIME]),
        end_ns=int(wide[SpanWide.END_TIME]),
        status=_named(narrow[SpanNarrow.STATUS_CODE], _STATUS),
        status_message=_text(columns, wide[SpanWide.STATUS_MESSAGE]),
        source=source,
        rules=tuple(sorted(rules)),
        events=tuple(_events(columns, narrow)),
        attributes=tuple(_attributes(batch, row)) if with_attributes else (),
    )


def path_to(row: int, columns: Columns, relations: Relations) -> tuple[PathSpan, ...]:
    """The spans from the root, or from where the trace is cut, down to one; of a very deep path only both ends.

    Where spans are their own ancestors, from the last one that was not met before.
    """
    parents = relations.spans[SpanRelation.PARENT]
    rows, seen = [row], {row}
    while len(rows) < _WALKED_MAX and (row := int(parents[row])) != NO_ROW and row not in seen:
        rows.append(row)
        seen.add(row)
    rows.reverse()
    if len(rows) > PATH_MAX:
        rows = rows[: PATH_MAX // 2] + rows[-PATH_MAX // 2 :]
    kinds, names = columns.spans.narrow[SpanNarrow.KIND], columns.spans.wide[SpanWide.NAME]
    return tuple(PathSpan(_named(kinds[at], _KINDS), _text(columns, names[at])) for at in rows)


def span_of(domain: Domain, row: int, columns: Columns) -> int | None:
    """The row of the span that a finding is about; None for resources, scopes and traces."""
    if domain is Domain.SPAN:
        return row
    if domain is Domain.EVENT:
        return int(columns.events.narrow[EventNarrow.SPAN, row])
    return int(columns.links.narrow[LinkNarrow.SPAN, row]) if domain is Domain.LINK else None


def _events(columns: Columns, narrow: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> Iterator[tuple[int, str]]:
    start = int(narrow[SpanNarrow.EVENT_START])
    for event in range(start, start + int(narrow[SpanNarrow.EVENT_COUNT])):
        wide = columns.events.wide[:, event]
        yield int(wide[EventWide.TIME]), _text(columns, wide[EventWide.NAME])


def _attributes(batch: Batch, row: int) -> Iterator[tuple[str, str]]:
    for key, value in batch.attributes(row, Domain.SPAN):
        yield shown(key, NAME_MAX), worded(value, Type.DYNAMIC, key=key)


def _text(columns: Columns, text: np.uint64) -> str:
    return shown(columns.text(int(text)), NAME_MAX)


def _hex(number: np.uint64) -> str:
    return f"{int(number):016x}" if number else ""


def _named(number: np.uint32, names: Sequence[str]) -> str:
    return names[int(number)] if number < len(names) else str(number)
