"""Python's memory as C sees it."""

import mmap
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.wire._native import ffi

UINT8: Final = np.dtype(np.uint8)
UINT32: Final = np.dtype(np.uint32)
UINT64: Final = np.dtype(np.uint64)
_ARRAY_TYPES: Final = {
    UINT8: ffi.typeof("uint8_t[]"),
    UINT32: ffi.typeof("uint32_t[]"),
    UINT64: ffi.typeof("uint64_t[]"),
}

_ALIGNED: Final = 64
_PIECE_FIRST: Final = 1 << 16
LARGE_FROM: Final = 4 << 20
_LARGE_PAGE: Final = 2 << 20
_PIECE_MOST: Final = LARGE_FROM

Element = TypeVar("Element", bound=np.generic)


def pointer(array: NDArray[Any], dtype: np.dtype[Any], rows: int = 0, *, writable: bool = False) -> Any:
    """Return the memory of an array as a cffi array, which keeps it alive.

    Raises:
        ValueError: another type or layout than C will take for granted, fewer than `rows` elements, or read-only
            where C will write.

    """
    if array.dtype != dtype or array.size < rows:
        raise ValueError(f"needed are {rows} {dtype}, not an array of {array.dtype} with shape {array.shape}")
    return ffi.from_buffer(_ARRAY_TYPES[dtype], array, writable)  # refuses what is not contiguous


def fresh(size: int) -> NDArray[np.uint8]:
    """Memory that is not set; from 4 MiB on in large pages from its first byte to its last, where the system has them.

    A page of 4 KiB that is new takes the system 1.6 us, its share of a large one 0.5: more than what fills it.
    Numpy asks for large pages too, but without a place for them: half of 4 MiB were small ones.
    """
    if size < LARGE_FROM:
        return np.empty(size, np.uint8)
    around = mmap.mmap(-1, size + _LARGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        around.madvise(mmap.MADV_HUGEPAGE)
    memory = np.frombuffer(around, np.uint8)
    start = -memory.ctypes.data % _LARGE_PAGE
    return memory[start : start + size]


class Supply:
    """Hands out arrays one after another, of pieces of memory that go back when no array of theirs is left.

    The first pieces are small, so that little is not made expensive.
    """

    def __init__(self) -> None:
        self._rest = fresh(_PIECE_FIRST)
        self._pieces = _PIECE_FIRST

    def take(self, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array of so many elements that are not set, shape (count,)."""
        size = count * dtype.itemsize
        if size > len(self._rest):
            self._rest = fresh(max(size, min(4 * self._pieces, _PIECE_MOST)))
            self._pieces *= 4
        taken, self._rest = self._rest[:size].view(dtype), self._rest[-(-size // _ALIGNED) * _ALIGNED :]
        return taken


def content(buffer: bytes | memoryview) -> Any:
    """Return the bytes of a buffer as a cffi array, which keeps them alive.

    cffi holds no memoryview itself: Python 3.11 crashes when it finds both in a cycle, such as an error makes of the
    frames that it has passed, because a memoryview gives its memory up even while somebody uses it. An array does not.
    """
    return ffi.from_buffer(_ARRAY_TYPES[UINT8], buffer if isinstance(buffer, bytes) else np.frombuffer(buffer, UINT8))


def with_room(table: NDArray[Element], columns: int) -> NDArray[Element]:
    """The same table if it has so many columns, else one with as many or more; the new ones are 0."""
    if columns <= table.shape[1]:
        return table
    wider = np.zeros((len(table), 1 << (columns - 1).bit_length()), table.dtype)
    wider[:, : table.shape[1]] = table
    return wider


def joined(strings: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """Put strings end to end, and make the texts (see columns.h) that point to them."""
    texts = []
    offset = 0
    for string in strings:
        texts.append(offset << 32 | len(string))
        offset += len(string)
    return b"".join(strings), texts
