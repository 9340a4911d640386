"""Window jobs: where in time order a span's window begins and ends, by one walk per bound. O(spans).

No function that takes arrays is called in a loop, here and in the other kernels:
each call counts references to each of them, 60 ns for four.
"""

import numpy as np

from otlp_verifier.columns import SpanWide
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.relate.tables import SpanTree

_U64, _U32 = ty.uint64[::1], ty.uint32[::1]
_NO_END = np.int64(2**63 - 1)
_ID, _DEPTH = int(SpanWide.SPAN_ID), int(SpanTree.DEPTH)


@inner
def walk(shift, or_at, own, times, traces, trace_count, places):
    """For each query the first member whose time is not below its own + `shift`; or_at: not at or below it.

    A merge of two sorted rows of times, whose steps are without a branch: nothing foresees how many members lie
    between two bounds, and a wrong guess takes longer than two steps.
    """
    is_later, by = shift >= 0, np.uint64(shift if shift >= 0 else -shift)
    more = np.uint64(1 if or_at else 0)
    to_member, to_query = (np.uint64(0), by + more) if is_later else (by, more)
    for trace in range(trace_count):
        begin, end = np.int64(traces[trace]), np.int64(traces[trace + 1])
        at = i = begin
        if begin == end:
            continue
        if own[end - 1] + to_query >= to_query and times[end - 1] + to_member >= to_member:
            while i < end and at < end:
                places[i] = at
                is_passed = np.int64(times[at] + to_member < own[i] + to_query)
                at += is_passed
                i += 1 - is_passed
            while i < end:
                places[i] = at
                i += 1
            continue
        while i < end:  # near the end of time, where sums do not fit
            bound = own[i] + by if is_later else own[i] - by
            if is_later and bound < by:
                at = end
            elif is_later or own[i] >= by:
                while at < end and (times[at] < bound or (or_at and times[at] == bound)):
                    at += 1
            places[i] = at
            i += 1


@inner
def walk_points(after, is_one_order, own, times, traces, trace_count, by_query, by_member, depth, ids, places):
    """For each query the first member that does not stand before it; after: the first that stands after it.

    is_one_order: queries and members are the same points, so that none up to the query itself stands after it.

    Of one time, points stand by depth and span id.
    """
    for trace in range(trace_count):
        begin, end = traces[trace], traces[trace + 1]
        at = begin
        for i in range(begin, end):
            time = own[i]
            if after and is_one_order:
                at = max(at, np.uint32(i + 1))
            while at < end and times[at] < time:
                at += np.uint32(1)
            query = by_query[i]
            while at < end and times[at] == time:
                member = by_member[at]
                if depth[member] != depth[query]:
                    if depth[member] > depth[query]:
                        break
                elif ids[member] > ids[query] or (not after and ids[member] == ids[query]):
                    break
                at += np.uint32(1)
            places[i] = at


@kernel(
    ty.void(
        ty.int64, ty.int64, ty.int64, ty.int64, ty.boolean, ty.boolean, ty.boolean, ty.uint64[:, ::1],
        ty.uint32[:, ::1], ty.uint32[:, ::1], ty.uint64[:, ::1], _U32, _U64, _U64,
    )
)  # fmt: skip
def window(
    spans, trace_count, low, high, future, query_end, member_end, wide, tree, by_time, times, traces, out_low, out_high
):  # fmt: skip
    """The positions [low, high) of the members in each span's window.

    Args:
        spans, trace_count: how many there are; columns may be longer.
        low, high: the window's bounds in nanoseconds, away from the query; `high` 2**63 - 1 for no end. A bound of
            exactly 0 goes by the order of points, so that a span is in its own past and future; others go by time.
        future: whether the window lies after the query.
        query_end, member_end: whether a span's time as query, and as member, is its end.
        wide: the spans table's 64-bit columns.
        tree, by_time, times, traces: relate.tree.Tree.
        out_low, out_high: uint64 (spans,), out.

    """
    own, members = times[np.int64(query_end)], times[np.int64(member_end)]
    by_query, by_member = by_time[np.int64(query_end)], by_time[np.int64(member_end)]
    firsts, lasts = np.empty(spans, np.uint32), np.empty(spans, np.uint32)
    near, far = (firsts, lasts) if future else (lasts, firsts)
    sign = np.int64(1) if future else np.int64(-1)
    if low == 0:
        walk_points(
            not future, query_end == member_end, own, members, traces, trace_count, by_query, by_member, tree[_DEPTH],
            wide[_ID], near,
        )  # fmt: skip
    else:
        walk(sign * low, not future, own, members, traces, trace_count, near)
    if high != _NO_END:
        walk(sign * high, future, own, members, traces, trace_count, far)
    else:
        for trace in range(trace_count):
            for i in range(traces[trace], traces[trace + 1]):
                far[i] = traces[trace + 1] if future else traces[trace]
    for i in range(spans):
        query = by_query[i]
        out_low[query], out_high[query] = firsts[i], lasts[i]
