"""Path jobs: what is made of a span's ancestors, those with its key where there is one. O(spans)."""

import numba as nb
import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.machine.fold import better, start

_NONE = np.uint32(NO_ROW)
_COUNT = 0  # machine.program.Function
_PARENT, _LAST = 0, 4  # relate.tree.SpanTree
_U64, _U32, _U8 = nb.uint64[::1], nb.uint32[::1], nb.uint8[::1]


@nb.njit(cache=True, nogil=True)
def _find(key, seed, shift, wrap, cells, keys):
    cell = ((key ^ (key >> np.uint64(31))) * (seed | np.uint64(1))) >> shift
    while cells[cell] != _NONE and keys[cells[cell]] != key:
        cell = (cell + np.uint64(1)) & wrap
    return cell


@nb.njit(nb.void(nb.int64, _U8, _U64, nb.uint32[:, ::1], _U32, _U64, _U64), cache=True, nogil=True)
def path(function, mask, values, tree, preorder, out, out_count):
    """Fold the ancestors of each span, without the span itself.

    Args:
        function: machine.program.Function, but not DISTINCT.
        mask: uint8 (spans,), which spans count.
        values: uint64 (spans,), what is folded; unused by COUNT.
        tree: uint32 (SpanTree, >= spans).
        preorder: uint32 (>= spans,), so that parents come before their children.
        out, out_count: uint64 (spans,), out: the result, and how many ancestors it was made of.

    """
    nothing = start(function)
    for i in range(len(mask)):
        row = preorder[i]
        parent = tree[_PARENT, row]
        out[row], out_count[row] = nothing, 0
        if parent == _NONE:
            continue
        out[row], out_count[row] = out[parent], out_count[parent]
        if mask[parent]:
            out_count[row] += np.uint64(1)
            if function != _COUNT:
                out[row] = better(function, out[parent], values[parent])
    for row in range(len(mask)):
        if function == _COUNT:
            out[row] = out_count[row]
        elif out_count[row] == 0:
            out[row] = 0


@nb.njit(
    nb.void(nb.int64, _U8, _U64, _U64, _U64, nb.uint32[:, ::1], _U32, nb.uint64, _U64, _U64), cache=True, nogil=True
)
def keyed_path(function, mask, values, member_keys, query_keys, tree, preorder, seed, out, out_count):
    """Fold the ancestors whose key is the span's: a walk in preorder that keeps a tally of the keys above it.

    Going up again puts back what was there on the way down, so that nothing has to be taken out of a fold.
    """
    spans = len(mask)
    size, shift = 16, np.uint64(60)
    while size < 2 * spans:
        size *= 2
        shift -= np.uint64(1)
    wrap = np.uint64(size - 1)
    cells = np.full(size, _NONE, np.uint32)
    keys = np.empty(spans, np.uint64)
    tally = np.zeros(spans, np.uint32)
    folds = function != _COUNT
    best, before = np.empty(spans if folds else 0, np.uint64), np.empty(spans if folds else 0, np.uint64)
    best[:] = start(function)
    slot_of = np.empty(spans, np.uint32)
    stack = np.empty(spans, np.uint32)
    slots, height = np.int64(0), np.int64(0)
    for i in range(spans):
        row = preorder[i]
        while height > 0 and tree[_LAST, stack[height - 1]] < i:
            height -= 1
            left = stack[height]
            if mask[left]:
                tally[slot_of[left]] -= np.uint32(1)
                if folds:
                    best[slot_of[left]] = before[left]
        cell = _find(query_keys[row], seed, shift, wrap, cells, keys)
        out_count[row] = tally[cells[cell]] if cells[cell] != _NONE else np.uint32(0)
        out[row] = best[cells[cell]] if folds and out_count[row] > 0 else out_count[row]
        if mask[row]:
            cell = _find(member_keys[row], seed, shift, wrap, cells, keys)
            if cells[cell] == _NONE:
                cells[cell] = slots
                keys[slots] = member_keys[row]
                slots += 1
            slot_of[row] = cells[cell]
            slot = cells[cell]
            tally[slot] += np.uint32(1)
            if folds:
                before[row] = best[slot]
                best[slot] = better(function, best[slot], values[row])
        stack[height] = row
        height += 1
