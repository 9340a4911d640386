"""Operations of the machine that give a word: arithmetic, selection, keys."""

import numpy as np

from otlp_verifier.columns import NO_ROW, AttributeNarrow, AttributeWide, ValueType
from otlp_verifier.kernels import inner
from otlp_verifier.machine.memory import (
    constant,
    flag_register,
    float_register,
    narrow_column,
    real_column,
    rows_of,
    signed_register,
    wide_column,
    word_register,
)
from otlp_verifier.machine.operations import NarrowTable, Op, WideTable

# numba freezes integers, not enums.
_UNSIGNED_MAX = np.uint64(2**64 - 1)
_TOP = np.uint64(2**63)
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = int(Op.ADD), int(Op.SUBTRACT), int(Op.MULTIPLY), int(Op.DIVIDE)
_TIME_MINUS_TIME, _TIME_PLUS, _TIME_MINUS = int(Op.TIME_MINUS_TIME), int(Op.TIME_PLUS), int(Op.TIME_MINUS)
_ADD_FLOAT, _SUBTRACT_FLOAT = int(Op.ADD_FLOAT), int(Op.SUBTRACT_FLOAT)
_MULTIPLY_FLOAT, _DIVIDE_FLOAT, _TO_FLOAT = int(Op.MULTIPLY_FLOAT), int(Op.DIVIDE_FLOAT), int(Op.TO_FLOAT)
_MASK_K, _SHIFT_RIGHT, _SIGN_32, _SELECT = int(Op.MASK_K), int(Op.SHIFT_RIGHT), int(Op.SIGN_32), int(Op.SELECT)
_KEY, _MIX, _SMALLER, _LARGER = int(Op.KEY), int(Op.MIX), int(Op.SMALLER), int(Op.LARGER)
_STRING, _INT, _DOUBLE = np.uint64(ValueType.STRING), np.uint64(ValueType.INT), np.uint64(ValueType.DOUBLE)
_NONE, _TYPE, _VALUE = np.uint64(NO_ROW), int(AttributeNarrow.TYPE), int(AttributeWide.VALUE)
_ATTRIBUTES, _ATTRIBUTES_NARROW = int(WideTable.ATTRIBUTES), int(NarrowTable.ATTRIBUTES)
_ODD_A, _ODD_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_WHOLE_MAX = 2.0**63


@inner
def _hash(kind, content):
    h = (content ^ (kind * _ODD_A)) * _ODD_B
    return h ^ (h >> np.uint64(32))


@inner
def _key(kind, payload, real, code):
    """One word for a value: within a type no two values share one, and 1 and 1.0 are the same number."""
    content = payload
    if kind == _STRING:
        content = code
    elif kind == _DOUBLE:
        if abs(real) < _WHOLE_MAX and real == np.floor(real):
            kind, content = _INT, np.uint64(np.int64(real))
    elif kind == 0:
        content = np.uint64(0)
    return _hash(kind, content)


@inner
def value_key(to, a, b, c, n, constants, wide, narrow, words):
    """Run VALUE_KEY over `n` rows of a block: arrays, maps, bytes and NaN equal nothing.

    One operation, as every join by an attribute needs it; put together from a dozen it took 15 ns.
    """
    out, rows, codes = word_register(words, to), word_register(words, a), word_register(words, b)
    count = rows_of(wide, _ATTRIBUTES)
    kinds = narrow_column(narrow, _ATTRIBUTES_NARROW, _TYPE, 0, count)
    payloads, reals = wide_column(wide, _ATTRIBUTES, _VALUE, 0, count), real_column(wide, _ATTRIBUTES, _VALUE, 0, count)
    nothing, nil = constant(constants, c), _key(np.uint64(0), np.uint64(0), 0.0, np.uint64(0))
    for i in range(n):
        row = rows[i]
        if row == _NONE:
            out[i] = nil
            continue
        kind, content = np.uint64(kinds[row]), payloads[row]
        if kind < _DOUBLE:
            content = codes[i] if kind == _STRING else content if kind != 0 else np.uint64(0)
            out[i] = _hash(kind, content)
        elif kind == _DOUBLE and reals[row] == reals[row]:
            out[i] = _key(kind, content, reals[row], codes[i])
        else:
            out[i] = nothing


@inner
def _quotient(p, q):
    """Division towards zero, as Go's; the two cases that trap the processor are 0 and the wrapped value."""
    if q == 0:
        return np.int64(0)
    if q == -1:
        return np.int64(0) - p
    floor = p // q
    return floor + np.int64(1) if floor < 0 and floor * q != p else floor


@inner
def _arithmetic_float(op, to, a, b, n, words):
    out = float_register(words, to)
    if op == _TO_FLOAT:
        signed = signed_register(words, a)
        for i in range(n):
            out[i] = signed[i]
        return
    x, y = float_register(words, a), float_register(words, b)
    if op == _ADD_FLOAT:
        for i in range(n):
            out[i] = x[i] + y[i]
    elif op == _SUBTRACT_FLOAT:
        for i in range(n):
            out[i] = x[i] - y[i]
    elif op == _MULTIPLY_FLOAT:
        for i in range(n):
            out[i] = x[i] * y[i]
    elif op == _DIVIDE_FLOAT:
        for i in range(n):
            out[i] = x[i] / y[i]


@inner
def arithmetic(op, to, a, b, c, n, constants, words, flags):
    """Run one operation that gives a word, over `n` rows of a block."""
    out = word_register(words, to)
    if op == _TIME_MINUS_TIME:
        x, y = word_register(words, a), word_register(words, b)
        for i in range(n):
            d = x[i] - y[i]
            if x[i] >= y[i]:
                out[i] = d if d < _TOP else _TOP - np.uint64(1)
            else:
                out[i] = d if d >= _TOP else _TOP
    elif op == _TIME_PLUS or op == _TIME_MINUS:
        x, y = word_register(words, a), word_register(words, b)
        for i in range(n):
            d = y[i] if op == _TIME_PLUS else ~y[i] + np.uint64(1)
            s = x[i] + d
            # The sign of the duration that is applied, not of the operand: -(-2^63) is 2^63.
            forward = (y[i] < _TOP) == (op == _TIME_PLUS) or y[i] == 0
            if forward:
                out[i] = s if s >= x[i] else _UNSIGNED_MAX
            else:
                out[i] = s if s <= x[i] else np.uint64(0)
    elif op == _SIGN_32:
        x = word_register(words, a)
        for i in range(n):
            out[i] = np.uint64(np.int64(np.int32(np.uint32(x[i]))))
    elif op == _MASK_K:
        x, k = word_register(words, a), constant(constants, b)
        for i in range(n):
            out[i] = x[i] & k
    elif op == _SHIFT_RIGHT:
        x, bits = word_register(words, a), np.uint64(b)
        for i in range(n):
            out[i] = x[i] >> bits
    elif op == _SELECT:
        flag, x, y = flag_register(flags, a), word_register(words, b), word_register(words, c)
        for i in range(n):
            # With `if` it is no vector loop, and takes ten times as long.
            out[i] = y[i] ^ ((x[i] ^ y[i]) & (np.uint64(0) - np.uint64(flag[i])))
    elif op == _KEY:
        kinds, payloads, codes = word_register(words, a), word_register(words, b), word_register(words, c)
        reals = float_register(words, b)
        for i in range(n):
            out[i] = _key(kinds[i], payloads[i], reals[i], codes[i])
    elif op == _MIX:
        x, y = word_register(words, a), word_register(words, b)
        for i in range(n):
            # Folded before it is added: else the highest bits of both cancel each other.
            h = (x[i] ^ (x[i] >> np.uint64(32))) * _ODD_A
            h = ((h ^ (h >> np.uint64(29))) + y[i]) * _ODD_B
            out[i] = h ^ (h >> np.uint64(32))
    elif op == _SMALLER:
        x, y = word_register(words, a), word_register(words, b)
        for i in range(n):
            out[i] = min(x[i], y[i])
    elif op == _LARGER:
        x, y = word_register(words, a), word_register(words, b)
        for i in range(n):
            out[i] = max(x[i], y[i])
    elif op == _ADD:
        x, y = word_register(words, a), word_register(words, b)
        for i in range(n):
            out[i] = x[i] + y[i]
    elif op == _SUBTRACT:
        x, y = word_register(words, a), word_register(words, b)
        for i in range(n):
            out[i] = x[i] - y[i]
    elif op == _MULTIPLY:
        x, y = word_register(words, a), word_register(words, b)
        for i in range(n):
            out[i] = x[i] * y[i]
    elif op == _DIVIDE:
        p, q, r = signed_register(words, a), signed_register(words, b), signed_register(words, to)
        for i in range(n):
            r[i] = _quotient(p[i], q[i])
    else:
        _arithmetic_float(op, to, a, b, n, words)
