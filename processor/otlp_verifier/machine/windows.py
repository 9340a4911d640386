"""Window jobs: where in time order a span's window begins and ends. One walk over each trace's sorted times."""

import numba as nb
import numpy as np

_U64, _U32 = nb.uint64[::1], nb.uint32[::1]
_NO_END = np.int64(2**63 - 1)


@nb.njit(cache=True, nogil=True)
def _shifted(time, by):
    """Time + by, kept within 64 bits."""
    if by >= 0:
        moved = time + np.uint64(by)
        return moved if moved >= time else np.uint64(0xFFFFFFFFFFFFFFFF)
    back = np.uint64(-by)
    return time - back if time >= back else np.uint64(0)


@nb.njit(cache=True, nogil=True)
def _not_after(a, a_time, b, b_time, depth, ids):
    """Whether point a stands before point b or is it: by time, depth and span id."""
    if a_time != b_time:
        return a_time < b_time
    if depth[a] != depth[b]:
        return depth[a] < depth[b]
    return ids[a] <= ids[b]


@nb.njit(cache=True, nogil=True)
def _overflows(time, by):
    return by > 0 and time + np.uint64(by) < time


@nb.njit(cache=True, nogil=True)
def _underflows(time, by):
    return by < 0 and time < np.uint64(-by)


@nb.njit(
    nb.void(
        nb.int64, nb.int64, nb.boolean, _U64, _U64, _U64, _U32, _U32, _U32, _U32, nb.int64, _U64, _U64,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def window(
    low, high, future, query_times, member_times, ids, depth, by_query, by_member, traces, trace_count,
    out_low, out_high,
):  # fmt: skip
    """The positions [low, high) of the members in each span's window.

    Args:
        low, high: the window's bounds in nanoseconds, away from the query; `high` 2**63 - 1 for no end. A bound of
            exactly 0 goes by the order of points, so that a span is in its own past and future; others go by time.
        future: whether the window lies after the query.
        query_times, member_times: uint64 (spans,), the anchors of queries and members.
        ids: uint64 (spans,), span ids.
        depth: uint32 (spans,).
        by_query, by_member: uint32 (spans,), spans of each trace in order of the queries' and the members' times.
        traces: uint32 (>= traces + 1,), where each trace begins in both.
        trace_count: traces.
        out_low, out_high: uint64 (spans,), out.

    """
    for trace in range(trace_count):
        begin, end = np.int64(traces[trace]), np.int64(traces[trace + 1])
        near, far = begin, begin
        for i in range(begin, end):
            query = by_query[i]
            time = query_times[query]
            if future:
                # near: the first member not before the window; far: the first beyond it.
                if low == 0:
                    while near < end and not _not_after(
                        query, time, by_member[near], member_times[by_member[near]], depth, ids
                    ):
                        near += 1
                else:
                    bound = _shifted(time, low)
                    beyond = _overflows(time, low)
                    while near < end and (beyond or member_times[by_member[near]] < bound):
                        near += 1
                if high == _NO_END:
                    far = end
                else:
                    bound = _shifted(time, high)
                    none = _underflows(time, high)
                    while far < end and not none and member_times[by_member[far]] <= bound:
                        far += 1
                out_low[query], out_high[query] = near, far
            else:
                # near: the first member after the window; far: the first in it.
                if low == 0:
                    while near < end and _not_after(
                        by_member[near], member_times[by_member[near]], query, time, depth, ids
                    ):
                        near += 1
                else:
                    bound = _shifted(time, -low)
                    none = _underflows(time, -low)
                    while near < end and not none and member_times[by_member[near]] <= bound:
                        near += 1
                if high != _NO_END:
                    bound = _shifted(time, -high)
                    beyond = _overflows(time, -high)
                    while far < end and (beyond or member_times[by_member[far]] < bound):
                        far += 1
                out_low[query], out_high[query] = far, near
