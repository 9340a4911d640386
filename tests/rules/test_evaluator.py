"""The compiled rules against a slow walk of their formulas, on every rule and on traces full of odd values."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.policy import Completeness
from otlp_verifier.registry.opentelemetry import alone
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from tests.reference.evaluator import Violation, judge, violations
from tests.rules.tried import MADE, RULES, examples_of
from tests.strategies import all_spans, requests, spans

PLAN = compile_rules([Source(rule.id, rule.rule, rule.parameters) for rule in RULES])
ENGINE = Engine(PLAN, alone())  # an arena lives long, and nothing of one batch may show in the next
LIMITS = Limits(memory_factor=64)

pytestmark = pytest.mark.many

# The examples lie on both sides of what each rule decides; parts of several, exchanged, lie close to it.
UNSEEN = {"utf8-invalid", "encoding-ambiguous"}  # their examples hold what protobuf refuses or does not show
BY_RULE = {
    rule.id: [
        ExportTraceServiceRequest.FromString(case.request)
        for case in (*examples_of(rule.id).fires, *examples_of(rule.id).silent)
    ]
    for rule in RULES
    if rule.part == 0 and rule.id not in UNSEEN
}
POOL = [request for requests_ in BY_RULE.values() for request in requests_]
CROSSINGS = settings.default.max_examples // 20  # of each example; HYPOTHESIS_PROFILE=thorough makes many
SPANS = [span for request in POOL for span in all_spans(request)]
FIELDS = [field.name for field in Span.DESCRIPTOR.fields]
NUDGES = [-1_000_001, -1_000_000, -1, 1, 1_000_000, 1_000_001]  # ns: the rules' tolerance and its neighbours


def found(request: ExportTraceServiceRequest, completeness: Completeness) -> list[Violation]:
    rows = ENGINE.run(request.SerializeToString(), completeness, LIMITS)
    return [
        Violation(RULES[rule].id, RULES[rule].part, row)
        for rule, row in zip(rows.rules.tolist(), rows.rows.tolist(), strict=True)
    ]


def walked(request: ExportTraceServiceRequest) -> set[Violation]:
    """What the walk finds in a whole trace: where something is missing, rules that ask for it say nothing."""
    return judge(RULES, request, PLAN.final).violated


def crossed(random: Random, example_: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """An example and perhaps another in one request, with fields of their spans exchanged and times moved."""
    request = ExportTraceServiceRequest.FromString(example_.SerializeToString())
    if random.random() < 0.3:
        request.MergeFrom(random.choice(POOL))
    here = all_spans(request)
    for _ in range(random.randrange(3) if here else 0):
        _copy(random.choice(random.choice([here, SPANS])), random.choice(here), random.choice(FIELDS))
    for _ in range(random.randrange(2) if here else 0):
        span, anchor = random.choice(here), random.choice(here)
        moved = random.choice([anchor.start_time_unix_nano, anchor.end_time_unix_nano]) + random.choice(NUDGES)
        field = random.choice(["start_time_unix_nano", "end_time_unix_nano"])
        setattr(span, field, max(0, min(moved, 2**64 - 1)))
    return request


def _copy(source: Span, target: Span, field: str) -> None:
    copy = Span.FromString(source.SerializeToString())
    target.ClearField(field)
    for other in FIELDS:
        if other != field:
            copy.ClearField(other)  # type: ignore[arg-type]
    target.MergeFrom(copy)


@pytest.mark.parametrize("rule_id", sorted({rule.id for rule in RULES} - UNSEEN))
def test_close_to_its_examples_a_rule_is_judged_as_the_walk_judges_it(rule_id: str) -> None:
    random = Random(rule_id)
    for case in BY_RULE[rule_id] * CROSSINGS:
        request = crossed(random, case)
        rows = found(request, Completeness.TRACE)
        assert len(rows) == len(set(rows)), "a row is found once"
        assert set(rows) == walked(request), request


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(requests(spans(forged=False), forged=False))
def test_odd_requests_are_judged_as_the_walk_judges_them(request: ExportTraceServiceRequest) -> None:
    assert set(found(request, Completeness.TRACE)) == walked(request)


def test_a_batch_is_judged_by_the_rules_that_are_final() -> None:
    final = [rule for rule, is_final in zip(RULES, PLAN.final, strict=True) if is_final]
    assert {rule.id for rule in RULES} - {rule.id for rule in final} == {
        rule.id for rule in RULES if rule.decided_by == "trace"
    }
    for request in POOL:
        assert set(found(request, Completeness.BATCH)) == violations(final, request)


def test_every_part_of_every_rule_fires_in_its_examples() -> None:
    fired: set[tuple[str, int]] = set()
    for rule in RULES:
        for case in examples_of(rule.id).fires:
            rows = ENGINE.run(case.request, Completeness.TRACE, LIMITS)
            fired |= {(RULES[number].id, RULES[number].part) for number in rows.rules.tolist()}
    assert not {(rule.id, rule.part) for rule in RULES if rule.id not in MADE} - fired


def test_the_walk_agrees_with_every_example() -> None:
    for request in POOL:
        assert set(found(request, Completeness.TRACE)) == walked(request)
