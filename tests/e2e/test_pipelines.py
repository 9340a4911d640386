"""Each pipeline in collector-config/, as it stands, with the built collector and a verifier process."""

from collections import Counter
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.e2e.conftest import Rig
from tests.e2e.telemetry import (
    MS,
    SEVERITY,
    VERDICT,
    VIOLATIONS,
    all_spans,
    attributes,
    merged,
    new_trace,
    request,
    resource_spans,
    rich_trace,
    span,
    stripped,
    written,
)


class Mixed:
    """One request with good and bad traces, and what has to be written on them.

    Attributes:
        request: what is sent.
        expected: span id -> the verifier's attributes; spans that are not in it get none.
        violated: trace ids of the violated traces.

    """

    def __init__(self) -> None:
        self.expected: dict[bytes, dict[str, Any]] = {}
        self.violated: set[bytes] = set()
        spans = [*rich_trace(), *rich_trace()]

        trace, root = self._trace(spans, "end before start")
        back = span("authorize card", trace, root)
        back.end_time_unix_nano = back.start_time_unix_nano - 40 * MS
        self._found(spans, back, "span-end-before-start")
        spans.append(self._bystander(trace, root))

        trace, root = self._trace(spans, "message without error")
        self._found(spans, span("pay", trace, root, status=Status(message="odd")), "status-message-without-error")

        trace, root = self._trace(spans, "empty name")
        self._found(spans, span("", trace, root), "span-name-empty")

        forged = span("GET /login", new_trace(), attributes=attributes({VERDICT: "valid", "shop.user": "7"}))
        self.request = request(resource_spans(spans), resource_spans([forged], {"service.name": "login"}))

    def _trace(self, spans: list[Span], name: str) -> tuple[bytes, Span]:
        trace = new_trace()
        self.violated.add(trace)
        root = span(name, trace)
        self.expected[root.span_id] = {VERDICT: "violated"}
        spans.append(root)
        return trace, root

    def _bystander(self, trace: bytes, root: Span) -> Span:
        innocent = span("render", trace, root)
        self.expected[innocent.span_id] = {VERDICT: "violated"}
        return innocent

    def _found(self, spans: list[Span], bad: Span, rule: str) -> None:
        self.expected[bad.span_id] = {VERDICT: "violated", VIOLATIONS: [rule], SEVERITY: "error"}
        spans.append(bad)


def plain(one: Span) -> bytes:
    """A span's bytes without what the verifier writes."""
    return next(all_spans([stripped(request(resource_spans([one])))])).SerializeToString(deterministic=True)


def counted(requests: list[ExportTraceServiceRequest]) -> Counter[bytes]:
    return Counter(plain(one) for one in all_spans(requests))


def test_annotate_writes_on_violations_and_changes_nothing_else(rig: Rig) -> None:
    mixed, backend, verifier = Mixed(), rig.sink(), rig.verifier()
    collector = rig.collector("annotate.yaml", VERIFIER_ENDPOINT=verifier.endpoint, BACKEND_ENDPOINT=backend.endpoint)
    rig.sender(collector).send(mixed.request)
    collector.stop()

    arrived = merged(backend.received())
    assert stripped(arrived) == stripped(mixed.request)
    assert {one.span_id: written(one) for one in all_spans([arrived]) if written(one)} == mixed.expected
    assert not any(written(resource.resource) for resource in arrived.resource_spans)
    assert verifier.stop() == 0


def test_annotate_writes_resource_and_scope_findings_where_they_belong(rig: Rig) -> None:
    backend, verifier = rig.sink(), rig.verifier()
    collector = rig.collector("annotate.yaml", VERIFIER_ENDPOINT=verifier.endpoint, BACKEND_ENDPOINT=backend.endpoint)
    sent = request(resource_spans(rich_trace()), resource_spans(rich_trace(), {"host.name": "basement"}))
    rig.sender(collector).send(sent)
    collector.stop()

    arrived = merged(backend.received())
    assert stripped(arrived) == sent
    good, bad = arrived.resource_spans
    assert written(good.resource) == {}
    assert written(bad.resource) == {VIOLATIONS: ["service-name-missing"], SEVERITY: "error"}
    assert not any(written(one) for one in all_spans([arrived]))


def test_drop_with_filter(rig: Rig) -> None:
    mixed, backend, verifier = Mixed(), rig.sink(), rig.verifier()
    collector = rig.collector(
        "drop-with-filter.yaml", VERIFIER_ENDPOINT=verifier.endpoint, BACKEND_ENDPOINT=backend.endpoint
    )
    rig.sender(collector).send(mixed.request)
    collector.stop()

    named_in_filter = {"span-end-before-start", "span-name-empty"}
    dropped = {
        span_id
        for span_id, attributes_ in mixed.expected.items()
        if named_in_filter & set(attributes_.get(VIOLATIONS, ()))
    }
    assert len(dropped) == len(named_in_filter)
    kept = counted([mixed.request]) - Counter(
        plain(one) for one in all_spans([mixed.request]) if one.span_id in dropped
    )
    assert counted(backend.received()) == kept


def test_drop_by_verifier(rig: Rig) -> None:
    mixed, backend = Mixed(), rig.sink()
    policy = {"actions": [{"action": "drop_span", "rules": ["span-end-before-start"]}]}
    dropping = {"actions": [{"action": "drop_trace", "severity": "error"}]}
    verifier = rig.verifier({"policy": policy, "profiles": {"dropping": dropping}})
    endpoints = {"VERIFIER_ENDPOINT": verifier.endpoint, "BACKEND_ENDPOINT": backend.endpoint}
    spans = list(all_spans([mixed.request]))

    collector = rig.collector("drop-by-verifier.yaml", **endpoints)
    rig.sender(collector).send(mixed.request)
    collector.stop()
    dropped = [
        one for one in spans if "span-end-before-start" in mixed.expected.get(one.span_id, {}).get(VIOLATIONS, ())
    ]
    assert len(dropped) == 1
    by_span = counted(backend.received())
    assert by_span == counted([mixed.request]) - Counter(map(plain, dropped))

    collector = rig.collector("drop-by-verifier.yaml", VERIFIER_PROFILE="dropping", **endpoints)
    rig.sender(collector).send(mixed.request)
    collector.stop()
    by_trace = counted(backend.received()) - by_span
    assert by_trace == Counter(plain(one) for one in spans if one.trace_id not in mixed.violated)


def test_the_verifier_drops_nothing_unless_it_is_allowed_to(rig: Rig) -> None:
    mixed, backend = Mixed(), rig.sink()
    verifier = rig.verifier({"policy": {"actions": [{"action": "drop_trace", "severity": "error"}]}})
    collector = rig.collector("annotate.yaml", VERIFIER_ENDPOINT=verifier.endpoint, BACKEND_ENDPOINT=backend.endpoint)
    rig.sender(collector).send(mixed.request)
    collector.stop()
    assert counted(backend.received()) == counted([mixed.request])


def test_route_whole_traces(rig: Rig) -> None:
    backend, review, verifier = rig.sink(), rig.sink(), rig.verifier()
    collector = rig.collector(
        "route-traces.yaml",
        VERIFIER_ENDPOINT=verifier.endpoint,
        BACKEND_ENDPOINT=backend.endpoint,
        REVIEW_ENDPOINT=review.endpoint,
        TRACE_WAIT="2s",
    )
    mixed = Mixed()
    trace = new_trace()
    root = span("lost parent", trace)
    lost = span("reserve stock", trace, root)
    orphan = span("write reservation", trace, lost)
    violated = mixed.violated | {trace}
    sent = [mixed.request, request(resource_spans([root, orphan]))]

    # Each span in a request of its own: only groupbytrace brings the traces together.
    sender = rig.sender(collector)
    for whole in sent:
        for resource in whole.resource_spans:
            for scope in resource.scope_spans:
                for one in scope.spans:
                    single = request(resource)
                    del single.resource_spans[0].scope_spans[0].spans[:]
                    single.resource_spans[0].scope_spans[0].spans.append(one)
                    sender.send(single)
    spans = list(all_spans(sent))
    rig.wait(lambda: backend.spans + review.spans >= len(spans), "all spans behind the collector")
    collector.stop()

    assert counted(backend.received()) == Counter(plain(one) for one in spans if one.trace_id not in violated)
    assert counted(review.received()) == Counter(plain(one) for one in spans if one.trace_id in violated)
    reviewed = {one.span_id: written(one) for one in all_spans(review.received())}
    assert all(attributes_[VERDICT] == "violated" for attributes_ in reviewed.values())
    assert reviewed[orphan.span_id][VIOLATIONS] == ["parent-missing-local"]
