"""Sweep jobs: whether a member that counts lies in a span's window of time, and nothing has broken since. O(spans).

Of all members that count on the window's near side the nearest is the likeliest to
lie within its far bound, and the likeliest to come after whatever breaks a
condition. So one walk in order of time that remembers the nearest answers for
every span: it looks for no far bound and counts nothing.
"""

import numpy as np

from otlp_verifier.columns import NO_ROW, SpanWide
from otlp_verifier.kernels import inlined, inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.keys import key_slots
from otlp_verifier.machine.windows import walk, walk_points
from otlp_verifier.relate.tables import SpanTree

_NONE, _ZERO, _ONE = np.uint64(NO_ROW), np.uint64(0), np.uint64(1)
_ALL = np.uint64(2**64 - 1)
_NO_END = np.int64(2**63 - 1)
_ID, _DEPTH = int(SpanWide.SPAN_ID), int(SpanTree.DEPTH)


@inner
def _nearest(counts, by_member, future, none):
    """uint32 (spans + 1,): for each place in time the position of the last member before it for which `counts` is set.

    future: of the first member from this place on. `none` where there is none; traces are not told apart.
    """
    spans = np.uint64(len(by_member))
    found = np.empty(spans + _ONE, np.uint32)
    nearest = np.uint32(none)
    i = _ZERO
    if future:
        found[spans] = nearest
        i = spans
        while i > _ZERO:
            i -= _ONE
            nearest = np.uint32(i) if counts[by_member[i]] else nearest
            found[i] = nearest
    else:
        while i < spans:
            found[i] = nearest
            nearest = np.uint32(i) if counts[by_member[i]] else nearest
            i += _ONE
        found[spans] = nearest
    return found


@inner
def _answer_here(high, future, times, mask, breaks, by_time, traces, trace_count, out):
    """Fill `out` where a window begins at the span: one walk that keeps the nearest time, and if it is unbroken."""
    by, is_open = np.uint64(high if high >= 0 else 0), high == _NO_END
    turned, step = (_ALL, _ALL) if future else (_ZERO, _ONE)
    breaks_too = len(breaks) > 0
    for trace in range(trace_count):
        begin, end = np.uint64(traces[trace]), np.uint64(traces[trace + 1])
        i = end - _ONE if future else begin
        nearest, is_there = _ZERO, np.uint8(0)
        for _ in range(np.int64(end - begin)):
            row, mine = by_time[i], times[i] ^ turned
            if breaks_too:
                is_there &= breaks[row] ^ np.uint8(1)
            is_there |= mask[row]
            nearest = mine if mask[row] else nearest
            is_near = is_open | (mine - nearest <= by)
            out[row] = is_there & np.uint8(is_near)
            i += step


@inlined
def _is_near(high, by, time, mine):
    """Whether a time is not beyond a window's far side; `by` is the size of `high`."""
    if high == _NO_END:
        return True
    if high >= 0:
        return (time >= mine - by) | (mine < by)
    return (time >= mine + by) & (mine + by >= by)


@inner
def _answer(high, future, places, points, own, times, nearest, broken, by_query, traces, trace_count, out):
    """Fill `out` from what is nearest to each place.

    places: where the members on the window's near side begin, or end; points: the same for those that break, `broken`.
    """
    by = _ZERO if high == _NO_END else np.uint64(high if high >= 0 else -high)
    # After the query all times are complemented, so that the later is the smaller, as before it.
    turned = _ALL if future else _ZERO
    for trace in range(trace_count):
        begin, end = np.uint64(traces[trace]), np.uint64(traces[trace + 1])
        i = begin
        while i < end:
            at = np.uint64(nearest[places[i]])
            is_there = (at >= begin) & (at < end)
            at = at if is_there else i
            time, mine = times[at] ^ turned, own[i] ^ turned
            is_near = _is_near(high, by, time, mine)
            if len(broken) > 0:
                broke = np.uint64(broken[points[i]])
                is_near &= (at <= broke) if future else (at >= broke)
            out[by_query[i]] = np.uint8(is_there & is_near)
            i += _ONE


@inner
def _answer_keyed(
    high, future, is_plain, places, own, times, mask, member_slots, query_slots, by_query, by_member, traces,
    trace_count, out,
):  # fmt: skip
    """The same of members with the query's key: a walk that keeps the nearest of each slot."""
    spans = np.uint64(len(by_query))
    by = np.uint64(0) if high == _NO_END else np.uint64(high if high >= 0 else -high)
    turned = _ALL if future else _ZERO
    # Of slots: one for keys that no member has stays empty, the last takes what does not count.
    last = np.full(spans + _ONE + _ONE, np.uint32(_NONE), np.uint32)
    step = _ALL if future else _ONE  # one back
    for trace in range(trace_count):
        begin, end = np.uint64(traces[trace]), np.uint64(traces[trace + 1])
        first = end - _ONE if future else begin
        i = at = first
        for _ in range(np.int64(end - begin)):
            stop = i + step if is_plain else np.uint64(places[i]) - (_ONE if future else _ZERO)
            while at != stop:
                member = by_member[at]
                slot = np.uint64(member_slots[member])
                last[slot if mask[member] else spans + _ONE] = at
                at += step
            query = by_query[i]
            nearest = np.uint64(last[query_slots[query]])
            is_there = (nearest >= begin) & (nearest < end)
            time, mine = times[nearest if is_there else i] ^ turned, own[i] ^ turned
            is_near = _is_near(high, by, time, mine)
            out[query] = np.uint8(is_there & is_near)
            i += step


@kernel(
    ty.void(
        ty.int64, ty.int64, ty.int64, ty.int64, ty.int64, ty.boolean, ty.boolean, ty.boolean, ty.uint64[:, ::1],
        ty.uint32[:, ::1], ty.uint32[:, ::1], ty.uint64[:, ::1], ty.uint32[::1], ty.uint8[::1], ty.uint8[::1],
        ty.uint64[::1], ty.uint64[::1], ty.uint64, ty.uint8[::1],
    )
)  # fmt: skip
def sweep(
    spans, trace_count, alike, low, high, future, query_end, member_end, wide, tree, by_time, times, traces, mask,
    breaks, member_keys, query_keys, seed, out,
):  # fmt: skip
    """Whether a member that counts is in each span's window.

    Args:
        spans, trace_count: how many there are; columns may be longer.
        alike: relate.tree.Tree: such points stand before and after each other.
        low, high: the window's bounds in nanoseconds, away from the query; `high` 2**63 - 1 for no end. A bound of
            exactly 0 goes by the order of points, so that a span is in its own past and future; others go by time.
        future: whether the window lies after the query.
        query_end, member_end: whether a span's time as query, and as member, is its end.
        wide: the spans table's 64-bit columns.
        tree: uint32 (SpanTree, >= spans).
        by_time, times, traces: relate.tree.Tree.
        mask: uint8 (spans,), which members count, 0 or 1.
        breaks: uint8 (spans,), which members break what must hold: such a one between the member that counts and the
            query, the query included, undoes it; empty for none.
        member_keys, query_keys: uint64 (spans,), which must be equal; empty for none, as `breaks` must be with keys.
        seed: keys the hashes.
        out: uint8 (spans,), out.

    """
    query, member = np.int64(query_end), np.int64(member_end)
    own, members = times[query, :spans], times[member, :spans]
    by_query, by_member = by_time[query, :spans], by_time[member, :spans]
    in_order = query == member and alike >> query & 1 == 0
    is_plain = low == 0 and in_order
    if is_plain and len(member_keys) == 0:
        if high < 0:  # nothing is both behind and before
            out[:spans] = 0
        else:
            _answer_here(high, future, own, mask, breaks, by_query, traces, trace_count, out)
        return
    none = np.empty(0, np.uint32)
    places, points = none, none
    if not in_order and (low == 0 or len(breaks) > 0):
        points = np.empty(spans, np.uint32)
        walk_points(
            not future, query == member, own, members, traces, trace_count, by_query, by_member, tree[_DEPTH],
            wide[_ID], points,
        )  # fmt: skip
        places = points
    if low != 0:
        places = np.empty(spans, np.uint32)
        walk(low if future else -low, not future, own, members, traces, trace_count, places)
        if in_order and len(breaks) > 0:
            points = np.arange(spans).astype(np.uint32) + np.uint32(0 if future else 1)
    if len(member_keys) > 0:
        member_slots, query_slots = key_slots(member_keys[:spans], query_keys[:spans], seed)
        _answer_keyed(
            high, future, is_plain, places, own, members, mask, member_slots, query_slots, by_query, by_member,
            traces, trace_count, out,
        )  # fmt: skip
        return
    nearest = _nearest(mask, by_member, future, _NONE)
    broken = _nearest(breaks, by_member, future, _NONE if future else _ZERO) if len(breaks) > 0 else none
    _answer(high, future, places, points, own, members, nearest, broken, by_query, traces, trace_count, out)
