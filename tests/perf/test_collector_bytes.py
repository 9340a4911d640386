"""The workload's bytes are those that the collector writes."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from example.stack.collector import BINARY, Collector
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from perf.collector_bytes import collector_bytes
from perf.faults import break_spans
from perf.stack import PIPELINES
from perf.workload import request, sdk_bytes

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
TO_SINK = (
    "yaml:{exporters: {otlp_grpc: {endpoint: '%s', tls: {insecure: true}, compression: none, "
    "sending_queue: {enabled: false}}}, service: {pipelines: {traces: {exporters: [otlp_grpc]}}}}"
)


def everything() -> ExportTraceServiceRequest:
    """Every field of a request, and every kind of value."""
    message = request(64, 7)
    break_spans(message, 50, 7)
    resource_spans = message.resource_spans[0]
    resource_spans.schema_url = "https://example.com/schema"
    resource_spans.resource.dropped_attributes_count = 300
    scope = resource_spans.scope_spans[0].scope
    scope.dropped_attributes_count = 1
    scope.attributes.add(key="empty")
    span = resource_spans.scope_spans[0].spans[0]
    span.trace_state = "a=1"
    span.dropped_attributes_count = span.dropped_events_count = span.dropped_links_count = 2
    span.status.code, span.status.message = 2, "x" * 2000
    link = span.links.add(
        trace_id=b"t" * 16, span_id=b"s" * 8, trace_state="b=2", flags=0x301, dropped_attributes_count=9
    )
    link.attributes.add(key="negative").value.int_value = -1
    span.links.add()
    event = span.events.add(name="event", time_unix_nano=1 << 63, dropped_attributes_count=4)
    for key, value in {"bytes_value": b"\0\1", "double_value": -0.5, "bool_value": False, "string_value": ""}.items():
        setattr(event.attributes.add(key=key).value, key, value)
    array = event.attributes.add(key="array").value.array_value
    array.values.add().kvlist_value.values.add(key="inner").value.int_value = 1 << 40
    array.values.add()
    event.attributes.add(key="no elements").value.array_value.SetInParent()
    return message


def filled(message: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """With the messages present that the collector always writes."""

    def attributes(of: Iterator[KeyValue]) -> None:
        for attribute in of:
            attribute.value.SetInParent()
            for value in attribute.value.array_value.values if attribute.value.HasField("array_value") else ():
                attributes(iter(value.kvlist_value.values))

    result = ExportTraceServiceRequest.FromString(sdk_bytes(message))
    for resource_spans in result.resource_spans:
        resource_spans.resource.SetInParent()
        attributes(iter(resource_spans.resource.attributes))
        for scope_spans in resource_spans.scope_spans:
            scope_spans.scope.SetInParent()
            attributes(iter(scope_spans.scope.attributes))
            for span in scope_spans.spans:
                span.status.SetInParent()
                for owner in (span, *span.events, *span.links):
                    attributes(iter(owner.attributes))
    return result


def test_nothing_is_lost() -> None:
    message = everything()
    assert ExportTraceServiceRequest.FromString(collector_bytes(message)) == filled(message)
    assert collector_bytes(ExportTraceServiceRequest()) == b""


def test_fields_descend() -> None:
    attribute = KeyValue(key="k")
    attribute.value.int_value = 1
    assert collector_bytes(attribute) == b"\x12\x02\x18\x01\x0a\x01k"
    span = Span(trace_id=b"t", name="n", flags=1)
    assert collector_bytes(span) == b"\x7a\x00\x2a\x01n\x85\x01\x01\0\0\0\x22\x00\x12\x00\x0a\x01t"
    assert (
        collector_bytes(ResourceSpans(scope_spans=[ScopeSpans(schema_url="u")])) == b"\x12\x05\x1a\x01u\x0a\x00\x0a\x00"
    )


@contextmanager
def raw_sink(received: list[bytes], arrived: threading.Event) -> Iterator[str]:
    """An OTLP endpoint that keeps the bytes of requests."""

    def export(data: bytes, _context: grpc.ServicerContext) -> bytes:
        received.append(data)
        arrived.set()
        return b""

    server = grpc.server(ThreadPoolExecutor(1))
    handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


@pytest.mark.e2e
def test_the_collector_writes_the_same(tmp_path: Path) -> None:
    if not BINARY.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{BINARY} is missing: make collector")
        pytest.skip(f"{BINARY} is missing: make collector")
    message = everything()
    received: list[bytes] = []
    arrived = threading.Event()
    with raw_sink(received, arrived) as endpoint:
        configs = [PIPELINES / "pass-through.yaml", TO_SINK % endpoint]
        environment = {"COLLECTOR_METRICS_PORT": "0"}
        with Collector(configs, environment, tmp_path / "log") as collector:
            with grpc.insecure_channel(collector.grpc_endpoint) as channel:
                channel.unary_unary(f"/{SERVICE}/Export")(sdk_bytes(message), timeout=30)
            assert arrived.wait(30)
    assert received == [collector_bytes(message)]
