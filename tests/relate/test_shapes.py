"""Shapes against a slow grouping by what they are said to share, and what is spread from them."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.columns import NO_ROW, AttributeNarrow, AttributeWide, Columns, SpanNarrow
from otlp_verifier.kernels.chain import Chain
from otlp_verifier.relate.shapes import Shapes, spread, spread_keys
from otlp_verifier.relate.tables import ShapeColumn
from otlp_verifier.wire.limits import Limits

LIMITS = Limits(memory_factor=64)
COLUMNS, SHAPES, VERSIONS = Columns(), Shapes(), np.zeros(3, np.uint32)
FIND = Chain(lambda: [SHAPES.step(COLUMNS, VERSIONS)], [COLUMNS, SHAPES])
KEYS = ["a", "b", "http.route", "x" * 40]


def put(value: Any, kind: int) -> None:
    match kind:
        case 1:
            value.string_value = "text"
        case 2:
            value.bool_value = True
        case 3:
            value.int_value = 7


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """Spans of few sorts, with as many attributes as they like."""
    request = ExportTraceServiceRequest()
    attributes = st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 3)), max_size=4)
    sorts = draw(st.lists(attributes, min_size=1, max_size=4))
    for _ in range(draw(st.integers(1, 3))):
        scope = request.resource_spans.add().scope_spans.add()
        for _ in range(draw(st.integers(0, 30))):
            span = scope.spans.add(kind=draw(st.integers(0, 2)), dropped_attributes_count=draw(st.integers(0, 1)))
            for key, kind in draw(st.sampled_from(sorts)):
                put(span.attributes.add(key=key).value, kind)
    return request


def sort_of(request: ExportTraceServiceRequest, versions: list[int]) -> list[tuple[Any, ...]]:
    """What the spans of one shape share, of each span."""
    return [
        (
            span.kind, span.dropped_attributes_count, versions[number],
            tuple((each.key, each.value.WhichOneof("value")) for each in span.attributes),
        )
        for number, resource in enumerate(request.resource_spans)
        for span in resource.scope_spans[0].spans
    ]  # fmt: skip


@given(requests(), st.lists(st.integers(0, 1), min_size=3, max_size=3))
def test_spans_have_one_shape_that_share_all_of_it(request: ExportTraceServiceRequest, versions: list[int]) -> None:
    COLUMNS.load(request.SerializeToString(), LIMITS)
    VERSIONS[:3] = versions
    FIND.run(COLUMNS.buffer)
    sorts = sort_of(request, versions)
    numbers = {sort: number for number, sort in enumerate(dict.fromkeys(sorts))}
    assert SHAPES.of_spans[0, : len(sorts)].tolist() == [numbers[sort] for sort in sorts]
    assert SHAPES.count == len(numbers)
    firsts = [sorts.index(sort) for sort in numbers]
    assert SHAPES.shapes[ShapeColumn.SPAN, : SHAPES.count].tolist() == firsts
    for mine, of_span in (
        (ShapeColumn.ATTRIBUTE_START, SpanNarrow.ATTRIBUTE_START),
        (ShapeColumn.ATTRIBUTE_COUNT, SpanNarrow.ATTRIBUTE_COUNT),
    ):
        assert SHAPES.shapes[mine, : SHAPES.count].tolist() == COLUMNS.spans.narrow[of_span, firsts].tolist()


ROWS, ENDS = np.full((2, 256), NO_ROW, np.uint32), np.zeros(2, np.uint32)


@given(requests())
def test_what_a_first_span_has_all_spans_of_its_shape_have(request: ExportTraceServiceRequest) -> None:
    COLUMNS.load(request.SerializeToString(), LIMITS)
    VERSIONS.fill(0)
    FIND.run(COLUMNS.buffer)
    spans, attributes = COLUMNS.spans, COLUMNS.attributes
    keys = [COLUMNS.text(text) for text in attributes.wide[AttributeWide.KEY, : attributes.rows]]
    starts = spans.narrow[SpanNarrow.ATTRIBUTE_START, : spans.rows]
    ends = starts + spans.narrow[SpanNarrow.ATTRIBUTE_COUNT, : spans.rows]
    ranges = [range(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    first_of = [
        [next((row for row in rows if keys[row] == key), NO_ROW) for rows in ranges] for key in (b"a", b"http.route")
    ]
    of_shapes = np.array(
        [[of_key[span] for span in SHAPES.shapes[ShapeColumn.SPAN, : SHAPES.count]] for of_key in first_of]
    )
    of_shapes = np.ascontiguousarray(of_shapes.reshape(2, -1).astype(np.uint32))
    spread_keys(
        spans.narrow, SHAPES.of_spans, SHAPES.shapes, COLUMNS.rows, SHAPES.rows, of_shapes, np.array([1, 0]), ROWS, ENDS
    )
    assert ROWS[:, : spans.rows].tolist() == first_of
    assert (ROWS[:, spans.rows :] == NO_ROW).all(), "what a longer batch left is gone"
    there = [[row for row, at in enumerate(of_key) if at != NO_ROW] for of_key in first_of]
    assert ENDS.tolist() == [max(rows, default=-1) + 1 for rows in there]
    types = attributes.narrow[AttributeNarrow.TYPE, : attributes.rows]
    spread_types = np.full(attributes.rows, 99, np.uint32)
    for span in SHAPES.shapes[ShapeColumn.SPAN, : SHAPES.count]:
        spread_types[starts[span] : ends[span]] = types[starts[span] : ends[span]]
    spread(spans.narrow, COLUMNS.rows, SHAPES.of_spans[0], SHAPES.shapes, spread_types)
    assert spread_types.tolist() == types.tolist()
