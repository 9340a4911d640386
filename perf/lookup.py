"""Attribute keys to rows and strings to codes, beside the same with Python's own dictionaries."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.columns import AttributeNarrow, AttributeWide, Columns, SpanNarrow, ValueType
from otlp_verifier.kernels.chain import Chain
from otlp_verifier.wire.dictionary import Dictionary, KeyTable
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.sources import NO_CODE
from perf.measure import Way, ns_per_span
from perf.workload import batches

ROUNDS = 300
BATCHES = 40
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


@dataclass(frozen=True, slots=True)
class Strings:
    """The string values of one batch's attributes."""

    request: bytes
    texts: NDArray[np.uint64]
    codes: NDArray[np.uint32]  # room for them
    values: list[bytes]

    @classmethod
    def of(cls, request: bytes) -> "Strings":
        """Scan a batch."""
        columns = Columns()
        columns.load(request, Limits())
        rows = columns.attributes.rows
        strings = columns.attributes.narrow[AttributeNarrow.TYPE, :rows] == ValueType.STRING
        texts = np.ascontiguousarray(columns.attributes.wide[AttributeWide.VALUE, :rows][strings])
        return cls(request, texts, np.empty(len(texts), np.uint32), [columns.text(text) for text in texts.tolist()])


def figures() -> dict[str, float]:
    """Nanoseconds per attribute looked up, and per string that the dictionary knows already.

    Strings are those of several batches in turn: the branches and cache lines of a single one are soon learnt by heart.
    """
    return {**_keys(), **_strings()}


def _keys() -> dict[str, float]:
    (request,) = batches(1)
    columns = Columns()
    columns.load(request, Limits())
    spans, native, table = columns.spans, columns.attributes_native, KeyTable([key.encode() for key in KEYS])
    starts = spans.narrow[SpanNarrow.ATTRIBUTE_START, : spans.rows]
    counts = spans.narrow[SpanNarrow.ATTRIBUTE_COUNT, : spans.rows]
    rows, ends = np.full((len(KEYS), spans.rows), NO_CODE, np.uint32), np.zeros(len(KEYS), np.uint32)
    step = table.find(native, starts, counts, np.array([spans.rows], np.uint32), rows, ends)
    find = Chain(lambda: [step], [columns])
    slots = {key: slot for slot, key in enumerate(KEYS)}
    names = [
        attribute.key
        for resource in ExportTraceServiceRequest.FromString(request).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
        for attribute in span.attributes
    ]
    once = (0,)  # the calls know what they work on
    per = ns_per_span(  # here per attribute
        {
            "find": Way(lambda _: find.run(request), once, len(names)),
            "dict_find": Way(lambda _: [slots.get(name) for name in names], once, len(names)),
        },
        ROUNDS,
    )
    return {
        "lookup.find_ns_per_attribute": per["find"],
        "lookup.dict_find_ns_per_attribute": per["dict_find"],
    }


def _strings() -> dict[str, float]:
    every = [Strings.of(request) for request in batches(BATCHES)]
    dictionary, known = Dictionary(), {value: 0 for each in every for value in each.values}

    def intern(each: Strings) -> None:
        dictionary.intern(each.request, each.texts, each.codes)

    for each in every:
        intern(each)
    strings = round(sum(len(each.texts) for each in every) / len(every))
    per = ns_per_span(  # here per string
        {
            "intern": Way(intern, every, strings),
            "dict_intern": Way(lambda each: [known[value] for value in each.values], every, strings),
        },
        ROUNDS // len(every),
    )
    return {
        "lookup.intern_ns_per_string": per["intern"],
        "lookup.dict_intern_ns_per_string": per["dict_intern"],
    }


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:45} {value:8.1f}")
