"""The whole engine against its twins: what comes out, by both ways, is what findings and policy say."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.contract.verifier_pb2 import VerifyResponse
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Action, ActionRule, Completeness, Policy
from otlp_verifier.rules.catalogue import Rule, builtin
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.scanner import MalformedRequest, RequestOverLimit
from otlp_verifier.worker import Outcome, Worker
from tests.reference import verdict as reference
from tests.reference.evaluator import judge
from tests.strategies import all_spans, request_of, requests

LIMITS = Limits(memory_factor=64)
SEVERITIES = ("information", "warning", "error")


def rule(rule_id: str, severity: str, text: str) -> Rule:
    return Rule(
        id=rule_id, severity=severity, description=rule_id, rule=text, file="", line=1, rule_line=1  # type: ignore[arg-type]
    )  # fmt: skip


# Of every domain and severity, each true of some and false of other random telemetry.
RULES = (
    rule("cycle", "error", "for each span s require not s.cyclic"),
    rule("conflict", "error", "for each span s require not s.conflict"),
    rule("duplicate", "warning", "for each span s require not s.duplicate"),
    rule("order", "warning", "for each span s with parent p require s.start >= p.start"),
    rule("root-name", "information", 'for each span s where s.parent_span_id == nil require s.name != "a"'),
    rule("orphan", "information", "for each span s where s.parent_span_id != nil require s.parent != nil"),
    rule("few-attributes", "warning", "for each span s require s.attributes.count < 3"),
    rule("event-early", "warning", "for each event e with span s require e.time >= s.start"),
    rule("link-attribute", "information", 'for each link l require l.attributes["a"] == nil'),
    rule("scope-name", "error", 'for each scope c require c.name != "a"'),
    rule("resource-a", "information", 'for each resource r require r.attributes["a"] == nil'),
    rule("roots", "information", "for each trace t require t.roots.count <= 1"),
    rule("no-root", "warning", "for each trace t require t.roots.count >= 1"),
)
IDS = [each.id for each in RULES]

lines = st.builds(
    ActionRule,
    action=st.sampled_from(list(Action)),
    rules=st.lists(st.sampled_from(IDS), max_size=3, unique=True).map(tuple),
    severity=st.sampled_from([None, *SEVERITIES]),
)
policies = st.builds(
    Policy,
    annotate=st.sampled_from(["violations", "violations", "all", "none"]),
    violated_from=st.sampled_from(SEVERITIES),
    actions=st.lists(lines, max_size=3).map(tuple),
)
completenesses = st.sampled_from(list(Completeness))


def worker(rules: tuple[Rule, ...] = RULES, policy: Policy | None = None) -> Worker:
    return Verifier(rules, {"": policy or Policy()}, LIMITS).worker()


def found(
    rules: tuple[Rule, ...], request: ExportTraceServiceRequest, completeness: Completeness
) -> tuple[set[reference.Found], set[reference.Found]]:
    """Findings by the slow walk, and what it leaves undecided: of what is left when forged attributes are gone."""
    plan = Verifier(rules).plan
    numbers = {each.id: number for number, each in enumerate(rules)}
    verdicts = judge(rules, reference.stripped(request), plan.final)
    violated, undecided = (
        {
            reference.Found(numbers[each.rule], plan.domains[numbers[each.rule]].name.lower(), each.row)
            for each in rows
            if completeness is Completeness.TRACE or plan.final[numbers[each.rule]]
        }
        for rows in (verdicts.violated, verdicts.undecided)
    )
    return violated, undecided


def parsed(data: bytes | memoryview) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(bytes(data))


def applied(request: ExportTraceServiceRequest, outcome: Outcome, *, allow_drop: bool) -> ExportTraceServiceRequest:
    answer = VerifyResponse.FromString(outcome.response(7))
    assert answer.id == 7
    if answer.WhichOneof("answer") == "unchanged":
        return request
    return reference.apply(request, answer.sparse, allow_drop=allow_drop)


@given(requests(most=3), policies, completenesses, st.booleans())
def test_what_comes_out_is_what_findings_and_policy_say(
    request: ExportTraceServiceRequest, policy: Policy, completeness: Completeness, allow_drop: bool
) -> None:
    data = request.SerializeToString()
    outcome = worker(policy=policy).verify(data, completeness=completeness, allow_drop=allow_drop)
    findings, undecided = found(RULES, request, completeness)
    expected = reference.judge(
        request, RULES, findings, policy, completeness, allow_drop=allow_drop, undecided=undecided
    )
    result = reference.write(request, expected)

    assert outcome.findings_by_rule.tolist() == [sum(each.rule == n for each in findings) for n in range(len(RULES))]
    assert outcome.spans == len(all_spans(request))
    assert outcome.annotated == sum(bool(attributes) for attributes in expected.spans)
    assert outcome.dropped == len(expected.drops)
    assert outcome.stripped == sum(map(reference.forged, all_spans(request)))
    assert parsed(outcome.spliced()) == result
    assert applied(request, outcome, allow_drop=allow_drop) == result
    is_same = result.SerializeToString() == request.SerializeToString()
    assert outcome.changed != is_same
    if is_same:
        assert outcome.spliced() is data
        assert VerifyResponse.FromString(outcome.response(1)).WhichOneof("answer") == "unchanged"


@given(requests(most=3), policies, completenesses)
def test_verifying_ones_own_output_changes_nothing(
    request: ExportTraceServiceRequest, policy: Policy, completeness: Completeness
) -> None:
    judge = worker(policy=policy)
    once = bytes(judge.verify(request.SerializeToString(), completeness=completeness).spliced())
    outcome = judge.verify(once, completeness=completeness)
    assert bytes(outcome.spliced()) == once
    assert applied(parsed(once), outcome, allow_drop=False) == parsed(once)


def content(span: Span) -> bytes:
    copy = Span.FromString(span.SerializeToString())
    copy.ClearField("attributes")
    return copy.SerializeToString()


def said(span: Span) -> tuple[Any, ...]:
    return tuple(each.SerializeToString() for each in span.attributes)


def shuffled(request: ExportTraceServiceRequest, rng: Random) -> ExportTraceServiceRequest:
    """The same spans in the same scopes, everything in another order, and some scopes in two parts."""
    result = ExportTraceServiceRequest()
    for resource in rng.sample(list(request.resource_spans), len(request.resource_spans)):
        copy = result.resource_spans.add(schema_url=resource.schema_url)
        copy.resource.CopyFrom(resource.resource)
        for scope in rng.sample(list(resource.scope_spans), len(resource.scope_spans)):
            spans = rng.sample(list(scope.spans), len(scope.spans))
            cut = rng.randrange(len(spans) + 1)
            for part in (spans[:cut], spans[cut:]):
                into = copy.scope_spans.add(schema_url=scope.schema_url, spans=part)
                into.scope.CopyFrom(scope.scope)
    return result


@given(requests(most=4, forged=False), policies, completenesses, st.randoms(use_true_random=False))
def test_any_order_of_spans_gives_the_same_verdicts(
    request: ExportTraceServiceRequest, policy: Policy, completeness: Completeness, rng: Random
) -> None:
    # A finding on a trace is written on its first span, whichever that is: only the trace's verdict is the same.
    rules = tuple(each for each in RULES if "each trace" not in each.rule)
    known = Policy(
        annotate=policy.annotate,
        violated_from=policy.violated_from,
        actions=tuple(line for line in policy.actions if not {"roots", "no-root"} & set(line.rules)),
    )
    judge = worker(rules, known)

    def verdicts(batch: ExportTraceServiceRequest) -> Counter[object]:
        outcome = judge.verify(batch.SerializeToString(), completeness=completeness)
        return Counter((content(span), said(span)) for span in all_spans(parsed(outcome.spliced())))

    assert verdicts(shuffled(request, rng)) == verdicts(request)


@given(requests(most=3), requests(most=3), policies)
def test_a_batch_is_judged_as_if_it_were_the_first(
    before: ExportTraceServiceRequest, request: ExportTraceServiceRequest, policy: Policy
) -> None:
    verifier = Verifier(RULES, {"": policy, "other": Policy(annotate="all")}, LIMITS)
    fresh, used = verifier.worker(), verifier.worker()
    used.verify(before.SerializeToString(), completeness=Completeness.TRACE, profile="other", allow_drop=True).spliced()
    results = []
    for each in (fresh, used):
        outcome = each.verify(request.SerializeToString())
        said = outcome.response(1), bytes(outcome.spliced())
        results.append((said, outcome.findings_by_rule.tolist(), outcome.findings(1_000)))
    assert results[0] == results[1]


BUILTIN = Verifier(builtin(), {"": Policy(), "all": Policy(annotate="all")}, LIMITS)
BUILTIN.warm_up()
BUILTIN_WORKER = BUILTIN.worker()


@given(requests(most=3), completenesses, st.sampled_from(["", "all"]))
def test_output_of_the_package_rules_is_judged_as_its_input_was(
    request: ExportTraceServiceRequest, completeness: Completeness, profile: str
) -> None:
    first = BUILTIN_WORKER.verify(request.SerializeToString(), completeness=completeness, profile=profile)
    once, findings = bytes(first.spliced()), first.findings(1_000)
    second = BUILTIN_WORKER.verify(once, completeness=completeness, profile=profile)
    assert bytes(second.spliced()) == once
    assert second.findings(1_000) == findings


def faulty() -> ExportTraceServiceRequest:
    """A span on a cycle twice, of which only one is written on."""
    ids = [bytes([n]) * 8 for n in (1, 2)]
    spans = [Span(trace_id=b"\x01" * 16, span_id=ids[n], parent_span_id=ids[1 - n]) for n in (0, 1, 1)]
    return request_of(spans)


def test_equal_spans_stay_equal_when_one_is_written_on() -> None:
    judge = worker()
    once = judge.verify(faulty().SerializeToString(), completeness=Completeness.TRACE)
    assert once.findings_by_rule.tolist()[:3] == [2, 0, 2]
    again = judge.verify(bytes(once.spliced()), completeness=Completeness.TRACE)
    assert again.findings_by_rule.tolist()[:3] == [2, 0, 2]
    assert again.stripped == 3


def test_what_was_admitted_is_not_refused_when_forged_attributes_are_gone() -> None:
    """Every forged attribute allows more columns than it takes, so that without them the rest may be too much."""
    request = request_of([Span() for _ in range(10_500)])
    padding = request.resource_spans[0].resource.attributes.add(key="verifier.x")
    padding.value.string_value = "x" * 10_000
    limits = Limits(memory_factor=16)
    data = request.SerializeToString()
    without = bytes(Verifier((), limits=limits).worker().verify(data).spliced())
    assert len(data) - len(without) > 10_000
    with pytest.raises(RequestOverLimit):
        Verifier((), limits=limits).worker().verify(without)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_nothing_to_say_is_the_very_same_object(kind: type) -> None:
    data = kind(request_of([Span(name="b")]).SerializeToString())
    if kind is bytearray:
        data = memoryview(data)
    outcome = worker(RULES[:1]).verify(data)
    assert not outcome.changed
    assert outcome.spliced() is data


def test_refusals_reach_the_caller() -> None:
    judge = worker()
    with pytest.raises(MalformedRequest):
        judge.verify(b"\x0a\xff")
    with pytest.raises(KeyError, match="nobody"):
        judge.verify(b"", profile="nobody")
    with pytest.raises(ValueError, match="`gone`"):
        Verifier(RULES, {"": Policy(actions=(ActionRule(action=Action.IGNORE, rules=("gone",)),))})


def test_the_fingerprint_is_that_of_the_rules() -> None:
    assert Verifier(RULES).fingerprint == Verifier(RULES, {"": Policy(annotate="all")}).fingerprint
    assert Verifier(RULES).fingerprint != Verifier(RULES[1:]).fingerprint
    assert Verifier(RULES).rule_ids == tuple(IDS)


def test_a_rule_with_several_formulas_is_counted_once() -> None:
    verifier = Verifier([RULES[0], RULES[1], RULES[0]])
    assert (len(verifier.rule_ids), verifier.rule_count) == (3, 2)
