"""Graphs to programs: an order for the nodes, registers for their results, constants beside the instructions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from otlp_verifier.language.graph import Graph, NodeId
from otlp_verifier.language.jobs import Job, Jobs
from otlp_verifier.machine import program as machine
from otlp_verifier.machine.operations import Domain, Op, WideTable
from otlp_verifier.machine.program import JobKind, Program, Round

# Operations whose single number is a constant: it goes to the constants, its index into the instruction.
_TAKES_CONSTANT: Final = frozenset(
    (Op.CONSTANT, Op.MASK_K, *(op for op in Op if Op.EQUAL_K <= op <= Op.AT_LEAST_FLOAT_K))
)


@dataclass
class Constants:
    """The constants of all programs of a plan, each once."""

    index: dict[int, int] = field(default_factory=dict)

    def __call__(self, bits: int) -> int:
        """The index of a 64-bit pattern."""
        return self.index.setdefault(bits, len(self.index))


@dataclass
class _Registers:
    """Registers of one kind: the ones in use, and those free to be used again."""

    free: list[int] = field(default_factory=list)
    used: int = 0

    def take(self) -> int:
        if self.free:
            return self.free.pop()
        self.used += 1
        return self.used - 1


@dataclass(frozen=True, slots=True)
class Report:
    """Finding number `number` is made where flag `node` of its domain's graph is set."""

    number: int
    domain: Domain
    node: NodeId


@dataclass(frozen=True, slots=True)
class Store:
    """What `node` gives is kept for jobs: as column `column` of the domain's SCRATCH table, or of its marks."""

    domain: Domain
    node: NodeId
    column: int


@dataclass(frozen=True, slots=True)
class Emitted:
    """A program and how many registers of each kind it needs."""

    program: Program
    words: int
    flags: int


class Emitter:
    """Writes the programs of one plan: they share constants and jobs."""

    def __init__(self, jobs: Jobs, constants: Constants) -> None:
        self._jobs = jobs
        self._graphs = jobs.graphs
        self._constants = constants

    def emit(self, reports: Sequence[Report]) -> Emitted:
        """The program that makes the given reports: rounds of phases and jobs, then a phase per domain that reports."""
        instructions: list[tuple[int, int, int, int, int]] = []
        rounds: list[Round] = []
        words = flags = 1  # at least one of each, so that the machine's scratch is never empty
        scratch = _Scratch(self._graphs)
        steps: list[tuple[list[Report | Store], list[machine.Job]]] = []
        for jobs in self._rounds(reports):
            wanted: list[Report | Store] = []
            steps.append((wanted, [scratch.place(job, self._jobs.columns[job], wanted) for job in jobs]))
        steps.append((list(reports), []))
        for targets, jobs_placed in steps:
            phases = []
            for domain in Domain:
                of_domain = [target for target in targets if target.domain is domain]
                if not of_domain:
                    continue
                first = len(instructions)
                phase = _Phase(self._graphs[domain], of_domain, self._constants)
                instructions.extend(phase.instructions)
                phases.append((domain, first, len(instructions)))
                words, flags = max(words, phase.words.used), max(flags, phase.flags.used)
            rounds.append(Round(tuple(phases), tuple(jobs_placed)))
        array = np.array(instructions, np.int32).reshape(-1, 5)
        needs = machine.needs_of(array, tuple(rounds))
        program = Program(array, tuple(rounds), scratch.word_columns, scratch.mark_columns, needs)
        return Emitted(program, words, flags)

    def _rounds(self, reports: Sequence[Report]) -> list[list[Job]]:
        """The jobs that reports need, by level: a job's inputs need only jobs of earlier levels."""
        needed: dict[Job, None] = {}
        todo = [(report.domain, report.node) for report in reports]
        seen = set(todo)
        while todo:
            domain, node = todo.pop()
            job = self._jobs.producer(domain, node)
            inputs = [(domain, i) for i in self._graphs[domain].nodes[node].inputs]
            if job is not None:
                needed[job] = None
                inputs += [(job.members, i) for i in job.member_inputs()]
                inputs += [(job.queries, i) for i in job.query_inputs()]
            todo += [each for each in inputs if each not in seen]
            seen.update(inputs)
        levels: list[list[Job]] = []
        for job in sorted(needed, key=self._jobs.columns.__getitem__):
            level = self._jobs.job_level(job)
            levels += [[] for _ in range(level + 1 - len(levels))]
            levels[level].append(job)
        return levels


class _Scratch:
    """Gives columns to what jobs read."""

    def __init__(self, graphs: dict[Domain, Graph]) -> None:
        self._graphs = graphs
        self._columns: dict[tuple[Domain, NodeId], int] = {}
        self.word_columns: dict[Domain, int] = {}
        self.mark_columns: dict[Domain, int] = {}

    def place(self, job: Job, results: int, targets: list[Report | Store]) -> machine.Job:
        """The job with columns for nodes; what is not kept yet is added to `targets`."""

        def column(domain: Domain, node: NodeId | None) -> int:
            if node is None:
                return -1
            if (domain, node) not in self._columns:
                counts = self.mark_columns if self._graphs[domain].nodes[node].is_flag else self.word_columns
                self._columns[domain, node] = counts.get(domain, 0)
                counts[domain] = counts.get(domain, 0) + 1
                targets.append(Store(domain, node, self._columns[domain, node]))
            return self._columns[domain, node]

        interval, window = job.kind is JobKind.INTERVAL, job.kind is JobKind.WINDOW
        return machine.Job(
            job.kind,
            job.function,
            job.members,
            job.queries,
            results,
            excludes_self=job.excludes_self,
            window_low=job.low if window else 0,
            window_high=job.high if window else 0,
            future=job.future,
            member_end=job.member_end,
            query_end=job.query_end,
            mask=column(job.members, job.mask),
            value=column(job.members, job.value),
            member_at=column(job.members, job.member_at),
            member_key=column(job.members, job.member_key),
            query_at=column(job.queries, job.query_at),
            query_key=column(job.queries, job.query_key),
            low=column(job.queries, job.low if interval else None),
            high=column(job.queries, job.high if interval else None),
        )


class _Phase:
    """One domain's instructions: nodes in the order in which reports need them, registers freed after the last use."""

    def __init__(self, graph: Graph, targets: Sequence[Report | Store], constants: Constants) -> None:
        self.instructions: list[tuple[int, int, int, int, int]] = []
        self.words, self.flags = _Registers(), _Registers()
        self._graph = graph
        self._constants = constants
        self._register: dict[NodeId, int] = {}
        schedule: list[NodeId | Report | Store] = []
        seen: set[NodeId] = set()
        for target in targets:
            self._visit(target.node, seen, schedule)
            schedule.append(target)
        self._last_use = self._uses(schedule)
        for at, item in enumerate(schedule):
            if isinstance(item, Report | Store):
                self._target(item, self._register[item.node])
                self._release(item.node, at)
            else:
                self._instruction(item, at)

    def _target(self, target: Report | Store, register: int) -> None:
        if isinstance(target, Report):
            self.instructions.append((Op.REPORT, 0, target.number, register, 0))
        elif self._graph.nodes[target.node].is_flag:
            self.instructions.append((Op.MARK, 0, target.domain, target.column, register))
        else:
            self.instructions.append((Op.STORE, 0, WideTable.SCRATCH + target.domain, target.column, register))

    def _visit(self, root: NodeId, seen: set[NodeId], schedule: list[NodeId | Report | Store]) -> None:
        """Append `root` and what it reads that is not there yet, inputs first; rules may be too deep to recurse."""
        stack = [(root, False)]
        while stack:
            node, inputs_done = stack.pop()
            if inputs_done:
                schedule.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((i, False) for i in reversed(self._graph.nodes[node].inputs))

    def _uses(self, schedule: Sequence[NodeId | Report | Store]) -> dict[NodeId, int]:
        last: dict[NodeId, int] = {}
        for at, item in enumerate(schedule):
            reads = (item.node,) if isinstance(item, Report | Store) else self._graph.nodes[item].inputs
            for node in reads:
                last[node] = at
        return last

    def _instruction(self, node_id: NodeId, at: int) -> None:
        node = self._graph.nodes[node_id]
        operands = [self._register[i] for i in node.inputs]
        # The result is placed before the inputs are released: were it to share a register with one of them, the
        # machine's loops would fail LLVM's overlap check and run scalar.
        to = self._register[node_id] = (self.flags if node.is_flag else self.words).take()
        for i in dict.fromkeys(node.inputs):
            self._release(i, at)
        numbers = [self._constants(number) if node.op in _TAKES_CONSTANT else number for number in node.numbers]
        if node.op in (Op.WIDE_AT, Op.NARROW_AT, Op.ROW_AT) or node.op is Op.HOLDS:
            a_b_c = [*numbers, *operands]  # the tables' numbers come first
        else:
            a_b_c = [*operands, *numbers]
        a, b, c = (*a_b_c, 0, 0, 0)[:3]
        self.instructions.append((node.op, to, a, b, c))

    def _release(self, node_id: NodeId, at: int) -> None:
        if self._last_use.get(node_id) == at:
            registers = self.flags if self._graph.nodes[node_id].is_flag else self.words
            registers.free.append(self._register[node_id])
