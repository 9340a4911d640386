"""Which string values hold control characters; see control.h."""

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.kernels.chain import BATCH, Step
from otlp_verifier.wire.memory import UINT32, UINT64, pointer
from otlp_verifier.wire.steps import step


def find_control(
    values: NDArray[np.uint64], types: NDArray[np.uint32], rows: NDArray[np.uint32], bit: int, found: NDArray[np.uint32]
) -> Step:
    """The step that marks values with control characters other than tab, line feed and carriage return.

    Args:
        values: as in the attributes' columns, shape (at least the rows,).
        types: otlpv_type of each, of the same shape.
        rows: uint32 (1,): how many the batch in hand has.
        bit: the mark.
        found: the result: the mark or 0, of the same shape.

    Raises:
        ValueError: an array has another type or layout, or is too small.

    """
    room = len(values)
    return Step(*step(
        "find_control", BATCH, pointer(values, UINT64), pointer(types, UINT32, room), pointer(rows, UINT32, 1), bit,
        pointer(found, UINT32, room, writable=True),
    ))  # fmt: skip
