"""Graphs to programs: an order for the nodes, registers for their results, constants beside the instructions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from otlp_verifier.language.graph import Graph, NodeId
from otlp_verifier.language.plan import Program
from otlp_verifier.machine.operations import Domain, Op

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
    """Rule number `rule` is violated where flag `node` of its domain's graph is set."""

    rule: int
    domain: Domain
    node: NodeId


@dataclass(frozen=True, slots=True)
class Emitted:
    """A program and how many registers of each kind it needs."""

    program: Program
    words: int
    flags: int


def emit(graphs: dict[Domain, Graph], reports: Sequence[Report], constants: Constants) -> Emitted:
    """The program that computes and makes the given reports, domain by domain."""
    instructions: list[tuple[int, int, int, int, int]] = []
    phases = []
    words = flags = 1  # at least one of each, so that the machine's scratch is never empty
    for domain in Domain:
        wanted = [report for report in reports if report.domain is domain]
        if not wanted:
            continue
        first = len(instructions)
        phase = _Phase(graphs[domain], wanted, constants)
        instructions.extend(phase.instructions)
        phases.append((domain, first, len(instructions)))
        words, flags = max(words, phase.words.used), max(flags, phase.flags.used)
    array = np.array(instructions, np.int32).reshape(-1, 5)
    return Emitted(Program(array, tuple(phases), tuple(report.rule for report in reports)), words, flags)


class _Phase:
    """One domain's instructions: nodes in the order in which reports need them, registers freed after the last use."""

    def __init__(self, graph: Graph, reports: Sequence[Report], constants: Constants) -> None:
        self.instructions: list[tuple[int, int, int, int, int]] = []
        self.words, self.flags = _Registers(), _Registers()
        self._graph = graph
        self._constants = constants
        self._register: dict[NodeId, int] = {}
        schedule: list[NodeId | Report] = []
        seen: set[NodeId] = set()
        for report in reports:
            self._visit(report.node, seen, schedule)
            schedule.append(report)
        self._last_use = self._uses(schedule)
        for at, item in enumerate(schedule):
            if isinstance(item, Report):
                flag = self._register[item.node]
                self.instructions.append((Op.REPORT, 0, item.rule, flag, 0))
                self._release(item.node, at)
            else:
                self._instruction(item, at)

    def _visit(self, root: NodeId, seen: set[NodeId], schedule: list[NodeId | Report]) -> None:
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

    def _uses(self, schedule: Sequence[NodeId | Report]) -> dict[NodeId, int]:
        last: dict[NodeId, int] = {}
        for at, item in enumerate(schedule):
            reads = (item.node,) if isinstance(item, Report) else self._graph.nodes[item].inputs
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
