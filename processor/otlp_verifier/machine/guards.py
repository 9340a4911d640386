"""The kernel that finds out which phases of a program a batch asks for."""

from typing import Final

import numpy as np

from otlp_verifier.kernels import kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.program import ALWAYS

_ALWAYS: Final = int(ALWAYS)


@kernel(ty.void(ty.uint8[:, ::1], ty.uint32[::1], ty.int64[::1], ty.uint8[::1]))
def meet_guards(marks: np.ndarray, shape_rows: np.ndarray, guards: np.ndarray, runs: np.ndarray) -> None:
    """Find out which phases a batch asks for.

    Args:
        marks: uint8 (marks, >= shapes): 0 or 1 for each shape.
        shape_rows: uint32 (1,): how many shapes there are.
        guards: int64 (phases,): of each the mark that some shape must have, or ALWAYS.
        runs: uint8 (phases,), out: 1 where it is run.

    """
    for phase in range(len(guards)):
        is_met = np.uint8(1)
        if guards[phase] != _ALWAYS:
            is_met = np.uint8(0)
            of_shapes = marks[guards[phase]]
            for shape in range(np.int64(shape_rows[0])):
                is_met |= of_shapes[shape]
        runs[phase] = is_met
