"""Whole programs against the twin: blocks, phases, registers used again, room for findings."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.machine.interpreter import run
from otlp_verifier.machine.memory import addresses
from otlp_verifier.machine.operations import BLOCK, MARK_TABLES, NARROW_TABLES, Op, WideTable
from tests.machine.programs import EXTREMES, Memory, random_memory, random_program
from tests.reference import machine as reference
from tests.strategies import RANDOMS

ALWAYS = [(Op.FLAG_CONSTANT, 0, 1, 0, 0), (Op.REPORT, 0, 5, 0, 0)]
EMPTY = Memory(np.zeros((1, 1), np.uint64), np.zeros((1, 1), np.uint32))


def check(rng: Random, rows: int, length: int) -> None:
    memory, program = random_memory(rng, rows), random_program(rng, length)
    found = memory.run(program, rows)
    expected = reference.run(program, [(0, len(program), rows)], memory.twin)
    assert found.findings == expected
    assert found.total == len(expected)
    assert found.counts == [sum(rule == number for rule, _ in expected) for number in range(8)]


@pytest.mark.parametrize("rows", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3_000])
def test_blocks(rows: int) -> None:
    check(Random(rows), rows, 40)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 500, BLOCK, BLOCK + 1])
def test_a_skip_looks_at_all_rows_of_its_block_and_at_no_other(rows: int) -> None:
    """What stands behind the SKIP is run in the block of the one row that has the flag, for all rows of the block."""
    for row in {0, rows // 2, rows - 1}:
        wide = np.zeros((1, rows), np.uint64)
        wide[0, row] = 1
        program = [
            (Op.WIDE, 0, 0, 0, 0),
            (Op.EQUAL_K, 0, 0, EXTREMES.index(1), 0),
            (Op.SKIP, 0, 2, 0, 0),
            (Op.FLAG_CONSTANT, 1, 1, 0, 0),
            (Op.REPORT, 0, 5, 1, 0),
            (Op.REPORT, 0, 6, 0, 0),
        ]
        block = range(row // BLOCK * BLOCK, min(rows, (row // BLOCK + 1) * BLOCK))
        found = Memory(wide, EMPTY.narrow).run(program, rows)
        assert found.findings == [*((5, each) for each in block), (6, row)]


def test_lanes_behind_the_last_row_count_for_nothing() -> None:
    """Registers begin with flags that are set: neither SKIP nor REPORT looks at those of rows that are not there."""
    program = [(Op.FLAG_CONSTANT, 0, 0, 0, 0), (Op.NOT, 1, 0, 0, 0), (Op.NOT, 2, 1, 0, 0), (Op.SKIP, 0, 1, 2, 0)]
    program += [(Op.REPORT, 0, 3, 1, 0), (Op.REPORT, 0, 4, 2, 0)]
    for rows in (1, 5, 31, 33):
        assert EMPTY.run(program, rows).findings == []


@given(RANDOMS, st.integers(0, 6), st.integers(0, 60))
def test_random_programs(rng: Random, rows: int, length: int) -> None:
    check(rng, rows, length)


@pytest.mark.parametrize("capacity", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 4, 2 * BLOCK + 5])
def test_findings_beyond_the_capacity_are_only_counted(capacity: int) -> None:
    rows = 2 * BLOCK + 5
    found = EMPTY.run(ALWAYS, rows, capacity=capacity)
    assert found.total == rows
    assert found.findings == [(5, row) for row in range(min(rows, capacity))]
    assert found.counts[5] == rows


def test_counts_are_added_to() -> None:
    counts = np.full(8, 100, np.uint32)
    EMPTY.run(ALWAYS, 3, counts=counts)
    assert counts.tolist() == [100] * 5 + [103] + [100] * 2


def test_findings_come_rule_by_rule_within_a_block() -> None:
    program = [ALWAYS[0], (Op.REPORT, 0, 3, 0, 0), (Op.REPORT, 0, 1, 0, 0)]
    found = EMPTY.run(program, BLOCK + 2)
    blocks = (range(BLOCK), range(BLOCK, BLOCK + 2))
    assert found.findings == [(rule, row) for block in blocks for rule in (3, 1) for row in block]


def test_phases_have_rows_of_their_own() -> None:
    program = [
        *ALWAYS,
        (Op.WIDE, 0, WideTable.SPANS, 0, 0),
        (Op.EQUAL_K, 0, 0, EXTREMES.index(1), 0),
        (Op.REPORT, 0, 2, 0, 0),
    ]
    spans = np.array([[0, 1, 1, 0]], np.uint64)
    tables = [spans if table == WideTable.SPANS else np.zeros((1, 1), np.uint64) for table in WideTable]
    counts, found = np.zeros(8, np.uint32), np.zeros((2, 16), np.uint32)
    total = run(
        np.array(program, np.int32),
        np.array([(1, 0, 2), (0, 2, 5), (2, 2, 5)], np.int64),
        np.array([4, 2, 0], np.uint32),
        np.array(EXTREMES, np.uint64),
        addresses(tables),
        addresses([np.zeros((1, 1), np.uint32)] * NARROW_TABLES),
        addresses([np.zeros((1, 1), np.uint8)] * MARK_TABLES),
        np.zeros((1, 1), np.uint8),
        np.zeros((1, BLOCK), np.uint64),
        np.zeros((1, BLOCK), np.uint8),
        counts,
        found,
    )
    assert found[:, :total].T.tolist() == [[5, 0], [5, 1], [2, 1], [2, 2]]


def test_without_phases_nothing_runs() -> None:
    counts, found = np.zeros(1, np.uint32), np.zeros((2, 1), np.uint32)
    arrays = addresses([np.zeros((1, 1), np.uint64)])
    scratch = np.zeros((1, BLOCK), np.uint64), np.zeros((1, BLOCK), np.uint8)
    no_program, no_phases = np.zeros((0, 5), np.int32), np.zeros((0, 3), np.int64)
    total = run(
        no_program, no_phases, np.zeros(6, np.uint32), np.zeros(1, np.uint64), arrays, arrays, arrays,
        np.zeros((1, 1), np.uint8), *scratch, counts, found,
    )  # fmt: skip
    assert total == 0
