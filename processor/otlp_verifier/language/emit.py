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
from otlp_verifier.machine.program import ALWAYS, FROM_RESULTS, Function, JobKind, Phase, Phases, Program, Round

_SIGN: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Report:
    """Finding `number` is made where the flag in `row` of the linked rows is set, which takes the mark `guard`."""

    number: int
    row: int
    guard: int = ALWAYS


@dataclass(frozen=True, slots=True)
class Emitted:
    """A program and how many registers of each kind it needs."""

    program: Program
    words: int
    flags: int


def emit(linked: Linked, reports: Sequence[Report], marks: Sequence[int] = ()) -> Emitted:
    """The program that makes the given reports: rounds of phases and jobs, then phases that report.

    Args:
        linked: all rows.
        reports: what is reported.
        marks: by number, the rows that are the marks of shapes.

    """
    rows = linked.rows
    scratch, phases = _Scratch(linked), _PhaseWriter(linked)
    needed = linked.needed([report.row for report in reports])
    jobs = np.flatnonzero(needed & (rows[:, Part.OP] == JOB))
    asked = linked.numbers[needed & (rows[:, Part.OP] == Op.MARKED_AT), 1].tolist()
    asked += [report.guard for report in reports if report.guard != ALWAYS]
    of_shapes = phases.write([(marks[mark], Op.MARK, Domain.SHAPE, mark) for mark in sorted(set(asked))])
    rounds: list[Round] = []
    for level in range(max(linked.levels[jobs].tolist(), default=-1) + 1):
        wanted: list[_Target] = []
        placed = [scratch.place(job, wanted) for job in jobs[linked.levels[jobs] == level].tolist()]
        rounds.append(Round(phases.write(wanted), tuple(placed)))
    guarded: dict[int, list[_Target]] = {}
    for report in reports:
        guarded.setdefault(report.guard, []).append((report.row, Op.REPORT, report.number, NO_ROW))
    reporting = [phase for guard, targets in sorted(guarded.items()) for phase in phases.write(targets, guard)]
    rounds.append(Round(tuple(sorted(reporting, key=lambda phase: phase.domain)), ()))
    instructions = phases.instructions
    needs = machine.needs_of(instructions, tuple(rounds))
    columns = scratch.word_columns, scratch.mark_columns
    return Emitted(Program(instructions, of_shapes, tuple(rounds), *columns, needs), phases.words, phases.flags)


# A row, and the operation, a and b of the instruction that takes what it gives: see assembly.Writer.
_Target = tuple[int, int, int, int]


class _PhaseWriter:
    """Writes one phase after another.

    Attributes:
        words, flags: how many registers the largest phase needs; at least one, so that the machine's scratch is never
            empty.

    """

    def __init__(self, linked: Linked) -> None:
        self.words = self.flags = 1
        self._domains = linked.rows[:, Part.DOMAIN]
        self._writer = Writer(linked.rows, linked.numbers)
        self._written: list[NDArray[np.int32]] = []
        self._total = 0

    @property
    def instructions(self) -> NDArray[np.int32]:
        """Those of all phases, int32 (instructions, 5)."""
        return np.concatenate(self._written or [np.empty((0, 5), np.int32)])

    def write(self, wanted: Sequence[_Target], guard: int = ALWAYS) -> Phases:
        """A phase for each domain that something is wanted of."""
        targets = np.array(wanted, np.uint32).reshape(-1, 4)
        domains = self._domains[targets[:, 0]]
        phases = []
        for domain in Domain:
            of_domain = targets[domains == domain]
            if not len(of_domain):
                continue
            lines, words, flags = self._writer.write(of_domain)
            self._written.append(lines)
            phases.append(Phase(domain, self._total, self._total + len(lines), guard))
            self._total += len(lines)
            self.words, self.flags = max(self.words, words), max(self.flags, flags)
        return tuple(phases)


class _Scratch:
    """Gives columns to what jobs read."""

    def __init__(self, linked: Linked) -> None:
        self._linked = linked
        self._columns: dict[int, int] = {}
        self.word_columns: dict[Domain, int] = {}
        self.mark_columns: dict[Domain, int] = {}

    def place(self, job: int, targets: list[_Target]) -> machine.Job:
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

    def _column(self, node: int, targets: list[_Target]) -> int:
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
