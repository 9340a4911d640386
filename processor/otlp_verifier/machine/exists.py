"""ANY jobs: whether a member that counts stands in a relation to the query: a flag, where a count takes 8 bytes."""

import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.keys import key_slots
from otlp_verifier.relate.tables import SpanTree

_NONE, _PARENT, _LAST = np.uint32(NO_ROW), int(SpanTree.PARENT), int(SpanTree.LAST)
_U64, _U8 = ty.uint64[::1], ty.uint8[::1]


@kernel(ty.void(ty.int64, ty.int64, ty.int64, _U8, _U64, _U64, _U64, _U64, _U8))
def any_of_group(members, queries, groups_end, mask, member_at, member_keys, query_at, query_keys, out):
    """Whether a member of the query's group counts.

    Args:
        members, queries: how many there are; columns may be longer.
        groups_end: one more than the largest group.
        mask: uint8 (members,), which members count, 0 or 1.
        member_at, query_at: uint64 (members,), (queries,), groups, below `groups_end`; NO_ROW for none. An empty
            `query_at`: each query asks for the group of its own number.
        member_keys, query_keys: uint64, which must be equal, where each query has a group of its own; empty for none.
        out: uint8 (queries,), out.

    """
    none = np.uint64(_NONE)
    is_own = len(query_at) == 0
    found = np.zeros(groups_end + 1, np.uint8)  # one too many, for those of no group
    nowhere = np.uint64(groups_end)
    if len(member_keys) == 0:
        for row in range(members):
            at = member_at[row]
            found[at if at != none else nowhere] |= mask[row]
    elif queries > 0:
        for row in range(members):
            at = member_at[row]
            is_equal = member_keys[row] == query_keys[at if at != none else np.uint64(0)]
            found[at if at != none else nowhere] |= mask[row] & np.uint8(is_equal)
    found[nowhere] = 0
    if is_own:
        for query in range(queries):
            out[query] = found[query]
    else:
        for query in range(queries):
            at = query_at[query]
            out[query] = found[at if at != none else nowhere]


@inner
def _any_keyed(below, mask, member_slots, query_slots, tree, preorder, out):
    """`any_in_tree` by slots. Descendants stand behind a span in preorder, up to its LAST: no span is held twice.

    Going down, a slot keeps how far the subtrees of its members reach: of those begun before a span, one that
    reaches it holds it. Going up, a slot keeps its member that was met last, which is the nearest behind a span.
    """
    spans, one = np.uint64(len(mask)), np.uint64(1)
    # One slot too many for keys that no member has, and one for what does not count.
    kept = np.full(spans + one + one, _NONE if below else np.uint32(0), np.uint32)
    i = np.uint64(0)
    while i < spans:
        place = spans - one - i if below else i
        row = preorder[place]
        last, slot = tree[_LAST, row], np.uint64(member_slots[row])
        nearest = kept[query_slots[row]]
        if below:
            out[row] = np.uint8(nearest <= last)
            kept[slot if mask[row] else spans + one] = place
        else:
            out[row] = np.uint8(nearest > place)
            slot = slot if mask[row] else spans + one
            kept[slot] = max(kept[slot], last + np.uint32(1))
        i += one


@kernel(ty.void(ty.int64, ty.boolean, _U8, _U64, _U64, ty.uint64, ty.uint32[:, ::1], ty.uint32[::1], _U8))
def any_in_tree(count, below, mask, member_keys, query_keys, seed, tree, preorder, out):
    """Whether an ancestor of each span counts; below: a descendant.

    Args:
        count: spans; columns may be longer.
        below: see above.
        mask: uint8 (spans,), which spans count, 0 or 1.
        member_keys, query_keys: uint64 (spans,), which must be equal; empty for none.
        seed: keys the hashes.
        tree: uint32 (SpanTree, >= spans).
        preorder: uint32 (>= spans,), so that parents come before their children.
        out: uint8 (spans,), out.

    """
    mask, out = mask[:count], out[:count]
    if len(member_keys) > 0:
        member_slots, query_slots = key_slots(member_keys[:count], query_keys[:count], seed)
        _any_keyed(below, mask, member_slots, query_slots, tree, preorder, out)
        return
    spans = np.uint64(len(mask))
    i = np.uint64(0)
    if below:
        for row in range(count):
            out[row] = 0
        while i < spans:
            i += np.uint64(1)
            row = preorder[spans - i]
            parent = tree[_PARENT, row]
            if parent != _NONE:
                out[parent] |= out[row] | mask[row]
        return
    while i < spans:
        row = preorder[i]
        parent = tree[_PARENT, row]
        out[row] = out[parent] | mask[parent] if parent != _NONE else np.uint8(0)
        i += np.uint64(1)
