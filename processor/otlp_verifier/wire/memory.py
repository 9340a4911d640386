"""Python's memory as C sees it."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.wire._native import ffi

_ARRAY_TYPES: Final = {np.uint8: "uint8_t[]", np.uint32: "uint32_t[]", np.uint64: "uint64_t[]"}


def pointer(array: NDArray[Any], dtype: type[np.generic], rows: int = 0, *, writable: bool = False) -> Any:
    """Return the memory of an array, which the caller keeps alive, as a cffi array.

    Raises:
        ValueError: another type or layout than C will take for granted, fewer than `rows` elements, or read-only
            where C will write.

    """
    if array.dtype != dtype or not array.flags.c_contiguous or array.size < rows or (writable and not array.flags.writeable):
        raise ValueError(
            f"needed is a contiguous {'writable ' if writable else ''}array of {rows} {dtype.__name__}, "
            f"not one of {array.dtype} with shape {array.shape} and strides {array.strides}"
        )
    return ffi.from_buffer(_ARRAY_TYPES[dtype], array)


def joined(strings: Sequence[bytes]) -> tuple[bytes, NDArray[np.uint64]]:
    """Put strings end to end; also the texts (see columns.h) that point to them, shape (strings,)."""
    lengths = np.fromiter(map(len, strings), np.uint64, len(strings))
    offsets = np.cumsum(lengths) - lengths
    return b"".join(strings), offsets << np.uint64(32) | lengths
