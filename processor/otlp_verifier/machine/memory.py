"""Columns by address.

Handing two dozen arrays to a compiled function costs 30 us a call in numba's
type checks, and each view of an array that a kernel makes costs two atomic
reference counts; an address costs neither. The arrays behind the addresses must
outlive the call.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numba as nb
import numpy as np
from numba import carray  # type: ignore[attr-defined]  # not in its __all__
from numba.core import cgutils, config, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from otlp_verifier.machine.operations import BLOCK, FLAG_STRIDE, WORD_STRIDE


def addresses(tables: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """int64 (tables, 2): each table's address, and its capacity, the stride between its columns in rows."""
    return np.array([(table.ctypes.data, table.shape[1]) for table in tables], np.int64)


def _inttoptr(_typing: Any, address: Any) -> Any:
    """Make a number a pointer, for nb.carray."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


def _plain_pointer(address: np.int64) -> ctypes.c_void_p:
    return ctypes.c_void_p(int(address))


# With the compiler off, the kernels run as plain Python, to be stepped through or measured for coverage.
_pointer: Any = _plain_pointer if config.DISABLE_JIT else intrinsic(_inttoptr)  # type: ignore[attr-defined]


@nb.njit(cache=True, nogil=True)
def address(array):
    """Where an array's first element is."""
    return np.int64(array.ctypes.data)


@nb.njit(cache=True, nogil=True)
def _column(tables, table, width, column, first):
    """The address of row `first` of a column of `width` bytes; `tables` is the address of what `addresses` made."""
    entry = carray(_pointer(tables + 16 * np.int64(table)), (2,), np.int64)
    return entry[0] + width * (np.int64(column) * entry[1] + np.int64(first))


@nb.njit(cache=True, nogil=True)
def rows_of(tables, table):
    """A table's capacity."""
    return carray(_pointer(tables + 16 * np.int64(table)), (2,), np.int64)[1]


@nb.njit(cache=True, nogil=True)
def wide_column(tables, table, column, first, rows):
    """`rows` rows of a 64-bit column, from row `first`."""
    return carray(_pointer(_column(tables, table, 8, column, first)), (np.int64(rows),), np.uint64)


@nb.njit(cache=True, nogil=True)
def real_column(tables, table, column, first, rows):
    """The same as decimals."""
    return carray(_pointer(_column(tables, table, 8, column, first)), (np.int64(rows),), np.float64)


@nb.njit(cache=True, nogil=True)
def narrow_column(tables, table, column, first, rows):
    """`rows` rows of a 32-bit column, from row `first`."""
    return carray(_pointer(_column(tables, table, 4, column, first)), (np.int64(rows),), np.uint32)


@nb.njit(cache=True, nogil=True)
def mark_column(tables, table, column, first, rows):
    """`rows` rows of an 8-bit column, from row `first`."""
    return carray(_pointer(_column(tables, table, 1, column, first)), (np.int64(rows),), np.uint8)


@nb.njit(cache=True, nogil=True)
def constant(constants, index):
    """A constant's bits."""
    return carray(_pointer(constants + 8 * np.int64(index)), (1,), np.uint64)[0]


@nb.njit(cache=True, nogil=True)
def float_constant(constants, index):
    """A constant as a float."""
    return carray(_pointer(constants + 8 * np.int64(index)), (1,), np.float64)[0]


@nb.njit(cache=True, nogil=True)
def word_register(words, register):
    """A register's lanes, of the scratch that begins at the address `words`."""
    return carray(_pointer(words + 8 * WORD_STRIDE * np.int64(register)), (BLOCK,), np.uint64)


@nb.njit(cache=True, nogil=True)
def flag_register(flags, register):
    """The same for a register of flags."""
    return carray(_pointer(flags + FLAG_STRIDE * np.int64(register)), (BLOCK,), np.uint8)


@nb.njit(cache=True, nogil=True)
def signed_register(words, register):
    """A register's lanes as signed numbers."""
    return carray(_pointer(words + 8 * WORD_STRIDE * np.int64(register)), (BLOCK,), np.int64)


@nb.njit(cache=True, nogil=True)
def float_register(words, register):
    """A register's lanes as floats."""
    return carray(_pointer(words + 8 * WORD_STRIDE * np.int64(register)), (BLOCK,), np.float64)
