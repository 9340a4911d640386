"""Group jobs: what is made of the members that share the query's group, and its key where there is one. O(rows).

A member's group, with its key, becomes a *slot*; what does not count goes to one
slot too many. So the loops that fold have no branch that depends on a mask,
which nothing predicts.
"""

import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.fold import COUNT, DISTINCT, SUM, SUM_FLOAT, endless, not_finite, rank, ranked
from otlp_verifier.relate.hashing import empty_table, mixed, pair_hash

_NONE = np.uint32(NO_ROW)
_U64, _U8 = ty.uint64[::1], ty.uint8[::1]


@inner
def _keyed_slots(mask, member_at, member_keys, query_at, query_keys, seed, member_slots, query_slots):
    """Fill the slots of members and queries; the slot of what does not count."""
    members = len(mask)
    cells, shift = empty_table(members)
    wrap = np.uint64(len(cells) - 1)
    groups, keys = np.empty(members, np.uint64), np.empty(members, np.uint64)
    slots = np.uint32(0)
    nowhere = np.uint32(members)
    for row in range(members):
        member_slots[row] = nowhere
        if mask[row] and member_at[row] != _NONE:
            at, key = member_at[row], member_keys[row]
            cell = pair_hash(at, mixed(key), seed) >> shift
            slot = cells[cell]
            while slot != _NONE and (groups[slot] != at or keys[slot] != key):
                cell = (cell + np.uint64(1)) & wrap
                slot = cells[cell]
            if slot == _NONE:
                slot = cells[cell] = slots
                groups[slot], keys[slot] = at, key
                slots += np.uint32(1)
            member_slots[row] = slot
    for query in range(len(query_at)):
        query_slots[query] = nowhere
        if query_at[query] != _NONE:
            at, key = query_at[query], query_keys[query]
            cell = pair_hash(at, mixed(key), seed) >> shift
            slot = cells[cell]
            while slot != _NONE and (groups[slot] != at or keys[slot] != key):
                cell = (cell + np.uint64(1)) & wrap
                slot = cells[cell]
            if slot != _NONE:
                query_slots[query] = slot
    return nowhere


@inner
def _count_distinct(values, member_slots, nowhere, counts, seed):
    seen, shift = empty_table(len(values))
    wrap = np.uint64(len(seen) - 1)
    for row in range(len(values)):
        slot = member_slots[row]
        if slot == nowhere:
            continue
        cell = pair_hash(values[row], mixed(np.uint64(slot) + np.uint64(1)), seed) >> shift
        other = seen[cell]
        while other != _NONE and (values[other] != values[row] or member_slots[other] != slot):
            cell = (cell + np.uint64(1)) & wrap
            other = seen[cell]
        if other == _NONE:
            seen[cell] = row
            counts[slot] += np.uint32(1)


@inner
def _sums(function, values, member_slots, query_slots, is_own, counts, out):
    totals = np.zeros(len(counts), np.uint64)
    if function == SUM:
        for row in range(len(values)):
            totals[member_slots[row]] += values[row]
        totals[-1] = 0
        for query in range(len(out)):
            slot = query_slots[query] if len(query_slots) > 0 else np.uint32(query)
            own = is_own and member_slots[query] == slot and counts[slot] > 0
            out[query] = totals[slot] - (values[query] if own else np.uint64(0))
        return
    # Of decimals finite ones alone: an infinity cannot be taken out of a sum again.
    odds = np.zeros(len(counts), np.uint64)
    terms, sums, results = values.view(np.float64), totals.view(np.float64), out.view(np.float64)
    for row in range(len(values)):
        odd = endless(values[row])
        odds[member_slots[row]] += odd
        if odd == 0:
            sums[member_slots[row]] += terms[row]
    for query in range(len(out)):
        slot = query_slots[query] if len(query_slots) > 0 else np.uint32(query)
        own = is_own and member_slots[query] == slot
        out[query] = 0
        if counts[slot] > (1 if own else 0):
            odd = endless(values[query]) if own else np.uint64(0)
            results[query] = sums[slot] - terms[query] if own and odd == 0 else sums[slot]
            if odds[slot] != odd:
                out[query] = not_finite(odds[slot] - odd)


@inner
def _extremes(function, values, member_slots, query_slots, is_own, counts, out):
    best, second = np.zeros(len(counts), np.uint64), np.zeros(len(counts), np.uint64)
    for row in range(len(values)):
        # The runner-up too: it is what a query that is itself the best must be told.
        slot, place = member_slots[row], rank(function, values[row])
        second[slot] = max(second[slot], min(best[slot], place))
        best[slot] = max(best[slot], place)
    for query in range(len(out)):
        slot = query_slots[query] if len(query_slots) > 0 else np.uint32(query)
        own = is_own and member_slots[query] == slot
        place = best[slot]
        if own and rank(function, values[query]) == place:
            place = second[slot]
        out[query] = ranked(function, place) if counts[slot] > (1 if own else 0) else np.uint64(0)


@inner
def _own_slots(mask, member_at, member_keys, query_keys, nowhere, member_slots):
    """The same where each group is one query's own: a member is held against its only query, and nothing is hashed."""
    if nowhere == 0:
        member_slots[:] = 0
        return
    keyed = len(member_keys) > 0
    for row in range(len(mask)):
        at = member_at[row]
        counts_too = (mask[row] != 0) & (at != _NONE)
        at = at if counts_too else np.uint64(0)
        if keyed:
            counts_too &= member_keys[row] == query_keys[at]
        member_slots[row] = np.uint32(at) if counts_too else nowhere


@kernel(
    ty.void(
        ty.int64, ty.int64, ty.int64, ty.int64, ty.boolean, _U8, _U64, _U64, _U64, _U64, _U64, ty.uint64, _U64, _U64,
    )
)  # fmt: skip
def group(
    members, queries, groups_end, function, excludes_self, mask, values, member_at, member_keys, query_at, query_keys,
    seed, out, out_count,
):  # fmt: skip
    """Fold members into their groups, then hand each query its group's result.

    Args:
        members, queries: how many there are; columns may be longer.
        groups_end: one more than the largest group.
        function: machine.program.Function.
        excludes_self: members and queries are the same rows, and a query's own row does not count.
        mask: uint8 (members,), which members count, 0 or 1.
        values: uint64 (members,), what is folded; unused by COUNT.
        member_at, query_at: uint64 (members,), (queries,), groups, below `groups_end`; NO_ROW for none. An empty
            `query_at`: each query asks for the group of its own number.
        member_keys, query_keys: uint64, as these; empty for none.
        seed: keys the hashes.
        out, out_count: uint64 (queries,), out: the result, and how many members it was made of; COUNT and DISTINCT,
            whose result that is, leave `out_count` as it is.

    """
    mask, values, out, out_count = mask[:members], values[:members], out[:queries], out_count[:queries]
    member_slots, is_own = np.empty(members, np.uint32), len(query_at) == 0
    query_slots = np.empty(0 if is_own else queries, np.uint32)
    if is_own:
        nowhere = np.uint32(queries)
        _own_slots(mask, member_at, member_keys, query_keys, nowhere, member_slots)
    elif len(member_keys) > 0:
        nowhere = _keyed_slots(
            mask, member_at, member_keys, query_at[:queries], query_keys, seed, member_slots, query_slots
        )
    else:
        nowhere = np.uint32(groups_end)
        for row in range(members):
            counts_too = (mask[row] != 0) & (member_at[row] != _NONE)
            member_slots[row] = np.uint32(member_at[row]) if counts_too else nowhere
        for query in range(queries):
            query_slots[query] = np.uint32(query_at[query]) if query_at[query] != _NONE else nowhere
    counts = np.zeros(np.int64(nowhere) + 1, np.uint32)
    if function == DISTINCT:
        _count_distinct(values, member_slots, nowhere, counts, seed)
    else:
        for row in range(members):
            counts[member_slots[row]] += np.uint32(1)
        counts[nowhere] = 0
    to = out_count
    if function == COUNT or function == DISTINCT:
        to = out
    if is_own:
        for query in range(queries):
            to[query] = counts[query]
    elif excludes_self:
        for query in range(queries):
            slot = query_slots[query]
            own = (member_slots[query] == slot) & (slot != nowhere)
            to[query] = counts[slot] - (np.uint32(1) if own else np.uint32(0))
    else:
        for query in range(queries):
            to[query] = counts[query_slots[query]]
    if function == SUM or function == SUM_FLOAT:
        _sums(function, values, member_slots, query_slots, excludes_self, counts, out)
    elif function != COUNT and function != DISTINCT:
        _extremes(function, values, member_slots, query_slots, excludes_self, counts, out)
