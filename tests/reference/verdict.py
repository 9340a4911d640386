"""Verdicts, slowly: from findings and a policy to the telemetry that should come out, on protobuf objects.

Written from otlp_verifier.policy, from design.md ("Policy", "What is written on telemetry") and from the comments of
bridge/proto/verifier.proto, which say what a sparse answer means.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.contract.verifier_pb2 import Sparse
from otlp_verifier.policy import Action, Completeness, Policy
from otlp_verifier.rules.catalogue import Rule
from tests.reference.relations import relate
from tests.strategies import all_spans

SEVERITIES = ("information", "warning", "error")
PREFIX = "verifier."
Attributes = Mapping[str, str | list[str]]


class Found(NamedTuple):
    """A finding: number of the rule, domain and row."""

    rule: int
    domain: str
    row: int


@dataclass
class Written:
    """What is said on one record, scope or resource."""

    rules: list[Rule] = field(default_factory=list)
    verdict: str = ""

    @property
    def attributes(self) -> Attributes:
        said: dict[str, str | list[str]] = {}
        if self.rules:
            said["verifier.severity"] = max((rule.severity for rule in self.rules), key=SEVERITIES.index)
            said["verifier.violations"] = sorted({rule.id for rule in self.rules})
        if self.verdict:
            said["verifier.trace.verdict"] = self.verdict
        return said


@dataclass
class Expected:
    """Per row what is written; the rows of spans that go."""

    spans: list[Attributes]
    scopes: list[Attributes]
    resources: list[Attributes]
    drops: set[int]


def action(policy: Policy, rule: Rule) -> Action:
    """The first line that speaks of the rule decides; otherwise it is annotated."""
    for line in policy.actions:
        if line.rules and rule.id not in line.rules:
            continue
        if line.severity is not None and line.severity != rule.severity:
            continue
        return line.action
    return Action.ANNOTATE


def judge(
    request: ExportTraceServiceRequest,
    rules: Sequence[Rule],
    findings: Collection[Found],
    policy: Policy,
    completeness: Completeness,
    *,
    allow_drop: bool,
    undecided: Collection[Found] = (),
) -> Expected:
    """What should be written and dropped; `undecided` are rows that may violate a rule, which nobody knows."""
    trace_of = [related.trace for related in relate(all_spans(request))]
    owner_of = {
        "event": [row for row, span in enumerate(all_spans(request)) for _ in span.events],
        "link": [row for row, span in enumerate(all_spans(request)) for _ in span.links],
        "trace": [trace_of.index(trace) for trace in range(len(set(trace_of)))],
        "span": list(range(len(trace_of))),
    }
    spans = [Written() for _ in trace_of]
    scopes = [Written() for resource in request.resource_spans for _ in resource.scope_spans]
    resources = [Written() for _ in request.resource_spans]
    violated: set[int] = set()
    drops: set[int] = set()
    for number, domain, row in findings:
        rule = rules[number]
        done = action(policy, rule)
        if done is Action.IGNORE:
            continue
        if domain in ("resource", "scope"):  # belongs to no trace, and cannot be dropped
            (resources if domain == "resource" else scopes)[row].rules.append(rule)
            continue
        span = owner_of[domain][row]
        spans[span].rules.append(rule)
        if SEVERITIES.index(rule.severity) >= SEVERITIES.index(policy.violated_from):
            violated.add(trace_of[span])
        if allow_drop and done is Action.DROP_SPAN:
            drops.add(span)
        if allow_drop and done is Action.DROP_TRACE:
            drops |= {other for other, trace in enumerate(trace_of) if trace == trace_of[span]}
    in_doubt = {
        trace_of[owner_of[domain][row]]
        for number, domain, row in undecided
        if domain not in ("resource", "scope")
        and action(policy, rules[number]) is not Action.IGNORE
        and SEVERITIES.index(rules[number].severity) >= SEVERITIES.index(policy.violated_from)
    }
    if policy.annotate == "none":
        return Expected([{} for _ in spans], [{} for _ in scopes], [{} for _ in resources], drops)
    for span, trace in enumerate(trace_of):
        if trace in violated:
            spans[span].verdict = "violated"
        elif policy.annotate == "all":
            is_known = completeness is Completeness.TRACE and trace not in in_doubt
            spans[span].verdict = "valid" if is_known else "undecided"
    on_spans, on_scopes, on_resources = (
        [written.attributes for written in each] for each in (spans, scopes, resources)
    )
    return Expected(on_spans, on_scopes, on_resources, drops)


def strip(owner: Any) -> None:
    kept = [attribute for attribute in owner.attributes if not attribute.key.startswith(PREFIX)]
    del owner.attributes[:]
    owner.attributes.extend(kept)


def add(owner: Any, attributes: Attributes) -> None:
    for key in sorted(attributes):
        value = attributes[key]
        attribute = owner.attributes.add(key=key)
        if isinstance(value, str):
            attribute.value.string_value = value
        else:
            attribute.value.array_value.SetInParent()
            for text in value:
                attribute.value.array_value.values.add(string_value=text)


def forged(owner: Any) -> bool:
    return any(attribute.key.startswith(PREFIX) for attribute in owner.attributes)


def owners(request: ExportTraceServiceRequest) -> tuple[list[Any], list[Any], list[Any]]:
    """Resources, scopes and spans, each in document order."""
    resources = [each.resource for each in request.resource_spans]
    scopes = [scope.scope for each in request.resource_spans for scope in each.scope_spans]
    return resources, scopes, list(all_spans(request))


def stripped(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Without the verifier's own attributes where verdicts are written."""
    result = ExportTraceServiceRequest.FromString(request.SerializeToString())
    for owner in _all(result):
        if forged(owner):
            strip(owner)
    return result


def _all(request: ExportTraceServiceRequest) -> Iterator[Any]:
    for each in owners(request):
        yield from each


def write(request: ExportTraceServiceRequest, expected: Expected) -> ExportTraceServiceRequest:
    """The telemetry that should come out."""
    result = stripped(request)
    for each, written in zip(owners(result), (expected.resources, expected.scopes, expected.spans), strict=True):
        for owner, attributes in zip(each, written, strict=True):
            if attributes:
                add(owner, attributes)
    drop(result, expected.drops)
    return result


def drop(request: ExportTraceServiceRequest, rows: Collection[int]) -> None:
    """Leave spans out, and the scopes and resources that have lost their last one."""
    row = 0
    for resource in reversed(request.resource_spans):
        for scope in reversed(resource.scope_spans):
            row += len(scope.spans)
    for resource_at in reversed(range(len(request.resource_spans))):
        resource = request.resource_spans[resource_at]
        lost = 0
        for scope_at in reversed(range(len(resource.scope_spans))):
            scope = resource.scope_spans[scope_at]
            for span_at in reversed(range(len(scope.spans))):
                row -= 1
                if row in rows:
                    del scope.spans[span_at]
                    lost += 1
                    if not scope.spans:
                        del resource.scope_spans[scope_at]
        if lost and not any(scope.spans for scope in resource.scope_spans):
            del request.resource_spans[resource_at]


def apply(request: ExportTraceServiceRequest, answer: Sparse, *, allow_drop: bool) -> ExportTraceServiceRequest:
    """What a sender makes of its data: first strips, then annotates, then drops."""
    result = ExportTraceServiceRequest.FromString(request.SerializeToString())
    resources, scopes, spans = owners(result)
    lists = (
        (resources, answer.strip_resources, answer.resources, answer.resource_annotations),
        (scopes, answer.strip_scopes, answer.scopes, answer.scope_annotations),
        (spans, answer.strip_records, answer.records, answer.record_annotations),
    )
    for each, strips, positions, annotations in lists:
        for listed in (strips, positions):
            assert list(listed) == sorted(set(listed)), "positions are strictly ascending"
        for position in strips:
            assert forged(each[position]), "only what is forged is stripped"
            strip(each[position])
        for position, annotation in zip(positions, annotations, strict=True):
            said: dict[str, str | list[str]] = {}
            for attribute in answer.annotations[annotation].attributes:
                kind = attribute.WhichOneof("value")
                said[attribute.key] = attribute.text if kind == "text" else list(attribute.list.values)
            assert list(said) == sorted(said)
            add(each[position], said)
    assert list(answer.drop_records) == sorted(set(answer.drop_records))
    if allow_drop:
        drop(result, set(answer.drop_records))
    return result
