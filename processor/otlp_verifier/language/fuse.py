"""Pairs of rows that one operation of the machine does: what is compared with a constant, and a column, read."""

from typing import Final

import numpy as np
from msgspec.structs import replace

from otlp_verifier.language.assembly import NONE
from otlp_verifier.language.fragment import Part
from otlp_verifier.language.link import Linked
from otlp_verifier.machine.operations import Op

# What is done with a column that was loaded: the operation for both.
_FUSED: Final = {
    Op.EQUAL_K: Op.NARROW_EQUAL_K,
    Op.BITS_K: Op.NARROW_BITS_K,
    Op.PRESENT: Op.NARROW_PRESENT,
}
# Comparisons of two words, by which of them is a constant: the operation that takes the other word and the constant.
_WITH_CONSTANT: Final = {
    (Op.EQUAL, 0): Op.EQUAL_K, (Op.EQUAL, 1): Op.EQUAL_K,
    (Op.LESS_UNSIGNED, 1): Op.LESS_UNSIGNED_K, (Op.AT_MOST_UNSIGNED, 1): Op.AT_MOST_UNSIGNED_K,
    (Op.LESS_SIGNED, 1): Op.LESS_SIGNED_K, (Op.AT_MOST_SIGNED, 1): Op.AT_MOST_SIGNED_K,
    (Op.EQUAL_FLOAT, 0): Op.EQUAL_FLOAT_K, (Op.EQUAL_FLOAT, 1): Op.EQUAL_FLOAT_K,
    (Op.LESS_FLOAT, 0): Op.GREATER_FLOAT_K, (Op.LESS_FLOAT, 1): Op.LESS_FLOAT_K,
    (Op.AT_MOST_FLOAT, 0): Op.AT_LEAST_FLOAT_K, (Op.AT_MOST_FLOAT, 1): Op.AT_MOST_FLOAT_K,
}  # fmt: skip
_NARROW: Final = np.uint64(1 << 32)
_POSITIVE: Final = np.uint64(1 << 31)


def fuse(linked: Linked) -> Linked:
    """The same rows; those that read a narrow column and compare it read no row any more.

    The load stays where something else reads it. Where it is compared several times, the column is read each time,
    which takes less than one comparison of the 64 bits that it would be loaded as.
    """
    rows, numbers = linked.rows.copy(), linked.numbers.copy()
    op, inputs = rows[:, Part.OP].copy(), rows[:, Part.INPUTS :]
    for (compared, side), fused in _WITH_CONSTANT.items():
        at = np.flatnonzero(op == compared)
        stated = inputs[at, side].astype(np.int64)
        fits = op[stated] == Op.CONSTANT
        at, stated = at[fits], stated[fits]
        numbers[at, 0] = numbers[stated, 0]
        inputs[at, 0], inputs[at, 1] = inputs[at, 1 - side], NONE
        rows[at, Part.OP] = op[at] = fused
    for compared, fused in _FUSED.items():
        at = np.flatnonzero(op == compared)
        loaded = inputs[at, 0].astype(np.int64)
        limit = np.full(len(at), _NARROW)
        # Numbers with a sign are as they are loaded, as long as they are compared with what has none.
        signed = (op[loaded] == Op.SIGN_32) & (compared == Op.EQUAL_K)
        loaded[signed] = inputs[loaded[signed], 0].astype(np.int64)
        limit[signed] = _POSITIVE
        fits = op[loaded] == Op.NARROW
        if compared != Op.PRESENT:
            fits &= linked.constants[numbers[at, 0]] < limit
        at, loaded = at[fits], loaded[fits]
        rows[at, Part.OP], rows[at, Part.INPUTS] = fused, NONE
        numbers[at] = np.stack([*numbers[loaded, :2].T, numbers[at, 0]], axis=1)
    at = np.flatnonzero(op == Op.HOLDS)
    loaded = inputs[at, 0].astype(np.int64)
    fits = op[loaded] == Op.NARROW
    at, loaded = at[fits], loaded[fits]
    rows[at, Part.OP], rows[at, Part.INPUTS] = Op.NARROW_HOLDS, NONE
    numbers[at, 1:] = numbers[loaded, :2]
    return replace(linked, rows=rows, numbers=numbers)
