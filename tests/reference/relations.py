"""Relations, slowly: dictionaries over protobuf objects, one question at a time.

Written from the docstrings of otlp_verifier.relate.relations and from wire/columns.h (how ids are read).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.proto.trace.v1.trace_pb2 import Span

Ids = tuple[object, bytes]  # trace group, span id


@dataclass
class Related:
    """What relations say of one span.

    Attributes:
        trace: number of its trace group, in the order in which the groups first appear.
        parent: the span that stands for its parent's ids; None where the batch has none.
        is_cyclic, conflicts, is_duplicate, is_repeated: as the bits of SpanState.
        spans, roots: of its trace: distinct span ids, and those of which any span is a root; without an id each counts.

    """

    trace: int
    parent: int | None
    is_cyclic: bool
    conflicts: bool
    is_duplicate: bool
    is_repeated: bool
    spans: int = 0
    roots: int = 0


def read_id(sent: bytes, length: int) -> bytes:
    """An id as columns hold it: padded with zeros at the end, or cut; nothing where it is all zero."""
    padded = (sent + bytes(length))[:length]
    return padded if any(padded) else b""


def content(span: Span) -> bytes:
    return span.SerializeToString()


def standing_order(span: Span) -> tuple[int, int, int, bytes]:
    """Of spans with equal ids, the smallest by this stands for all: start, end, then content, shorter first."""
    return span.start_time_unix_nano, span.end_time_unix_nano, len(content(span)), content(span)


def relate(spans: Sequence[Span]) -> list[Related]:
    """What relations say of each span of one batch."""
    groups: dict[object, int] = {}
    members: dict[int, list[int]] = {}
    trace_of = []
    for row, span in enumerate(spans):
        trace_id = read_id(span.trace_id, 16)
        trace = groups.setdefault(trace_id or row, len(groups))
        members.setdefault(trace, []).append(row)
        trace_of.append(trace)

    same_ids: dict[tuple[int, bytes], list[int]] = {}
    for row, span in enumerate(spans):
        if span_id := read_id(span.span_id, 8):
            same_ids.setdefault((trace_of[row], span_id), []).append(row)

    def ids(row: int) -> list[int]:
        return same_ids.get((trace_of[row], read_id(spans[row].span_id, 8)), [row])

    def standing_for(trace: int, span_id: bytes) -> int | None:
        rows = same_ids.get((trace, span_id), [])
        return min(rows, key=lambda row: (standing_order(spans[row]), row), default=None)

    def parent(row: int) -> int | None:
        parent_id = read_id(spans[row].parent_span_id, 8)
        return standing_for(trace_of[row], parent_id) if parent_id else None

    def is_cyclic(row: int) -> bool:
        seen = {row}
        at = parent(row)
        while at is not None and at not in seen:
            seen.add(at)
            at = parent(at)
        return at == row and len(seen) > 1

    related = []
    for row in range(len(spans)):
        contents = [content(spans[other]) for other in ids(row)]
        alike = contents.count(content(spans[row])) == len(contents)
        related.append(
            Related(
                trace=trace_of[row],
                parent=parent(row),
                is_cyclic=is_cyclic(row),
                conflicts=not alike,
                is_duplicate=alike and len(contents) > 1,
                is_repeated=row != min(ids(row), key=lambda one: (standing_order(spans[one]), one)),
            )
        )
    for rows in members.values():
        distinct = {tuple(ids(row)) for row in rows}
        roots = [same for same in distinct if any(not read_id(spans[row].parent_span_id, 8) for row in same)]
        for row in rows:
            related[row].spans, related[row].roots = len(distinct), len(roots)
    return related
