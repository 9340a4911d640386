"""Hash join of spans to their parents, trace groups, repeated ids and cycles: O(spans), in numba.

Spans may come in any order, and the result does not depend on it: where several
spans share their ids, the smallest by (start, end, content) stands for them all.
"""

import numba as nb
import numpy as np

from otlp_verifier.columns import NO_ROW, SpanNarrow, SpanWide

# numba freezes module-level integers into the compiled code, but cannot read an enum.
_HIGH, _LOW, _ID, _PARENT_ID = (
    int(SpanWide.TRACE_ID_HIGH),  # type: ignore[attr-defined]  # members come from the C enum
    int(SpanWide.TRACE_ID_LOW),  # type: ignore[attr-defined]
    int(SpanWide.SPAN_ID),  # type: ignore[attr-defined]
    int(SpanWide.PARENT_SPAN_ID),  # type: ignore[attr-defined]
)
_START, _END, _BYTES = (
    int(SpanWide.START_TIME),  # type: ignore[attr-defined]
    int(SpanWide.END_TIME),  # type: ignore[attr-defined]
    int(SpanWide.BYTES),  # type: ignore[attr-defined]
)
_READ_ONLY_BYTES = nb.types.Array(nb.uint8, 1, "C", readonly=True)  # what np.frombuffer makes of bytes
_NONE = np.uint32(NO_ROW)
_PARENT, _TRACE, _STATE = 0, 1, 2  # relations.SpanRelation
_FIRST_SPAN, _SPANS, _ROOTS = 0, 1, 2  # relations.TraceRelation
_CYCLIC, _CONFLICT, _DUPLICATE, _REPEATED = 1, 2, 4, 8  # relations.SpanState


@nb.njit(cache=True, nogil=True)
def _mix(a: np.uint64, b: np.uint64, seed: np.uint64) -> np.uint64:
    """A keyed hash of two numbers: ids are chosen by senders, who must not be able to choose collisions."""
    h = (a ^ seed) * np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(32)) ^ b) * np.uint64(0xD6E8FEB86659FD93)
    h = (h ^ (h >> np.uint64(32)) ^ seed) * np.uint64(0xD6E8FEB86659FD93)
    return h ^ (h >> np.uint64(32))


@nb.njit(cache=True, nogil=True)
def _compare(wide: np.ndarray, buffer: np.ndarray, a: int, b: int) -> int:
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


@nb.njit(cache=True, nogil=True)
def _insert(wide, row, trace, seed, mask, cells, chain, spans, buffer):  # type: ignore[no-untyped-def]  # numba infers
    """Enter a span by its ids; where others have the same ids, keep the smallest in the cell and mark them all."""
    span_id = wide[_ID, row]
    chain[0, row] = _NONE
    if span_id == 0:
        return
    cell = _mix(span_id, np.uint64(trace), seed) & mask
    while cells[1, cell] != _NONE:
        head = cells[1, cell]
        if wide[_ID, head] == span_id and spans[_TRACE, head] == trace:
            order = _compare(wide, buffer, row, np.int64(head))
            if order < 0:
                cells[1, cell] = np.uint32(row)
                chain[0, row] = head
            else:
                chain[0, row] = chain[0, head]
                chain[0, head] = np.uint32(row)
            _mark_repeated(row, np.int64(cells[1, cell]), order, chain, spans)
            return
        cell = (cell + np.uint64(1)) & mask
    cells[1, cell] = np.uint32(row)


@nb.njit(cache=True, nogil=True)
def _mark_repeated(row, head, order, chain, spans):  # type: ignore[no-untyped-def]  # numba infers
    """Set the states of a chain of spans with equal ids, of which `row` is the newest.

    Only the newest and its neighbours change unless the chain turns from equal to conflicting, which it can do once:
    so a chain of n spans costs O(n) in all.
    """
    follower = chain[0, head]
    was = spans[_STATE, head if head != row else follower]
    if order == 0 and not was & np.uint32(_CONFLICT):
        spans[_STATE, row] = _DUPLICATE | _REPEATED
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


@nb.njit(cache=True, nogil=True)
def _find(wide, span_id, trace, seed, mask, cells, spans):  # type: ignore[no-untyped-def]  # numba infers
    """The row that stands for (trace, span id), or NO_ROW."""
    cell = _mix(span_id, np.uint64(trace), seed) & mask
    while cells[1, cell] != _NONE:
        head = cells[1, cell]
        if wide[_ID, head] == span_id and spans[_TRACE, head] == trace:
            return head
        cell = (cell + np.uint64(1)) & mask
    return _NONE


@nb.njit(cache=True, nogil=True)
def _mark_cycles(rows, spans, mark):  # type: ignore[no-untyped-def]  # numba infers
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
        member = spans[_PARENT, row]
        if member == _NONE or member == row:
            continue
        spans[_STATE, row] |= np.uint32(_CYCLIC)
        while member != row:
            spans[_STATE, member] |= np.uint32(_CYCLIC)
            member = spans[_PARENT, member]


@nb.njit(
    nb.int64(
        nb.uint64[:, ::1], nb.uint32[:, ::1], nb.int64, _READ_ONLY_BYTES, nb.uint64,
        nb.uint32[:, ::1], nb.uint32[:, ::1], nb.uint32[:, ::1], nb.uint32[:, ::1],
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def relate(
    wide: np.ndarray,
    narrow: np.ndarray,
    rows: int,
    buffer: np.ndarray,
    seed: np.uint64,
    spans: np.ndarray,
    traces: np.ndarray,
    cells: np.ndarray,
    chain: np.ndarray,
) -> int:
    """Fill `spans` and `traces`; the number of traces.

    Args:
        wide, narrow: the spans table's blocks.
        rows: spans in the batch.
        buffer: uint8, the batch's bytes.
        seed: keys the hashes.
        spans: uint32 (3, >= rows), out: relations.SpanRelation.
        traces: uint32 (3, >= rows), out: relations.TraceRelation.
        cells: uint32 (2, power of two >= 2 * rows), scratch: the two hash tables.
        chain: uint32 (2, >= rows), scratch: spans with equal ids; the walk's marks.

    """
    size = 16
    while size < 2 * rows:
        size *= 2
    mask = np.uint64(size - 1)
    for i in range(size):
        cells[0, i] = _NONE
        cells[1, i] = _NONE
    trace_count = 0
    # Trace groups, and the table of spans by (trace, span id).
    for row in range(rows):
        spans[_STATE, row] = 0
        spans[_PARENT, row] = _NONE
        high, low = wide[_HIGH, row], wide[_LOW, row]
        trace = _NONE
        cell = _mix(high, low, seed) & mask
        if high != 0 or low != 0:
            while cells[0, cell] != _NONE:
                first = traces[_FIRST_SPAN, cells[0, cell]]
                if wide[_HIGH, first] == high and wide[_LOW, first] == low:
                    trace = cells[0, cell]
                    break
                cell = (cell + np.uint64(1)) & mask
        if trace == _NONE:
            trace = np.uint32(trace_count)
            trace_count += 1
            traces[_FIRST_SPAN, trace] = row
            traces[_SPANS, trace] = 0
            traces[_ROOTS, trace] = 0
            if high != 0 or low != 0:
                cells[0, cell] = trace
        spans[_TRACE, row] = trace
        _insert(wide, row, trace, seed, mask, cells, chain, spans, buffer)
    for row in range(rows):
        if spans[_STATE, row] & np.uint32(_CONFLICT) or not spans[_STATE, row] & np.uint32(_REPEATED):
            traces[_SPANS, spans[_TRACE, row]] += np.uint32(1)
            if wide[_PARENT_ID, row] == 0:
                traces[_ROOTS, spans[_TRACE, row]] += np.uint32(1)
        parent_id = wide[_PARENT_ID, row]
        if parent_id != 0:
            spans[_PARENT, row] = _find(wide, parent_id, spans[_TRACE, row], seed, mask, cells, spans)
    _mark_cycles(rows, spans, chain[1])
    return trace_count
