"""Python's memory as C sees it."""

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
