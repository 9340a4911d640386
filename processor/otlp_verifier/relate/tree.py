"""Depth, preorder and time order of spans: what tree and time operators stand on. O(n log n) at worst.

The tree is what the parents make of a batch once cycles are cut: a span on a
cycle, or with itself as parent, counts as a root.
"""

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import NO_ROW, Columns, LinkNarrow, LinkWide, SpanWide
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.relate.hashing import empty_table, triple_hash
from otlp_verifier.relate.join import compare
from otlp_verifier.relate.relations import Relations
from otlp_verifier.relate.tables import LinkTarget, SpanRelation, SpanState, SpanTree
from otlp_verifier.wire.seed import SEED


class Tree:
    """Columns for one batch at a time, reused from batch to batch.

    Attributes:
        spans: uint32 (len(SpanTree), capacity).
        links: uint32 (len(LinkTarget), capacity).
        preorder: uint32 (capacity,), the span at each place in preorder.
        by_time: uint32 (2, capacity), the span at each place in time: by start, by end.
        times: uint64 (2, capacity), its time.
        alike: bit 0: some spans of one trace share start, depth and span id; bit 1: end, depth and span id.
        traces: uint32 (capacity,), per trace the place of its first span in time; the traces' spans are adjacent.
        generation: goes up when columns have moved.

    """

    def __init__(self) -> None:
        self.generation = 0
        self.alike = 0
        self._reserve(64)
        self.links: NDArray[np.uint32] = np.empty((len(LinkTarget), 64), np.uint32)

    def load(self, columns: Columns, relations: Relations, *, order_too: bool = True) -> None:
        """Find the places in the tree, and in time too, of the spans that `columns` holds."""
        self._fit(columns, relations)
        n = columns.spans.rows
        build(relations.spans, n, self.spans, self.preorder, self._scratch)
        if order_too:
            self.alike = order(
                columns.spans.wide, np.frombuffer(columns.buffer, np.uint8), relations.spans, n, relations.trace_count,
                self.spans, self.by_time, self.times, self.traces, self._scratch,
            )  # fmt: skip

    def find_targets(self, columns: Columns, relations: Relations) -> None:
        """Find where the links that `columns` holds point to."""
        self._fit(columns, relations)
        if columns.links.rows:
            link_targets(
                columns.links.wide, columns.links.narrow, columns.links.rows, columns.spans.wide, columns.spans.rows,
                relations.spans, np.uint64(SEED), self.links, self._scratch,
            )  # fmt: skip

    def _fit(self, columns: Columns, relations: Relations) -> None:
        if relations.spans.shape[1] != self.spans.shape[1]:
            self._reserve(relations.spans.shape[1])
        if columns.links.capacity != self.links.shape[1]:
            self.links = np.empty((len(LinkTarget), columns.links.capacity), np.uint32)
            self.generation += 1

    def _reserve(self, capacity: int) -> None:
        self.generation += 1
        self.preorder: NDArray[np.uint32] = np.empty(capacity, np.uint32)
        self.by_time: NDArray[np.uint32] = np.empty((2, capacity), np.uint32)
        self.times: NDArray[np.uint64] = np.empty((2, capacity), np.uint64)
        self.traces: NDArray[np.uint32] = np.empty(capacity + 1, np.uint32)
        self._scratch: NDArray[np.uint32] = np.empty((2, capacity + 1), np.uint32)
        # The last one, by which it is seen how much room there is.
        self.spans: NDArray[np.uint32] = np.empty((len(SpanTree), capacity), np.uint32)


_NONE = np.uint32(NO_ROW)
# numba freezes integers, not enums.
_UP, _TRACE, _STATE = int(SpanRelation.PARENT), int(SpanRelation.TRACE), int(SpanRelation.STATE)
_CYCLIC, _REPEATED = int(SpanState.CYCLIC), int(SpanState.REPEATED)
_COPY = np.uint32(SpanState.COPY)
_PARENT, _DEPTH, _ROOT = int(SpanTree.PARENT), int(SpanTree.DEPTH), int(SpanTree.ROOT)
_FIRST, _LAST = int(SpanTree.FIRST), int(SpanTree.LAST)
_START_POSITION, _END_POSITION = int(SpanTree.START_POSITION), int(SpanTree.END_POSITION)
_ID, _START, _END = int(SpanWide.SPAN_ID), int(SpanWide.START_TIME), int(SpanWide.END_TIME)
_TRACE_HIGH, _TRACE_LOW = int(SpanWide.TRACE_ID_HIGH), int(SpanWide.TRACE_ID_LOW)
_OWNER = int(LinkNarrow.SPAN)
_LINK_HIGH, _LINK_LOW, _LINK_ID = int(LinkWide.TRACE_ID_HIGH), int(LinkWide.TRACE_ID_LOW), int(LinkWide.SPAN_ID)
_RUN = np.uint64(16)  # spans that insertion puts in order faster than merging


@inner
def _sort(keys, rows, begins, ends, count, spare_keys, spare_rows):
    """Put keys, uint64, and rows with them in order within each of `count` segments; equal ones keep their places.

    Runs by insertion, then merged without a branch on what is compared. A comparison that called a function with
    arrays took 1,300 ns a span.
    """
    one = np.uint64(1)
    for segment in range(count):
        begin, end = np.uint64(begins[segment]), np.uint64(ends[segment])
        low = begin
        while low < end:
            high = min(low + _RUN, end)
            i = low + one
            while i < high:
                key, row, j = keys[i], rows[i], i
                while j > low and keys[j - one] > key:
                    keys[j], rows[j] = keys[j - one], rows[j - one]
                    j -= one
                keys[j], rows[j] = key, row
                i += one
            low = high
        width = _RUN
        while begin + width < end:
            low = begin
            while low + width < end:
                middle, high = low + width, min(low + width + width, end)
                if keys[middle - one] > keys[middle]:  # else in order already, as spans mostly come
                    i = low
                    while i < middle:
                        spare_keys[i], spare_rows[i] = keys[i], rows[i]
                        i += one
                    left, right, to = low, middle, low
                    while left < middle and right < high:
                        a, b, a_row, b_row = spare_keys[left], keys[right], spare_rows[left], rows[right]
                        is_right = b < a
                        keys[to], rows[to] = b if is_right else a, b_row if is_right else a_row
                        right += np.uint64(is_right)
                        left += np.uint64(not is_right)
                        to += one
                    while left < middle:
                        keys[to], rows[to] = spare_keys[left], spare_rows[left]
                        left += one
                        to += one
                low += width + width
            width += width


@inner
def _sort_alike(wide, buffer, rows, begin, end, spare):
    """Put rows[begin:end], spans of one time, depth and id, in order of their content and row: merged."""
    width = 1
    while width < end - begin:
        for low in range(begin, end - width, 2 * width):
            middle, high = low + width, min(low + 2 * width, end)
            for i in range(low, middle):
                spare[i] = rows[i]
            left, right, to = low, middle, low
            while left < middle:
                # Of equal ones the left one is first: they came by row.
                if right < high and compare(wide, buffer, rows[right], spare[left]) < 0:
                    rows[to] = rows[right]
                    right += 1
                else:
                    rows[to] = spare[left]
                    left += 1
                to += 1
        width *= 2


@inner
def _equal_runs(keys, others, begins, ends, count, run_begins, run_ends):
    """Where two or more equal keys stand together within segments, whose `others` are equal too; how many times."""
    found = 0
    for segment in range(count):
        begin, end = np.int64(begins[segment]), np.int64(ends[segment])
        first = begin
        for i in range(begin + 1, end + 1):
            if i == end or keys[i] != keys[first] or others[i] != others[first]:
                if i - first > 1:
                    run_begins[found], run_ends[found] = first, i
                    found += 1
                first = i
    return found


@kernel(ty.void(ty.uint32[:, ::1], ty.int64, ty.uint32[:, ::1], ty.uint32[::1], ty.uint32[:, ::1]))
def build(relations, rows, tree, preorder, scratch):
    """Fill PARENT, DEPTH, ROOT, FIRST, LAST and `preorder`."""
    by_depth, size = scratch[0], scratch[1]
    deepest = np.int64(0)
    for row in range(rows):
        parent = relations[_UP, row]
        cut = parent == row or relations[_STATE, row] & np.uint32(_CYCLIC)
        tree[_PARENT, row] = _NONE if cut else parent
        tree[_DEPTH, row] = _NONE
        size[row] = 1
    for row in range(rows):
        # Up to an ancestor whose depth is known, then down again; `by_depth` serves as the stack.
        top = 0
        at = np.uint32(row)
        while at != _NONE and tree[_DEPTH, at] == _NONE:
            by_depth[top] = at
            top += 1
            at = tree[_PARENT, at]
        depth = np.int64(-1) if at == _NONE else np.int64(tree[_DEPTH, at])
        while top > 0:
            top -= 1
            depth += 1
            tree[_DEPTH, by_depth[top]] = depth
        deepest = max(deepest, depth)
    # Rows by depth, by counting; FIRST serves as the counters.
    for depth in range(min(deepest + 1, rows)):
        tree[_FIRST, depth] = 0
    for row in range(rows):
        tree[_FIRST, tree[_DEPTH, row]] += np.uint32(1)
    place = np.uint32(0)
    for depth in range(min(deepest + 1, rows)):
        count = tree[_FIRST, depth]
        tree[_FIRST, depth] = place
        place += count
    for row in range(rows):
        depth = tree[_DEPTH, row]
        by_depth[tree[_FIRST, depth]] = row
        tree[_FIRST, depth] += np.uint32(1)
    for i in range(rows - 1, -1, -1):
        row = by_depth[i]
        parent = tree[_PARENT, row]
        if parent != _NONE:
            size[parent] += size[row]
    # Top down: each span takes the next place inside its parent, which LAST keeps meanwhile.
    place = np.uint32(0)
    for i in range(rows):
        row = by_depth[i]
        parent = tree[_PARENT, row]
        if parent == _NONE:
            first = place
            place += size[row]
            tree[_ROOT, row] = row
        else:
            first = tree[_LAST, parent]
            tree[_LAST, parent] += size[row]
            tree[_ROOT, row] = tree[_ROOT, parent]
        tree[_FIRST, row] = first
        tree[_LAST, row] = first + np.uint32(1)
        preorder[first] = row
    for row in range(rows):
        tree[_LAST, row] = tree[_FIRST, row] + size[row] - np.uint32(1)


@inner
def _order_by(wide, time, buffer, tree, traces, trace_count, rows, by, times, spare):
    """Put `by` in order within each trace, and `times` with it; whether spans are alike in time, depth and id."""
    spare_keys, spare_rows = np.empty(rows, np.uint64), spare
    for i in range(rows):
        times[i] = wide[time, by[i]]
    keys, begins, ends, count = times, traces[:trace_count], traces[1 : trace_count + 1], trace_count
    ids, depths = np.empty(0, np.uint64), np.empty(0, np.uint64)
    # By time; spans of one time by id, then by depth, where equal ones keep their places. One call, compiled once.
    for step in range(3):
        _sort(keys, by, begins, ends, count, spare_keys, spare_rows)
        if step == 0:
            run_begins, run_ends = np.empty(rows // 2, np.uint32), np.empty(rows // 2, np.uint32)
            count = _equal_runs(times, times, begins, ends, count, run_begins, run_ends)
            if count == 0:
                return False
            begins, ends = run_begins, run_ends
            ids, depths = np.empty(rows, np.uint64), np.empty(rows, np.uint64)
            keys = ids
        else:
            keys = depths
        for run in range(count):
            for i in range(begins[run], ends[run]):
                keys[i] = tree[_DEPTH, by[i]] if step else wide[_ID, by[i]]
    ties = count
    for tie in range(ties):
        for i in range(begins[tie], ends[tie]):
            ids[i] = wide[_ID, by[i]]
    alike_begins, alike_ends = np.empty(rows // 2, np.uint32), np.empty(rows // 2, np.uint32)
    alike = _equal_runs(ids, depths, begins, ends, ties, alike_begins, alike_ends)
    for run in range(alike):
        _sort_alike(wide, buffer, by, np.int64(alike_begins[run]), np.int64(alike_ends[run]), spare_rows)
    return alike > 0


@kernel(
    ty.int64(
        ty.uint64[:, ::1], ty.read_only_bytes, ty.uint32[:, ::1], ty.int64, ty.int64, ty.uint32[:, ::1],
        ty.uint32[:, ::1], ty.uint64[:, ::1], ty.uint32[::1], ty.uint32[:, ::1],
    )
)  # fmt: skip
def order(wide, buffer, relations, rows, trace_count, tree, by_time, times, traces, scratch):
    """Fill START_POSITION, END_POSITION, `by_time`, `times` and `traces`; the bits of `Tree.alike`."""
    for trace in range(trace_count + 1):
        traces[trace] = 0
    for row in range(rows):
        traces[relations[_TRACE, row] + np.uint32(1)] += np.uint32(1)
    for trace in range(trace_count):
        traces[trace + 1] += traces[trace]
    begin = scratch[0]
    for trace in range(trace_count):
        begin[trace] = traces[trace]
    for row in range(rows):
        trace = relations[_TRACE, row]
        by_time[0, begin[trace]] = by_time[1, begin[trace]] = row
        begin[trace] += np.uint32(1)
    alike = 0
    for end in range(2):
        is_alike = _order_by(
            wide, _END if end else _START, buffer, tree, traces, trace_count, rows, by_time[end], times[end], scratch[1]
        )
        alike |= np.int64(is_alike) << end
    for i in range(rows):
        tree[_START_POSITION, by_time[0, i]] = i
        tree[_END_POSITION, by_time[1, i]] = i
    return alike


@kernel(
    ty.void(
        ty.uint64[:, ::1], ty.uint32[:, ::1], ty.int64, ty.uint64[:, ::1], ty.int64, ty.uint32[:, ::1], ty.uint64,
        ty.uint32[:, ::1], ty.uint32[:, ::1],
    )
)  # fmt: skip
def link_targets(links, links_narrow, link_count, wide, rows, relations, seed, targets, scratch):
    """The span of the batch that each link points to; of several with its ids the one that stands for them.

    Links relate spans: a second link to the same span and the links of an exact duplicate add nothing.
    """
    cells, shift = empty_table(rows)
    mask = np.uint64(len(cells) - 1)
    for row in range(rows):
        if relations[_STATE, row] & np.uint32(_REPEATED):
            continue
        cell = triple_hash(wide[_ID, row], wide[_TRACE_HIGH, row], wide[_TRACE_LOW, row], seed) >> shift
        while cells[cell] != _NONE:
            cell = (cell + np.uint64(1)) & mask
        cells[cell] = row
    # The last span found to link to each; a span's links stand together.
    linked_from = scratch[0]
    for row in range(rows):
        linked_from[row] = _NONE
    for link in range(link_count):
        owner = links_narrow[_OWNER, link]
        high, low, span_id = links[_LINK_HIGH, link], links[_LINK_LOW, link], links[_LINK_ID, link]
        targets[0, link] = _NONE
        if span_id == 0 or (high == 0 and low == 0) or relations[_STATE, owner] & _COPY:
            continue
        cell = triple_hash(span_id, high, low, seed) >> shift
        while cells[cell] != _NONE:
            row = cells[cell]
            if wide[_ID, row] == span_id and wide[_TRACE_HIGH, row] == high and wide[_TRACE_LOW, row] == low:
                if linked_from[row] != owner:
                    targets[0, link] = row
                    linked_from[row] = owner
                break
            cell = (cell + np.uint64(1)) & mask
