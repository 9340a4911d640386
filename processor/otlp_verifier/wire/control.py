"""Which string values hold control characters; see control.h."""

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.memory import UINT32, UINT64, pointer


def find_control(
    buffer: bytes | memoryview,
    values: NDArray[np.uint64],
    types: NDArray[np.uint32],
    rows: int,
    bit: int,
    found: NDArray[np.uint32],
) -> None:
    """Mark values with control characters other than tab, line feed and carriage return.

    Args:
        buffer: what the values point into.
        values: as in the attributes' columns, shape (at least rows,).
        types: otlpv_type of each, of the same shape.
        rows: how many count.
        bit: the mark.
        found: the result: the mark or 0, of the same shape.

    Raises:
        ValueError: an array has another type or layout, or is too small.

    """
    lib.otlpv_find_control(
        ffi.from_buffer("uint8_t[]", buffer), pointer(values, UINT64, rows), pointer(types, UINT32, rows), rows, bit,
        pointer(found, UINT32, rows, writable=True),
    )  # fmt: skip
