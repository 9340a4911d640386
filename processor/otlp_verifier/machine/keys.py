"""Keys of one batch as small numbers: equal keys have one *slot*, in which a walk keeps what it knows of them."""

import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.kernels import inner
from otlp_verifier.relate.hashing import empty_table, key_hash

_NONE = np.uint32(NO_ROW)


@inner
def key_slots(member_keys, query_keys, seed):
    """The slots, uint32, of keys of the same rows as members and as queries; a key no member has: as many as rows.

    Where a row has one key as both, as where rows are joined by the same attribute, it is looked for once.
    """
    rows = len(member_keys)
    cells, shift = empty_table(rows)
    wrap = np.uint64(len(cells) - 1)
    keys = np.empty(rows, np.uint64)
    member_slots, query_slots = np.empty(rows, np.uint32), np.empty(rows, np.uint32)
    slots = np.uint32(0)
    is_other = False
    for row in range(rows):
        key = member_keys[row]
        is_other |= query_keys[row] != key
        cell = key_hash(key, seed) >> shift
        slot = cells[cell]
        while slot != _NONE and keys[slot] != key:
            cell = (cell + np.uint64(1)) & wrap
            slot = cells[cell]
        if slot == _NONE:
            slot = cells[cell] = slots
            keys[slot] = key
            slots += np.uint32(1)
        member_slots[row] = slot
    if not is_other:
        return member_slots, member_slots
    for row in range(rows):
        key = query_keys[row]
        slot = member_slots[row]
        if key != member_keys[row]:
            cell = key_hash(key, seed) >> shift
            slot = cells[cell]
            while slot != _NONE and keys[slot] != key:
                cell = (cell + np.uint64(1)) & wrap
                slot = cells[cell]
            if slot == _NONE:
                slot = np.uint32(rows)
        query_slots[row] = slot
    return member_slots, query_slots
