"""Graphs and programs: equal expressions once, constants folded, registers used again without harm."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.emit import Emitted, Report, emit
from otlp_verifier.language.fragment import fragment
from otlp_verifier.language.fuse import fuse
from otlp_verifier.language.graph import Graph, NodeId, bits
from otlp_verifier.language.jobs import Jobs
from otlp_verifier.language.link import Linked, link
from otlp_verifier.language.plan import CodedText
from otlp_verifier.language.skips import Skips
from otlp_verifier.language.symbols import Symbols
from otlp_verifier.machine.operations import Domain, Op
from tests.machine.programs import EXTREMES, NO_ROW, Memory
from tests.reference import machine as reference
from tests.strategies import RANDOMS

ROWS = 5
SYMBOLS = Symbols()
SYMBOLS.text(TEXT := CodedText(Domain.SPAN))
SYMBOLS.predicate("any", TEXT, lambda: lambda _: True)


def emitted_from(graph: Graph, nodes: list[NodeId]) -> tuple[Emitted, Linked]:
    """The program that reports where nodes are set, each with its place as number; and the rows."""
    made = fragment(Jobs(dict.fromkeys(Domain, graph)), SYMBOLS, [(Domain.SPAN, node) for node in nodes])
    linked = fuse(link([made]))
    skips = Skips(linked, linked.roots[0])
    return emit(skips, [Report(number, row) for number, row in enumerate(linked.roots[0])]), skips.joined()


class Maker:
    """A random graph, made by calls alone: what each call must evaluate to is worked out beside it, row by row."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.graph = Graph()
        self.memory = Memory(
            np.array([[rng.choice(EXTREMES) for _ in range(ROWS)] for _ in range(3)], np.uint64),
            np.array([[rng.choice([NO_ROW, *range(ROWS)]) for _ in range(ROWS)] for _ in range(2)], np.uint32),
            truth=((0, 1, 0, 1, 1),),
        )
        self.words: list[tuple[NodeId, list[int]]] = []
        self.flags: list[tuple[NodeId, list[bool]]] = []
        wide, narrow = self.memory.wide.tolist(), self.memory.narrow.tolist()
        for column, values in enumerate(wide):
            self.words.append((self.graph.node(Op.WIDE, numbers=(0, column)), values))
        self.rows = [(self.graph.node(Op.NARROW, numbers=(0, column)), values) for column, values in enumerate(narrow)]
        for node, values in self.rows:
            self.words.append((node, values))
            present = [row != NO_ROW for row in values]
            self.flags.append((self.graph.node(Op.PRESENT, node), present))
            held = [row != NO_ROW and bool(self.memory.truth[0][row]) for row in values]
            self.flags.append((self.graph.node(Op.HOLDS, node, numbers=(0,)), held))
            gathered = [wide[0][row] if row != NO_ROW else 0 for row in values]
            self.words.append((self.graph.node(Op.WIDE_AT, node, numbers=(0, 0)), gathered))

    def grow(self) -> None:
        """One more expression over what there is."""
        rng, graph = self.rng, self.graph
        (p, p_is), (q, q_is) = rng.choice(self.flags), rng.choice(self.flags)
        (x, x_is), (y, y_is) = rng.choice(self.words), rng.choice(self.words)
        k = rng.choice(EXTREMES)
        match rng.randrange(9):
            case 0:
                self.flags.append((graph.both(p, q), [a and b for a, b in zip(p_is, q_is, strict=True)]))
            case 1:
                self.flags.append((graph.either(p, q), [a or b for a, b in zip(p_is, q_is, strict=True)]))
            case 2:
                self.flags.append((graph.negate(p), [not a for a in p_is]))
            case 3:
                value = rng.random() < 0.5
                self.flags.append((graph.flag(value), [value] * ROWS))
            case 4:
                op = rng.choice(list(reference.COMPARISONS))
                result = [reference.COMPARISONS[op](a, b) for a, b in zip(x_is, y_is, strict=True)]
                self.flags.append((graph.node(op, x, y), result))
            case 5:
                op = rng.choice(list(reference.CONSTANT_COMPARISONS))
                result = [reference.CONSTANT_COMPARISONS[op](a, k) for a in x_is]
                self.flags.append((graph.node(op, x, numbers=(k,)), result))
            case 6:
                op = rng.choice([op for op in reference.ARITHMETIC if op not in reference.FLOAT_RESULTS])
                inputs = (x,) if op is Op.SIGN_32 else (x, y)
                words = [reference.ARITHMETIC[op](a, b) for a, b in zip(x_is, y_is, strict=True)]
                self.words.append((graph.node(op, *inputs), words))
            case 7:
                self.words.append((graph.node(Op.MASK_K, x, numbers=(k,)), [a & k for a in x_is]))
            case 8:
                self.words.append((graph.word(k), [k] * ROWS))


@given(RANDOMS, st.integers(0, 80), st.integers(1, 8))
def test_programs_compute_what_their_graphs_say(rng: Random, size: int, rules: int) -> None:
    maker = Maker(rng)
    for _ in range(size):
        maker.grow()
    chosen = [rng.choice(maker.flags[-20:]) for _ in range(rules)]
    emitted, linked = emitted_from(maker.graph, [node for node, _ in chosen])
    constants = tuple(linked.constants.tolist()) or (0,)
    memory = Memory(maker.memory.wide, maker.memory.narrow, constants, maker.memory.truth)
    program = [tuple(line) for line in emitted.program.instructions.tolist()]
    found = memory.run(program, ROWS, registers=max(emitted.words, emitted.flags))
    expected = [(rule, row) for rule, (_, holds) in enumerate(chosen) for row in range(ROWS) if holds[row]]
    assert found.findings == expected


def test_registers_are_used_again() -> None:
    graph = Graph()
    flag = graph.flag(True)
    for k in range(100):
        word = graph.node(Op.WIDE, numbers=(0, k))
        flag = graph.both(flag, graph.node(Op.EQUAL_K, word, numbers=(k,)))
    emitted, _ = emitted_from(graph, [flag])
    assert (emitted.words, emitted.flags) == (1, 3)


def test_a_result_never_lies_where_its_operands_lie() -> None:
    rng = Random(5)
    maker = Maker(rng)
    for _ in range(300):
        maker.grow()
    emitted, _ = emitted_from(maker.graph, [node for node, _ in maker.flags[-40:]])
    for op, to, a, b, _ in emitted.program.instructions.tolist():
        if op in reference.LOGIC:
            assert to != a
            assert op == Op.NOT or to != b
        elif op in reference.ARITHMETIC:
            assert to != a
            assert op in (Op.SIGN_32, Op.TO_FLOAT) or to != b


def test_equal_expressions_are_in_the_graph_once() -> None:
    graph = Graph()
    x, y = graph.node(Op.WIDE, numbers=(0, 0)), graph.node(Op.WIDE, numbers=(0, 1))
    p, q = graph.node(Op.EQUAL, x, y), graph.node(Op.EQUAL_K, x, numbers=(1,))
    assert graph.node(Op.EQUAL, x, y) == p
    assert graph.both(p, q) == graph.both(q, p)
    assert graph.either(p, q) == graph.either(q, p)
    assert graph.word(1) == graph.word(1)
    assert graph.word(1) != graph.word(1.0)
    assert graph.word(-1) == graph.word(2**64 - 1)


def test_constants_and_identities_are_folded() -> None:
    graph = Graph()
    yes, no = graph.flag(True), graph.flag(False)
    p = graph.node(Op.EQUAL_K, graph.node(Op.ROW), numbers=(1,))
    assert (graph.both(p, yes), graph.both(yes, p), graph.both(p, p)) == (p, p, p)
    assert (graph.both(p, no), graph.both(no, p)) == (no, no)
    assert (graph.either(p, no), graph.either(no, p), graph.either(p, p)) == (p, p, p)
    assert (graph.either(p, yes), graph.either(yes, p)) == (yes, yes)
    assert (graph.negate(yes), graph.negate(no), graph.negate(graph.negate(p))) == (no, yes, p)
    assert graph.both(p, graph.negate(p)) == graph.both(graph.negate(p), p) == no


def test_bits() -> None:
    assert bits(-1) == 2**64 - 1
    assert bits(1.0) == 0x3FF0000000000000
    assert bits(-0.0) == 2**63


def test_rules_share_what_they_have_in_common() -> None:
    one = Source("a", 'for each span s where s.kind == 2 require s.attributes["k"] != nil')
    other = Source("b", 'for each span span where 2 == span.kind and true require span.attributes["k"] != nil or false')
    alone, both = compile_rules([one]), compile_rules([one, other])
    assert len(both.trace.instructions) == len(alone.trace.instructions) + 1, "one more report"
    assert len(both.constants) == len(alone.constants)
    assert both.keys == alone.keys == {Domain.SPAN: (b"k",)}


def test_a_rule_that_cannot_fire_costs_next_to_nothing() -> None:
    plan = compile_rules([Source("a", 'for each span s where false and s.attributes["k"] == 1 require s.kind == 3')])
    assert plan.trace.instructions[:, 0].tolist() == [Op.FLAG_CONSTANT, Op.REPORT]


@pytest.mark.parametrize("domain", ["resource", "scope", "span", "event", "link"])
def test_phases_are_those_of_the_domains_with_rules(domain: str) -> None:
    plan = compile_rules([Source("a", f'for each {domain} x require x.attributes["k"] == nil')])
    assert [phase[0] for phase in plan.trace.rounds[-1].phases] == [Domain[domain.upper()]]
    assert plan.domains == (Domain[domain.upper()],)


def test_no_rules() -> None:
    plan = compile_rules([])
    assert plan.trace.instructions.shape == plan.batch.instructions.shape == (0, 5)
    assert plan.trace.rounds[-1].phases == ()
    assert (plan.words, plan.flags) == (1, 1)
