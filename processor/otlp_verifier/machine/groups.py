"""Group jobs: what is made of the members that share the query's group, and its key where there is one. O(rows)."""

import numba as nb
import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.machine.fold import better, endless, start, with_endless, without

_NONE = np.uint32(NO_ROW)
_COUNT, _SUM, _SUM_FLOAT, _DISTINCT = 0, 1, 2, 9  # machine.program.Function; between them the minima and maxima
_U64, _U8 = nb.uint64[::1], nb.uint8[::1]


@nb.njit(cache=True, nogil=True)
def _cell(group, key, seed, shift):
    h = (key ^ (key >> np.uint64(31))) * (seed | np.uint64(1)) + group
    return (h * (seed >> np.uint64(7) | np.uint64(1))) >> shift


@nb.njit(cache=True, nogil=True)
def _slot(group, key, seed, shift, wrap, cells, groups, keys):
    """The cell of (group, key), or the free one where it would stand."""
    cell = _cell(group, key, seed, shift)
    while cells[cell] != _NONE and (groups[cells[cell]] != group or keys[cells[cell]] != key):
        cell = (cell + np.uint64(1)) & wrap
    return cell


@nb.njit(cache=True, nogil=True)
def _alike(a, b, values, member_at, member_keys, keyed):
    """Whether two members have one group, key and value."""
    if values[a] != values[b] or member_at[a] != member_at[b]:
        return False
    return not keyed or member_keys[a] == member_keys[b]


@nb.njit(
    nb.void(
        nb.int64, nb.boolean, nb.boolean, _U8, _U64, _U64, _U64, _U64, _U64, nb.uint64, nb.int64, _U64, _U64,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def group(
    function, keyed, excludes_self, mask, values, member_at, member_keys, query_at, query_keys, seed, groups_end,
    out, out_count,
):  # fmt: skip
    """Fold members into their groups, then hand each query its group's result.

    Args:
        function: machine.program.Function.
        keyed: whether `member_keys` and `query_keys` count.
        excludes_self: members and queries are the same rows, and a query's own row does not count.
        mask: uint8 (members,), which members count.
        values: uint64 (members,), what is folded; unused by COUNT.
        member_at, query_at: uint64 (members,), (queries,), groups, below `groups_end`; NO_ROW for none.
        member_keys, query_keys: uint64, as these.
        seed: keys the hashes.
        groups_end: one more than the largest group.
        out, out_count: uint64 (queries,), out: the result, and how many members it was made of.

    """
    members = len(mask)
    size, shift = 16, np.uint64(60)
    while size < 2 * members:
        size *= 2
        shift -= np.uint64(1)
    wrap = np.uint64(size - 1)
    slots_end = members if keyed else groups_end
    cells = np.full(size if keyed else 0, _NONE, np.uint32)
    seen = np.full(size if function == _DISTINCT else 0, _NONE, np.uint32)
    groups, keys = np.empty(members if keyed else 0, np.uint64), np.empty(members if keyed else 0, np.uint64)
    counts = np.zeros(slots_end, np.uint32)
    folds = function != _COUNT and function != _DISTINCT
    best, second = np.empty(slots_end if folds else 0, np.uint64), np.empty(slots_end if folds else 0, np.uint64)
    best[:] = start(function)
    second[:] = start(function)
    slots = np.int64(0)
    for row in range(members):
        if not mask[row] or member_at[row] == _NONE:
            continue
        slot = np.int64(member_at[row])
        if keyed:
            cell = _slot(member_at[row], member_keys[row], seed, shift, wrap, cells, groups, keys)
            if cells[cell] == _NONE:
                cells[cell] = slots
                groups[slots], keys[slots] = member_at[row], member_keys[row]
                slots += 1
            slot = np.int64(cells[cell])
        if function == _DISTINCT:
            cell = _cell(values[row], np.uint64(slot) + np.uint64(1), seed, shift)
            while seen[cell] != _NONE and not _alike(seen[cell], row, values, member_at, member_keys, keyed):
                cell = (cell + np.uint64(1)) & wrap
            if seen[cell] != _NONE:
                continue
            seen[cell] = row
        counts[slot] += np.uint32(1)
        if function == _SUM or function == _SUM_FLOAT:
            odd = endless(function, values[row])
            second[slot] += odd
            if odd == 0:
                best[slot] = better(function, best[slot], values[row])
        elif folds:
            # The runner-up too: it is what a query that is itself the best must be told.
            worse = values[row]
            if better(function, best[slot], worse) != best[slot]:
                best[slot], worse = worse, best[slot]
            second[slot] = better(function, second[slot], worse)
    for query in range(len(query_at)):
        out[query], out_count[query] = 0, 0
        if query_at[query] == _NONE:
            continue
        slot = np.int64(query_at[query])
        if keyed:
            cell = _slot(query_at[query], query_keys[query], seed, shift, wrap, cells, groups, keys)
            if cells[cell] == _NONE:
                continue
            slot = np.int64(cells[cell])
        own = excludes_self and mask[query] != 0 and (not keyed or member_keys[query] == query_keys[query])
        count = counts[slot] - (np.uint32(1) if own else np.uint32(0))
        out_count[query] = count
        if not folds:
            out[query] = count
        elif count > 0 and (function == _SUM or function == _SUM_FLOAT):
            odd = endless(function, values[query]) if own else np.uint64(0)
            total = without(function, best[slot], values[query]) if own and odd == 0 else best[slot]
            out[query] = with_endless(total, second[slot] - odd)
        elif count > 0:
            out[query] = best[slot]
            if own and values[query] == best[slot]:
                out[query] = second[slot]
