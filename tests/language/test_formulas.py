"""Random rules on random traces: the engine against the slow walk of their trees; final violations stay."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.paths import FIELDS
from otlp_verifier.machine.operations import Domain, Op
from otlp_verifier.machine.program import Program
from otlp_verifier.policy import Completeness
from otlp_verifier.rules.catalogue import Rule, builtin
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from tests.language.formulas import Formula
from tests.reference.evaluator import Violation, judge
from tests.reference.relations import read_id
from tests.strategies import TRACE_IDS, all_spans, request_of, requests

LIMITS = Limits(memory_factor=64)
pytestmark = pytest.mark.many
SEEDS = st.integers(0, 2**32)  # of formulas: hypothesis shrinks traces, where there is more to gain
BATCH, TRACE = Completeness.BATCH, Completeness.TRACE


def formulas(seed: int, count: int, *, depth: int = 3, domains: Sequence[Domain] = tuple(FIELDS)) -> list[str]:
    rng = Random(seed)
    return [Formula(rng, depth=depth, domains=domains).text for _ in range(count)]


def rules_of(formulas: Sequence[str]) -> list[Rule]:
    return [
        Rule(
            id=f"r{n}", severity="error", description="", rule=f"assume nothing {formula}", file="", line=1, rule_line=1
        )
        for n, formula in enumerate(formulas)
    ]


def engine_of(rules: Sequence[Rule]) -> Engine:
    return Engine(compile_rules([Source(rule.id, rule.rule, rule.parameters) for rule in rules]))


def found(
    engine: Engine, rules: Sequence[Rule], request: ExportTraceServiceRequest, completeness: Completeness
) -> set[Violation]:
    rows = engine.run(request.SerializeToString(), completeness, LIMITS)
    pairs = list(zip(rows.rules.tolist(), rows.rows.tolist(), strict=True))
    assert len(pairs) == len(set(pairs)), "a row is found once"
    assert rows.counts.tolist() == [sum(number == rule for rule, _ in pairs) for number in range(len(rules))]
    return {Violation(rules[rule].id, rules[rule].part, row) for rule, row in pairs}


@given(SEEDS, st.integers(1, 6), requests(most=3), requests(most=3))
def test_random_rules_are_judged_as_the_walk_judges_them(
    seed: int, count: int, first: ExportTraceServiceRequest, second: ExportTraceServiceRequest
) -> None:
    rules = rules_of(formulas(seed, count))
    engine = engine_of(rules)
    for request in (first, second):
        expected = judge(rules, request, engine.plan.final)
        assert found(engine, rules, request, TRACE) == expected.violated, [rule.rule for rule in rules]
        undecided = [sum(one.rule == rule.id for one in expected.undecided) for rule in rules]
        rows = engine.run(request.SerializeToString(), TRACE, LIMITS)
        assert rows.undecided.tolist() == undecided


@given(SEEDS, requests(most=3))
def test_the_program_for_batches_holds_exactly_the_final_rules(seed: int, request: ExportTraceServiceRequest) -> None:
    rules = rules_of(formulas(seed, 6, depth=1))
    engine = engine_of(rules)
    final = engine.plan.final
    assert reported(engine.plan.batch) == {number for number in range(6) if final[number]}
    assert {number % 6 for number in reported(engine.plan.trace)} == set(range(6))
    everything = found(engine, rules, request, TRACE)
    assert found(engine, rules, request, BATCH) == {v for v in everything if final[int(v.rule[1:])]}


def reported(program: Program) -> set[int]:
    """The numbers that a program's findings may have."""
    return {a for op, _, a, _, _ in program.instructions.tolist() if op == Op.REPORT}


def conflicts(whole: ExportTraceServiceRequest, part: ExportTraceServiceRequest) -> bool:
    """Whether a span that comes later has the ids of one that is there, but other content."""

    def ids(request: ExportTraceServiceRequest) -> dict[tuple[bytes, bytes], set[bytes]]:
        contents: dict[tuple[bytes, bytes], set[bytes]] = {}
        for span in all_spans(request):
            pair = read_id(span.trace_id, 16), read_id(span.span_id, 8)
            contents.setdefault(pair, set()).add(span.SerializeToString())
        return contents

    before = ids(part)
    return any(pair in before and before[pair] != contents for pair, contents in ids(whole).items() if all(pair))


def later(part: ExportTraceServiceRequest, rest: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """The part and then the rest, so that rows of the part keep their numbers."""
    whole = ExportTraceServiceRequest.FromString(part.SerializeToString())
    whole.MergeFrom(rest)
    return whole


def assert_stays(rules: Sequence[Rule], part: ExportTraceServiceRequest, rest: ExportTraceServiceRequest) -> None:
    engine = engine_of(rules)
    whole = later(part, rest)
    if conflicts(whole, part):
        return  # which of the spans with these ids is meant, is what has changed
    lost = found(engine, rules, part, BATCH) - found(engine, rules, whole, BATCH)
    assert not lost, [rules[int(violation.rule[1:])].rule for violation in lost if violation.rule[1:].isdigit()]


@given(SEEDS, requests(most=3), requests(most=3))
def test_a_violation_found_in_a_batch_is_final(
    seed: int, part: ExportTraceServiceRequest, rest: ExportTraceServiceRequest
) -> None:
    assert_stays(rules_of(formulas(seed, 8, depth=2)), part, rest)


@st.composite
def families(draw: st.DrawFn) -> list[Span]:
    """Spans whose parents are mostly among them, each with ids of its own; some come twice."""
    numbers = draw(st.permutations(range(1, 8)))
    spans = [
        Span(
            trace_id=TRACE_IDS[draw(st.integers(0, 3)) == 3],
            span_id=bytes([number]) * 8,
            parent_span_id=bytes([draw(st.integers(0, 7))]) * 8,
            name=draw(st.sampled_from(["", "a"])),
            kind=draw(st.integers(0, 2)),
            start_time_unix_nano=draw(st.integers(0, 2)),
            end_time_unix_nano=draw(st.integers(0, 2)),
        )
        for number in numbers
    ]
    return spans + draw(st.lists(st.sampled_from(spans), max_size=2))


@given(SEEDS, families(), st.integers(0, 9))
def test_a_violation_stays_when_relatives_arrive(seed: int, family: list[Span], first: int) -> None:
    rules = rules_of(formulas(seed, 12, depth=2, domains=(Domain.SPAN, Domain.TRACE)))
    assert_stays(rules, request_of(family[:first]), request_of(family[first:]))


@given(requests(most=3), requests(most=3))
def test_violations_of_the_package_rules_are_final(
    part: ExportTraceServiceRequest, rest: ExportTraceServiceRequest
) -> None:
    engine, rules = BUILTIN
    whole = later(part, rest)
    if not conflicts(whole, part):
        assert found(engine, rules, part, BATCH) <= found(engine, rules, whole, BATCH)


BUILTIN = engine_of(builtin()), builtin()


FINAL = {
    'for each span s require s.attributes["a"] != nil': True,
    "for each span s require s.parent == nil": True,
    "for each span s require s.parent != nil": False,
    "for each span s where s.parent == nil require false": False,
    "for each span s where s.parent != nil require false": True,
    "for each span s with parent p require s.start >= p.start": True,
    "for each span s require s.start >= s.parent.start": False,
    "for each span s with parent p require p.parent != nil": False,
    "for each span s with parent p require p.parent == nil": True,
    "for each span s require not s.cyclic": True,
    "for each span s require s.cyclic": False,
    "for each span s require s.cyclic == false": True,
    "for each span s require not s.conflict": True,
    "for each span s require not s.duplicate": False,
    "for each trace t require t.roots.count <= 1": True,
    "for each trace t require t.roots.count < 2": True,
    "for each trace t require 1 >= t.roots.count": True,
    "for each trace t require t.roots.count >= 1": False,
    "for each trace t require t.roots.count == 1": False,
    "for each trace t require t.roots.count != 1": False,
    "for each trace t require t.roots.count < t.spans.count": False,
    "for each trace t require t.roots.count + 1 < 5": False,
    "for each span s require trace.spans.count < 100": True,
    "for each span s require s.resource.spans.count < 100": True,
    'for each span s require s.parent.attributes["a"] == nil': False,
    "for each event e with span s require e.time >= s.start": True,
    "for each event e require e.span.parent == nil": True,
    "for each span s require not (s.parent == nil and s.kind == 2)": False,
    "for each span s require not (s.parent != nil and s.kind == 2)": True,
    "for each span s require (s.parent == nil) == (s.kind == 2)": False,
    "for each span s require s.parent == nil or s.parent != nil": False,
    'for each span s require IsMatch(s.parent.name, "a")': False,
    'for each span s require not HasPrefix(s.parent.attributes["a"], "a")': False,
    'for each span s require IsString(s.parent.attributes["a"])': False,
    'for each span s with parent p require HasSuffix(p.name, "a") and IsInt(p.attributes["a"])': True,
    "for each span s require IsRootSpan()": True,
    'for each span s require s.attributes["a"] == (s.parent == nil)': False,
    'for each span s require s.attributes["a"] != s.cyclic': False,
    'for each span s require s.attributes["a"] == s.parent.flags.sampled': False,
    "for each span s require Len(s.parent.name) < 5": False,
}


def test_finality_is_decided_by_the_formula() -> None:
    plan = compile_rules([Source(str(number), rule) for number, rule in enumerate(FINAL)])
    assert dict(zip(FINAL, plan.final, strict=True)) == FINAL
    assert plan.domains[14] is Domain.TRACE
