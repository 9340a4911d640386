"""Interval jobs: what is made of the members whose position lies in the query's interval, and whose key is its own.

Counts and sums of whole numbers are differences of running totals, minima and
maxima come from extremes.py, sums of decimals from a segment tree. With keys, members are put in order of
(key, position) by counting; one sweep over positions then tells each query where
its interval begins and ends among those of its key. O(n) but for decimals.
"""

import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.extremes import largest
from otlp_verifier.machine.fold import COUNT, SUM, SUM_FLOAT, rank, ranked
from otlp_verifier.relate.hashing import empty_table, key_hash

_NONE = np.uint32(NO_ROW)
_U64, _U32, _U8 = ty.uint64[::1], ty.uint32[::1], ty.uint8[::1]


@inner
def _add_up(terms, lows, highs, out):
    """Fill out with the sums of terms[low:high], float64, by a segment tree: a NaN spoils only its own intervals."""
    leaves = len(terms)
    tree = np.empty(2 * leaves, np.float64)
    for i in range(leaves):
        tree[leaves + i] = terms[i]
    for node in range(leaves - 1, 0, -1):
        tree[node] = tree[2 * node] + tree[2 * node + 1]
    for query in range(len(lows)):
        first, last = np.int64(lows[query]) + leaves, np.int64(highs[query]) + leaves
        result = 0.0
        while first < last:
            if first & 1:
                result += tree[first]
                first += 1
            if last & 1:
                last -= 1
                result += tree[last]
            first >>= 1
            last >>= 1
        out[query] = result


@inner
def _fold(function, ordered, lows, highs, out):
    """Fill out with what is made of ordered[low:high]: terms of a sum, or ranks; `ordered` is changed.

    The last of `ordered` is one too many.
    """
    if function == SUM:
        running = np.uint64(0)
        for i in range(len(ordered)):
            running, ordered[i] = running + ordered[i], running
        for query in range(len(lows)):
            out[query] = ordered[max(highs[query], lows[query])] - ordered[lows[query]]
    elif function == SUM_FLOAT:
        _add_up(ordered[:-1].view(np.float64), lows, highs, out.view(np.float64))
    else:
        largest(ordered[:-1], lows, highs, out)
        for query in range(len(lows)):
            out[query] = ranked(function, out[query]) if lows[query] < highs[query] else np.uint64(0)


@inner
def _in_order(mask, positions, positions_end):
    """The members that count, by position, several of which may share one; and where each position ends among them."""
    ends = np.zeros(positions_end + 1, np.uint32)
    for row in range(len(mask)):
        ends[positions[row] + np.uint64(1)] += np.uint32(mask[row])
    for position in range(positions_end):
        ends[position + 1] += ends[position]
    total = ends[positions_end]
    rows = np.empty(total + 1, np.uint32)  # one too many, for those that do not count
    for row in range(len(mask)):
        position = positions[row]
        counts = mask[row] != 0
        rows[ends[position] if counts else total] = row
        ends[position] += np.uint32(mask[row])
    return rows[:total], ends


@inner
def _by_position(function, mask, values, positions, lows, highs, positions_end, out_count):
    """What is folded, by position, and where each query's begins and ends; and fill `out_count`."""
    end = np.uint64(positions_end)
    counts = np.zeros(positions_end + 1, np.uint32)
    for row in range(len(mask)):
        counts[positions[row] + np.uint64(1)] += np.uint32(mask[row])
    for position in range(positions_end):
        counts[position + 1] += counts[position]
    for query in range(len(lows)):
        high = min(highs[query], end)
        low = min(lows[query], high)
        out_count[query] = counts[high] - counts[low]
    if function == COUNT:
        return np.empty(0, np.uint64), lows, highs
    ordered = np.zeros(positions_end + 1, np.uint64)
    if function == SUM:
        for row in range(len(mask)):
            ordered[positions[row]] += values[row] * np.uint64(mask[row])
    elif function == SUM_FLOAT:
        terms, sums = values.view(np.float64), ordered.view(np.float64)
        for row in range(len(mask)):
            if mask[row]:
                sums[positions[row]] += terms[row]
    else:
        for row in range(len(mask)):
            position = positions[row]
            ordered[position] = max(ordered[position], rank(function, values[row]) * np.uint64(mask[row]))
    within_low, within_high = np.empty(len(lows), np.uint64), np.empty(len(lows), np.uint64)
    for query in range(len(lows)):
        within_high[query] = min(highs[query], end) if out_count[query] else np.uint64(0)
        within_low[query] = min(lows[query], within_high[query])
    return ordered, within_low, within_high


@inner
def _runs(by_position, member_keys, seed, shift, cells, run_keys):
    """The run of each member that counts, in the order in which keys come, and where each run begins."""
    total = len(by_position)
    wrap = np.uint64(len(cells) - 1)
    run_of = np.empty(total, np.uint32)
    begins = np.zeros(total + 1, np.uint32)
    runs = np.uint32(0)
    for i in range(total):
        key = member_keys[by_position[i]]
        cell = key_hash(key, seed) >> shift
        while cells[cell] != _NONE and run_keys[cells[cell]] != key:
            cell = (cell + np.uint64(1)) & wrap
        if cells[cell] == _NONE:
            cells[cell] = runs
            run_keys[runs] = key
            runs += np.uint32(1)
        run = cells[cell]
        run_of[i] = run
        begins[run + np.uint32(1)] += np.uint32(1)
    for run in range(runs):
        begins[run + 1] += begins[run]
    return run_of, begins


@inner
def _by_key(function, mask, values, positions, member_keys, lows, highs, query_keys, seed, positions_end, out_count):
    """The same of members whose key is the query's, by key and position."""
    queries, end = len(lows), np.uint64(positions_end)
    by_position, position_ends = _in_order(mask, positions, positions_end)
    total = len(by_position)
    cells, shift = empty_table(total)
    wrap = np.uint64(len(cells) - 1)
    run_keys = np.empty(total, np.uint64)
    run_of, places = _runs(by_position, member_keys, seed, shift, cells, run_keys)
    # Bounds of queries hang on the positions where they fall: 2 * query its low one, 2 * query + 1 its high one.
    heads = np.full(positions_end + 1, _NONE, np.uint32)
    following = np.empty(2 * queries, np.uint32)
    query_runs = np.empty(queries, np.uint32)
    for query in range(queries):
        high = min(highs[query], end)
        low = lows[query]
        if low >= high:
            continue
        key = query_keys[query]
        cell = key_hash(key, seed) >> shift
        while cells[cell] != _NONE and run_keys[cells[cell]] != key:
            cell = (cell + np.uint64(1)) & wrap
        if cells[cell] == _NONE:
            continue
        query_runs[query] = cells[cell]
        bound = np.uint32(2 * query)
        following[bound], heads[low] = heads[low], bound
        bound += np.uint32(1)
        following[bound], heads[high] = heads[high], bound
    # `places` goes along: where in each run the next position is.
    firsts = np.zeros(queries, np.uint64)
    lasts = np.zeros(queries, np.uint64)
    to = places.copy()
    i = np.uint32(0)
    for position in range(positions_end + 1):
        bound = heads[position]
        while bound != _NONE:
            query = bound >> np.uint32(1)
            if bound & np.uint32(1):
                lasts[query] = places[query_runs[query]]
            else:
                firsts[query] = places[query_runs[query]]
            bound = following[bound]
        if position < positions_end:
            while i < position_ends[position]:
                places[run_of[i]] += np.uint32(1)
                i += np.uint32(1)
    for query in range(queries):
        out_count[query] = lasts[query] - firsts[query]
    if function == COUNT:
        return np.empty(0, np.uint64), firsts, lasts
    ordered = np.zeros(total + 1, np.uint64)  # by run and position
    for i in range(total):
        run = run_of[i]
        value = values[by_position[i]]
        ordered[to[run]] = value if function <= SUM_FLOAT else rank(function, value)
        to[run] += np.uint32(1)
    return ordered, firsts, lasts


@kernel(ty.void(ty.int64, ty.int64, ty.int64, ty.int64, _U8, _U64, _U64, _U64, _U64, _U64, _U64, ty.uint64, _U64, _U64))
def interval(
    members, queries, positions_end, function, mask, values, positions, member_keys, lows, highs, query_keys, seed,
    out, out_count,
):  # fmt: skip
    """Fold the members of each query's interval.

    Args:
        members, queries: how many there are; columns may be longer.
        positions_end: one more than the largest position.
        function: machine.program.Function, but not DISTINCT.
        mask: uint8 (members,), which members count, 0 or 1.
        values: uint64 (members,), what is folded; unused by COUNT.
        positions: uint64 (members,), below `positions_end`.
        member_keys, query_keys: uint64 (members,), (queries,), which must be equal; empty for none.
        lows, highs: uint64 (queries,), positions [low, high); empty where low >= high.
        seed: keys the hashes.
        out, out_count: uint64 (queries,), out: the result, and how many members it was made of.

    """
    mask, lows, highs = mask[:members], lows[:queries], highs[:queries]
    out, out_count = out[:queries], out_count[:queries]
    if len(member_keys) > 0:
        ordered, firsts, lasts = _by_key(
            function, mask, values, positions, member_keys, lows, highs, query_keys, seed, positions_end, out_count
        )
    else:
        ordered, firsts, lasts = _by_position(function, mask, values, positions, lows, highs, positions_end, out_count)
    if function == COUNT:
        for query in range(queries):
            out[query] = out_count[query]
    else:
        _fold(function, ordered, firsts, lasts, out)
