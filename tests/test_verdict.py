"""Policies and verdicts: what each setting does, patterns of many rules, batches of all sizes."""

from random import Random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.contract.verifier_pb2 import VerifyResponse
from otlp_verifier.effects import compile_policy
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Action, ActionRule, Completeness, Policy
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.wire.limits import Limits
from otlp_verifier.worker import Worker
from tests.reference import verdict as reference
from tests.strategies import TRACE_IDS, all_spans, request_of

LIMITS = Limits(memory_factor=64)
WRITE, VIOLATES, DROP_SPAN, DROP_TRACE = 1, 2, 4, 8
BATCH, TRACE = Completeness.BATCH, Completeness.TRACE


def rule(rule_id: str, severity: str = "error", text: str = "for each span s require true") -> Rule:
    return Rule(
        id=rule_id, severity=severity, description="", rule=text, file="", line=1, rule_line=1  # type: ignore[arg-type]
    )  # fmt: skip


THREE = (rule("note", "information"), rule("odd", "warning"), rule("bad", "error"))
DROP_ODD = ActionRule(action=Action.DROP_SPAN, rules=("odd",))
IGNORE_WARNINGS = ActionRule(action=Action.IGNORE, severity="warning")
DROP_ALL = ActionRule(action=Action.DROP_TRACE)


@pytest.mark.parametrize(
    ("policy", "effects"),
    [
        (Policy(), [WRITE, WRITE | VIOLATES, WRITE | VIOLATES]),
        (Policy(annotate="all"), [WRITE, WRITE | VIOLATES, WRITE | VIOLATES]),
        (Policy(annotate="none"), [0, VIOLATES, VIOLATES]),
        (Policy(violated_from="error"), [WRITE, WRITE, WRITE | VIOLATES]),
        (Policy(violated_from="information"), [WRITE | VIOLATES] * 3),
        (Policy(actions=(DROP_ODD,)), [WRITE, WRITE | VIOLATES | DROP_SPAN, WRITE | VIOLATES]),
        (Policy(actions=(IGNORE_WARNINGS,)), [WRITE, 0, WRITE | VIOLATES]),
        (Policy(actions=(IGNORE_WARNINGS, DROP_ODD)), [WRITE, 0, WRITE | VIOLATES]),
        (Policy(actions=(DROP_ODD, IGNORE_WARNINGS)), [WRITE, WRITE | VIOLATES | DROP_SPAN, WRITE | VIOLATES]),
        (Policy(actions=(IGNORE_WARNINGS, DROP_ALL)), [WRITE | DROP_TRACE, 0, WRITE | VIOLATES | DROP_TRACE]),
        (
            Policy(actions=(ActionRule(action=Action.ANNOTATE, rules=("bad",)), DROP_ALL)),
            [WRITE | DROP_TRACE, WRITE | VIOLATES | DROP_TRACE, WRITE | VIOLATES],
        ),
        (
            Policy(actions=(ActionRule(action=Action.DROP_SPAN, rules=("odd", "bad"), severity="error"),)),
            [WRITE, WRITE | VIOLATES, WRITE | VIOLATES | DROP_SPAN],
        ),
        (Policy(annotate="none", actions=(DROP_ODD,)), [0, VIOLATES | DROP_SPAN, VIOLATES]),
    ],
)
def test_the_first_line_that_fits_decides(policy: Policy, effects: list[int]) -> None:
    # The second half is for what is undecided: it leaves a trace in doubt that a violation would violate.
    doubts = [16 if effect & 2 else 0 for effect in effects]
    assert compile_policy(policy, THREE).effects.tolist() == effects + doubts


def test_a_policy_names_only_rules_that_are_there() -> None:
    with pytest.raises(ValueError, match="the rule `gone`, which is not selected"):
        compile_policy(Policy(actions=(ActionRule(action=Action.IGNORE, rules=("bad", "gone")),)), THREE)


# One trace with a sound and a faulty span, and a sound trace; the scope and the resource are at fault too.
FAULTY = (
    rule("span-fault", "error", "for each span s require s.kind == 0"),
    rule("scope-fault", "error", 'for each scope c require c.name != ""'),
    rule("resource-fault", "warning", "for each resource r require r.attributes.count > 0"),
)
SPANS = [
    Span(trace_id=TRACE_IDS[0], span_id=b"\x01" * 8),
    Span(trace_id=TRACE_IDS[0], span_id=b"\x02" * 8, kind=1),  # type: ignore[arg-type]  # an open enum
    Span(trace_id=TRACE_IDS[1], span_id=b"\x01" * 8),
]
SAID = {"verifier.severity": "error", "verifier.violations": ["span-fault"]}
BAD, NOTHING = {"verifier.trace.verdict": "violated"}, dict[str, str]()


def attributes(owner: Span) -> dict[str, str | list[str]]:
    return {
        each.key: each.value.string_value or [value.string_value for value in each.value.array_value.values]
        for each in owner.attributes
    }


@pytest.mark.parametrize(
    ("policy", "completeness", "expected"),
    [
        (Policy(), BATCH, [BAD, SAID | BAD, NOTHING]),
        (Policy(), TRACE, [BAD, SAID | BAD, NOTHING]),
        (Policy(annotate="all"), BATCH, [BAD, SAID | BAD, {"verifier.trace.verdict": "undecided"}]),
        (Policy(annotate="all"), TRACE, [BAD, SAID | BAD, {"verifier.trace.verdict": "valid"}]),
        (Policy(annotate="none"), TRACE, [NOTHING, NOTHING, NOTHING]),
        (Policy(actions=(ActionRule(action=Action.IGNORE),)), TRACE, [NOTHING] * 3),
        (
            Policy(annotate="all", actions=(ActionRule(action=Action.IGNORE),)),
            BATCH,
            [{"verifier.trace.verdict": "undecided"}] * 3,
        ),
    ],
)
def test_what_is_written(policy: Policy, completeness: Completeness, expected: list[dict[str, str]]) -> None:
    request = request_of(SPANS)
    outcome = Verifier(FAULTY, {"": policy}).worker().verify(request.SerializeToString(), completeness=completeness)
    result = ExportTraceServiceRequest.FromString(bytes(outcome.spliced()))
    assert [attributes(span) for span in all_spans(result)] == expected
    said = policy.annotate != "none" and not policy.actions
    scope, resource = result.resource_spans[0].scope_spans[0].scope, result.resource_spans[0].resource
    on_scope = {"verifier.severity": "error", "verifier.violations": ["scope-fault"]}
    on_resource = {"verifier.severity": "warning", "verifier.violations": ["resource-fault"]}
    assert attributes(scope) == (on_scope if said else {})
    assert attributes(resource) == (on_resource if said else {})


@pytest.mark.parametrize("allow_drop", [False, True])
@pytest.mark.parametrize(
    ("action", "left"), [(Action.ANNOTATE, [0, 1, 2]), (Action.DROP_SPAN, [0, 2]), (Action.DROP_TRACE, [2])]
)
def test_drops_need_to_be_allowed(action: Action, left: list[int], allow_drop: bool) -> None:
    policy = Policy(annotate="none", actions=(ActionRule(action=action),))
    data = request_of(SPANS).SerializeToString()
    outcome = Verifier(FAULTY, {"": policy}).worker().verify(data, allow_drop=allow_drop)
    kept = all_spans(ExportTraceServiceRequest.FromString(bytes(outcome.spliced())))
    assert kept == [SPANS[row] for row in (left if allow_drop else range(3))]
    answer = VerifyResponse.FromString(outcome.response(1))
    assert list(answer.sparse.drop_records) == [row for row in range(3) if allow_drop and row not in left]
    assert (outcome.spliced() is data) == (len(kept) == 3)


MANY = tuple(
    rule(f"rule-{n:03}", reference.SEVERITIES[n % 3], f'for each span s require not IsMatch(s.name, "_{n}_")')
    for n in range(150)
)


def of(rng: Random, numbers: int) -> Span:
    chosen = rng.sample(range(numbers), min(numbers, rng.choice((0, 1, 1, 2, 5))))
    return Span(trace_id=rng.randbytes(16), name="".join(f"_{n}_" for n in chosen))


@pytest.mark.parametrize("rules", [1, 63, 64, 65, 128, 129, 150])
def test_patterns_of_many_rules(rules: int) -> None:
    """One, two and three words of bits; more distinct patterns than there are rows in the smallest scratch."""
    rng = Random(rules)
    worker = Verifier(MANY[:rules], limits=LIMITS).worker()
    for count in (0, 3, 100, 20, 500):
        request = request_of([of(rng, rules) for _ in range(count)], scopes=2)
        findings = [
            reference.Found(int(n), "span", row)
            for row, span in enumerate(all_spans(request))
            for n in span.name.split("_")
            if n
        ]
        expected = reference.judge(request, MANY[:rules], findings, Policy(), BATCH, allow_drop=False)
        outcome = worker.verify(request.SerializeToString())
        assert ExportTraceServiceRequest.FromString(bytes(outcome.spliced())) == reference.write(request, expected)
        patterns = {tuple(sorted(map(str, written.items()))) for written in expected.spans if written}
        assert len(outcome.verdict.patterns) == len(patterns), "each distinct one once"


def test_encoded_patterns_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otlp_verifier.annotate._CACHE_MAX", 4)
    rng = Random(4)
    worker: Worker = Verifier(MANY, limits=LIMITS).worker()
    for _ in range(3):
        request = request_of([of(rng, 150) for _ in range(30)])
        outcome = worker.verify(request.SerializeToString())
        sparse = reference.apply(request, VerifyResponse.FromString(outcome.response(1)).sparse, allow_drop=False)
        assert sparse == ExportTraceServiceRequest.FromString(bytes(outcome.spliced()))
        assert len(worker.annotator._encoded) <= 4 + 30
