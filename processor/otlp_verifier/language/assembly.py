"""The inner loops of linking and of writing programs, in C: wire/assembly.h.

They go over some ten thousand rows at every reload, which in Python would take
longer than a reload may.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.language.graph import FLAG_OPS
from otlp_verifier.machine.operations import Op
from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.memory import UINT8, UINT32, UINT64, pointer

WIDTH: Final[int] = ffi.sizeof("otlpv_row") // 8
NONE: Final[int] = lib.OTLPV_NO_INPUT
NO_ROW: Final = 0xFFFFFFFF
# What stands in rows beside the machine's operations.
JOB: Final = 100
RESULT: Final = 101  # of a job: a word
FLAG_RESULT: Final = 102  # a flag


def _kinds() -> NDArray[np.uint8]:
    kinds = np.zeros(FLAG_RESULT + 1, np.uint8)
    kinds[[int(op) for op in FLAG_OPS]] |= lib.OTLPV_OP_FLAG
    kinds[[Op.AND, Op.OR, Op.EQUAL]] |= lib.OTLPV_OP_COMMUTES
    kinds[[RESULT, FLAG_RESULT]] |= lib.OTLPV_OP_LATER
    kinds[FLAG_RESULT] |= lib.OTLPV_OP_FLAG
    kinds[Op.HOLDS] |= lib.OTLPV_OP_ONE_FIRST
    kinds[[Op.WIDE_AT, Op.NARROW_AT, Op.ROW_AT]] |= lib.OTLPV_OP_TWO_FIRST
    return kinds


_KINDS: Final = _kinds()
_CODES: Final = np.array([*range(RESULT), Op.WIDE, Op.MARKED], np.uint32)


def column(field: str) -> int:
    """Where a field of a row stands, counted in words."""
    return int(ffi.offsetof("otlpv_row", field)) // 8


def unify(
    rows: NDArray[np.uint64], starts: NDArray[np.uint32], slots: NDArray[np.uint32], slot_starts: NDArray[np.uint32]
) -> tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint32]]:
    """Join the rows of several fragments: uint64 (different rows, WIDTH), where each row is now, and their levels.

    Args:
        rows: uint64 (rows, WIDTH), those of all fragments; inputs and symbols are a fragment's own.
        starts: uint32 (fragments + 1,), where the rows of each begin.
        slots: uint32, what the symbols of all fragments stand for.
        slot_starts: uint32 (fragments,), where those of each begin.

    """
    count = len(rows)
    out, places, levels = np.empty_like(rows), np.empty(count, np.uint32), np.empty(count, np.uint32)
    cells = np.empty(1 << (2 * count + 1).bit_length(), np.uint32)
    made = lib.otlpv_unify(
        _rows(rows), pointer(starts, UINT32), len(starts) - 1, pointer(slots, UINT32), pointer(slot_starts, UINT32),
        pointer(_KINDS, UINT8), _rows(out), pointer(places, UINT32, writable=True),
        pointer(levels, UINT32, writable=True), pointer(cells, UINT32, writable=True), len(cells),
    )  # fmt: skip
    return out[:made], places, levels[:made]


def mark_needed(rows: NDArray[np.uint64], needed: NDArray[np.uint8]) -> None:
    """Spread `needed`, uint8 (rows,), from rows to all that they read."""
    lib.otlpv_mark_needed(_rows(rows), len(rows), pointer(needed, UINT8, len(rows), writable=True))


class Writer:
    """Writes the phases of programs over one set of rows.

    Args:
        rows: uint64 (rows, WIDTH).
        numbers: uint32 (rows, 3), the numbers of each as they stand in instructions.

    """

    def __init__(self, rows: NDArray[np.uint64], numbers: NDArray[np.uint32]) -> None:
        count = len(rows)
        self._rows, self._count = _rows(rows), count
        self._numbers, self._kinds, self._codes = (
            pointer(numbers, UINT32, 3 * count), pointer(_KINDS, UINT8), pointer(_CODES, UINT32),
        )  # fmt: skip
        self._seen = np.zeros(count, np.uint8)
        inputs = lib.OTLPV_ROW_INPUTS
        self._scratch = [np.empty(size, np.uint32) for size in ((1 + inputs) * count + 1, count, count, 2 * count)]

    def write(self, targets: NDArray[np.uint32]) -> tuple[NDArray[np.int32], int, int]:
        """One domain's instructions, int32 (instructions, 5), and how many registers for words and flags they take.

        Args:
            targets: uint32 (targets, 4): a row, and the operation, a and b of the instruction that takes what it
                gives; b is NO_ROW where the register is b, else the register is c.

        """
        order = np.empty(self._count + len(targets), np.uint32)
        out = np.empty((len(order), 5), np.uint32)
        stack, last, registers, free = (pointer(each, UINT32, writable=True) for each in self._scratch)
        phase = ffi.new(
            "otlpv_phase *",
            {
                "rows": self._rows, "numbers": self._numbers, "kinds": self._kinds, "codes": self._codes,
                "row_count": self._count, "seen": pointer(self._seen, UINT8, writable=True), "stack": stack,
                "order": pointer(order, UINT32, writable=True), "last": last, "registers": registers, "free": free,
            },
        )  # fmt: skip
        made = lib.otlpv_write_phase(
            phase,
            ffi.cast("otlpv_target *", pointer(targets, UINT32)),
            len(targets),
            ffi.cast("otlpv_instruction *", pointer(out, UINT32, writable=True)),
        )
        return out[:made].view(np.int32), phase.used[0], phase.used[1]


def _rows(rows: NDArray[np.uint64]) -> Any:
    return ffi.cast("otlpv_row *", pointer(rows, UINT64, writable=rows.flags.writeable))
