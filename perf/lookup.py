"""Attribute keys to rows and strings to codes, beside the same with Python's own dictionaries."""

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.columns import AttributeNarrow, AttributeWide, Columns, SpanNarrow, ValueType
from otlp_verifier.wire.dictionary import Dictionary, KeyTable
from otlp_verifier.wire.limits import Limits
from perf.measure import Way, ns_per_span
from perf.workload import batches

ROUNDS = 300
# About as many as the rules name, some of them absent.
# fmt: off
KEYS = (
    "http.request.method", "http.response.status_code", "http.route", "url.full", "url.path", "url.scheme",
    "error.type", "server.address", "server.port", "client.address", "network.peer.address", "user_agent.original",
    "db.system.name", "db.namespace", "db.query.text", "db.operation.name", "db.collection.name", "db.query.summary",
    "messaging.system", "messaging.operation.name", "messaging.destination.name", "rpc.system", "rpc.service",
    "rpc.method", "rpc.grpc.status_code", "exception.type", "exception.message", "exception.stacktrace",
    "peer.service", "service.name",
)
# fmt: on


def figures() -> dict[str, float]:
    """Nanoseconds per attribute looked up, and per string that the dictionary knows already."""
    (request,) = batches(1)
    columns = Columns()
    columns.load(request, Limits())
    spans, attributes = columns.spans, columns.attributes

    native, table = columns.attributes_native, KeyTable([key.encode() for key in KEYS])
    starts = spans.narrow[SpanNarrow.ATTRIBUTE_START, : spans.rows]
    counts = spans.narrow[SpanNarrow.ATTRIBUTE_COUNT, : spans.rows]
    rows = np.empty((len(KEYS), spans.rows), np.uint32)

    strings = attributes.narrow[AttributeNarrow.TYPE, : attributes.rows] == ValueType.STRING
    texts = np.ascontiguousarray(attributes.wide[AttributeWide.VALUE, : attributes.rows][strings])
    codes = np.empty(len(texts), np.uint32)
    dictionary = Dictionary()
    dictionary.intern(request, texts, codes)

    slots = {key: slot for slot, key in enumerate(KEYS)}
    names = [
        attribute.key
        for resource in ExportTraceServiceRequest.FromString(request).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
        for attribute in span.attributes
    ]
    values = [columns.text(text) for text in texts.tolist()]
    known = {value: code for code, value in enumerate(dict.fromkeys(values))}
    once = (0,)  # the calls know what they work on
    per = ns_per_span(  # here per attribute or string
        {
            "find": Way(lambda _: table.find(request, native, starts, counts, rows), once, len(names)),
            "intern": Way(lambda _: dictionary.intern(request, texts, codes), once, len(texts)),
            "dict_find": Way(lambda _: [slots.get(name) for name in names], once, len(names)),
            "dict_intern": Way(lambda _: [known[value] for value in values], once, len(values)),
        },
        ROUNDS,
    )
    return {
        "lookup.find_ns_per_attribute": per["find"],
        "lookup.intern_ns_per_string": per["intern"],
        "lookup.dict_find_ns_per_attribute": per["dict_find"],
        "lookup.dict_intern_ns_per_string": per["dict_intern"],
    }


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:45} {value:8.1f}")
