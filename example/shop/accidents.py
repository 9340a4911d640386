"""How each fault happens: one function per fault, called in the service where it belongs, inside a request's span."""

import time
from collections.abc import Callable
from typing import Final

import grpc
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from example.shop.telemetry import Telemetry

_MS = 1_000_000  # ns


def clock_set_back(telemetry: Telemetry, _collector: str) -> None:
    span = telemetry.tracer.start_span("authorize card")
    span.end(end_time=time.time_ns() - 40 * _MS)


def lost_parent(telemetry: Telemetry, _collector: str) -> None:
    with telemetry.tracer.start_as_current_span("reserve stock") as lost:
        telemetry.exporter.lose.add(lost.get_span_context().span_id)
        with telemetry.tracer.start_as_current_span("write reservation"):
            pass


def parent_cycle(telemetry: Telemetry, _collector: str) -> None:
    start = telemetry.tracer.start_as_current_span
    with start("check stock") as outer, start("ask warehouse") as inner:
        telemetry.exporter.parents[outer.get_span_context().span_id] = inner.get_span_context()


def same_span_id(telemetry: Telemetry, _collector: str) -> None:
    with telemetry.tracer.start_as_current_span("authorize card"):
        pass
    telemetry.ids.repeat = True
    with telemetry.tracer.start_as_current_span("charge card"):
        pass


def sent_twice(telemetry: Telemetry, _collector: str) -> None:
    with telemetry.tracer.start_as_current_span("render page") as span:
        telemetry.exporter.double.add(span.get_span_context().span_id)


def seconds_for_nanoseconds(telemetry: Telemetry, _collector: str) -> None:
    started = int(time.time())
    span = telemetry.tracer.start_span("charge card", start_time=started)
    span.end(end_time=started + 1)


def child_before_parent(telemetry: Telemetry, _collector: str) -> None:
    with telemetry.tracer.start_as_current_span("reserve stock"):
        child = telemetry.tracer.start_span("lock row", start_time=time.time_ns() - 30 * _MS)
        child.end()


def nameless_span(telemetry: Telemetry, _collector: str) -> None:
    with telemetry.tracer.start_as_current_span(""):
        pass


def nameless_service(telemetry: Telemetry, _collector: str) -> None:
    with telemetry.nameless.get_tracer("shop.ledger", "0.1.0").start_as_current_span("write ledger"):
        pass


def attribute_twice(telemetry: Telemetry, collector: str) -> None:
    span = telemetry.tracer.start_span("call bank", kind=SpanKind.CLIENT)
    # Never ended, so that the SDK does not send it: the home-made exporter below does.
    if not isinstance(span, ReadableSpan):
        raise TypeError("the SDK's tracer makes readable spans")
    finished = ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes={"peer.attempt": 1},
        kind=span.kind,
        start_time=span.start_time,
        end_time=time.time_ns(),
        instrumentation_scope=span.instrumentation_scope,
    )
    request = encode_spans([finished])
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    attributes.add(key="peer.attempt").value.int_value = 2
    with grpc.insecure_channel(collector) as channel:
        TraceServiceStub(channel).Export(request, timeout=5)  # type: ignore[no-untyped-call]  # generated


Accident = Callable[[Telemetry, str], None]

# service -> fault -> how it happens there
ACCIDENTS: Final[dict[str, dict[str, Accident]]] = {
    "frontend": {"sent-twice": sent_twice, "nameless-span": nameless_span},
    "cart": {
        "lost-parent": lost_parent,
        "parent-cycle": parent_cycle,
        "child-before-parent": child_before_parent,
    },
    "payment": {
        "clock-set-back": clock_set_back,
        "same-span-id": same_span_id,
        "seconds-for-nanoseconds": seconds_for_nanoseconds,
        "nameless-service": nameless_service,
        "attribute-twice": attribute_twice,
    },
}


def current_trace_id() -> str:
    """Return the trace id of the request at hand, in hex."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
