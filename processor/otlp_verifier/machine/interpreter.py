"""The interpreter: a plan's phases over a batch, block by block, in one kernel.

Each operation is a plain loop over a block, which LLVM vectorises: 0.1 to 0.2 ns
per operation and row. Changing rules changes only the arrays handed in, so
nothing is ever compiled after start-up.
"""

from typing import Any

import numpy as np

from otlp_verifier.columns import NO_ROW
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.arithmetic import arithmetic, value_key
from otlp_verifier.machine.memory import (
    address,
    constant,
    flag_register,
    float_constant,
    float_register,
    is_any,
    mark_column,
    narrow_column,
    rows_of,
    signed_register,
    wide_column,
    word_register,
)
from otlp_verifier.machine.operations import BLOCK, Op

# numba freezes integers, not enums.
_NONE = np.uint64(NO_ROW)
_ROW, _LOAD_WIDE, _LOAD_NARROW, _WIDE_AT = int(Op.ROW), int(Op.WIDE), int(Op.NARROW), int(Op.WIDE_AT)
_NARROW_AT, _ROW_AT, _CONSTANT = int(Op.NARROW_AT), int(Op.ROW_AT), int(Op.CONSTANT)
_FLAG_CONSTANT, _PRESENT, _MARKED = int(Op.FLAG_CONSTANT), int(Op.PRESENT), int(Op.MARKED)
_MARKED_AT = int(Op.MARKED_AT)
_EQUAL, _LESS_UNSIGNED, _AT_MOST_UNSIGNED = int(Op.EQUAL), int(Op.LESS_UNSIGNED), int(Op.AT_MOST_UNSIGNED)
_LESS_SIGNED, _AT_MOST_SIGNED = int(Op.LESS_SIGNED), int(Op.AT_MOST_SIGNED)
_EQUAL_FLOAT, _LESS_FLOAT, _AT_MOST_FLOAT = int(Op.EQUAL_FLOAT), int(Op.LESS_FLOAT), int(Op.AT_MOST_FLOAT)
_EQUAL_K, _LESS_UNSIGNED_K, _AT_MOST_UNSIGNED_K = int(Op.EQUAL_K), int(Op.LESS_UNSIGNED_K), int(Op.AT_MOST_UNSIGNED_K)
_LESS_SIGNED_K, _AT_MOST_SIGNED_K = int(Op.LESS_SIGNED_K), int(Op.AT_MOST_SIGNED_K)
_EQUAL_FLOAT_K, _LESS_FLOAT_K, _AT_MOST_FLOAT_K = int(Op.EQUAL_FLOAT_K), int(Op.LESS_FLOAT_K), int(Op.AT_MOST_FLOAT_K)
_GREATER_FLOAT_K, _AT_LEAST_FLOAT_K = int(Op.GREATER_FLOAT_K), int(Op.AT_LEAST_FLOAT_K)
_NARROW_EQUAL_K, _NARROW_BITS_K = int(Op.NARROW_EQUAL_K), int(Op.NARROW_BITS_K)
_NARROW_PRESENT, _SKIP = int(Op.NARROW_PRESENT), int(Op.SKIP)
_BITS_K, _AND, _OR, _NOT, _AND_NOT = int(Op.BITS_K), int(Op.AND), int(Op.OR), int(Op.NOT), int(Op.AND_NOT)
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = int(Op.ADD), int(Op.SUBTRACT), int(Op.MULTIPLY), int(Op.DIVIDE)
_HOLDS, _REPORT, _STORE, _MARK = int(Op.HOLDS), int(Op.REPORT), int(Op.STORE), int(Op.MARK)
_VALUE_KEY, _NARROW_HOLDS = int(Op.VALUE_KEY), int(Op.NARROW_HOLDS)


@inner
def _compare_float_k(op, out, x, k, n):
    if op == _EQUAL_FLOAT_K:
        for i in range(n):
            out[i] = x[i] == k
    elif op == _LESS_FLOAT_K:
        for i in range(n):
            out[i] = x[i] < k
    elif op == _AT_MOST_FLOAT_K:
        for i in range(n):
            out[i] = x[i] <= k
    elif op == _GREATER_FLOAT_K:
        for i in range(n):
            out[i] = x[i] > k
    elif op == _AT_LEAST_FLOAT_K:
        for i in range(n):
            out[i] = x[i] >= k


@inner
def _load(op, to, a, b, c, n, base, constants, wide, narrow, marks, words, flags):
    if op == _LOAD_WIDE:
        out, column = word_register(words, to), wide_column(wide, a, b, base, n)
        for i in range(n):
            out[i] = column[i]
    elif op == _LOAD_NARROW:
        out, narrow_of = word_register(words, to), narrow_column(narrow, a, b, base, n)
        for i in range(n):
            out[i] = narrow_of[i]
    elif op == _WIDE_AT:
        out, column, rows = (
            word_register(words, to),
            wide_column(wide, a, b, 0, rows_of(wide, a)),
            word_register(words, c),
        )
        for i in range(n):
            out[i] = column[rows[i]] if rows[i] != _NONE else np.uint64(0)
    elif op == _NARROW_AT:
        out, narrow_of, rows = (
            word_register(words, to),
            narrow_column(narrow, a, b, 0, rows_of(narrow, a)),
            word_register(words, c),
        )
        for i in range(n):
            out[i] = narrow_of[rows[i]] if rows[i] != _NONE else np.uint32(0)
    elif op == _ROW_AT:
        out, narrow_of, rows = (
            word_register(words, to),
            narrow_column(narrow, a, b, 0, rows_of(narrow, a)),
            word_register(words, c),
        )
        for i in range(n):
            out[i] = np.uint64(narrow_of[rows[i]]) if rows[i] != _NONE else _NONE
    elif op == _PRESENT:
        flag, rows = flag_register(flags, to), word_register(words, a)
        for i in range(n):
            flag[i] = rows[i] != _NONE
    elif op == _MARKED:
        flag, marked = flag_register(flags, to), mark_column(marks, a, b, base, n)
        for i in range(n):
            flag[i] = marked[i]
    elif op == _CONSTANT:
        out, k = word_register(words, to), constant(constants, a)
        for i in range(n):
            out[i] = k
    elif op == _FLAG_CONSTANT:
        flag = flag_register(flags, to)
        for i in range(n):
            flag[i] = a
    elif op == _ROW:
        out = word_register(words, to)
        for i in range(n):
            out[i] = base + i


@inner
def _compare(op, to, a, b, n, constants, words, flags):
    out, x = flag_register(flags, to), word_register(words, a)
    if op >= _EQUAL_K:
        k = constant(constants, b)
        if op == _EQUAL_K:
            for i in range(n):
                out[i] = x[i] == k
        elif op == _LESS_UNSIGNED_K:
            for i in range(n):
                out[i] = x[i] < k
        elif op == _AT_MOST_UNSIGNED_K:
            for i in range(n):
                out[i] = x[i] <= k
        elif op == _BITS_K:
            for i in range(n):
                out[i] = (x[i] & k) != 0
        elif op == _LESS_SIGNED_K or op == _AT_MOST_SIGNED_K:
            signed, signed_k = signed_register(words, a), np.int64(k)
            if op == _LESS_SIGNED_K:
                for i in range(n):
                    out[i] = signed[i] < signed_k
            else:
                for i in range(n):
                    out[i] = signed[i] <= signed_k
        else:
            _compare_float_k(op, out, float_register(words, a), float_constant(constants, b), n)
        return
    y = word_register(words, b)
    if op == _EQUAL:
        for i in range(n):
            out[i] = x[i] == y[i]
    elif op == _LESS_UNSIGNED:
        for i in range(n):
            out[i] = x[i] < y[i]
    elif op == _AT_MOST_UNSIGNED:
        for i in range(n):
            out[i] = x[i] <= y[i]
    elif op == _LESS_SIGNED:
        p, q = signed_register(words, a), signed_register(words, b)
        for i in range(n):
            out[i] = p[i] < q[i]
    elif op == _AT_MOST_SIGNED:
        p, q = signed_register(words, a), signed_register(words, b)
        for i in range(n):
            out[i] = p[i] <= q[i]
    elif op == _EQUAL_FLOAT:
        f, g = float_register(words, a), float_register(words, b)
        for i in range(n):
            out[i] = f[i] == g[i]
    elif op == _LESS_FLOAT:
        f, g = float_register(words, a), float_register(words, b)
        for i in range(n):
            out[i] = f[i] < g[i]
    elif op == _AT_MOST_FLOAT:
        f, g = float_register(words, a), float_register(words, b)
        for i in range(n):
            out[i] = f[i] <= g[i]


@inner
def _compare_narrow(op, to, a, b, c, n, base, constants, narrow, flags):
    out, column = flag_register(flags, to), narrow_column(narrow, a, b, base, n)
    if op == _NARROW_PRESENT:
        for i in range(n):
            out[i] = column[i] != _NONE
        return
    k = np.uint32(constant(constants, c))
    if op == _NARROW_EQUAL_K:
        for i in range(n):
            out[i] = column[i] == k
    elif op == _NARROW_BITS_K:
        for i in range(n):
            out[i] = np.uint32(column[i] & k) != np.uint32(0)


@inner
def _holds_narrow(out, column, holds, n):
    """What a predicate says of codes. Most columns of values have none: strings have their own."""
    some = np.uint32(0)
    for i in range(n):
        some |= column[i] ^ _NONE
    if some == 0:
        for i in range(n):
            out[i] = 0
        return
    for i in range(n):
        out[i] = holds[column[i]] if column[i] != _NONE else 0


@inner
def _marked_at(out, marked, rows_at, count, n):
    """The mark of a row of another table, of which few have many marks alike."""
    one, every = np.uint8(0), np.uint8(1)
    for i in range(count):
        one |= marked[i]
        every &= marked[i]
    if one == every:
        for i in range(n):
            out[i] = one
        return
    for i in range(n):
        out[i] = marked[rows_at[i]]


@inner
def _logic(op, to, a, b, n, flags):
    out, x, y = flag_register(flags, to), flag_register(flags, a), flag_register(flags, b)
    if op == _AND:
        for i in range(n):
            out[i] = x[i] & y[i]
    elif op == _OR:
        for i in range(n):
            out[i] = x[i] | y[i]
    elif op == _NOT:
        for i in range(n):
            out[i] = x[i] ^ np.uint8(1)
    elif op == _AND_NOT:
        for i in range(n):
            out[i] = x[i] & (y[i] ^ np.uint8(1))


@kernel(
    ty.int64(
        ty.int32[:, ::1], ty.int64[:, ::1], ty.uint32[::1], ty.uint64[::1], ty.int64[:, ::1], ty.int64[:, ::1],
        ty.int64[:, ::1], ty.uint8[:, ::1], ty.uint64[:, ::1], ty.uint8[:, ::1], ty.uint32[::1], ty.uint32[:, ::1],
    )
)  # fmt: skip
def run(
    program: np.ndarray,
    phases: np.ndarray,
    domain_rows: np.ndarray,
    constants: np.ndarray,
    wide: np.ndarray,
    narrow: np.ndarray,
    marks: np.ndarray,
    truth: np.ndarray,
    words: np.ndarray,
    flags: np.ndarray,
    counts: np.ndarray,
    found: np.ndarray,
) -> int:
    """Run a program; the number of findings.

    Args:
        program: int32 (instructions, 5).
        phases: int64 (phases, 3): domain, first instruction, one past the last.
        domain_rows: uint32 (domains,).
        constants: uint64 bit patterns.
        wide, narrow: int64 (tables, 2), by machine.operations.WideTable and NarrowTable: see machine.memory.addresses.
        marks: int64 (tables, 2), out: the flags that jobs read and find; SCRATCH in `wide` is out too.
        truth: uint8 (predicates, codes): which predicate holds of which string.
        words, flags: uint64 (registers, WORD_STRIDE) and uint8 (registers, FLAG_STRIDE), scratch.
        counts: uint32 (rules), out: findings per rule, added to what is there.
        found: uint32 (2, capacity), out: rule and row of each finding in order; those beyond the capacity are only
            counted, so a caller who gets more than its capacity makes room and runs again.

    """
    total = 0
    capacity = found.shape[1]
    words_at, flags_at, constants_at = address(words), address(flags), address(constants)
    wide_at, narrow_at, marks_at = address(wide), address(narrow), address(marks)
    for phase in range(phases.shape[0]):
        rows: Any = np.int64(domain_rows[phases[phase, 0]])
        first, last = phases[phase, 1], phases[phase, 2]
        for begin in range(0, rows, BLOCK):
            # Unsigned bounds: with signed ones LLVM keeps negative-index checks in every loop, at ten times the cost.
            n = np.uint64(min(BLOCK, rows - begin))
            base = np.uint64(begin)
            # Lanes behind the last row hold anything, and nobody reads them: with whole vectors no loop has a rest.
            lanes = np.uint64(min(BLOCK, (min(BLOCK, rows - begin) + 31) // 32 * 32))
            at = np.uint64(first)
            while at < last:
                op = program[at, 0]
                to = program[at, 1]
                a = program[at, 2]
                b = program[at, 3]
                c = program[at, 4]
                at += np.uint64(1)
                if op < _AND:
                    if op < _EQUAL:
                        _load(op, to, a, b, c, n, base, constants_at, wide_at, narrow_at, marks_at, words_at, flags_at)
                    elif op < _NARROW_EQUAL_K:
                        _compare(op, to, a, b, lanes, constants_at, words_at, flags_at)
                    else:
                        _compare_narrow(op, to, a, b, c, n, base, constants_at, narrow_at, flags_at)
                elif op < _ADD:
                    _logic(op, to, a, b, lanes, flags_at)
                elif op < _HOLDS:
                    arithmetic(op, to, a, b, c, n, constants_at, words_at, flags_at)
                elif op == _HOLDS:
                    out, codes, holds = flag_register(flags_at, to), word_register(words_at, b), truth[a]
                    for i in range(n):
                        out[i] = holds[codes[i]] if codes[i] != _NONE else 0
                elif op == _NARROW_HOLDS:
                    _holds_narrow(flag_register(flags_at, to), narrow_column(narrow_at, b, c, base, n), truth[a], n)
                elif op == _VALUE_KEY:
                    value_key(to, a, b, c, n, constants_at, wide_at, narrow_at, words_at)
                elif op == _MARKED_AT:
                    mark, marked = flag_register(flags_at, to), mark_column(marks_at, a, b, 0, rows_of(marks_at, a))
                    rows_at = narrow_column(narrow_at, c, 0, base, n)
                    _marked_at(mark, marked, rows_at, np.uint64(domain_rows[a]), n)
                elif op == _STORE:
                    stored, word = wide_column(wide_at, a, b, base, n), word_register(words_at, c)
                    for i in range(n):
                        stored[i] = word[i]
                elif op == _MARK:
                    marked, mark = mark_column(marks_at, a, b, base, n), flag_register(flags_at, c)
                    for i in range(n):
                        marked[i] = mark[i]
                elif op == _SKIP:
                    if not is_any(flags_at, b, n):
                        at += np.uint64(a)
                elif op == _REPORT:
                    hit, before = flag_register(flags_at, b), total
                    for i in range(n if is_any(flags_at, b, n) else np.uint64(0)):
                        if hit[i]:
                            if total < capacity:
                                found[0, total] = a
                                found[1, total] = base + i
                            total += 1
                    counts[a] += np.uint32(total - before)
    return total
