"""Random rules that look across rows, on random traces: the engine against the slow walk of their trees.

The rules are made from a seed: hypothesis shrinks the traces, where there is more to gain.
"""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.language.contracts import Contract, Monotone
from tests.language.judging import BATCH, TRACE, Judge, accepted, refusal
from tests.reference.evaluator import Violation
from tests.reference.records import Record, records, span_of
from tests.reference.relations import relate
from tests.strategies import all_spans, batches, number_id, related_spans, request_of_resources, requests

pytestmark = pytest.mark.many
SEEDS = st.integers(0, 2**32)
Batch = list[tuple[int, Span]]


@given(SEEDS, st.lists(batches(), min_size=3, max_size=3))
def test_random_contracts_are_judged_as_the_walk_judges_them(seed: int, traces: list[Batch]) -> None:
    judge = Judge(accepted(seed, 8, Contract))
    for spans in traces:
        request = request_of_resources(spans)
        fast, slow = judge.fast(request), judge.slow(request)
        assert (fast.violated, fast.undecided) == (slow.violated, slow.undecided), judge.disputed(fast, slow)


@given(SEEDS, st.lists(batches(most=4, traces=1, missing=False), min_size=3, max_size=3))
def test_deeper_contracts_on_smaller_traces(seed: int, traces: list[Batch]) -> None:
    judge = Judge(accepted(seed, 6, Contract, depth=4, assume="assume nothing "))
    for spans in traces:
        request = request_of_resources(spans)
        fast, slow = judge.fast(request), judge.slow(request)
        assert (fast.violated, fast.undecided) == (slow.violated, slow.undecided), judge.disputed(fast, slow)


@given(SEEDS, st.lists(requests(related_spans(), most=3), min_size=2, max_size=2))
def test_contracts_on_odd_ids_and_times(seed: int, traces: list[ExportTraceServiceRequest]) -> None:
    """Ids that are missing, short or shared by spans that differ; times at both ends of their range."""
    judge = Judge(accepted(seed, 8, Contract, assume="assume nothing "))
    for request in traces:
        fast, slow = judge.fast(request), judge.slow(request)
        assert (fast.violated, fast.undecided) == (slow.violated, slow.undecided), judge.disputed(fast, slow)


def test_a_trace_larger_than_a_block() -> None:
    rng, count = Random(5), 1_500
    parents = [0, *(rng.randrange(max(0, row - 40), row) + 1 for row in range(1, count))]
    starts = [rng.randrange(5_000) for _ in range(count)]
    spans = [
        Span(
            trace_id=b"\1" * 16,
            span_id=number_id(row + 1),
            parent_span_id=number_id(parents[row]),
            start_time_unix_nano=starts[row],
            kind=row % 3,  # type: ignore[arg-type]
        )
        for row in range(count)
    ]
    children, below = [0] * count, [0] * count
    for row in range(count - 1, 0, -1):
        children[parents[row] - 1] += 1
        below[parents[row] - 1] += below[row] + 1
    near = [sum(0 < start - other <= 3 for other in starts) for start in starts]
    rules = {
        "count(child) <= 2": {row for row in range(count) if children[row] > 2},
        "count(descendant) <= 9": {row for row in range(count) if below[row] > 9},
        "not once [1ns, 3ns] span": {row for row in range(count) if near[row]},
        "count(span o where o.kind == s.kind) == 500": set(),
    }
    judge = Judge([f"assume nothing for each span s require {rule}" for rule in rules])
    found = judge.fast(request_of_resources([(0, span) for span in spans])).violated
    for number, expected in enumerate(rules.values()):
        assert {one.row for one in found if one.rule == f"r{number}"} == expected


@given(SEEDS, batches())
def test_a_batch_that_may_be_incomplete_has_final_violations_only(seed: int, spans: Batch) -> None:
    rng = Random(seed)
    judge = Judge([*accepted(seed, 4, Contract), *(monotone(rng) for _ in range(4))])
    request = request_of_resources(spans)
    batch, trace = judge.fast(request, BATCH), judge.fast(request, TRACE)
    assert not batch.undecided
    assert batch.violated <= trace.violated
    assert all(judge.final[int(one.rule[1:])] for one in batch.violated)
    # Only where points share a time does the order between them wait for the trace to be complete.
    held_back = {judge.rule(one) for one in trace.violated - batch.violated if judge.final[int(one.rule[1:])]}
    words = ("once", "eventually", "historically", "always")
    assert all(any(word in rule for word in words) for rule in held_back), held_back


# Refusals


def test_few_rules_are_refused() -> None:
    rng = Random(1)
    refused = Counter(refusal(Contract(rng).text) for _ in range(400))
    accepted = refused.pop("")
    assert accepted >= 0.9 * 400, refused


@given(SEEDS)
def test_whatever_is_mixed_is_accepted_or_refused_with_a_message(seed: int) -> None:
    rng = Random(seed)
    for skew in ("", "3ns"):
        for _ in range(6):
            refusal(Contract(rng, wild=True, depth=4, skew=skew).text)


# Order and splits


def named(judge: Judge, spans: Batch) -> tuple[Counter[object], Counter[object]]:
    """The verdicts on a request, with rows named by what stands in them."""
    request = request_of_resources(spans)
    rows = records(request)
    domains = [domain.name.lower() for domain in judge.engine.plan.domains]

    def name(row: Violation) -> object:
        domain = domains[int(row.rule[1:])]
        record = rows[domain][row.row]
        if domain == "trace":
            of_trace = (span for span in rows["span"] if span.relation.trace == row.row)
            return row.rule, next(of_trace).message.trace_id
        span = span_of(record)
        same = [span] if domain == "span" else [one for one in rows[domain] if one.steps["span"] is span]
        return row.rule, content(span), same.index(record)

    found = judge.fast(request)
    return Counter(map(name, found.violated)), Counter(map(name, found.undecided))


def content(span: Record) -> tuple[bytes, bytes]:
    resource = span.steps["resource"]
    assert resource is not None
    return span.message.SerializeToString(), resource.message.SerializeToString()


@given(SEEDS, batches(), st.randoms(use_true_random=False), st.sampled_from(["", "3ns"]))
def test_the_order_of_spans_and_the_batches_they_came_in_change_nothing(
    seed: int, spans: Batch, rng: Random, skew: str
) -> None:
    """A trace that came in several batches is judged as one request with a part for each: its parts in any order."""
    # Which of two exact copies from different resources stays is a matter of order.
    copies = Counter(span.SerializeToString() for _, span in set_of(spans))
    if max(copies.values(), default=1) > 1:
        return
    judge = Judge(accepted(seed, 8, Contract, skew=skew))
    assert named(judge, rng.sample(spans, len(spans))) == named(judge, spans)


def set_of(spans: Batch) -> list[tuple[int, Span]]:
    return list({(number, span.SerializeToString()): (number, span) for number, span in spans}.values())


# Finality


def monotone(rng: Random, *, universal: bool = True) -> str:
    """An accepted rule of one polarity."""
    while refusal(text := Monotone(rng, universal=universal).text):
        pass
    return text


@st.composite
def growing(draw: st.DrawFn, *, distinct_times: bool = False) -> tuple[Batch, Batch]:
    """A part of a trace and the rest of it: ids are one span's, and parents lead to no cycle."""
    spans = draw(batches(unique=True, traces=2 if draw(st.booleans()) else 1))
    if draw(st.booleans()):
        for _, span in spans:  # few times, so that many points share one
            span.start_time_unix_nano, span.end_time_unix_nano = 10 + span.start_time_unix_nano % 2, 12
    if distinct_times:
        for place, (_, span) in enumerate(sorted(spans, key=lambda one: one[1].start_time_unix_nano)):
            span.start_time_unix_nano, span.end_time_unix_nano = 10 + 2 * place, 11 + 2 * (place + span.kind)
    related = relate([span for _, span in spans])
    for one, (_, span) in zip(related, spans, strict=True):
        if one.is_cyclic or span.parent_span_id == span.span_id:
            span.parent_span_id = b""
    cut = draw(st.integers(0, len(spans)))
    return spans[:cut], spans[cut:]


def later(part: Batch, rest: Batch) -> ExportTraceServiceRequest:
    """The part and then the rest, so that rows of the part keep their numbers."""
    whole = request_of_resources(part)
    whole.MergeFrom(request_of_resources(rest))
    return whole


@given(SEEDS, st.lists(growing(), min_size=4, max_size=4))
def test_a_final_violation_stays_whatever_arrives(seed: int, traces: list[tuple[Batch, Batch]]) -> None:
    rng = Random(seed)
    judge = Judge([*(monotone(rng) for _ in range(6)), *accepted(seed, 4, Contract)])
    assert all(judge.final[:6]), judge.texts
    for part, rest in traces:
        found = judge.fast(request_of_resources(part), BATCH).violated
        whole = later(part, rest)
        lost = (found - judge.fast(whole, BATCH).violated) | (found - judge.fast(whole, TRACE).violated)
        assert not lost, {judge.rule(violation) for violation in lost}


@given(SEEDS, st.lists(growing(distinct_times=True), min_size=4, max_size=4))
def test_what_only_asks_for_existence_stays_satisfied(seed: int, traces: list[tuple[Batch, Batch]]) -> None:
    rng = Random(seed)
    judge = Judge([monotone(rng, universal=False) for _ in range(8)])
    for part, rest in traces:
        rows = len(records(request_of_resources(part))["span"])
        before, after = judge.fast(request_of_resources(part)), judge.fast(later(part, rest))
        new = {one for one in after.violated if one.row < rows} - before.violated
        assert not new, {judge.rule(violation) for violation in new}


def test_finality_takes_ids_for_unique_and_parents_for_a_tree() -> None:
    """Where it does not hold: another span takes an id, or the last span of a cycle arrives."""
    judge = Judge(['for each span s require not exists child where name == "b"'])
    child = Span(trace_id=b"\1" * 16, span_id=b"\2" * 8, parent_span_id=b"\1" * 8, name="b")
    parent = Span(trace_id=b"\1" * 16, span_id=b"\1" * 8, parent_span_id=b"\3" * 8, start_time_unix_nano=5)
    another = Span(trace_id=b"\1" * 16, span_id=b"\1" * 8, start_time_unix_nano=3)
    closing = Span(trace_id=b"\1" * 16, span_id=b"\3" * 8, parent_span_id=b"\2" * 8)
    part = [(0, parent), (0, child)]
    assert judge.fast(request_of_resources(part), BATCH).violated == {Violation("r0", 0, 0)}
    for arriving, row in ((another, {2}), (closing, set())):
        rows = {one.row for one in judge.fast(later(part, [(0, arriving)]), BATCH).violated}
        assert rows == row


@pytest.mark.parametrize("word", ["eventually", "once"])
def test_the_order_at_one_time_waits_for_ancestors(word: str) -> None:
    judge = Judge([f'for each span s where s.name == "a" require not {word} [0s, 0s] span where name == "b"'])
    one = Span(trace_id=b"\1" * 16, span_id=b"\2" * 8, parent_span_id=b"\7" * 8, start_time_unix_nano=5)
    other = Span(trace_id=b"\1" * 16, span_id=b"\3" * 8, start_time_unix_nano=5)
    one.name, other.name = ("a", "b") if word == "eventually" else ("b", "a")
    ancestor = Span(trace_id=b"\1" * 16, span_id=b"\7" * 8, name="c", start_time_unix_nano=4)
    request = request_of_resources([(0, one), (0, other)])
    assert judge.fast(request, TRACE).violated, "judged as it stands, the deeper span comes later"
    assert not judge.fast(request, BATCH).violated
    assert not judge.fast(later([(0, one), (0, other)], [(0, ancestor)]), TRACE).violated
    assert len(all_spans(request)) == 2
