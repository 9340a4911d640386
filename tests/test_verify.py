"""An engine's long life: batches of all sizes after each other, more findings than there was room for, new strings."""

import functools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier import lookups
from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.policy import Completeness
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.verify import Engine
from otlp_verifier.wire.dictionary import Dictionary
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.scanner import MalformedRequest, RequestOverLimit
from tests.reference.evaluator import violations
from tests.strategies import request_of, requests

LIMITS = Limits(memory_factor=64)
# Texts of every domain, as columns and as attributes; constants, predicates, comparisons of two.
FORMULAS = (
    'for each span s require s.name == "a"',
    "for each span s require s.name == s.trace_state",
    'for each span s require IsMatch(s.name, "^a?$") or HasPrefix(s.attributes["a"], "x")',
    'for each span s require s.attributes["a"] == s.attributes["b"]',
    'for each span s require s.attributes["service.name"] == s.name',
    'for each span s with parent p require p.name != "b"',
    'for each event e require e.name == e.span.name and e.attributes["a"] != "b"',
    'for each link l require l.trace_state < "b" or l.attributes[""] == "a"',
    'for each scope c require c.name == c.version or c.attributes["b"] == ""',
    'for each resource r require not HasSuffix(r.schema_url, "a") and r.attributes["service.name"] != "GET /cart"',
)
RULES = [
    Rule(id=f"r{n}", severity="error", description="", rule=formula, file="", line=1, rule_line=1)
    for n, formula in enumerate(FORMULAS)
]
PLAN = compile_rules([Source(rule.id, rule.rule) for rule in RULES])


def found(engine: Engine, request: ExportTraceServiceRequest) -> set[tuple[str, int]]:
    rows = engine.run(request.SerializeToString(), Completeness.TRACE, LIMITS)
    return {(f"r{rule}", row) for rule, row in zip(rows.rules.tolist(), rows.rows.tolist(), strict=True)}


def expected(request: ExportTraceServiceRequest) -> set[tuple[str, int]]:
    return {(violation.rule, violation.row) for violation in violations(RULES, request)}


# Room for the constants and little else: nearly every batch resets the dictionary, or makes it grow and then shrink.
@pytest.mark.many
@pytest.mark.parametrize("room", [1, 3, 65_536])
def test_the_dictionary_forgets_in_mid_life(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small = functools.partial(Dictionary, entry_capacity=len(PLAN.strings) + room, arena_capacity=64 * room)
    monkeypatch.setattr(lookups, "Dictionary", small)
    engine = Engine(PLAN)

    @given(st.lists(requests(most=2), min_size=2, max_size=3))
    def check(batches: list[ExportTraceServiceRequest]) -> None:
        for request in batches:
            assert found(engine, request) == expected(request)

    check()
    assert (engine._lookups._string_codes.epoch > 0) == (room < 100)


@pytest.mark.many
def test_batches_of_all_sizes_after_each_other() -> None:
    rng, engine = Random(1), Engine(PLAN)
    for count in (0, 1, 70, 3, 1_100, 1_024, 64, 65, 2_500, 0, 5):
        spans = [Span(name=f"{rng.randrange(10 * count)}", trace_state=rng.choice("ab")) for _ in range(count)]
        for span in spans:
            if rng.random() < 0.5:
                span.attributes.add(key=rng.choice("ab")).value.string_value = rng.choice(["x", "y", span.name])
            if rng.random() < 0.1:
                span.events.add(name=span.name)
        request = request_of(spans, scopes=3)
        assert found(engine, request) == expected(request)


def test_more_findings_than_there_was_room_for() -> None:
    engine = Engine(compile_rules([Source(str(n), f"for each span s require s.kind == {n + 1}") for n in range(3)]))
    request = request_of([Span() for _ in range(1_500)]).SerializeToString()
    for _ in range(2):
        rows = engine.run(request, Completeness.BATCH, LIMITS)
        assert rows.counts.tolist() == [1_500] * 3
        pairs = set(zip(rows.rules.tolist(), rows.rows.tolist(), strict=True))
        assert pairs == {(rule, row) for rule in range(3) for row in range(1_500)}


def test_predicates_are_asked_once_of_each_string() -> None:
    asked: list[bytes] = []
    plan = compile_rules([Source("a", 'for each span s require HasPrefix(s.name, "n1")')])
    (predicate,) = plan.predicates

    def holds(text: bytes) -> bool:
        asked.append(text)
        return predicate.holds(text)

    engine = Engine(replace(plan, predicates=(replace(predicate, holds=holds),)))
    first = request_of([Span(name=f"n{i % 20}") for i in range(100)]).SerializeToString()
    second = request_of([Span(name=f"n{i % 30}") for i in range(100)]).SerializeToString()
    for request in (first, second, first):
        engine.run(request, Completeness.BATCH, LIMITS)
    assert sorted(asked) == sorted(f"n{i}".encode() for i in range(30))


@pytest.mark.parametrize(
    ("data", "error"), [(b"\xff", MalformedRequest), (request_of([Span()] * 3).SerializeToString(), RequestOverLimit)]
)
def test_a_request_that_is_refused_leaves_the_engine_usable(data: bytes, error: type[Exception]) -> None:
    engine = Engine(PLAN)
    request = request_of([Span(name="b")])
    before = found(engine, request)
    with pytest.raises(error):
        engine.run(data, Completeness.BATCH, Limits(spans=2))
    assert found(engine, request) == before


def test_without_rules_nothing_is_found() -> None:
    rows = Engine(compile_rules([])).run(request_of([Span()]).SerializeToString(), Completeness.TRACE, LIMITS)
    assert (rows.rules.tolist(), rows.rows.tolist(), rows.counts.tolist()) == ([], [], [])


def test_a_predicate_that_failed_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No string may be taken for judged because the one before it could not be."""
    engine = Engine(compile_rules([Source("r", 'for each span s require not IsMatch(s.name, "^bad")')]))
    request = request_of([Span(name="bad a"), Span(name="bad b")]).SerializeToString()
    [predicate] = engine.plan.predicates
    fails = iter([True])

    def holds(text: bytes) -> bool:
        if next(fails, False):
            raise RuntimeError
        return predicate.holds(text)

    monkeypatch.setattr(engine._lookups, "_plan", replace(engine.plan, predicates=(replace(predicate, holds=holds),)))
    with pytest.raises(RuntimeError):
        engine.run(request, Completeness.BATCH, LIMITS)
    assert engine.run(request, Completeness.BATCH, LIMITS).rows.tolist() == [0, 1]
