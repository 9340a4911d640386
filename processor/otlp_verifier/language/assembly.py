"""The inner loops of linking and of writing programs, over rows of numbers: see fragment.Part for their columns.

They run at every reload over some ten thousand rows, which in Python would take
longer than all that a reload may take.
"""

import numba as nb
import numpy as np

from otlp_verifier.language.fragment import JOB, NONE, RESULT, WIDTH, Part
from otlp_verifier.language.graph import FLAG_OPS
from otlp_verifier.machine.operations import Op, WideTable

_NONE = np.uint64(NONE)
_WIDTH, _DOMAIN, _OP, _SYMBOL = WIDTH, int(Part.DOMAIN), int(Part.OP), int(Part.SYMBOL)
_NUMBERS, _INPUTS = int(Part.NUMBERS), int(Part.INPUTS)
_JOB, _RESULT = np.uint64(JOB), np.uint64(RESULT)
_EQUAL, _AND, _OR, _HOLDS = np.uint64(Op.EQUAL), np.uint64(Op.AND), np.uint64(Op.OR), np.uint64(Op.HOLDS)
_WIDE_AT, _NARROW_AT, _ROW_AT = np.uint64(Op.WIDE_AT), np.uint64(Op.NARROW_AT), np.uint64(Op.ROW_AT)
_WIDE, _RESULTS = int(Op.WIDE), int(WideTable.RESULTS)
_IS_FLAG = np.array([op in FLAG_OPS for op in range(RESULT + 1)], np.bool_)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_TABLE, _ROW = nb.uint64[:, ::1], nb.int64[::1]


@nb.njit(nb.int64(_TABLE, _ROW, nb.uint64[::1], _ROW, _TABLE, _ROW, _ROW), cache=True, nogil=True)
def unify(rows, starts, slots, slot_starts, out, places, levels):
    """Rows of several fragments as one set, in which equal rows are one; how many are left.

    Args:
        rows: uint64 (rows, WIDTH), those of all fragments; inputs and symbols are a fragment's own.
        starts: int64 (fragments + 1,), where the rows of each begin.
        slots: uint64, what the symbols of all fragments stand for.
        slot_starts: int64 (fragments,), where those of each begin.
        out: uint64 (rows, WIDTH), out.
        places: int64 (rows,), out: where each row is now.
        levels: int64 (rows,), out: of those in `out`, how many rounds of jobs must have run before.

    """
    size = np.int64(16)
    while size < 2 * len(rows):
        size *= 2
    wrap = np.uint64(size - 1)
    cells = np.full(size, np.int64(-1), np.int64)
    made = np.int64(0)
    for fragment in range(len(starts) - 1):
        start = starts[fragment]
        for i in range(start, starts[fragment + 1]):
            row = out[made]
            for column in range(_INPUTS):
                row[column] = rows[i, column]
            if row[_SYMBOL] != 0:
                number = _NUMBERS + np.int64(row[_SYMBOL]) - 1
                row[number] = slots[slot_starts[fragment] + np.int64(row[number])]
            level = np.int64(0)
            for column in range(_INPUTS, _WIDTH):
                row[column] = _NONE
                if rows[i, column] != _NONE:
                    place = places[start + np.int64(rows[i, column])]
                    row[column] = np.uint64(place)
                    level = max(level, levels[place])
            op = row[_OP]
            if op in (_AND, _OR, _EQUAL) and row[_INPUTS] > row[_INPUTS + 1]:
                row[_INPUTS], row[_INPUTS + 1] = row[_INPUTS + 1], row[_INPUTS]
            h = np.uint64(0)
            for column in range(_WIDTH):
                h = (h ^ row[column]) * _PRIME
                h ^= h >> np.uint64(29)
            cell = h & wrap
            while cells[cell] >= 0:
                other = out[cells[cell]]
                column = 0
                while column < _WIDTH and other[column] == row[column]:
                    column += 1
                if column == _WIDTH:
                    break
                cell = (cell + np.uint64(1)) & wrap
            if cells[cell] < 0:
                cells[cell] = made
                levels[made] = level + 1 if op == _RESULT else level
                made += 1
            places[i] = cells[cell]
    return made


@nb.njit(nb.void(_TABLE, nb.boolean[::1]), cache=True, nogil=True)
def mark_needed(rows, needed):
    """Spread `needed`, bool (rows,), from rows to all that they read."""
    for i in range(len(rows) - 1, -1, -1):
        if needed[i]:
            for column in range(_INPUTS, _WIDTH):
                if rows[i, column] != _NONE:
                    needed[np.int64(rows[i, column])] = True


@nb.njit(cache=True, nogil=True)
def _schedule(rows, targets, order, seen, stack, last):
    """Append to `order` the rows that targets need, inputs first, and each target, as -1 - its number."""
    count = np.int64(0)
    for target in range(len(targets)):
        stack[0] = targets[target, 0]
        height = 1
        while height > 0:
            height -= 1
            at = stack[height]
            if at < 0:  # what it reads is there now
                order[count] = -1 - at
                count += 1
            elif not seen[at]:
                seen[at] = True
                stack[height] = -1 - at
                height += 1
                if rows[at, _OP] != _RESULT:
                    for column in range(_WIDTH - 1, _INPUTS - 1, -1):
                        if rows[at, column] != _NONE:
                            stack[height] = np.int64(rows[at, column])
                            height += 1
        order[count] = -1 - target
        count += 1
    for at in range(count):
        if order[at] < 0:
            last[targets[-1 - order[at], 0]] = at
        elif rows[order[at], _OP] != _RESULT:
            for column in range(_INPUTS, _WIDTH):
                if rows[order[at], column] != _NONE:
                    last[np.int64(rows[order[at], column])] = at
    return count


@nb.njit(cache=True, nogil=True)
def _write(rows, node, numbers, register, line):
    """One instruction but its destination."""
    op = rows[node, _OP]
    line[0] = op
    for place in range(2, 5):
        line[place] = 0
    if op == _RESULT:
        job = np.int64(rows[node, _INPUTS])
        line[0], line[2] = _WIDE, _RESULTS + np.int32(rows[node, _DOMAIN])
        line[3] = numbers[job, 0] + np.int32(rows[node, _NUMBERS])
        return
    place = 2
    if op in (_WIDE_AT, _NARROW_AT, _ROW_AT, _HOLDS):  # the tables' numbers come first
        line[2] = numbers[node, 0]
        place = 3
        if op != _HOLDS:
            line[3] = numbers[node, 1]
            place = 4
    column = _INPUTS
    while rows[node, column] != _NONE:
        line[place] = register[np.int64(rows[node, column])]
        place += 1
        column += 1
    if column == _INPUTS or op not in (_WIDE_AT, _NARROW_AT, _ROW_AT, _HOLDS):
        number = 0
        while place < 5:
            line[place] = numbers[node, number]
            place += 1
            number += 1


@nb.njit(nb.int64(_TABLE, nb.int32[:, ::1], nb.int64[:, ::1], nb.int32[:, ::1], nb.int64[::1]), cache=True, nogil=True)
def write_phase(rows, numbers, targets, out, registers):
    """One domain's instructions: rows as targets need them, registers freed after the last use; how many they are.

    Args:
        rows: uint64 (rows, WIDTH).
        numbers: int32 (rows, 3), the numbers of each as they stand in instructions; of a JOB its column of results.
        targets: int64 (targets, 4): a row, and the operation, a and b of the instruction that takes it; b is -1 where
            the row's register is b, else it is c.
        out: int32 (at least rows + targets, 5), out.
        registers: int64 (2,), out: words and flags in use.

    """
    seen = np.zeros(len(rows), np.bool_)
    stack = np.empty(9 * len(rows) + 9, np.int64)
    last = np.empty(len(rows), np.int64)
    order = np.empty(len(rows) + len(targets), np.int64)
    register = np.empty(len(rows), np.int32)
    free = np.empty((2, len(rows)), np.int32)
    free_count = np.zeros(2, np.int64)
    registers[:] = 0
    count = _schedule(rows, targets, order, seen, stack, last)
    for at in range(count):
        line = out[at]
        node = order[at]
        if node < 0:
            target = -1 - node
            node = targets[target, 0]
            line[0], line[1], line[2], line[3], line[4] = targets[target, 1], 0, targets[target, 2], register[node], 0
            if targets[target, 3] >= 0:
                line[3], line[4] = targets[target, 3], register[node]
            if last[node] == at:
                kind = np.int64(_IS_FLAG[np.int64(rows[node, _OP])])
                free[kind, free_count[kind]] = register[node]
                free_count[kind] += 1
            continue
        _write(rows, node, numbers, register, line)
        # The result is placed before the inputs are released: were it to share a register with one of them, the
        # machine's loops would fail LLVM's overlap check and run scalar.
        kind = np.int64(_IS_FLAG[np.int64(rows[node, _OP])])
        if free_count[kind] > 0:
            free_count[kind] -= 1
            register[node] = free[kind, free_count[kind]]
        else:
            register[node] = registers[kind]
            registers[kind] += 1
        line[1] = register[node]
        if rows[node, _OP] == _RESULT:
            continue
        for column in range(_INPUTS, _WIDTH):
            if rows[node, column] == _NONE:
                break
            read = np.int64(rows[node, column])
            if last[read] == at:
                last[read] = -1  # an input that stands twice is released once
                kind = np.int64(_IS_FLAG[np.int64(rows[read, _OP])])
                free[kind, free_count[kind]] = register[read]
                free_count[kind] += 1
    return count
