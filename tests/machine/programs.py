"""Programs and tables for the machine and its twin, from one description."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.machine.interpreter import run
from otlp_verifier.machine.memory import addresses
from otlp_verifier.machine.operations import (
    FLAG_STRIDE,
    MARK_TABLES,
    NARROW_TABLES,
    WIDE_TABLES,
    WORD_STRIDE,
    Op,
    WideTable,
)
from tests.reference import machine as reference

NO_ROW = 0xFFFFFFFF
# Where unsigned, signed and decimal readings of a word turn.
EXTREMES = (
    0, 1, 2, 3, 500, 2**31 - 1, 2**31, NO_ROW, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1,
    *map(reference.real_bits, (1.0, -1.0, 1.5, -0.0, 5e-324, 1.7e308, float("inf"), float("-inf"), float("nan"))),
)  # fmt: skip
NARROW_CONSTANTS = [index for index, value in enumerate(EXTREMES) if value < 2**32]
Instruction = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Found:
    """What a run of the machine left behind."""

    total: int
    findings: list[tuple[int, int]]
    counts: list[int]
    words: NDArray[np.uint64]
    flags: NDArray[np.uint8]


@dataclass(frozen=True)
class Memory:
    """One wide and one narrow table of `rows` rows, constants, and predicates over codes."""

    wide: NDArray[np.uint64]
    narrow: NDArray[np.uint32]
    constants: tuple[int, ...] = EXTREMES
    truth: tuple[tuple[int, ...], ...] = ((0,),)

    def run(
        self,
        program: Sequence[Instruction],
        rows: int,
        *,
        registers: int = 32,
        capacity: int = 1 << 16,
        counts: NDArray[np.uint32] | None = None,
        marks: NDArray[np.uint8] | None = None,
    ) -> Found:
        """Run the machine over all rows in one phase; registers begin with rubbish."""
        marks = np.zeros((1, 1), np.uint8) if marks is None else marks
        counts = np.zeros(8, np.uint32) if counts is None else counts
        found = np.full((2, capacity), 0xABABABAB, np.uint32)
        words = np.full((registers, WORD_STRIDE), 2**63 + 7, np.uint64)
        flags = np.full((registers, FLAG_STRIDE), 1, np.uint8)
        total = run(
            np.array(program, np.int32).reshape(-1, 5),
            np.array([(0, 0, len(program))], np.int64),
            np.array([rows], np.uint32),
            np.array(self.constants, np.uint64),
            addresses([self.wide] * WIDE_TABLES),
            addresses([self.narrow] * NARROW_TABLES),
            addresses([marks] * MARK_TABLES),
            np.array(self.truth, np.uint8),
            words,
            flags,
            counts,
            found,
        )
        kept = min(total, capacity)
        pairs = list(zip(found[0, :kept].tolist(), found[1, :kept].tolist(), strict=True))
        return Found(total, pairs, counts.tolist(), words, flags)

    @property
    def twin(self) -> reference.Tables:
        """The same for the reference; every table number is the one table."""
        wide, narrow = self.wide.tolist(), self.narrow.tolist()
        return reference.Tables(
            dict.fromkeys(range(len(WideTable)), wide),
            dict.fromkeys(range(NARROW_TABLES), narrow),
            self.constants,
            self.truth,
        )


def random_memory(rng: Random, rows: int) -> Memory:
    """Wide columns of extremes; narrow columns 0 and 1 hold row numbers, 2 and 3 codes, all with NO_ROW among them."""

    def numbers(most: int) -> list[int]:
        return [rng.choice((NO_ROW, rng.randrange(most))) if most else NO_ROW for _ in range(max(rows, 1))]

    wide = [[rng.choice(EXTREMES) for _ in range(max(rows, 1))] for _ in range(4)]
    codes = 5
    truth = tuple(tuple(rng.randrange(2) for _ in range(codes)) for _ in range(2))
    narrow = [numbers(rows), numbers(rows), numbers(codes), numbers(codes)]
    return Memory(np.array(wide, np.uint64), np.array(narrow, np.uint32), EXTREMES, truth)


def random_program(rng: Random, length: int) -> list[Instruction]:
    """A program that reads only what is written, in few registers that are used again and again, and ends in reports.

    Which NaN comes of a decimal operation is the processor's choice, so only decimal operations read its result.
    """
    rows, codes, words, reals, flags = range(4), range(4, 8), range(8, 14), range(14, 17), range(6)
    program: list[Instruction] = []
    program += [(Op.NARROW, to, 0, rng.randrange(2), 0) for to in rows]
    program += [(Op.NARROW, to, 0, rng.randrange(2, 4), 0) for to in codes]
    program += [(Op.WIDE, to, 0, rng.randrange(4), 0) for to in (*words, *reals)]
    program += [(Op.FLAG_CONSTANT, to, rng.randrange(2), 0, 0) for to in flags]

    def constant() -> int:
        return rng.randrange(len(EXTREMES))

    for _ in range(length):
        op = rng.choice(list(Op))
        word, flag, row = rng.choice(words), rng.choice(flags), rng.choice(rows)
        x, y, p, q = rng.choice(words), rng.choice(words), rng.choice(flags), rng.choice(flags)
        if "FLOAT" in op.name and op is not Op.TO_FLOAT:
            x, y = rng.choice((*words, *reals)), rng.choice((*words, *reals))
        if op is Op.ROW:
            program.append((op, word, 0, 0, 0))
        elif op is Op.WIDE or op is Op.NARROW:
            program.append((op, word, rng.randrange(2), rng.randrange(4), 0))
        elif op is Op.WIDE_AT or op is Op.NARROW_AT:
            program.append((op, word, rng.randrange(2), rng.randrange(4), row))
        elif op is Op.ROW_AT:
            program.append((op, row, rng.randrange(2), rng.randrange(2), rng.choice(rows)))
        elif op is Op.CONSTANT:
            program.append((op, word, constant(), 0, 0))
        elif op is Op.FLAG_CONSTANT:
            program.append((op, flag, rng.randrange(2), 0, 0))
        elif op is Op.PRESENT:
            program.append((op, flag, row, 0, 0))
        elif op in reference.COMPARISONS:
            program.append((op, flag, x, y, 0))
        elif op in reference.CONSTANT_COMPARISONS:
            program.append((op, flag, x, constant(), 0))
        elif op in reference.LOGIC:
            program.append((op, flag, p, q, 0))
        elif op is Op.MASK_K:
            program.append((op, word, x, constant(), 0))
        elif op is Op.SHIFT_RIGHT:
            program.append((op, word, x, rng.randrange(64), 0))
        elif op is Op.SELECT:
            program.append((op, word, p, x, y))
        elif op in reference.FLOAT_RESULTS:
            program.append((op, rng.choice(reals), x, y, 0))
        elif op in reference.ARITHMETIC:
            program.append((op, word, x, y, 0))
        elif op in reference.NARROW_COMPARISONS:
            program.append((op, flag, rng.randrange(2), rng.randrange(4), rng.choice(NARROW_CONSTANTS)))
        elif op is Op.NARROW_PRESENT:
            program.append((op, flag, rng.randrange(2), rng.randrange(4), 0))
        elif op is Op.NARROW_HOLDS:
            program.append((op, flag, rng.randrange(2), rng.randrange(2), rng.randrange(2, 4)))
        elif op is Op.SKIP:
            program.append((op, 0, rng.randrange(8), flag, 0))
        elif op is Op.HOLDS:
            program.append((op, flag, rng.randrange(2), rng.choice(codes), 0))
        else:
            program.append((Op.REPORT, 0, rng.randrange(8), flag, 0))
    program += [(Op.REPORT, 0, rule, flag, 0) for rule, flag in enumerate(flags)]
    return program
