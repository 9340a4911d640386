"""Columns by address.

Handing two dozen arrays to a compiled function costs 30 us a call in numba's
type checks, as much as judging a batch of 512 spans; handing over one array of
addresses costs nothing. The arrays behind the addresses must outlive the call.
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
def wide_column(tables, table, column, first, rows):
    """`rows` rows of a 64-bit column, from row `first`."""
    at = tables[table, 0] + 8 * (np.int64(column) * tables[table, 1] + np.int64(first))
    return carray(_pointer(at), (np.int64(rows),), np.uint64)


@nb.njit(cache=True, nogil=True)
def narrow_column(tables, table, column, first, rows):
    """`rows` rows of a 32-bit column, from row `first`."""
    at = tables[table, 0] + 4 * (np.int64(column) * tables[table, 1] + np.int64(first))
    return carray(_pointer(at), (np.int64(rows),), np.uint32)


@nb.njit(cache=True, nogil=True)
def mark_column(tables, table, column, first, rows):
    """`rows` rows of an 8-bit column, from row `first`."""
    at = tables[table, 0] + np.int64(column) * tables[table, 1] + np.int64(first)
    return carray(_pointer(at), (np.int64(rows),), np.uint8)
