"""What protobuf's own parser makes of a request, as the tree of tests.reference.scan; it cannot tell bytes and oddities
of the encoding."""

import struct
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tests.reference.scan import Attributes, Tree, bits_of_double, defects_of_attributes

# Found in decoded attributes, so known here too.
DEFECTS = {"DUPLICATE_KEY", "EMPTY_KEY", "EMPTY_VALUE", "FORGED", "MIXED_ARRAY", "NESTED_DUPLICATE_KEY"}


def value_of(value: AnyValue) -> Any:
    """The value of one AnyValue; the deeper ones are not followed by recursion deeper than upb's own limit."""
    field = value.WhichOneof("value")
    if field is None:
        return None
    content = getattr(value, field)
    kind = {"kvlist_value": "map", "string_value_strindex": "string_index"}.get(field, field.removesuffix("_value"))
    if kind == "array":
        content = [value_of(element) for element in content.values]
    elif kind == "map":
        content = attributes_of(content.values)
    elif kind == "string":
        content = content.encode()
    elif kind == "double":
        content = bits_of_double(content)
    return kind, content


def attributes_of(attributes: Iterable[KeyValue]) -> Attributes:
    return [(each.key.encode(), value_of(each.value)) for each in attributes]


def identifier(sent: bytes, size: int) -> tuple[bytes, int]:
    return sent[:size].ljust(size, b"\0"), min(len(sent), 255)


def unsigned(number: int) -> int:
    """An enum as columns have it."""
    return int(struct.unpack("<I", struct.pack("<i", number))[0])


def event_of(event: Span.Event) -> Tree:
    attributes = attributes_of(event.attributes)
    return {
        "time": event.time_unix_nano,
        "name": event.name.encode(),
        "attributes": attributes,
        "dropped_attributes": event.dropped_attributes_count,
        "defects": defects_of_attributes(attributes),
    }


def link_of(link: Span.Link) -> Tree:
    attributes = attributes_of(link.attributes)
    return {
        "trace_id": identifier(link.trace_id, 16),
        "span_id": identifier(link.span_id, 8),
        "trace_state": link.trace_state.encode(),
        "attributes": attributes,
        "dropped_attributes": link.dropped_attributes_count,
        "flags": link.flags,
        "defects": defects_of_attributes(attributes),
    }


def span_of(span: Span) -> Tree:
    attributes = attributes_of(span.attributes)
    return {
        "trace_id": identifier(span.trace_id, 16),
        "span_id": identifier(span.span_id, 8),
        "trace_state": span.trace_state.encode(),
        "parent_span_id": identifier(span.parent_span_id, 8),
        "name": span.name.encode(),
        "kind": unsigned(span.kind),
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "attributes": attributes,
        "dropped_attributes": span.dropped_attributes_count,
        "events": [event_of(event) for event in span.events],
        "dropped_events": span.dropped_events_count,
        "links": [link_of(link) for link in span.links],
        "dropped_links": span.dropped_links_count,
        "status": (unsigned(span.status.code), span.status.message.encode()),
        "flags": span.flags,
        "defects": defects_of_attributes(attributes),
    }


def scope_of(scope_spans: ScopeSpans) -> Tree:
    scope = scope_spans.scope
    attributes = attributes_of(scope.attributes)
    return {
        "name": scope.name.encode(),
        "version": scope.version.encode(),
        "attributes": attributes,
        "dropped_attributes": scope.dropped_attributes_count,
        "schema_url": scope_spans.schema_url.encode(),
        "spans": [span_of(span) for span in scope_spans.spans],
        "defects": defects_of_attributes(attributes),
    }


def resource_of(resource_spans: ResourceSpans) -> Tree:
    resource = resource_spans.resource
    attributes = attributes_of(resource.attributes)
    return {
        "attributes": attributes,
        "dropped_attributes": resource.dropped_attributes_count,
        "entity_refs": len(resource.entity_refs),
        "schema_url": resource_spans.schema_url.encode(),
        "scopes": [scope_of(scope_spans) for scope_spans in resource_spans.scope_spans],
        "defects": defects_of_attributes(attributes),
    }


def from_protobuf(data: bytes) -> list[Tree]:
    """The resources of a request.

    Raises:
        google.protobuf.message.DecodeError: protobuf refuses it.

    """
    return [resource_of(each) for each in ExportTraceServiceRequest.FromString(data).resource_spans]


def as_protobuf_sees(tree: Any) -> Any:
    """The same tree without what protobuf cannot tell."""
    if isinstance(tree, dict):
        return {
            name: value & DEFECTS if name == "defects" else as_protobuf_sees(value)
            for name, value in tree.items()
            if name != "bytes"
        }
    return [as_protobuf_sees(each) for each in tree] if isinstance(tree, list) else tree
