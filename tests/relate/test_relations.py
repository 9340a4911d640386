"""Relations against a twin made of dictionaries, and independent of the order of spans."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.columns import NO_ROW, Columns
from otlp_verifier.kernels.chain import Chain
from otlp_verifier.relate.relations import Relations
from otlp_verifier.relate.tables import SpanRelation, SpanState, TraceRelation
from otlp_verifier.wire.limits import Limits
from tests.reference.relations import Related, content, relate
from tests.strategies import SPAN_IDS, TRACE_IDS, related_spans, request_of

LIMITS = Limits(memory_factor=64)


def load(relations: Relations, spans: list[Span], scopes: int = 1) -> None:
    columns = Columns()
    columns.load(request_of(spans, scopes=scopes).SerializeToString(), LIMITS)
    Chain(lambda: [relations.step(columns)], [columns, relations]).run(columns.buffer)


def rows(relations: Relations, count: int) -> list[Related]:
    """The columns in the twin's words."""
    found = []
    for row in range(count):
        parent, trace, state = (int(relations.spans[column, row]) for column in SpanRelation)
        found.append(
            Related(
                trace=trace,
                parent=None if parent == NO_ROW else parent,
                is_cyclic=bool(state & SpanState.CYCLIC),
                conflicts=bool(state & SpanState.CONFLICT),
                is_duplicate=bool(state & SpanState.DUPLICATE),
                is_repeated=bool(state & SpanState.REPEATED),
                spans=int(relations.traces[TraceRelation.SPANS, trace]),
                roots=int(relations.traces[TraceRelation.ROOTS, trace]),
            )
        )
    return found


def span(span_id: int, parent_id: int = 0, *, trace: bytes = TRACE_IDS[0], name: str = "", start: int = 0) -> Span:
    return Span(
        trace_id=trace,
        span_id=span_id.to_bytes(8, "big"),
        parent_span_id=parent_id.to_bytes(8, "big"),
        name=name,
        start_time_unix_nano=start,
    )


REUSED = Relations()  # an arena lives long, and nothing of one batch may show in the next


@given(st.lists(related_spans(), max_size=12))
def test_relations_are_those_of_the_twin(spans: list[Span]) -> None:
    load(REUSED, spans)
    assert rows(REUSED, len(spans)) == relate(spans)


@given(st.lists(related_spans(), max_size=12))
def test_first_span_of_a_trace_is_first_in_the_document(spans: list[Span]) -> None:
    load(REUSED, spans)
    trace_of = REUSED.spans[SpanRelation.TRACE, : len(spans)].tolist()
    assert REUSED.trace_count == len(set(trace_of))
    for trace in range(REUSED.trace_count):
        assert REUSED.traces[TraceRelation.FIRST_SPAN, trace] == trace_of.index(trace)


@given(st.lists(related_spans(), max_size=12))
def test_one_span_stands_for_each_id_and_it_is_the_one_that_children_find(spans: list[Span]) -> None:
    load(REUSED, spans)
    repeated = REUSED.spans[SpanRelation.STATE, : len(spans)] & np.uint32(SpanState.REPEATED)
    for row in range(len(spans)):
        parent = int(REUSED.spans[SpanRelation.PARENT, row])
        assert parent == NO_ROW or not repeated[parent]


@given(st.lists(related_spans(), max_size=10), st.randoms(use_true_random=False), st.integers(1, 4))
def test_order_of_spans_and_their_scopes_change_nothing(spans: list[Span], rng: Random, scopes: int) -> None:
    def by_content(spans: list[Span], relations: Relations) -> Counter[object]:
        states = relations.spans[SpanRelation.STATE].tolist()
        return Counter(
            (
                content(span),
                states[row],
                None if related.parent is None else content(spans[related.parent]),
                related.spans,
                related.roots,
            )
            for row, (span, related) in enumerate(zip(spans, rows(relations, len(spans)), strict=True))
        )

    load(REUSED, spans)
    before = by_content(spans, REUSED)
    shuffled = rng.sample(spans, len(spans))
    load(REUSED, shuffled, scopes)
    assert by_content(shuffled, REUSED) == before


@given(st.lists(related_spans(), max_size=12))
def test_counts_never_fall_while_spans_arrive(spans: list[Span]) -> None:
    """A violation of `t.roots.count <= 1` is final: later spans must not take a root away."""
    before: dict[int, tuple[int, int]] = {}
    for arrived in range(len(spans) + 1):
        load(REUSED, spans[:arrived])
        for related in rows(REUSED, arrived):
            spans_before, roots_before = before.get(related.trace, (0, 0))
            assert related.spans >= spans_before
            assert related.roots >= roots_before
        before = {related.trace: (related.spans, related.roots) for related in rows(REUSED, arrived)}


@pytest.mark.parametrize("alike", [True, False])
def test_spans_with_one_id_count_once(alike: bool) -> None:
    load(REUSED, [span(1), span(1, start=0 if alike else 1), span(2, 1), span(0), span(0)])
    assert REUSED.traces[:, 0].tolist() == [0, 4, 3]


@pytest.mark.parametrize("start_of_root", [0, 2])
def test_one_root_among_spans_with_one_id_makes_a_root(start_of_root: int) -> None:
    load(REUSED, [span(1, 0, start=start_of_root), span(1, 7, start=1)])
    assert REUSED.traces[:, 0].tolist() == [0, 1, 1]


# The sizes at which columns, hash tables and blocks have just fitted, or have just grown.
@pytest.mark.parametrize("count", [0, 1, 8, 9, 63, 64, 65, 80, 81, 128, 129, 1024, 1025, 1040, 1041])
def test_sizes(count: int) -> None:
    rng = Random(count)
    spans = [
        span(rng.randrange(count + 1), rng.randrange(count + 1), trace=rng.choice(TRACE_IDS)) for _ in range(count)
    ]
    relations = Relations()
    load(relations, spans)
    assert rows(relations, count) == relate(spans)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5), st.integers(0, 3)), max_size=6),
)
def test_cycles_are_found_whatever_the_times_say(made: list[tuple[int, int, int]]) -> None:
    """Times decide whether cycles are looked for."""
    spans = [span(span_id, parent_id, start=start) for span_id, parent_id, start in made]
    load(REUSED, spans)
    assert rows(REUSED, len(spans)) == relate(spans)


@pytest.mark.parametrize("count", [2, 3, 10_000])
def test_a_long_cycle(count: int) -> None:
    spans = [span(i + 1, (i + 1) % count + 1) for i in range(count)]
    load(REUSED, spans)
    assert (REUSED.spans[SpanRelation.STATE, :count] == SpanState.CYCLIC).all()
    assert REUSED.spans[SpanRelation.PARENT, :count].tolist() == [*range(1, count), 0]


@pytest.mark.parametrize("upwards", [True, False])
def test_a_long_chain(upwards: bool) -> None:
    count = 10_000
    spans = [span(i + 1, i) for i in range(count)]
    if upwards:
        spans.reverse()
    load(REUSED, spans)
    assert not REUSED.spans[SpanRelation.STATE, :count].any()
    parents = REUSED.spans[SpanRelation.PARENT, :count].tolist()
    assert parents == ([*range(1, count), NO_ROW] if upwards else [NO_ROW, *range(count - 1)])
    assert REUSED.traces[:, 0].tolist() == [0, count, 1]


def test_tails_that_end_in_a_cycle_are_not_on_it() -> None:
    spans = [span(i + 1, i + 2) for i in range(2_000)]
    spans.append(span(2_001, 1_999))
    load(REUSED, spans)
    cyclic = np.flatnonzero(REUSED.spans[SpanRelation.STATE, :2_001] & np.uint32(SpanState.CYCLIC))
    assert cyclic.tolist() == [1_998, 1_999, 2_000]


def test_a_span_that_is_its_own_parent_is_on_no_cycle() -> None:
    load(REUSED, [span(1, 1), span(2, 1)])
    assert REUSED.spans[SpanRelation.PARENT, :2].tolist() == [0, 0]
    assert not REUSED.spans[SpanRelation.STATE, :2].any()


@pytest.mark.parametrize("conflicting", [False, True])
@pytest.mark.parametrize("order", ["as made", "reversed"])
def test_many_spans_with_one_id(conflicting: bool, order: str) -> None:
    count = 10_000
    spans = [span(1, 1, start=i if conflicting else 0) for i in range(count)]
    standing = 0
    if order == "reversed":
        spans.reverse()
        standing = count - 1 if conflicting else 0
    load(REUSED, spans)
    state = SpanState.CONFLICT if conflicting else SpanState.DUPLICATE
    other = SpanState.CONFLICT if conflicting else SpanState.DUPLICATE | SpanState.COPY
    expected = [state if row == standing else other | SpanState.REPEATED for row in range(count)]
    assert REUSED.spans[SpanRelation.STATE, :count].tolist() == expected
    assert set(REUSED.spans[SpanRelation.PARENT, :count].tolist()) == {standing}
    assert REUSED.traces[:, 0].tolist() == [0, 1, 0]


def test_ids_that_fall_into_few_cells() -> None:
    """Ids that differ in the highest bits, in the lowest, and by the trace number that they are hashed with."""
    count = 3_000
    spans = [
        Span(
            trace_id=bytes(15) + bytes([1 + row % 3]),
            span_id=((row << 44) + 1).to_bytes(8, "big") if row % 2 else row.to_bytes(8, "big"),
            parent_span_id=(((row - 6) << 44) + 1).to_bytes(8, "big") if row % 2 and row > 6 else b"",
        )
        for row in range(count)
    ]
    load(REUSED, spans)
    found = rows(REUSED, count)
    for row, related in enumerate(found):
        expected = row - 6 if row % 2 and row > 6 else None
        assert related.parent == expected


def test_ids_are_padded_at_the_end_and_cut() -> None:
    assert SPAN_IDS[4] == b"\x01"
    spans = [Span(trace_id=TRACE_IDS[0], span_id=b"\x01"), Span(trace_id=TRACE_IDS[6], parent_span_id=SPAN_IDS[3])]
    load(REUSED, spans)
    assert REUSED.spans[SpanRelation.PARENT, 1] == 0


def test_a_buffer_that_can_be_written() -> None:
    columns = Columns()
    columns.load(memoryview(bytearray(request_of([span(1), span(2, 1)]).SerializeToString())), LIMITS)
    Chain(lambda: [REUSED.step(columns)], [columns, REUSED]).run(columns.buffer)
    assert REUSED.spans[SpanRelation.PARENT, 1] == 0
