"""Interval jobs: what is made of the members whose position lies in the query's interval, and whose key is its own.

Counts and sums of whole numbers are differences of running totals; everything
else is folded in a segment tree, so that one NaN spoils only its own intervals.
With keys, members are put in order of (key, position) by counting, and an
interval is found in its key's run by bisection: O(n log n) in all.
"""

import numba as nb
import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.machine.fold import better, start

_NONE = np.uint32(NO_ROW)
_COUNT, _SUM = 0, 1  # machine.program.Function
_U64, _U32, _U8 = nb.uint64[::1], nb.uint32[::1], nb.uint8[::1]


@nb.njit(cache=True, nogil=True)
def _grow(function, tree, leaves):
    """Fill a segment tree's inner nodes; its leaves are tree[leaves:]."""
    if len(tree) > 0:
        for node in range(leaves - 1, 0, -1):
            tree[node] = better(function, tree[2 * node], tree[2 * node + 1])


@nb.njit(cache=True, nogil=True)
def _fold(function, tree, first, last, leaves):
    """Fold the leaves first, ..., last - 1."""
    result = start(function)
    first += leaves
    last += leaves
    while first < last:
        if first & 1:
            result = better(function, result, tree[first])
            first += 1
        if last & 1:
            last -= 1
            result = better(function, result, tree[last])
        first >>= 1
        last >>= 1
    return result


@nb.njit(cache=True, nogil=True)
def _cell(key, seed, shift):
    return ((key ^ (key >> np.uint64(31))) * (seed | np.uint64(1))) >> shift


@nb.njit(cache=True, nogil=True)
def _in_order(mask, positions, positions_end):
    """The members that count, by position, and how many they are; several may share one."""
    begins = np.zeros(positions_end + 1, np.uint32)
    total = np.int64(0)
    for row in range(len(mask)):
        if mask[row]:
            begins[positions[row] + np.uint64(1)] += np.uint32(1)
            total += 1
    for position in range(positions_end):
        begins[position + 1] += begins[position]
    rows = np.empty(total, np.uint32)
    for row in range(len(mask)):
        if mask[row]:
            rows[begins[positions[row]]] = row
            begins[positions[row]] += np.uint32(1)
    return rows, total


@nb.njit(cache=True, nogil=True)
def _lower_bound(ordered, first, last, position):
    """The first index in ordered[first:last] that is not below `position`."""
    while first < last:
        middle = (first + last) // 2
        if ordered[middle] < position:
            first = middle + 1
        else:
            last = middle
    return first


@nb.njit(
    nb.void(nb.int64, _U8, _U64, _U64, _U64, _U64, nb.int64, _U64, _U64), cache=True, nogil=True, error_model="numpy"
)
def interval(function, mask, values, positions, lows, highs, positions_end, out, out_count):
    """Fold the members of each query's interval.

    Args:
        function: machine.program.Function, but not DISTINCT.
        mask: uint8 (members,), which members count.
        values: uint64 (members,), what is folded; unused by COUNT.
        positions: uint64 (members,), below `positions_end`.
        lows, highs: uint64 (queries,), positions [low, high); empty where low >= high.
        positions_end: one more than the largest position.
        out, out_count: uint64 (queries,), out: the result, and how many members it was made of.

    """
    counts = np.zeros(positions_end + 1, np.uint32)
    tree = np.empty(2 * positions_end if function != _COUNT else 0, np.uint64)
    tree[:] = start(function)
    for row in range(len(mask)):
        if mask[row]:
            position = positions[row]
            counts[position + np.uint64(1)] += np.uint32(1)
            if function != _COUNT:
                leaf = position + np.uint64(positions_end)
                tree[leaf] = better(function, tree[leaf], values[row])
    for position in range(positions_end):
        counts[position + 1] += counts[position]
    _grow(function, tree, positions_end)
    end = np.uint64(positions_end)
    for query in range(len(lows)):
        low, high = lows[query], min(highs[query], end)
        out[query], out_count[query] = 0, 0
        if low < high:
            count = counts[high] - counts[low]
            out_count[query] = count
            if function == _COUNT:
                out[query] = count
            elif count:
                out[query] = _fold(function, tree, np.int64(low), np.int64(high), positions_end)


@nb.njit(
    nb.void(nb.int64, _U8, _U64, _U64, _U64, _U64, _U64, _U64, nb.uint64, nb.int64, _U64, _U64),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def keyed_interval(
    function, mask, values, positions, member_keys, lows, highs, query_keys, seed, positions_end, out, out_count
):
    """The same, of members whose key is the query's; `member_keys` and `query_keys` are uint64 like the rest."""
    members = len(mask)
    by_position, total = _in_order(mask, positions, positions_end)
    size, shift = 16, np.uint64(60)
    while size < 2 * total:
        size *= 2
        shift -= np.uint64(1)
    wrap = np.uint64(size - 1)
    cells = np.full(size, _NONE, np.uint32)
    run_keys = np.empty(total, np.uint64)
    run_of = np.empty(total, np.uint32)
    begins = np.zeros(total + 1, np.uint32)
    runs = np.int64(0)
    for i in range(total):
        key = member_keys[by_position[i]]
        cell = _cell(key, seed, shift)
        while cells[cell] != _NONE and run_keys[cells[cell]] != key:
            cell = (cell + np.uint64(1)) & wrap
        if cells[cell] == _NONE:
            cells[cell] = runs
            run_keys[runs] = key
            runs += 1
        run_of[i] = cells[cell]
        begins[run_of[i] + np.uint32(1)] += np.uint32(1)
    for run in range(runs):
        begins[run + 1] += begins[run]
    # Each member to its run; `begins` ends up as the runs' ends, one place to the left.
    ordered = np.empty(total, np.uint64)
    tree = np.empty(2 * total if function != _COUNT else 0, np.uint64)
    for i in range(total):
        place = begins[run_of[i]]
        begins[run_of[i]] += np.uint32(1)
        ordered[place] = positions[by_position[i]]
        if function != _COUNT:
            tree[total + place] = values[by_position[i]]
    _grow(function, tree, total)
    for query in range(len(lows)):
        out[query], out_count[query] = 0, 0
        if lows[query] >= highs[query] or members == 0:
            continue
        cell = _cell(query_keys[query], seed, shift)
        while cells[cell] != _NONE and run_keys[cells[cell]] != query_keys[query]:
            cell = (cell + np.uint64(1)) & wrap
        if cells[cell] == _NONE:
            continue
        run = np.int64(cells[cell])
        begin = np.int64(begins[run - 1]) if run > 0 else np.int64(0)
        end = np.int64(begins[run])
        first = _lower_bound(ordered, begin, end, lows[query])
        last = _lower_bound(ordered, first, end, highs[query])
        out_count[query] = last - first
        if function == _COUNT:
            out[query] = last - first
        elif last > first:
            out[query] = _fold(function, tree, first, last, total)
