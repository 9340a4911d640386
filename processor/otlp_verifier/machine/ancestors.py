"""Path jobs: what is made of the ancestors, those with a key where there is one, and of descendants. O(spans)."""

import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.kernels import kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.fold import COUNT, SUM, SUM_FLOAT, rank, ranked
from otlp_verifier.machine.keys import key_slots

_NONE = np.uint32(NO_ROW)
_PARENT, _LAST = 0, 4  # relate.tree.SpanTree
_U64, _U32, _U8 = ty.uint64[::1], ty.uint32[::1], ty.uint8[::1]


@kernel(ty.void(ty.int64, ty.int64, _U8, _U64, ty.uint32[:, ::1], _U32, _U64, _U64))
def path(spans, function, mask, values, tree, preorder, out, out_count):
    """Fold the ancestors of each span, without the span itself.

    Args:
        spans: how many there are; columns may be longer.
        function: machine.program.Function, but not DISTINCT.
        mask: uint8 (spans,), which spans count, 0 or 1.
        values: uint64 (spans,), what is folded; unused by COUNT.
        tree: uint32 (SpanTree, >= spans).
        preorder: uint32 (>= spans,), so that parents come before their children.
        out, out_count: uint64 (spans,), out: the result, and how many ancestors it was made of; COUNT, whose result
            that is, leaves `out_count` as it is.

    """
    to = out_count
    if function == COUNT:
        to = out
    for i in range(spans):
        row = preorder[i]
        parent = tree[_PARENT, row]
        to[row] = to[parent] + np.uint64(mask[parent]) if parent != _NONE else np.uint64(0)
    if function == COUNT:
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


@kernel(ty.void(ty.int64, ty.int64, _U8, _U64, ty.uint32[:, ::1], _U32, _U64, _U64))
def subtree(spans, function, mask, values, tree, preorder, out, out_count):
    """Fold the descendants of each span, without the span itself: each adds itself and what is below it to its parent.

    The arguments are those of `path`.
    """
    to = out_count
    if function == COUNT:
        to = out
    for row in range(spans):
        to[row] = 0
    for i in range(spans - 1, -1, -1):
        row = preorder[i]
        parent = tree[_PARENT, row]
        if parent != _NONE:
            to[parent] += to[row] + np.uint64(mask[row])
    if function == COUNT:
        return
    for row in range(spans):
        out[row] = 0
    terms, sums = values.view(np.float64), out.view(np.float64)
    for i in range(spans - 1, -1, -1):
        row = preorder[i]
        parent = tree[_PARENT, row]
        if parent == _NONE:
            continue
        if function == SUM_FLOAT:
            sums[parent] += sums[row] + (terms[row] if mask[row] else 0.0)
        elif function == SUM:
            out[parent] += out[row] + values[row] * np.uint64(mask[row])
        else:
            own = rank(function, values[row]) * np.uint64(mask[row])
            out[parent] = max(out[parent], out[row], own)
    if function > SUM_FLOAT:
        for row in range(spans):
            out[row] = ranked(function, out[row]) if out_count[row] else np.uint64(0)


@kernel(ty.void(ty.int64, ty.int64, _U8, _U64, _U64, _U64, ty.uint32[:, ::1], _U32, ty.uint64, _U64, _U64))
def keyed_path(spans, function, mask, values, member_keys, query_keys, tree, preorder, seed, out, out_count):
    """Fold the ancestors whose key is the span's: a walk in preorder that keeps a tally of the keys above it.

    Going up again puts back what was there on the way down, so that nothing has to be taken out of a fold.
    """
    member_slots, query_slots = key_slots(member_keys[:spans], query_keys[:spans], seed)
    # One slot too many, which stays empty: of keys that no member has.
    tally = np.zeros(spans + 1, np.uint32)
    folds = function != COUNT
    best, before = np.zeros(spans + 1 if folds else 0, np.uint64), np.empty(spans if folds else 0, np.uint64)
    terms, sums = values.view(np.float64), best.view(np.float64)
    stack = np.empty(spans, np.uint32)
    height = np.int64(0)
    for i in range(spans):
        row = preorder[i]
        while height > 0 and tree[_LAST, stack[height - 1]] < i:
            height -= 1
            left = stack[height]
            tally[member_slots[left]] -= np.uint32(mask[left])
            if folds and mask[left]:
                best[member_slots[left]] = before[left]
        own, slot = member_slots[row], query_slots[row]
        if not folds:
            out[row] = tally[slot]
        else:
            out_count[row] = tally[slot]
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
