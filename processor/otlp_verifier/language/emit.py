"""Linked rows to programs: rounds of phases and jobs, an order for the rows, registers for their results."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.language.assembly import FLAG_RESULT, JOB, NO_ROW, NONE, RESULT, Writer
from otlp_verifier.language.fragment import Part
from otlp_verifier.language.graph import FLAG_OPS
from otlp_verifier.language.link import Linked
from otlp_verifier.language.regions import Order, Target
from otlp_verifier.language.rows import Rows
from otlp_verifier.language.skips import Skips
from otlp_verifier.machine import program as machine
from otlp_verifier.machine.operations import Domain, Op, WideTable
from otlp_verifier.machine.program import ALWAYS, FROM_RESULTS, Function, JobKind, Phase, Phases, Program, Round

_SIGN: Final = 1 << 63
# Members by their number.
_DOMAINS, _JOB_KINDS, _FUNCTIONS = tuple(Domain), tuple(JobKind), tuple(Function)


class Report(NamedTuple):
    """Finding `number` is made where the flag in `row` of the linked rows is set, which takes the mark `guard`."""

    number: int
    row: int
    guard: int = ALWAYS


class Emitted(msgspec.Struct, frozen=True):
    """A program and how many registers of each kind it needs."""

    program: Program
    words: int
    flags: int


def emit(skips: Skips, reports: Sequence[Report], marks: Sequence[int] = ()) -> Emitted:
    """The program that makes the given reports: rounds of phases and jobs, then phases that report.

    Args:
        skips: all rows; those that are added become the last ones.
        reports: what is reported.
        marks: by number, the rows that are the marks of shapes.

    """
    guarded: dict[int, list[Target]] = {}
    for report in reports:
        guarded.setdefault(report.guard, []).append((report.row, int(Op.REPORT), report.number, NO_ROW))
    orders = [
        (guard, domain, skips.order(of_domain))
        for guard, targets in sorted(guarded.items())
        for domain, of_domain in _by_domain(skips.linked, targets)
    ]
    linked = skips.joined()
    rows = linked.rows
    scratch, phases = _Scratch(skips.rows), _PhaseWriter(linked)
    needed = linked.needed([report.row for report in reports])
    jobs = np.flatnonzero(needed & (rows[:, Part.OP] == JOB))
    asked = linked.numbers[needed & (rows[:, Part.OP] == Op.MARKED_AT), 1].tolist()
    asked += [report.guard for report in reports if report.guard != ALWAYS]
    of_shapes = phases.write([(marks[mark], int(Op.MARK), int(Domain.SHAPE), mark) for mark in sorted(set(asked))])
    rounds: list[Round] = []
    for level in range(max(linked.levels[jobs].tolist(), default=-1) + 1):
        wanted: list[Target] = []
        at = jobs[linked.levels[jobs] == level]
        placed = [
            scratch.place(job, results, wanted)
            for job, results in zip(rows[at].tolist(), linked.numbers[at, 0].tolist(), strict=True)
        ]
        rounds.append(Round(phases.write(wanted), tuple(placed)))
    reporting = [phases.write_in_order(domain, order, guard) for guard, domain, order in orders]
    rounds.append(Round(tuple(sorted(reporting, key=lambda phase: phase.domain)), ()))
    instructions = phases.instructions
    needs = machine.needs_of(instructions, tuple(rounds))
    columns = scratch.word_columns, scratch.mark_columns
    return Emitted(Program(instructions, of_shapes, tuple(rounds), *columns, needs), phases.words, phases.flags)


def _by_domain(linked: Linked, targets: Sequence[Target]) -> Iterator[tuple[Domain, list[Target]]]:
    domains = linked.rows[[row for row, *_ in targets], Part.DOMAIN].tolist()
    for domain in Domain:
        of_domain = [target for target, its in zip(targets, domains, strict=True) if its == domain]
        if of_domain:
            yield domain, of_domain


class _PhaseWriter:
    """Writes one phase after another.

    Attributes:
        words, flags: how many registers the largest phase needs; at least one, so that the machine's scratch is never
            empty.

    """

    def __init__(self, linked: Linked) -> None:
        self.words = self.flags = 1
        self._linked = linked
        self._writer = Writer(linked.rows, linked.numbers)
        self._written: list[NDArray[np.int32]] = []
        self._total = 0

    @property
    def instructions(self) -> NDArray[np.int32]:
        """Those of all phases, int32 (instructions, 5)."""
        return np.concatenate(self._written or [np.empty((0, 5), np.int32)])

    def write(self, wanted: Sequence[Target]) -> Phases:
        """A phase for each domain that something is wanted of."""
        return tuple(self._phase(domain, self._lines(targets)) for domain, targets in _by_domain(self._linked, wanted))

    def write_in_order(self, domain: Domain, order: Order, guard: int) -> Phase:
        """A phase of reports."""
        return self._phase(domain, order.finish(self._lines(order.targets)), guard)

    def _lines(self, targets: Sequence[Target]) -> NDArray[np.int32]:
        lines, words, flags = self._writer.write(np.array(targets, np.uint32))
        self.words, self.flags = max(self.words, words), max(self.flags, flags)
        return lines

    def _phase(self, domain: Domain, lines: NDArray[np.int32], guard: int = ALWAYS) -> Phase:
        self._written.append(lines)
        first, self._total = self._total, self._total + len(lines)
        return Phase(domain, first, self._total, guard)


class _Scratch:
    """Gives columns to what jobs read."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._columns = {NONE: -1}
        self.word_columns: dict[Domain, int] = {}
        self.mark_columns: dict[Domain, int] = {}

    def place(self, job: Sequence[int], results: int, targets: list[Target]) -> machine.Job:
        """A job, from its row, with columns for what it reads; what is not kept yet is added to `targets`."""
        packed, low, high, *inputs = job[Part.NUMBERS :]
        mask, value, member_at, member_key, query_at, query_key, first, last = [
            self._columns[each] if each in self._columns else self._column(each, targets) for each in inputs
        ]
        return machine.Job(
            _JOB_KINDS[packed & 0xFF],
            _FUNCTIONS[packed >> 8 & 0xFF],
            _DOMAINS[packed >> 16 & 0xFF],
            _DOMAINS[packed >> 24 & 0xFF],
            results,
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

    def _column(self, node: int, targets: list[Target]) -> int:
        op, domain = self._rows.ops[node], _DOMAINS[self._rows.domains[node]]
        if op in (RESULT, FLAG_RESULT):  # it is there already
            column = FROM_RESULTS + self._rows.numbers[node][1]
        else:
            is_flag = op in FLAG_OPS
            counts = self.mark_columns if is_flag else self.word_columns
            column = counts.get(domain, 0)
            counts[domain] = column + 1
            kept = (int(Op.MARK), int(domain)) if is_flag else (int(Op.STORE), int(WideTable.SCRATCH + domain))
            targets.append((node, *kept, column))
        self._columns[node] = column
        return column
