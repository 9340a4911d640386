"""OTLP that the end-to-end tests send, and what they look for in what arrives."""

import time
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

MS = 1_000_000  # ns
LOCAL = 0x101  # flags: sampled, and the parent is known to be in this process
VERDICT, VIOLATIONS, SEVERITY = "verifier.trace.verdict", "verifier.violations", "verifier.severity"

_ids = count(1)


def value(content: Any) -> AnyValue:
    match content:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=content)
        case int():
            return AnyValue(int_value=content)
        case float():
            return AnyValue(double_value=content)
        case str():
            return AnyValue(string_value=content)
        case bytes():
            return AnyValue(bytes_value=content)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(value, content)))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=attributes(content)))
    raise TypeError(content)


def attributes(content: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(item)) for key, item in content.items()]


def new_trace() -> bytes:
    """A trace id that no other test has; its bytes are spread as random ones would be."""
    return (next(_ids) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16, "big")


def new_id() -> bytes:
    return (next(_ids) * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big")


def span(name: str, trace: bytes, parent: Span | None = None, **fields: Any) -> Span:
    """A span with nothing wrong, except for what `fields` say; a child lies inside its parent."""
    if parent is None:
        start = time.time_ns() - 1_000 * MS
        end = start + 500 * MS
    else:
        start, end = parent.start_time_unix_nano + 10 * MS, parent.end_time_unix_nano - 10 * MS
    defaults: dict[str, Any] = {
        "span_id": new_id(),
        "parent_span_id": parent.span_id if parent else b"",
        "kind": Span.SPAN_KIND_INTERNAL if parent else Span.SPAN_KIND_SERVER,
        "start_time_unix_nano": start,
        "end_time_unix_nano": end,
        "status": Status(),  # the collector always writes one
        "flags": LOCAL,
    }
    return Span(name=name, trace_id=trace, **{**defaults, **fields})


def rich_trace() -> list[Span]:
    """A valid trace that has something in every field."""
    trace = new_trace()
    root = span("GET /cart/{id}", trace, trace_state="vendor=1", flags=LOCAL | 2)
    child = span(
        "render",
        trace,
        root,
        attributes=attributes(
            {
                "shop.text": "Grüße, 世界",
                "shop.yes": True,
                "shop.count": -(2**62),
                "shop.share": 0.25,
                "shop.raw": b"\x00\xff",
                "shop.list": ["a", "b"],
                "shop.map": {"deep": {"deeper": [1, 2]}},
            }
        ),
        status=Status(code=Status.STATUS_CODE_ERROR, message="out of stock"),
        flags=LOCAL | 2,
    )
    child.events.add(
        name="retry", time_unix_nano=child.start_time_unix_nano + MS, attributes=attributes({"shop.attempt": 2})
    )
    child.links.add(trace_id=new_trace(), span_id=new_id(), trace_state="other=2", flags=0x301)
    return [root, child]


def resource_spans(
    spans: Iterable[Span], resource: dict[str, Any] | None = None, scope: str = "shop.tests"
) -> ResourceSpans:
    described = {"service.name": "shop", "service.instance.id": "one"} if resource is None else resource
    scope_spans = ScopeSpans(spans=spans, schema_url="https://opentelemetry.io/schemas/1.37.0")
    scope_spans.scope.name, scope_spans.scope.version = scope, "1.2.3"
    return ResourceSpans(resource=Resource(attributes=attributes(described)), scope_spans=[scope_spans])


def request(*resources: ResourceSpans) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest(resource_spans=resources)


def all_spans(requests: Iterable[ExportTraceServiceRequest]) -> Iterator[Span]:
    for one in requests:
        for resource in one.resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def merged(requests: Iterable[ExportTraceServiceRequest]) -> ExportTraceServiceRequest:
    """The requests as one, in their order."""
    return ExportTraceServiceRequest.FromString(b"".join(one.SerializeToString() for one in requests))


def stripped(original: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """A copy without anything that the verifier writes."""
    copy = ExportTraceServiceRequest.FromString(original.SerializeToString())
    for carrier in _carriers(copy):
        kept = [pair for pair in carrier.attributes if not pair.key.startswith("verifier.")]
        del carrier.attributes[:]
        carrier.attributes.extend(kept)
    return copy


def written(carrier: Any) -> dict[str, str | list[str]]:
    """The verifier's attributes on a span, scope or resource."""
    found: dict[str, str | list[str]] = {}
    for pair in carrier.attributes:
        if pair.key.startswith("verifier."):
            assert pair.key not in found, f"{pair.key} is there twice"
            is_list = pair.value.HasField("array_value")
            found[pair.key] = (
                [item.string_value for item in pair.value.array_value.values] if is_list else pair.value.string_value
            )
    return found


def _carriers(one: ExportTraceServiceRequest) -> Iterator[Any]:
    for resource in one.resource_spans:
        yield resource.resource
        for scope in resource.scope_spans:
            yield scope.scope
            yield from scope.spans
