"""The machine, slowly: one row and one instruction at a time, on Python's own numbers.

Written from the table in otlp_verifier.machine.operations.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from otlp_verifier.machine.operations import BLOCK, Op

NO_ROW = 0xFFFFFFFF
WORDS = 2**64
Column = Sequence[int]


def unsigned(number: int) -> int:
    return number % WORDS


def signed(word: int) -> int:
    return word - WORDS if word >= WORDS // 2 else word


def real(word: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", word))[0])


def real_bits(number: float) -> int:
    """The word of a decimal; every NaN is the same one."""
    return int(struct.unpack("<Q", struct.pack("<d", math.nan if math.isnan(number) else number))[0])


def clamp(number: int, least: int, most: int) -> int:
    return min(max(number, least), most)


def quotient(p: int, q: int) -> int:
    """Towards zero; 0 where the divisor is."""
    if q == 0:
        return 0
    magnitude = abs(p) // abs(q)
    return magnitude if (p < 0) == (q < 0) else -magnitude


def ratio(p: float, q: float) -> float:
    """IEEE 754 division, which Python refuses for 0."""
    if q != 0 or math.isnan(q):
        return p / q
    if p == 0 or math.isnan(p):
        return math.nan
    return math.copysign(math.inf, p) * math.copysign(1, q)


COMPARISONS: Mapping[Op, Callable[[int, int], bool]] = {
    Op.EQUAL: lambda x, y: x == y,
    Op.LESS_UNSIGNED: lambda x, y: x < y,
    Op.AT_MOST_UNSIGNED: lambda x, y: x <= y,
    Op.LESS_SIGNED: lambda x, y: signed(x) < signed(y),
    Op.AT_MOST_SIGNED: lambda x, y: signed(x) <= signed(y),
    Op.EQUAL_FLOAT: lambda x, y: real(x) == real(y),
    Op.LESS_FLOAT: lambda x, y: real(x) < real(y),
    Op.AT_MOST_FLOAT: lambda x, y: real(x) <= real(y),
}
# The second operand is a constant.
CONSTANT_COMPARISONS: Mapping[Op, Callable[[int, int], bool]] = {
    Op.EQUAL_K: COMPARISONS[Op.EQUAL],
    Op.LESS_UNSIGNED_K: COMPARISONS[Op.LESS_UNSIGNED],
    Op.AT_MOST_UNSIGNED_K: COMPARISONS[Op.AT_MOST_UNSIGNED],
    Op.LESS_SIGNED_K: COMPARISONS[Op.LESS_SIGNED],
    Op.AT_MOST_SIGNED_K: COMPARISONS[Op.AT_MOST_SIGNED],
    Op.EQUAL_FLOAT_K: COMPARISONS[Op.EQUAL_FLOAT],
    Op.LESS_FLOAT_K: COMPARISONS[Op.LESS_FLOAT],
    Op.AT_MOST_FLOAT_K: COMPARISONS[Op.AT_MOST_FLOAT],
    Op.BITS_K: lambda x, k: x & k != 0,
    Op.GREATER_FLOAT_K: lambda x, k: real(x) > real(k),
    Op.AT_LEAST_FLOAT_K: lambda x, k: real(x) >= real(k),
}
# Comparisons of a narrow column with a constant.
NARROW_COMPARISONS: Mapping[Op, Callable[[int, int], bool]] = {
    Op.NARROW_EQUAL_K: CONSTANT_COMPARISONS[Op.EQUAL_K],
    Op.NARROW_BITS_K: CONSTANT_COMPARISONS[Op.BITS_K],
}
LOGIC: Mapping[Op, Callable[[bool, bool], bool]] = {
    Op.AND: lambda p, q: p and q,
    Op.OR: lambda p, q: p or q,
    Op.NOT: lambda p, _: not p,
    Op.AND_NOT: lambda p, q: p and not q,
}
ARITHMETIC: Mapping[Op, Callable[[int, int], int]] = {
    Op.ADD: lambda x, y: unsigned(signed(x) + signed(y)),
    Op.SUBTRACT: lambda x, y: unsigned(signed(x) - signed(y)),
    Op.MULTIPLY: lambda x, y: unsigned(signed(x) * signed(y)),
    Op.DIVIDE: lambda x, y: unsigned(quotient(signed(x), signed(y))),
    Op.TIME_MINUS_TIME: lambda x, y: unsigned(clamp(x - y, -(2**63), 2**63 - 1)),
    Op.TIME_PLUS: lambda x, y: clamp(x + signed(y), 0, WORDS - 1),
    Op.TIME_MINUS: lambda x, y: clamp(x - signed(y), 0, WORDS - 1),
    Op.ADD_FLOAT: lambda x, y: real_bits(real(x) + real(y)),
    Op.SUBTRACT_FLOAT: lambda x, y: real_bits(real(x) - real(y)),
    Op.MULTIPLY_FLOAT: lambda x, y: real_bits(real(x) * real(y)),
    Op.DIVIDE_FLOAT: lambda x, y: real_bits(ratio(real(x), real(y))),
    Op.TO_FLOAT: lambda x, _: real_bits(float(signed(x))),
    Op.SIGN_32: lambda x, _: unsigned((x & 0xFFFFFFFF) - (x & 0x80000000) * 2),
    Op.SMALLER: min,
    Op.LARGER: max,
}
# Their results are words of no meaning: what counts is which operands give one word and which give two.
KINDS = {"nil": 0, "string": 1, "bool": 2, "int": 3, "double": 4}


def keyed(kind: int, payload: int, code: int) -> object:
    """What KEY tells apart: values by kind and content, but 1 and 1.0 are one number."""
    if kind == 0:
        return None
    if kind == KINDS["string"]:
        return "string", code
    if kind == KINDS["double"] and real(payload).is_integer() and abs(real(payload)) < 2**63:
        return "int", int(real(payload))
    return ("int", signed(payload)) if kind == KINDS["int"] else (kind, payload)


FLOAT_RESULTS = frozenset((Op.ADD_FLOAT, Op.SUBTRACT_FLOAT, Op.MULTIPLY_FLOAT, Op.DIVIDE_FLOAT, Op.TO_FLOAT))


@dataclass
class Tables:
    """What a program reads, and by STORE and MARK writes: per table its columns; what predicates say of each code."""

    wide: Mapping[int, Sequence[Column]]
    narrow: Mapping[int, Sequence[Column]]
    constants: Sequence[int]
    truth: Sequence[Sequence[int]]
    stored: dict[tuple[int, int, int], int] = field(default_factory=dict)  # table, column, row
    marked: dict[tuple[int, int, int], bool] = field(default_factory=dict)


@dataclass
class Row:
    """The registers of one row; what was never written is absent."""

    number: int
    words: dict[int, int] = field(default_factory=dict)
    flags: dict[int, bool] = field(default_factory=dict)


def step(instruction: Sequence[int], row: Row, tables: Tables) -> int | None:
    """Execute one instruction; the rule that it reports, if it does."""
    op, to, a, b, c = instruction
    words, flags = row.words, row.flags
    match op:
        case Op.ROW:
            words[to] = row.number
        case Op.WIDE:
            words[to] = tables.wide[a][b][row.number]
        case Op.NARROW:
            words[to] = tables.narrow[a][b][row.number]
        case Op.WIDE_AT:
            words[to] = 0 if words[c] == NO_ROW else tables.wide[a][b][words[c]]
        case Op.NARROW_AT:
            words[to] = 0 if words[c] == NO_ROW else tables.narrow[a][b][words[c]]
        case Op.ROW_AT:
            words[to] = NO_ROW if words[c] == NO_ROW else tables.narrow[a][b][words[c]]
        case Op.CONSTANT:
            words[to] = tables.constants[a]
        case Op.FLAG_CONSTANT:
            flags[to] = bool(a)
        case Op.PRESENT:
            flags[to] = words[a] != NO_ROW
        case _ if op in COMPARISONS:
            flags[to] = COMPARISONS[Op(op)](words[a], words[b])
        case _ if op in CONSTANT_COMPARISONS:
            flags[to] = CONSTANT_COMPARISONS[Op(op)](words[a], tables.constants[b])
        case _ if op in NARROW_COMPARISONS:
            flags[to] = NARROW_COMPARISONS[Op(op)](tables.narrow[a][b][row.number], tables.constants[c])
        case Op.NARROW_PRESENT:
            flags[to] = tables.narrow[a][b][row.number] != NO_ROW
        case _ if op in LOGIC:
            flags[to] = LOGIC[Op(op)](flags[a], op != Op.NOT and flags[b])
        case Op.MASK_K:
            words[to] = words[a] & tables.constants[b]
        case Op.SHIFT_RIGHT:
            words[to] = words[a] >> b
        case Op.SELECT:
            words[to] = words[b] if flags[a] else words[c]
        case _ if op in ARITHMETIC:
            words[to] = ARITHMETIC[Op(op)](words[a], 0 if op in (Op.TO_FLOAT, Op.SIGN_32) else words[b])
        case Op.HOLDS:
            flags[to] = words[b] != NO_ROW and bool(tables.truth[a][words[b]])
        case Op.NARROW_HOLDS:
            code = tables.narrow[b][c][row.number]
            flags[to] = code != NO_ROW and bool(tables.truth[a][code])
        case Op.REPORT:
            return a if flags[b] else None
        case Op.STORE:
            tables.stored[a, b, row.number] = words[c]
        case Op.MARK:
            tables.marked[a, b, row.number] = flags[c]
        case Op.MARKED_AT:
            flags[to] = tables.marked[a, b, tables.narrow[c][0][row.number]]
        case Op.MARKED:
            flags[to] = tables.marked[a, b, row.number]
        case _:
            raise AssertionError(f"there is no operation {op}")
    return None


def run(
    program: Sequence[Sequence[int]], phases: Sequence[tuple[int, int, int]], tables: Tables
) -> list[tuple[int, int]]:
    """Rule and row of each finding: phase by phase, block by block, instruction by instruction, row by row."""
    found = []
    for first, last, rows in phases:
        for begin in range(0, rows, BLOCK):
            block = [Row(number) for number in range(begin, min(begin + BLOCK, rows))]
            at = first
            while at < last:
                instruction = program[at]
                at += 1
                if instruction[0] == Op.SKIP:
                    at += 0 if any(row.flags[instruction[3]] for row in block) else instruction[2]
                    continue
                reported = [(step(instruction, row, tables), row.number) for row in block]
                found += [(rule, number) for rule, number in reported if rule is not None]
    return found
