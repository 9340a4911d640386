"""Keys: one word for equal values, another for others; and what is kept for jobs."""

import struct

import numpy as np

from otlp_verifier.columns import ValueType
from otlp_verifier.machine.interpreter import run
from otlp_verifier.machine.memory import addresses
from otlp_verifier.machine.operations import BLOCK, MARK_TABLES, NARROW_TABLES, WIDE_TABLES, Op, WideTable
from tests.machine.programs import Memory

STRING, INT, DOUBLE, BOOL, EMPTY = (
    int(ValueType.STRING), int(ValueType.INT), int(ValueType.DOUBLE), int(ValueType.BOOL), 0,
)  # fmt: skip
MINUS_ONE = 2**64 - 1


def bits(number: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", number))[0])


# type, payload, dictionary code, and what the value is
VALUES = [
    (EMPTY, 0, 0, None),
    (EMPTY, 7, 9, None),
    (STRING, 5, 1, "a"),
    (STRING, 6, 1, "a"),
    (STRING, 5, 2, "b"),
    (INT, 1, 0, 1),
    (DOUBLE, bits(1.0), 0, 1),
    (INT, 0, 0, 0),
    (DOUBLE, bits(-0.0), 0, 0),
    (INT, MINUS_ONE, 3, -1),
    (DOUBLE, bits(-1.0), 0, -1),
    (DOUBLE, bits(0.5), 0, 0.5),
    (DOUBLE, bits(1e300), 0, 1e300),
    (BOOL, 1, 0, "true"),
    (BOOL, 0, 0, "false"),
]


def test_equal_values_have_one_key_and_others_another() -> None:
    columns = np.array([[value[part] for value in VALUES] for part in range(3)], np.uint64)
    memory = Memory(columns, np.zeros((1, len(VALUES)), np.uint32))
    loads = [(Op.WIDE, part, 0, part, 0) for part in range(3)]
    found = memory.run([*loads, (Op.KEY, 3, 0, 1, 2)], len(VALUES))
    keys = found.words[3, : len(VALUES)].tolist()
    valued = [(value[-1], key) for value, key in zip(VALUES, keys, strict=True)]
    for a, key_a in valued:
        for b, key_b in valued:
            assert (key_a == key_b) == (a == b and type(a) is type(b)), (a, b)


def test_equal_pairs_have_one_key() -> None:
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (MINUS_ONE, 0), (0, MINUS_ONE), (1, 0)]
    memory = Memory(np.array([[a for a, _ in pairs], [b for _, b in pairs]], np.uint64), np.zeros((1, 7), np.uint32))
    found = memory.run([(Op.WIDE, 0, 0, 0, 0), (Op.WIDE, 1, 0, 1, 0), (Op.MIX, 2, 0, 1, 0)], len(pairs))
    keys = found.words[2, : len(pairs)].tolist()
    assert [[a == b for b in pairs] for a in pairs] == [[a == b for b in keys] for a in keys]


def test_what_is_kept_for_jobs_stands_in_its_column() -> None:
    rows = 2 * BLOCK + 3
    source = np.arange(rows, dtype=np.uint64)[None]
    scratch, marks = np.zeros((2, rows), np.uint64), np.zeros((2, rows), np.uint8)
    wide = [source] * WIDE_TABLES
    wide[WideTable.SCRATCH + 2] = scratch
    program = [
        (Op.WIDE, 0, WideTable.SPANS, 0, 0),
        (Op.BITS_K, 0, 0, 0, 0),
        (Op.STORE, 0, WideTable.SCRATCH + 2, 1, 0),
        (Op.MARK, 0, 2, 1, 0),
    ]
    run(
        np.array(program, np.int32),
        np.array([(0, len(program), rows)], np.int64),
        np.array([1], np.uint64),
        addresses(wide),
        addresses([np.zeros((1, 1), np.uint32)] * NARROW_TABLES),
        addresses([marks] * MARK_TABLES),
        np.zeros((1, 1), np.uint8),
        np.zeros((1, BLOCK), np.uint64),
        np.zeros((1, BLOCK), np.uint8),
        np.zeros(1, np.uint32),
        np.zeros((2, 1), np.uint32),
    )
    assert scratch.tolist() == [[0] * rows, source[0].tolist()]
    assert marks.tolist() == [[0] * rows, [number % 2 for number in range(rows)]]
