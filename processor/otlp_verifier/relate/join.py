"""Hash join of spans to their parents, trace groups, repeated ids and cycles: O(spans).

Spans may come in any order, and the result does not depend on it: where several
spans share their ids, the smallest by (start, end, content) stands for them all.
"""

import numpy as np

from otlp_verifier.columns import NO_ROW, TABLES, SpanWide
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.relate.hashing import pair_hash, table_shift
from otlp_verifier.relate.tables import SpanRelation, SpanState, TraceRelation

# numba freezes module-level integers into the compiled code, but cannot read an enum.
_HIGH, _LOW, _ID, _PARENT_ID = (
    int(SpanWide.TRACE_ID_HIGH),
    int(SpanWide.TRACE_ID_LOW),
    int(SpanWide.SPAN_ID),
    int(SpanWide.PARENT_SPAN_ID),
)
_START, _END, _BYTES = (
    int(SpanWide.START_TIME),
    int(SpanWide.END_TIME),
    int(SpanWide.BYTES),
)
_NONE = np.uint32(NO_ROW)
_SPANS_AT = TABLES.index("spans")
_PARENT, _TRACE, _STATE = int(SpanRelation.PARENT), int(SpanRelation.TRACE), int(SpanRelation.STATE)
_FIRST_SPAN, _SPANS, _ROOTS = int(TraceRelation.FIRST_SPAN), int(TraceRelation.SPANS), int(TraceRelation.ROOTS)
_CYCLIC, _CONFLICT = int(SpanState.CYCLIC), int(SpanState.CONFLICT)
_DUPLICATE, _REPEATED, _COPY = int(SpanState.DUPLICATE), int(SpanState.REPEATED), int(SpanState.COPY)


@inner
def compare(wide: np.ndarray, buffer: np.ndarray, a: int, b: int) -> int:
    """-1, 0 or 1: spans a and b ordered by start, end and content."""
    for column in (_START, _END):
        if wide[column, a] != wide[column, b]:
            return -1 if wide[column, a] < wide[column, b] else 1
    a_at, a_length = np.int64(wide[_BYTES, a] >> np.uint64(32)), np.int64(wide[_BYTES, a] & np.uint64(0xFFFFFFFF))
    b_at, b_length = np.int64(wide[_BYTES, b] >> np.uint64(32)), np.int64(wide[_BYTES, b] & np.uint64(0xFFFFFFFF))
    if a_length != b_length:
        return -1 if a_length < b_length else 1
    for i in range(a_length):
        if buffer[a_at + i] != buffer[b_at + i]:
            return -1 if buffer[a_at + i] < buffer[b_at + i] else 1
    return 0


@inner
def _mark_repeated(row, head, order, chain, spans):
    """Set the states of a chain of spans with equal ids, of which `row` is the newest.

    Only the newest and its neighbours change unless the chain turns from equal to conflicting, which it can do once:
    so a chain of n spans costs O(n) in all.
    """
    follower = chain[0, head]
    was = spans[_STATE, head if head != row else follower]
    if order == 0 and not was & np.uint32(_CONFLICT):
        spans[_STATE, row] = _DUPLICATE | _REPEATED | _COPY
        spans[_STATE, head] = _DUPLICATE
    elif was & np.uint32(_CONFLICT):
        spans[_STATE, row] = _CONFLICT | (_REPEATED if head != row else 0)
        if head == row:
            spans[_STATE, follower] = _CONFLICT | _REPEATED
    else:
        member = np.uint32(head)
        while member != _NONE:
            spans[_STATE, member] = _CONFLICT | (_REPEATED if member != head else 0)
            member = chain[0, member]


@inner
def _repeat(wide, row, cell, cells, chain, spans, buffer):
    """Enter a span whose ids are in `cell` already: the smallest stays in the cell, and all are marked."""
    head = cells[1, cell]
    order = compare(wide, buffer, row, np.int64(head))
    if order < 0:
        cells[1, cell] = np.uint32(row)
        chain[0, row] = head
    else:
        chain[0, row] = chain[0, head]
        chain[0, head] = np.uint32(row)
    _mark_repeated(row, np.int64(cells[1, cell]), order, chain, spans)


@inner
def _count_hidden_roots(wide, rows, spans, traces, chain):
    """Count ids of which the span that stands for them is no root, but another one is.

    Which one stands may change when more spans arrive, and a root that has been counted must not go.
    """
    for row in range(rows):
        conflict = spans[_STATE, row] & np.uint32(_CONFLICT | _REPEATED) == _CONFLICT
        if not conflict or wide[_PARENT_ID, row] == 0:
            continue
        member = chain[0, row]
        while member != _NONE and wide[_PARENT_ID, member] != 0:
            member = chain[0, member]
        if member != _NONE:
            traces[_ROOTS, spans[_TRACE, row]] += np.uint32(1)


@inner
def _mark_cycles(rows, spans, mark):
    """Set CYCLIC on the spans of every cycle of two or more. A span that is its own parent counts as a root here."""
    for row in range(rows):
        mark[row] = _NONE
    for start in range(rows):
        row = np.uint32(start)
        # Walk up until a span that some walk has seen; seen by this one means that it closes a cycle.
        while row != _NONE and mark[row] == _NONE:
            mark[row] = np.uint32(start)
            parent = spans[_PARENT, row]
            row = _NONE if parent == row else parent
        if row == _NONE or mark[row] != start:
            continue
        spans[_STATE, row] |= np.uint32(_CYCLIC)
        member = spans[_PARENT, row]
        while member != row:
            spans[_STATE, member] |= np.uint32(_CYCLIC)
            member = spans[_PARENT, member]


@kernel(
    ty.void(
        ty.uint64[:, ::1], ty.uint32[::1], ty.read_only_bytes, ty.uint64,
        ty.uint32[:, ::1], ty.uint32[:, ::1], ty.uint32[:, ::1], ty.uint32[:, ::1], ty.uint32[::1],
    )
)  # fmt: skip
def relate(
    wide: np.ndarray,
    table_rows: np.ndarray,
    buffer: np.ndarray,
    seed: np.uint64,
    spans: np.ndarray,
    traces: np.ndarray,
    cells: np.ndarray,
    chain: np.ndarray,
    trace_rows: np.ndarray,
) -> None:
    """Fill `spans` and `traces`.

    Args:
        wide: the spans table's 64-bit columns.
        table_rows: columns.Columns.rows.
        buffer: uint8, the batch's bytes.
        seed: keys the hashes.
        spans: uint32 (3, >= rows), out: relations.SpanRelation.
        traces: uint32 (3, >= rows), out: relations.TraceRelation.
        cells: uint32 (2, power of two >= 4 * rows), scratch: the two hash tables.
        chain: uint32 (2, >= rows), scratch: spans with equal ids; the walk's marks.
        trace_rows: uint32 (1,), out: the number of traces.

    """
    rows = np.int64(table_rows[_SPANS_AT])
    # One cell in four is used at most: that a look-up finds another span first costs more than clearing the cells.
    shift = table_shift(2 * rows)
    size = np.int64(1) << (np.int64(64) - np.int64(shift))
    mask = np.uint64(size - 1)
    for i in range(size):
        cells[0, i] = _NONE
    for i in range(size):
        cells[1, i] = _NONE
    trace_count = 0
    repeated = False
    # Trace groups, and the table of spans by (trace, span id). All look-ups are in place, as a call costs 20 to 60 ns
    # in reference counts of its arrays, up to five times the look-up.
    for row in range(rows):
        spans[_STATE, row] = 0
        high, low = wide[_HIGH, row], wide[_LOW, row]
        valid = high != 0 or low != 0  # else it is a trace of its own
        trace = np.uint32(trace_count)
        if row > 0 and valid and high == wide[_HIGH, row - 1] and low == wide[_LOW, row - 1]:
            trace = spans[_TRACE, row - 1]
        else:
            cell = pair_hash(high, low, seed) >> shift
            while valid and cells[0, cell] != _NONE:
                first = traces[_FIRST_SPAN, cells[0, cell]]
                if wide[_HIGH, first] == high and wide[_LOW, first] == low:
                    trace = cells[0, cell]
                    break
                cell = (cell + np.uint64(1)) & mask
            if trace == trace_count:
                traces[_FIRST_SPAN, trace] = row
                traces[_SPANS, trace] = 0
                traces[_ROOTS, trace] = 0
                if valid:
                    cells[0, cell] = trace
                trace_count += 1
        spans[_TRACE, row] = trace
        chain[0, row] = _NONE
        span_id = wide[_ID, row]
        if span_id != 0:
            cell = pair_hash(span_id, np.uint64(trace) + np.uint64(1), seed) >> shift
            while cells[1, cell] != _NONE:
                head = cells[1, cell]
                if wide[_ID, head] == span_id and spans[_TRACE, head] == trace:
                    break
                cell = (cell + np.uint64(1)) & mask
            if cells[1, cell] == _NONE:
                cells[1, cell] = np.uint32(row)
            else:
                _repeat(wide, row, cell, cells, chain, spans, buffer)
                repeated = True
    ordered = True  # by start, then row: every parent before its children
    for row in range(rows):
        trace, parent_id = spans[_TRACE, row], wide[_PARENT_ID, row]
        if not (repeated and spans[_STATE, row] & np.uint32(_REPEATED)):
            traces[_SPANS, trace] += np.uint32(1)
            if parent_id == 0:
                traces[_ROOTS, trace] += np.uint32(1)
        parent = _NONE
        if parent_id != 0:
            cell = pair_hash(parent_id, np.uint64(trace) + np.uint64(1), seed) >> shift
            while cells[1, cell] != _NONE:
                head = cells[1, cell]
                if wide[_ID, head] == parent_id and spans[_TRACE, head] == trace:
                    parent = head
                    break
                cell = (cell + np.uint64(1)) & mask
        spans[_PARENT, row] = parent
        if parent != _NONE:
            start, above = wide[_START, row], wide[_START, parent]
            if above > start or (above == start and parent > row):
                ordered = False
    if repeated:
        _count_hidden_roots(wide, rows, spans, traces, chain)
    # Where no span starts before its parent, as it should be, there is no cycle to look for.
    if not ordered:
        _mark_cycles(rows, spans, chain[1])
    trace_rows[0] = trace_count
