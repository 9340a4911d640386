"""The tree, the order in time and the targets of links, against a twin of records that point at each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.columns import NO_ROW, Columns
from otlp_verifier.kernels.chain import Chain
from otlp_verifier.relate.relations import Relations
from otlp_verifier.relate.tables import LinkTarget, SpanTree
from otlp_verifier.relate.tree import Tree
from otlp_verifier.wire.limits import Limits
from tests.reference.records import Record, records, span_of
from tests.reference.relations import read_id, standing_order
from tests.strategies import batches, related_spans, request_of, request_of_resources

LIMITS = Limits(memory_factor=64)
COLUMNS, RELATIONS, TREE = Columns(), Relations(), Tree()  # arenas live long: nothing of one batch may show in the next
RELATE = Chain(lambda: [RELATIONS.step(COLUMNS)], [COLUMNS, RELATIONS])


def load(request: bytes) -> int:
    COLUMNS.load(request, LIMITS)
    RELATE.run(COLUMNS.buffer)
    TREE.load(COLUMNS, RELATIONS)
    TREE.find_targets(COLUMNS, RELATIONS)
    return COLUMNS.spans.rows


def column(which: SpanTree, rows: int) -> list[int]:
    return [int(value) for value in TREE.spans[which, :rows]]


def check_tree(spans: list[Record]) -> None:
    rows = len(spans)
    parents = [NO_ROW if span.above is None else span.above.row for span in spans]
    assert column(SpanTree.PARENT, rows) == parents
    assert column(SpanTree.DEPTH, rows) == [len(span.ancestors) for span in spans]
    assert column(SpanTree.ROOT, rows) == [[span, *span.ancestors][-1].row for span in spans]
    preorder = [int(row) for row in TREE.preorder[:rows]]
    assert sorted(preorder) == list(range(rows))
    for span, first, last in zip(spans, column(SpanTree.FIRST, rows), column(SpanTree.LAST, rows), strict=True):
        assert preorder[first] == span.row
        assert sorted(preorder[first + 1 : last + 1]) == sorted(one.row for one in span.descendants)


def check_order(spans: list[Record]) -> None:
    rows = len(spans)
    for end, which, field in (
        (0, SpanTree.START_POSITION, "start_time_unix_nano"),
        (1, SpanTree.END_POSITION, "end_time_unix_nano"),
    ):

        def place(span: Record, field: str = field) -> tuple[int, int, int, bytes]:
            span_id = read_id(span.message.span_id, 8).rjust(8, b"\0")
            return span.relation.trace, getattr(span.message, field), len(span.ancestors), span_id

        expected = sorted(spans, key=lambda span: (place(span), standing_order(span.message), span.row))
        assert TREE.by_time[end, :rows].tolist() == [span.row for span in expected]
        assert TREE.times[end, :rows].tolist() == [getattr(span.message, field) for span in expected]
        assert bool(TREE.alike & (1 << end)) == (len(set(map(place, spans))) < rows)
        positions = column(which, rows)
        assert [positions[span.row] for span in expected] == list(range(rows))
    traces = [int(begin) for begin in TREE.traces[: RELATIONS.trace_count + 1]]
    sizes = [sum(span.relation.trace == number for span in spans) for number in range(RELATIONS.trace_count)]
    assert np.diff(traces).tolist() == sizes


@given(st.lists(related_spans(), max_size=14))
def test_the_tree_and_the_order_are_those_of_the_twin(spans: list[Span]) -> None:
    request = request_of(spans)
    load(request.SerializeToString())
    found = records(request)["span"]
    check_tree(found)
    check_order(found)


@given(batches(most=9))
def test_links_lead_where_the_twin_says(spans: list[tuple[int, Span]]) -> None:
    request = request_of_resources(spans)
    load(request.SerializeToString())
    found = records(request)
    targets = [int(row) for row in TREE.links[LinkTarget.SPAN, : len(found["link"])]]
    for span in found["span"]:
        own = [to for link, to in zip(found["link"], targets, strict=True) if span_of(link) is span and to != NO_ROW]
        assert own == [target.row for target in span.targets]


def chain(count: int, *, start: int = 0) -> list[Span]:
    return [
        Span(
            trace_id=b"\1" * 16,
            span_id=(row + 1).to_bytes(8, "big"),
            parent_span_id=row.to_bytes(8, "big"),
            start_time_unix_nano=start,
        )
        for row in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 24, 25, 48, 63, 64, 65, 100, 1_025, 5_000])
@pytest.mark.parametrize("upwards", [True, False])
def test_a_long_chain_of_one_time_stands_by_depth(count: int, upwards: bool) -> None:
    spans = chain(count)
    if upwards:
        spans.reverse()
    load(request_of(spans).SerializeToString())
    depths = column(SpanTree.DEPTH, count)
    assert sorted(depths) == list(range(count))
    assert [depths[row] for row in TREE.by_time[0, :count]] == list(range(count))
    assert column(SpanTree.FIRST, count) == depths
    assert set(column(SpanTree.LAST, count)) <= {count - 1}


def test_a_cycle_is_cut_and_what_hangs_on_it_stays() -> None:
    # 1 -> 2 -> 3 -> 1 by parents; 4 below 2, 5 below 4; 6 is its own parent.
    parents = {1: 2, 2: 3, 3: 1, 4: 2, 5: 4, 6: 6}
    spans = [
        Span(trace_id=b"\1" * 16, span_id=number.to_bytes(8, "big"), parent_span_id=parent.to_bytes(8, "big"))
        for number, parent in parents.items()
    ]
    load(request_of(spans).SerializeToString())
    assert column(SpanTree.PARENT, 6) == [NO_ROW, NO_ROW, NO_ROW, 1, 3, NO_ROW]
    assert column(SpanTree.DEPTH, 6) == [0, 0, 0, 1, 2, 0]
    assert column(SpanTree.ROOT, 6) == [0, 1, 2, 1, 1, 5]


def test_links_that_add_nothing_lead_nowhere() -> None:
    one, two = chain(2)
    one.links.add(trace_id=two.trace_id, span_id=two.span_id)
    one.links.add(trace_id=two.trace_id, span_id=two.span_id, trace_state="again")
    one.links.add(trace_id=two.trace_id, span_id=one.span_id)
    one.links.add(trace_id=two.trace_id, span_id=b"\7" * 8)
    one.links.add(trace_id=b"", span_id=two.span_id)
    load(request_of([one, two, one]).SerializeToString())
    assert TREE.links[LinkTarget.SPAN, :10].tolist() == [1, NO_ROW, 0, NO_ROW, NO_ROW] + [NO_ROW] * 5
