"""Columns by address.

Each view of an array that a kernel makes costs two atomic reference counts, and
each array handed over a look at its type and layout; an address costs neither. The arrays behind the addresses must
outlive the call.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.kernels import inner, viewer
from otlp_verifier.machine.operations import BLOCK, FLAG_STRIDE, WORD_STRIDE


def addresses(tables: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """int64 (tables, 2): each table's address, and its capacity, the stride between its columns in rows."""
    return np.array([(table.ctypes.data, table.shape[1]) for table in tables], np.int64)


_view = viewer()


@inner
def address(array):
    """Where an array's first element is."""
    return np.int64(array.ctypes.data)


@inner
def _column(tables, table, width, column, first):
    """The address of row `first` of a column of `width` bytes; `tables` is the address of what `addresses` made."""
    entry = _view(tables + 16 * np.int64(table), 2, np.int64)
    return entry[0] + width * (np.int64(column) * entry[1] + np.int64(first))


@inner
def rows_of(tables, table):
    """A table's capacity."""
    return _view(tables + 16 * np.int64(table), 2, np.int64)[1]


@inner
def wide_column(tables, table, column, first, rows):
    """`rows` rows of a 64-bit column, from row `first`."""
    return _view(_column(tables, table, 8, column, first), np.int64(rows), np.uint64)


@inner
def real_column(tables, table, column, first, rows):
    """The same as decimals."""
    return _view(_column(tables, table, 8, column, first), np.int64(rows), np.float64)


@inner
def narrow_column(tables, table, column, first, rows):
    """`rows` rows of a 32-bit column, from row `first`."""
    return _view(_column(tables, table, 4, column, first), np.int64(rows), np.uint32)


@inner
def mark_column(tables, table, column, first, rows):
    """`rows` rows of an 8-bit column, from row `first`."""
    return _view(_column(tables, table, 1, column, first), np.int64(rows), np.uint8)


@inner
def constant(constants, index):
    """A constant's bits."""
    return _view(constants + 8 * np.int64(index), 1, np.uint64)[0]


@inner
def float_constant(constants, index):
    """A constant as a float."""
    return _view(constants + 8 * np.int64(index), 1, np.float64)[0]


@inner
def word_register(words, register):
    """A register's lanes, of the scratch that begins at the address `words`."""
    return _view(words + 8 * WORD_STRIDE * np.int64(register), BLOCK, np.uint64)


@inner
def flag_register(flags, register):
    """The same for a register of flags."""
    return _view(flags + FLAG_STRIDE * np.int64(register), BLOCK, np.uint8)


@inner
def is_any(flags, register, rows):
    """Whether a flag is set in any of the first `rows` lanes: eight at a time, then those that are left."""
    at, whole = flags + FLAG_STRIDE * np.int64(register), np.int64(rows) // 8
    words, last = _view(at, BLOCK // 8, np.uint64), _view(at, BLOCK, np.uint8)
    found = np.uint64(0)
    for i in range(np.uint64(whole)):
        found |= words[i]
    for i in range(np.uint64(8 * whole), np.uint64(rows)):
        found |= np.uint64(last[i])
    return found != 0


@inner
def signed_register(words, register):
    """A register's lanes as signed numbers."""
    return _view(words + 8 * WORD_STRIDE * np.int64(register), BLOCK, np.int64)


@inner
def float_register(words, register):
    """A register's lanes as floats."""
    return _view(words + 8 * WORD_STRIDE * np.int64(register), BLOCK, np.float64)
