"""Batches of spans with nothing wrong, or with one fault each."""

import itertools

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

FAULT = "trace-id-zero"  # the rule that `faulty` spans break
_NOON_NS = 1_790_000_000_000_000_000
_numbers = itertools.count(1)


def batch(good: int = 1, faulty: int = 0) -> bytes:
    """An ExportTraceServiceRequest of single-span traces, the faulty ones last."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    service = group.resource.attributes.add(key="service.name")
    service.value.string_value = "shop"
    scope = group.scope_spans.add()
    scope.scope.name = "tests"
    scope.spans.extend(_span(number < good) for number in range(good + faulty))
    return request.SerializeToString()


def _span(sound: bool) -> Span:
    number = next(_numbers)
    start_ns = _NOON_NS + number * 1_000_000
    return Span(
        trace_id=(number if sound else 0).to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        flags=0x101,
        name="GET /",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + 5_000_000,
        status=Status(code=Status.STATUS_CODE_UNSET),
    )
