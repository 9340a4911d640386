"""Linked rows to programs: rounds of phases and jobs, an order for the rows, registers for their results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.language.assembly import FLAG_RESULT, JOB, NO_ROW, NONE, RESULT, Writer
from otlp_verifier.language.fragment import Part
from otlp_verifier.language.graph import FLAG_OPS
from otlp_verifier.language.link import Linked
from otlp_verifier.machine import program as machine
from otlp_verifier.machine.operations import Domain, Op, WideTable
from otlp_verifier.machine.program import FROM_RESULTS, Function, JobKind, Program, Round

_SIGN: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Report:
    """Finding number `number` is made where the flag in `row` of the linked rows is set."""

    number: int
    row: int


@dataclass(frozen=True, slots=True)
class Emitted:
    """A program and how many registers of each kind it needs."""

    program: Program
    words: int
    flags: int


def emit(linked: Linked, reports: Sequence[Report]) -> Emitted:
    """The program that makes the given reports: rounds of phases and jobs, then a phase per domain that reports."""
    rows = linked.rows
    scratch = _Scratch(linked)
    steps: list[tuple[list[tuple[int, int, int, int]], list[machine.Job]]] = []
    needed = linked.needed([report.row for report in reports])
    jobs = np.flatnonzero(needed & (rows[:, Part.OP] == JOB))
    for level in range(max(linked.levels[jobs].tolist(), default=-1) + 1):
        wanted: list[tuple[int, int, int, int]] = []
        steps.append((wanted, [scratch.place(job, wanted) for job in jobs[linked.levels[jobs] == level].tolist()]))
    steps.append(([(report.row, int(Op.REPORT), report.number, NO_ROW) for report in reports], []))
    written: list[NDArray[np.int32]] = []
    rounds: list[Round] = []
    words = flags = 1  # at least one of each, so that the machine's scratch is never empty
    total = 0
    writer = Writer(rows, linked.numbers)
    for wanted, placed in steps:
        targets = np.array(wanted, np.uint32).reshape(-1, 4)
        domains = rows[targets[:, 0], Part.DOMAIN]
        phases = []
        for domain in Domain:
            of_domain = targets[domains == domain]
            if not len(of_domain):
                continue
            lines, words_used, flags_used = writer.write(of_domain)
            written.append(lines)
            phases.append((domain, total, total + len(lines)))
            total += len(lines)
            words, flags = max(words, words_used), max(flags, flags_used)
        rounds.append(Round(tuple(phases), tuple(placed)))
    instructions = np.concatenate(written or [np.empty((0, 5), np.int32)])
    needs = machine.needs_of(instructions, tuple(rounds))
    program = Program(instructions, tuple(rounds), scratch.word_columns, scratch.mark_columns, needs)
    return Emitted(program, words, flags)


class _Scratch:
    """Gives columns to what jobs read."""

    def __init__(self, linked: Linked) -> None:
        self._linked = linked
        self._columns: dict[int, int] = {}
        self.word_columns: dict[Domain, int] = {}
        self.mark_columns: dict[Domain, int] = {}

    def place(self, job: int, targets: list[tuple[int, int, int, int]]) -> machine.Job:
        """The job in a row, with columns for what it reads; what is not kept yet is added to `targets`."""
        row: list[int] = self._linked.rows[job].tolist()
        packed, low, high = row[Part.NUMBERS : Part.INPUTS]
        mask, value, member_at, member_key, query_at, query_key, first, last = (
            self._column(node, targets) for node in row[Part.INPUTS :]
        )
        return machine.Job(
            JobKind(packed & 0xFF),
            Function(packed >> 8 & 0xFF),
            Domain(packed >> 16 & 0xFF),
            Domain(packed >> 24 & 0xFF),
            int(self._linked.numbers[job, 0]),
            excludes_self=bool(packed >> 32 & 1),
            future=bool(packed >> 33 & 1),
            member_end=bool(packed >> 34 & 1),
            query_end=bool(packed >> 35 & 1),
            window_low=(low ^ _SIGN) - _SIGN,
            window_high=(high ^ _SIGN) - _SIGN,
            mask=mask,
            value=value,
            member_at=member_at,
            member_key=member_key,
            query_at=query_at,
            query_key=query_key,
            low=first,
            high=last,
        )

    def _column(self, node: int, targets: list[tuple[int, int, int, int]]) -> int:
        if node == NONE:
            return -1
        column = self._columns.get(node)
        if column is None:
            row: list[int] = self._linked.rows[node].tolist()
            op, domain = row[Part.OP], Domain(row[Part.DOMAIN])
            if op in (RESULT, FLAG_RESULT):  # it is there already
                column = self._columns[node] = FROM_RESULTS + int(self._linked.numbers[node, 1])
                return column
            is_flag = op in FLAG_OPS
            counts = self.mark_columns if is_flag else self.word_columns
            column = self._columns[node] = counts.get(domain, 0)
            counts[domain] = column + 1
            kept = (int(Op.MARK), int(domain)) if is_flag else (int(Op.STORE), WideTable.SCRATCH + domain)
            targets.append((node, *kept, column))
        return column
