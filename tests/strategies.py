"""Hypothesis strategies for trace requests: few ids and times, so that they meet; every kind of attribute value.

Ids collide, point at themselves and at each other, are zero, empty, short or long; spans repeat, with and without a
difference; times are at both ends of their range.
"""

from random import Random
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    EntityRef,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

# A generator from a seed, for what takes hundreds of numbers: hypothesis would shrink each number of its own
# (`st.randoms`), for which every example takes thirty times as long, so that far fewer are tried.
RANDOMS = st.builds(Random, st.integers(0, 2**64 - 1))

# What is equal after padding and cutting is one id: see wire/columns.h.
TRACE_IDS = (
    b"\x01" * 16,
    b"\x02" * 16,
    b"\x01" * 8 + b"\x02" * 8,
    b"\x00" * 15 + b"\x01",
    b"\x01" + b"\x00" * 15,
    b"\x01",
    b"\x01" * 17,
    b"\x00" * 16,
    b"",
)
SPAN_IDS = (
    b"\x01" * 8,
    b"\x02" * 8,
    b"\x03" * 8,
    b"\x01" + b"\x00" * 7,
    b"\x01",
    b"\x01" * 9,
    b"\x00" * 8,
    b"",
)
TIMES = (0, 1, 2, 1_000_000, 2**63 - 1, 2**63, 2**64 - 1)
TEXTS = ("", "a", "b", "GET /cart", 'é\n\t"', "x" * 300)
KEYS = ("a", "b", "http.request.method", "service.name", "")
FORGED = ("verifier.trace.verdict", "verifier.violations", "verifier.")
INTS = (0, 1, -1, 2, 500, 2**53 + 1, 2**63 - 1, -(2**63))
DOUBLES = (0.0, -0.0, 1.0, 1.5, -1.0, 500.0, 2.0**53, 2.0**63, float("inf"), float("-inf"), float("nan"))
COUNTS = (0, 1, 2, 2**32 - 1)
FLAGS = (0, 1, 2, 0x100, 0x101, 0x300, 0x301, 0x200, 0x80, 0xFC00, 2**32 - 1)
ENUM_NUMBERS = (0, 1, 2, 3, 4, 5, 6, 99, -1, 2**31 - 1, -(2**31))

_scalars = st.one_of(
    st.sampled_from(TEXTS).map(lambda text: AnyValue(string_value=text)),
    st.booleans().map(lambda value: AnyValue(bool_value=value)),
    st.sampled_from(INTS).map(lambda value: AnyValue(int_value=value)),
    st.sampled_from(DOUBLES).map(lambda value: AnyValue(double_value=value)),
    st.sampled_from((b"", b"a", b"\xff")).map(lambda value: AnyValue(bytes_value=value)),
    st.just(AnyValue()),
)
values = st.one_of(
    _scalars,
    _scalars,
    st.lists(_scalars, max_size=2).map(lambda items: AnyValue(array_value=ArrayValue(values=items))),
    st.lists(st.tuples(st.sampled_from(KEYS), _scalars), max_size=2).map(
        lambda items: AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=key, value=v) for key, v in items]))
    ),
)


def attributes(*, forged: bool, most: int = 3) -> st.SearchStrategy[list[KeyValue]]:
    """Lists of attributes; keys repeat, and where `forged` allows it some are the verifier's own."""
    keys = st.sampled_from(KEYS + FORGED if forged else KEYS)
    with_value = st.builds(KeyValue, key=keys, value=values)
    without = st.builds(KeyValue, key=keys)
    return st.lists(st.one_of(with_value, with_value, with_value, without), max_size=most)


def related_spans() -> st.SearchStrategy[Span]:
    """Spans with what relations look at, and a name to differ in."""
    return st.builds(
        Span,
        trace_id=st.sampled_from(TRACE_IDS),
        span_id=st.sampled_from(SPAN_IDS),
        parent_span_id=st.sampled_from(SPAN_IDS),
        name=st.sampled_from(TEXTS[:3]),
        start_time_unix_nano=st.sampled_from(TIMES),
        end_time_unix_nano=st.sampled_from(TIMES[:2]),
    )


@st.composite
def spans(draw: st.DrawFn, *, forged: bool = True) -> Span:
    """Spans with everything."""
    span = draw(related_spans())
    span.end_time_unix_nano = draw(st.sampled_from(TIMES))
    kind: Any = draw(st.sampled_from(ENUM_NUMBERS))  # enums are open
    span.kind = kind
    span.flags = draw(st.sampled_from(FLAGS))
    span.trace_state = draw(st.sampled_from(TEXTS))
    span.attributes.extend(draw(attributes(forged=forged)))
    odd = draw(st.integers(0, 7))
    if odd & 1:
        code: Any = draw(st.sampled_from(ENUM_NUMBERS))
        span.status.CopyFrom(Status(code=code, message=draw(st.sampled_from(TEXTS))))
    if odd & 2:
        span.events.extend(draw(st.lists(events(forged=forged), min_size=1, max_size=2)))
    if odd & 4:
        span.links.extend(draw(st.lists(links(forged=forged), min_size=1, max_size=2)))
        span.dropped_attributes_count = draw(st.sampled_from(COUNTS))
        span.dropped_events_count = draw(st.sampled_from(COUNTS))
        span.dropped_links_count = draw(st.sampled_from(COUNTS))
    return span


def events(*, forged: bool) -> st.SearchStrategy[Span.Event]:
    return st.builds(
        Span.Event,
        name=st.sampled_from(TEXTS),
        time_unix_nano=st.sampled_from(TIMES),
        attributes=attributes(forged=forged, most=2),
        dropped_attributes_count=st.sampled_from(COUNTS),
    )


def links(*, forged: bool) -> st.SearchStrategy[Span.Link]:
    return st.builds(
        Span.Link,
        trace_id=st.sampled_from(TRACE_IDS),
        span_id=st.sampled_from(SPAN_IDS),
        trace_state=st.sampled_from(TEXTS),
        flags=st.sampled_from(FLAGS),
        attributes=attributes(forged=forged, most=2),
        dropped_attributes_count=st.sampled_from(COUNTS),
    )


def _scope_spans(span: st.SearchStrategy[Span], most: int, *, forged: bool) -> st.SearchStrategy[ScopeSpans]:
    scope = st.builds(
        InstrumentationScope,
        name=st.sampled_from(TEXTS),
        version=st.sampled_from(TEXTS[:3]),
        attributes=attributes(forged=forged, most=2),
        dropped_attributes_count=st.sampled_from(COUNTS),
    )
    return st.builds(
        ScopeSpans,
        scope=st.one_of(scope, scope, st.none()),
        spans=st.lists(span, max_size=most),
        schema_url=st.sampled_from(TEXTS[:3]),
    )


def requests(
    span: st.SearchStrategy[Span] | None = None, *, most: int = 4, forged: bool = True
) -> st.SearchStrategy[ExportTraceServiceRequest]:
    """Requests of up to four scopes with up to `most` spans each; `span` makes them."""
    each = spans(forged=forged) if span is None else span
    resource = st.builds(
        Resource,
        attributes=attributes(forged=forged, most=2),
        dropped_attributes_count=st.sampled_from(COUNTS),
        entity_refs=st.lists(st.builds(EntityRef, type=st.sampled_from(TEXTS[:3])), max_size=1),
    )
    resource_spans = st.builds(
        ResourceSpans,
        resource=st.one_of(resource, resource, st.none()),
        scope_spans=st.lists(_scope_spans(each, most, forged=forged), max_size=2),
        schema_url=st.sampled_from(TEXTS[:3]),
    )
    return st.builds(ExportTraceServiceRequest, resource_spans=st.lists(resource_spans, max_size=2))


def request_of(spans: list[Span], *, scopes: int = 1) -> ExportTraceServiceRequest:
    """A request with these spans, dealt out in order to `scopes` scopes of one resource each."""
    request = ExportTraceServiceRequest()
    size = -(-len(spans) // scopes) or 1
    for first in range(0, len(spans), size):
        scope_spans = request.resource_spans.add().scope_spans.add()
        scope_spans.spans.extend(spans[first : first + size])
    return request


def all_spans(request: ExportTraceServiceRequest) -> list[Span]:
    """The spans in document order, which is the order of their rows."""
    return [
        span
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


# Traces: small ones whose spans meet, for what looks across rows.

NUMBERS = st.integers(0, 6)
SMALL_VALUES = (
    AnyValue(int_value=0),
    AnyValue(int_value=1),
    AnyValue(int_value=2),
    AnyValue(double_value=1.0),
    AnyValue(double_value=1.5),
    AnyValue(double_value=float("nan")),
    AnyValue(string_value="a"),
    AnyValue(string_value="b"),
    AnyValue(bool_value=True),
    AnyValue(bool_value=False),
    AnyValue(array_value=ArrayValue()),
    AnyValue(),
)
SAMPLED = ("ot=th:8", "ot=th:0", "a=1, ot=rv:1;th:08", "b=ot=th:8", "")


def number_id(number: int) -> bytes:
    """A span id for a small number; 0 is none."""
    return number.to_bytes(8, "big")


@st.composite
def members(draw: st.DrawFn, number: int, *, traces: int, missing: bool) -> Span:
    """A span of a small trace: everything that rules compare takes few values."""
    keys = draw(st.sampled_from(("", "", "a", "b", "ab")))
    span = Span(
        trace_id=TRACE_IDS[draw(st.integers(0, traces - 1))],
        span_id=number_id(number),
        parent_span_id=number_id(draw(NUMBERS)),
        name=draw(st.sampled_from("abc")),
        kind=draw(st.sampled_from((1, 2, 3))),
        start_time_unix_nano=draw(st.integers(10, 16)),
        attributes=[KeyValue(key=key, value=draw(st.sampled_from(SMALL_VALUES))) for key in keys],
    )
    span.end_time_unix_nano = span.start_time_unix_nano + draw(st.integers(-1, 5))
    extras = draw(st.integers(0, 15))
    if extras & 1:
        span.status.code = draw(st.sampled_from((0, 1, 2)))
    if extras & 2:
        names = draw(st.lists(st.sampled_from("ab"), min_size=1, max_size=2))
        span.events.extend(Span.Event(name=name, time_unix_nano=draw(st.integers(10, 16))) for name in names)
    if extras & 4:
        targets = draw(st.lists(st.tuples(st.integers(0, traces - 1), NUMBERS), min_size=1, max_size=2))
        span.links.extend(Span.Link(trace_id=TRACE_IDS[trace], span_id=number_id(to)) for trace, to in targets)
    if missing and extras & 8:
        span.trace_state = draw(st.sampled_from(SAMPLED))
        span.dropped_events_count = draw(st.sampled_from((0, 0, 1)))
    return span


@st.composite
def batches(
    draw: st.DrawFn, *, most: int = 7, traces: int = 2, resources: int = 2, unique: bool = False, missing: bool = True
) -> list[tuple[int, Span]]:
    """Spans of few traces, each with the number of its resource; `unique`: ids are shared by exact copies alone.

    Without `missing` nothing says that data was dropped or sampled; parents may be absent all the same.
    """
    if unique:
        numbers = draw(st.permutations(range(1, most + 1)))[: draw(st.integers(0, most))]
    else:
        numbers = draw(st.lists(NUMBERS, max_size=most))
    found = [
        (draw(st.integers(0, resources - 1)), draw(members(number, traces=traces, missing=missing)))
        for number in numbers
    ]
    return found + draw(st.lists(st.sampled_from(found), max_size=2) if found else st.just([]))


def request_of_resources(spans: list[tuple[int, Span]]) -> ExportTraceServiceRequest:
    """A request with these spans in this order; those of a resource that follow each other stand together."""
    request = ExportTraceServiceRequest()
    last = None
    for number, span in spans:
        if number != last:
            resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value="abc"[number]))])
            scope_spans = request.resource_spans.add(resource=resource).scope_spans.add()
            last = number
        scope_spans.spans.append(span)
    return request
