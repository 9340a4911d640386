"""Several hundred spans of all kinds: what conditions are tried on. Each has a span id of its own, 1, 2, 3, ..."""

import math
from random import Random
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.e2e.telemetry import attributes, value

MISSING = object()
START = 1_700_000_000_000_000_000  # 2023-11-14 22:13:20 UTC
PER_RESOURCE = 40
PAIRS = 250  # of values, beside each alone and each with itself

VALUES: list[Any] = [
    MISSING, None,
    "", "a", "b", "ab", "abc", "A", "GET", "GET /users", "500", "0500", "-5", "+5", "1_000", "0x1f", "1.5", "1e3", ".5",
    "true", "T", "nan", "-Inf", "9223372036854775808", "10.1.2.3", "192.168.0.1", "2001:db8::1", "::ffff:10.0.0.1",
    "ünïcödé", "ΑΣ", "İ", "ß", "a,b,c", ",", " padded ", "GET GET", "a\nb", "<tag>", "x" * 300, '{"k": 1}', '[1, "x"]',
    '{"k": NaN}', "{bad", "5",
    0, 1, -1, 5, -5, 499, 500, 503, 1280, 2**53 + 1, -(2**63), 2**63 - 1,
    0.0, -0.0, 1.0, 1.5, -1.5, 0.5, 5.0, 500.0, 2.0**53, 1e20, 1e21, 123456789012345680000.0, 1e-6, 1e-7, 5e-324,
    math.nan, math.inf, -math.inf,
    True, False,
    b"\x01\x02", b"ab", b"\x00",
    [], [1], [1.0], [1, 2.5, "x"], ["a", "b"], [True, None], [[1], [2]], [b"\x01"], [{"k": 1}], ["GET", "POST"],
    {}, {"k": 1}, {"k": 1.0}, {"k": {"n": 1}}, {"k": "v", "l": [1, 2]}, {"l": [1, 2], "k": "v"}, {"k": None},
    {"b": b"\x00"}, {"a<b": "x>y"}, {"k": [1], "": 2},
]  # fmt: skip
NAMES = ("GET /users", "", "GET", "a", "POST /a/b", "health check", "ünïcödé")
EXTRAS: list[dict[str, Any]] = [
    {},
    {"http.route": "/healthz", "url.path": "/healthz", "http.response.status_code": 200, "http.request.method": "GET"},
    {"http.route": "/users/{id}", "url.path": "/internal/users/7", "http.response.status_code": 503},
    {"http.response.status_code": "503", "user_agent.original": "kube-probe/1.30", "http.request.method": "OPTIONS"},
    {"url.path": "/readyz", "test": True, "peer.service": "db"},
    {"m": {"user": {"id": 7}}, "url.path": 7, "test": "true"},
]
LENGTHS = (0, 5_000_000, 4_999_999, 1_000_000_000, 1_500_000_000, 3_600_000_000_001, 30_000_000_000)  # ns


def request() -> ExportTraceServiceRequest:
    """All of them, of several resources and scopes."""
    rng = Random(4)
    pairs = [(a, MISSING) for a in VALUES] + [(a, a) for a in VALUES]
    pairs += [(rng.choice(VALUES), rng.choice(VALUES)) for _ in range(PAIRS)]
    request = ExportTraceServiceRequest()
    for number, pair in enumerate(pairs):
        if number % PER_RESOURCE == 0:
            _scope(request, number // PER_RESOURCE)
        request.resource_spans[-1].scope_spans[-1].spans.append(_span(number, *pair))
    return request


def _scope(request: ExportTraceServiceRequest, number: int) -> None:
    resource_spans = request.resource_spans.add()
    if number % 4 < 3:
        resource_spans.resource.attributes.extend(
            attributes(
                {
                    "service.name": ("shop", "pay", "a")[number % 3],
                    "service.version": "1.2",
                    "replicas": number,
                    "process.command_args": ["serve", "-v"] if number % 2 else [],
                }
            )
        )
        resource_spans.resource.dropped_attributes_count = number % 2
        resource_spans.schema_url = "https://example.com/1" if number % 2 else ""
    scope = resource_spans.scope_spans.add()
    if number % 3:
        scope.scope.CopyFrom(InstrumentationScope(name="web", version="1.0", attributes=attributes({"kind": "auto"})))
        scope.schema_url = "https://example.com/2"


def _span(number: int, a: Any, b: Any) -> Span:
    rng = Random(number)
    kind: Any = rng.choice((0, 1, 2, 3, 4, 5, 9))
    begin = START + rng.choice((0, 0, 1, 501, 1_000_000)) if rng.random() < 0.9 else 0
    span = Span(
        trace_id=rng.choice((b"\x01", b"\x02")) * 16,
        span_id=(number + 1).to_bytes(8, "big"),
        parent_span_id=b"" if rng.random() < 0.4 else (number // 2 + 1).to_bytes(8, "big"),
        name=rng.choice(NAMES),
        kind=kind,
        start_time_unix_nano=begin,
        end_time_unix_nano=0 if rng.random() < 0.1 else max(0, begin + rng.choice(LENGTHS) - rng.choice((0, 0, 0, 7))),
        trace_state=rng.choice(("", "a=b", "ot=th:8,a=b")),
        dropped_attributes_count=rng.choice((0, 1)),
        dropped_events_count=rng.choice((0, 0, 2, 2**32 - 1)),
        dropped_links_count=rng.choice((0, 1)),
        flags=rng.choice((0, 1, 257, 769)),
    )
    if rng.random() < 0.7:
        code: Any = rng.choice((0, 1, 2))
        span.status.CopyFrom(Status(code=code, message=rng.choice(("", "timeout", "time"))))
    for key, content in (("a", a), ("b", b)):
        if content is not MISSING:
            span.attributes.append(KeyValue(key=key, value=value(content)))
    span.attributes.extend(attributes(rng.choice(EXTRAS)))
    if number % 3 == 0:
        span.attributes.extend(attributes({"no bytes": b""}))
    if number % 10 == 0:
        span.attributes.extend([*attributes({"twice": 1}), *attributes({"twice": 2, "": 1})])
    span.events.extend(Span.Event(name="e") for _ in range(rng.choice((0, 0, 1, 2))))
    span.links.extend(Span.Link(trace_id=b"\x03" * 16, span_id=b"\x03" * 8) for _ in range(rng.choice((0, 0, 1))))
    return span
