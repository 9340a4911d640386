"""Path jobs: what is made of a span's ancestors, those with its key where there is one. O(spans)."""

import numba as nb
import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.machine.fold import COUNT, SUM, SUM_FLOAT, rank, ranked
from otlp_verifier.relate.hashing import empty_table, key_hash

_NONE = np.uint32(NO_ROW)
_PARENT, _LAST = 0, 4  # relate.tree.SpanTree
_U64, _U32, _U8 = nb.uint64[::1], nb.uint32[::1], nb.uint8[::1]


@nb.njit(nb.void(nb.int64, _U8, _U64, nb.uint32[:, ::1], _U32, _U64, _U64), cache=True, nogil=True)
def path(function, mask, values, tree, preorder, out, out_count):
    """Fold the ancestors of each span, without the span itself.

    Args:
        function: machine.program.Function, but not DISTINCT.
        mask: uint8 (spans,), which spans count, 0 or 1.
        values: uint64 (spans,), what is folded; unused by COUNT.
        tree: uint32 (SpanTree, >= spans).
        preorder: uint32 (>= spans,), so that parents come before their children.
        out, out_count: uint64 (spans,), out: the result, and how many ancestors it was made of.

    """
    spans = len(mask)
    for i in range(spans):
        row = preorder[i]
        parent = tree[_PARENT, row]
        out_count[row] = out_count[parent] + np.uint64(mask[parent]) if parent != _NONE else np.uint64(0)
    if function == COUNT:
        for row in range(spans):
            out[row] = out_count[row]
        return
    terms, sums = values.view(np.float64), out.view(np.float64)
    for i in range(spans):
        row = preorder[i]
        parent = tree[_PARENT, row]
        out[row] = out[parent] if parent != _NONE else np.uint64(0)
        if parent != _NONE and mask[parent]:
            if function == SUM_FLOAT:
                sums[row] += terms[parent]
            elif function == SUM:
                out[row] += values[parent]
            else:
                out[row] = max(out[row], rank(function, values[parent]))
    if function > SUM_FLOAT:
        for row in range(spans):
            out[row] = ranked(function, out[row]) if out_count[row] else np.uint64(0)


@nb.njit(
    nb.void(nb.int64, _U8, _U64, _U64, _U64, nb.uint32[:, ::1], _U32, nb.uint64, _U64, _U64), cache=True, nogil=True
)
def keyed_path(function, mask, values, member_keys, query_keys, tree, preorder, seed, out, out_count):
    """Fold the ancestors whose key is the span's: a walk in preorder that keeps a tally of the keys above it.

    Going up again puts back what was there on the way down, so that nothing has to be taken out of a fold.
    """
    spans = len(mask)
    cells, shift = empty_table(spans)
    wrap = np.uint64(len(cells) - 1)
    keys = np.empty(spans, np.uint64)
    # One slot too many, which stays empty: of keys that no member has.
    tally = np.zeros(spans + 1, np.uint32)
    folds = function != COUNT
    best, before = np.zeros(spans + 1 if folds else 0, np.uint64), np.empty(spans if folds else 0, np.uint64)
    terms, sums = values.view(np.float64), best.view(np.float64)
    slot_of = np.empty(spans, np.uint32)
    slots = np.uint32(0)
    for row in range(spans):
        key = member_keys[row]
        cell = key_hash(key, seed) >> shift
        slot = cells[cell]
        while slot != _NONE and keys[slot] != key:
            cell = (cell + np.uint64(1)) & wrap
            slot = cells[cell]
        if slot == _NONE:
            slot = cells[cell] = slots
            keys[slot] = key
            slots += np.uint32(1)
        slot_of[row] = slot
    stack = np.empty(spans, np.uint32)
    height = np.int64(0)
    for i in range(spans):
        row = preorder[i]
        while height > 0 and tree[_LAST, stack[height - 1]] < i:
            height -= 1
            left = stack[height]
            tally[slot_of[left]] -= np.uint32(mask[left])
            if folds and mask[left]:
                best[slot_of[left]] = before[left]
        own = slot = slot_of[row]
        if query_keys[row] != member_keys[row]:
            key = query_keys[row]
            cell = key_hash(key, seed) >> shift
            slot = cells[cell]
            while slot != _NONE and keys[slot] != key:
                cell = (cell + np.uint64(1)) & wrap
                slot = cells[cell]
            if slot == _NONE:
                slot = np.uint32(spans)
        out_count[row] = tally[slot]
        if not folds:
            out[row] = tally[slot]
        else:
            found = best[slot] if function <= SUM_FLOAT else ranked(function, best[slot])
            out[row] = found if tally[slot] > 0 else np.uint64(0)
        tally[own] += np.uint32(mask[row])
        if folds and mask[row]:
            before[row] = best[own]
            if function == SUM_FLOAT:
                sums[own] += terms[row]
            elif function == SUM:
                best[own] += values[row]
            else:
                best[own] = max(best[own], rank(function, values[row]))
        stack[height] = row
        height += 1
