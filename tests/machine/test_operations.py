"""Every operation on every pair of words where a reading turns, against Python's own numbers."""

import itertools
import math

import numpy as np
import pytest

from otlp_verifier.columns import AttributeNarrow, AttributeWide
from otlp_verifier.machine.operations import BLOCK, Op
from tests.machine.programs import EXTREMES, NO_ROW, Memory
from tests.reference import machine as reference

PAIRS = [(x, y) for x in EXTREMES for y in EXTREMES]
ROWS = len(PAIRS)
MEMORY = Memory(np.array([[x for x, _ in PAIRS], [y for _, y in PAIRS]], np.uint64), np.zeros((1, ROWS), np.uint32))
LOADS = [(Op.WIDE, 0, 0, 0, 0), (Op.WIDE, 1, 0, 1, 0)]


def test_the_twin_knows_every_operation() -> None:
    others = {
        Op.ROW, Op.WIDE, Op.NARROW, Op.WIDE_AT, Op.NARROW_AT, Op.ROW_AT, Op.CONSTANT, Op.FLAG_CONSTANT, Op.PRESENT,
        Op.MASK_K, Op.SHIFT_RIGHT, Op.SELECT, Op.HOLDS, Op.REPORT, Op.STORE, Op.MARK, Op.KEY, Op.MIX,
        Op.MARKED, Op.MARKED_AT, Op.VALUE_KEY, Op.NARROW_PRESENT, Op.NARROW_HOLDS, Op.SKIP,
    }  # fmt: skip
    tables = (
        reference.COMPARISONS, reference.CONSTANT_COMPARISONS, reference.NARROW_COMPARISONS, reference.LOGIC,
        reference.ARITHMETIC,
    )  # fmt: skip
    assert set().union(others, *tables) == set(Op)


@pytest.mark.parametrize("op", list(reference.COMPARISONS), ids=lambda op: op.name)
def test_comparisons_of_words(op: Op) -> None:
    found = MEMORY.run([*LOADS, (op, 2, 0, 1, 0)], ROWS)
    assert found.flags[2, :ROWS].tolist() == [reference.COMPARISONS[op](x, y) for x, y in PAIRS]


@pytest.mark.parametrize("op", list(reference.CONSTANT_COMPARISONS), ids=lambda op: op.name)
def test_comparisons_with_constants(op: Op) -> None:
    memory = Memory(np.array([EXTREMES], np.uint64), MEMORY.narrow)
    compare = [(op, k, 0, k, 0) for k in range(len(EXTREMES))]
    found = memory.run([LOADS[0], *compare], len(EXTREMES))
    for k, constant in enumerate(EXTREMES):
        expected = [reference.CONSTANT_COMPARISONS[op](x, constant) for x in EXTREMES]
        assert found.flags[k, : len(EXTREMES)].tolist() == expected, f"against {constant:#x}"


@pytest.mark.parametrize("op", list(reference.LOGIC), ids=lambda op: op.name)
def test_logic(op: Op) -> None:
    memory = Memory(np.array([[0, 0, 1, 1], [0, 1, 0, 1]], np.uint64), np.zeros((1, 4), np.uint32))
    is_one = [(Op.EQUAL_K, to, to, EXTREMES.index(1), 0) for to in (0, 1)]
    found = memory.run([*LOADS, *is_one, (op, 2, 0, 1, 0)], 4)
    expected = [int(reference.LOGIC[op](p, q)) for p in (False, True) for q in (False, True)]
    assert found.flags[2, :4].tolist() == expected


@pytest.mark.parametrize("op", list(reference.ARITHMETIC), ids=lambda op: op.name)
def test_arithmetic(op: Op) -> None:
    words = MEMORY.run([*LOADS, (op, 2, 0, 1, 0)], ROWS).words[2, :ROWS].tolist()
    if op in reference.FLOAT_RESULTS:
        words = [reference.real_bits(reference.real(word)) for word in words]
    assert words == [reference.ARITHMETIC[op](x, y) for x, y in PAIRS]


def test_a_result_may_replace_its_operand() -> None:
    for op in (Op.ADD, Op.TIME_MINUS_TIME, Op.DIVIDE):
        words = MEMORY.run([*LOADS, (op, 0, 0, 1, 0)], ROWS).words[0, :ROWS].tolist()
        assert words == [reference.ARITHMETIC[op](x, y) for x, y in PAIRS]


@pytest.mark.parametrize("bits", [0, 1, 8, 16, 31, 32, 63])
def test_shift(bits: int) -> None:
    found = MEMORY.run([LOADS[0], (Op.SHIFT_RIGHT, 1, 0, bits, 0)], ROWS)
    assert found.words[1, :ROWS].tolist() == [x >> bits for x, _ in PAIRS]


def test_mask() -> None:
    for k, constant in enumerate(EXTREMES):
        found = MEMORY.run([LOADS[0], (Op.MASK_K, 1, 0, k, 0)], ROWS)
        assert found.words[1, :ROWS].tolist() == [x & constant for x, _ in PAIRS]


def test_select() -> None:
    found = MEMORY.run([*LOADS, (Op.LESS_UNSIGNED, 0, 0, 1, 0), (Op.SELECT, 2, 0, 0, 1)], ROWS)
    assert found.words[2, :ROWS].tolist() == [min(pair) for pair in PAIRS]


def test_keys_are_equal_where_values_are() -> None:
    kinds = [0, 1, 2, 3, 4, 5, 7]
    values = [(kind, payload, code) for kind in kinds for payload in EXTREMES for code in (0, 1, 2**32 - 1)]
    memory = Memory(np.array(list(zip(*values, strict=True)), np.uint64), np.zeros((1, len(values)), np.uint32))
    loads = [*LOADS, (Op.WIDE, 2, 0, 2, 0)]
    for begin in range(0, len(values), BLOCK):
        part = Memory(memory.wide[:, begin : begin + BLOCK].copy(), memory.narrow)
        rows = part.wide.shape[1]
        words = part.run([*loads, (Op.KEY, 3, 0, 1, 2)], rows).words[3, :rows].tolist()
        meant = [reference.keyed(*value) for value in values[begin : begin + rows]]
        assert len(set(zip(words, meant, strict=True))) == len(set(words)) == len(set(meant))


def test_keys_of_attributes_are_those_of_their_values() -> None:
    values = [*itertools.product(range(9), EXTREMES, (0, 7))]
    rows, nothing = len(values), EXTREMES.index(2)
    wide = np.zeros((max(AttributeWide) + 1, rows + 1), np.uint64)
    narrow = np.zeros((max(AttributeNarrow) + 3, rows + 1), np.uint32)
    kind, payload, code, row = int(AttributeNarrow.TYPE), int(AttributeWide.VALUE), len(narrow) - 2, len(narrow) - 1
    wide[payload, :rows], narrow[kind, :rows] = [value[1] for value in values], [value[0] for value in values]
    narrow[code, :rows] = [value[2] for value in values]
    narrow[row] = [*range(rows), NO_ROW]
    loads = [(Op.WIDE, 1, 0, payload, 0), *((Op.NARROW, to, 0, of, 0) for to, of in ((0, kind), (2, code), (3, row)))]
    memory = Memory(wide, narrow)
    found = memory.run([*loads, (Op.KEY, 4, 0, 1, 2), (Op.VALUE_KEY, 5, 3, 2, nothing)], rows + 1, registers=8)
    for i, (of, bits, _) in enumerate(values):
        double = reference.KINDS["double"]
        equals_nothing = of > double or (of == double and math.isnan(reference.real(bits)))
        assert found.words[5, i] == (2 if equals_nothing else found.words[4, i])
    assert found.words[5, rows] == found.words[4, rows]  # of no row: nil, as of an attribute without a value


def test_mixes_are_equal_where_both_are() -> None:
    words = MEMORY.run([*LOADS, (Op.MIX, 2, 0, 1, 0)], ROWS).words[2, :ROWS].tolist()
    assert len(set(zip(words, PAIRS, strict=True))) == len(set(words)) == len(set(PAIRS))


def test_stored_words_and_flags_are_where_jobs_read_them() -> None:
    wide, marks = np.zeros((3, ROWS), np.uint64), np.full((2, ROWS), 7, np.uint8)
    program = [*LOADS, (Op.LESS_UNSIGNED, 0, 0, 1, 0), (Op.STORE, 0, 0, 2, 1), (Op.MARK, 0, 0, 1, 0)]
    program += [(Op.MARKED, 3, 0, 1, 0), (Op.REPORT, 0, 5, 3, 0)]
    wide[:2] = MEMORY.wide
    memory = Memory(wide, MEMORY.narrow)
    found = memory.run(program, ROWS, marks=marks)
    twin = memory.twin
    assert found.findings == reference.run(program, [(0, len(program), ROWS)], twin)
    assert wide[2].tolist() == [twin.stored[0, 2, row] for row in range(ROWS)] == [y for _, y in PAIRS]
    assert marks[1].tolist() == [twin.marked[0, 1, row] for row in range(ROWS)] == [x < y for x, y in PAIRS]
    assert (marks[0] == 7).all()


@pytest.mark.parametrize("marked", [[1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]])
def test_marks_are_read_where_a_column_says(marked: list[int]) -> None:
    marks, at = np.array([[7] * 5, marked], np.uint8), [2, 1, 0, 1, 4]
    memory = Memory(np.zeros((1, 5), np.uint64), np.array([at], np.uint32))
    program = [(Op.MARKED_AT, 1, 0, 1, 0), (Op.REPORT, 0, 5, 1, 0)]
    assert memory.run(program, 5, marks=marks).findings == [(5, row) for row, each in enumerate(at) if marked[each]]


@pytest.mark.parametrize("op", list(reference.NARROW_COMPARISONS), ids=lambda op: op.name)
def test_comparisons_of_narrow_columns(op: Op) -> None:
    words = [word for word in EXTREMES if word < 2**32]
    memory = Memory(MEMORY.wide, np.array([words[::-1], words], np.uint32))
    compare = [(op, k, 0, 1, k) for k in range(len(EXTREMES)) if EXTREMES[k] < 2**32]
    found = memory.run(compare, len(words))
    for _, k, *_ in compare:
        expected = [reference.NARROW_COMPARISONS[op](x, EXTREMES[k]) for x in words]
        assert found.flags[k, : len(words)].tolist() == expected, f"against {EXTREMES[k]:#x}"


def test_presence_and_predicates_of_narrow_columns() -> None:
    codes = np.array([[NO_ROW] * 4, [2, NO_ROW, 0, 1]], np.uint32)
    memory = Memory(np.zeros((1, 4), np.uint64), codes, truth=((0, 0, 0), (1, 0, 1)))
    program = [(Op.NARROW_PRESENT, 0, 0, 0, 0), (Op.NARROW_PRESENT, 1, 0, 1, 0)]
    program += [(Op.NARROW_HOLDS, 2, 1, 0, 0), (Op.NARROW_HOLDS, 3, 1, 0, 1), (Op.NARROW_HOLDS, 4, 0, 0, 1)]
    flags = memory.run(program, 4).flags[:5, :4].tolist()
    assert flags == [[0, 0, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


def test_rows_constants_and_presence() -> None:
    memory = Memory(np.array([[10, 11, 12]], np.uint64), np.array([[1, NO_ROW, 0], [7, 8, 9]], np.uint32))
    program = [
        (Op.ROW, 0, 0, 0, 0),
        (Op.NARROW, 1, 0, 0, 0),
        (Op.WIDE_AT, 2, 0, 0, 1),
        (Op.NARROW_AT, 3, 0, 1, 1),
        (Op.ROW_AT, 4, 0, 1, 1),
        (Op.ROW_AT, 5, 0, 0, 1),
        (Op.CONSTANT, 6, EXTREMES.index(2**64 - 1), 0, 0),
        (Op.PRESENT, 0, 1, 0, 0),
        (Op.FLAG_CONSTANT, 1, 0, 0, 0),
        (Op.FLAG_CONSTANT, 2, 1, 0, 0),
    ]
    found = memory.run(program, 3)
    assert found.words[:7, :3].tolist() == [
        [0, 1, 2],
        [1, NO_ROW, 0],
        [11, 0, 10],
        [8, 0, 7],
        [8, NO_ROW, 7],
        [NO_ROW, NO_ROW, 1],
        [2**64 - 1] * 3,
    ]
    assert found.flags[:3, :3].tolist() == [[1, 0, 1], [0, 0, 0], [1, 1, 1]]


def test_predicates_hold_of_codes() -> None:
    memory = Memory(np.zeros((1, 4), np.uint64), np.array([[0, 1, 2, NO_ROW]], np.uint32), truth=((0, 0, 0), (1, 0, 1)))
    found = memory.run([(Op.NARROW, 0, 0, 0, 0), (Op.HOLDS, 0, 1, 0, 0), (Op.HOLDS, 1, 0, 0, 0)], 4)
    assert found.flags[:2, :4].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_the_twin_divides_as_ieee_754() -> None:
    assert reference.ratio(1, 0.0) == math.inf
    assert reference.ratio(1, -0.0) == -math.inf
    assert reference.ratio(-1, -0.0) == math.inf
    assert math.isnan(reference.ratio(0.0, 0.0))
    assert math.isnan(reference.ratio(math.nan, 0.0))
