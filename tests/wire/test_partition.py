"""Requests taken apart and put together again by traces: nothing lost, nothing twice, every trace in one place."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otlp_verifier.columns import Columns, SpanWide
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.origin import COPY, ORIGIN
from otlp_verifier.wire.partition import NO_CHUNK, Gathered, Gatherer, Part, Room, Traces
from tests.strategies import RANDOMS, requests
from tests.wire.requests import random_request

LIMITS = Limits(memory_factor=64)


def scanned(request: bytes | memoryview) -> Columns:
    columns = Columns()
    columns.load(request, LIMITS)
    return columns


def content(*messages: bytes | memoryview) -> Counter[tuple[bytes, ...]]:
    """Every span with what stands around it; of envelopes without spans, these."""
    found: Counter[tuple[bytes, ...]] = Counter()
    for message in messages:
        for resource in ExportTraceServiceRequest.FromString(bytes(message)).resource_spans:
            around = ResourceSpans()
            around.CopyFrom(resource)
            del around.scope_spans[:]
            for scope in resource.scope_spans:
                inner = ScopeSpans()
                inner.CopyFrom(scope)
                del inner.spans[:]
                for span in scope.spans:
                    found[tuple(m.SerializeToString(deterministic=True) for m in (around, inner, span))] += 1
    return found


def empty_envelopes(*messages: bytes | memoryview) -> Counter[tuple[bytes, ...]]:
    found: Counter[tuple[bytes, ...]] = Counter()
    for message in messages:
        for resource in ExportTraceServiceRequest.FromString(bytes(message)).resource_spans:
            if not any(scope.spans for scope in resource.scope_spans):
                found[(resource.SerializeToString(deterministic=True),)] += 1
            found.update((s.SerializeToString(deterministic=True),) for s in resource.scope_spans if not s.spans)
    return found


def chunks(parts: list[Part], bytes_most: int, spans_most: int) -> list[Gathered]:
    traces = Traces(parts)
    count = traces.pack(bytes_most, spans_most)
    rows = [traces.rows(number, count) for number in range(len(parts))]
    result = []
    for chunk in range(max(1, count)):
        pieces = [
            (part, of[starts[chunk] : starts[chunk + 1]] if count else of, chunk == 0)
            for part, (starts, of) in zip(parts, rows, strict=True)
        ]
        result.append(Gatherer().gather(pieces))
    return result


def trace_ids(gathered: Gathered) -> set[tuple[int, int]]:
    columns = scanned(gathered.otlp)
    wide = columns.spans.wide[:, : columns.spans.rows]
    ids = zip(wide[SpanWide.TRACE_ID_HIGH].tolist(), wide[SpanWide.TRACE_ID_LOW].tolist(), strict=True)
    return {of for of in ids if any(of)}


def check(originals: list[bytes], parts: list[Part], gathered: list[Gathered]) -> None:
    seen: set[tuple[int, int]] = set()
    for chunk in gathered:
        ids = trace_ids(chunk)
        assert not seen & ids
        seen |= ids
        columns = scanned(chunk.otlp)
        rows = [columns.resources.rows, columns.scopes.rows, columns.spans.rows]
        assert rows == [len(chunk.resources), len(chunk.scopes), len(chunk.spans)]
        check_origins(originals, chunk, columns)
    for kind in ("resources", "scopes", "spans"):
        firsts = Counter()
        for chunk in gathered:
            rows = getattr(chunk, kind)
            firsts.update((int(row["file"]), int(row["offset"])) for row in rows if not int(row["request"]) & COPY)
        assert firsts == Counter(
            (int(row["file"]), int(row["offset"])) for part in parts for row in getattr(part, kind)
        )


def check_origins(originals: list[bytes], chunk: Gathered, columns: Columns) -> None:
    """An origin leads to the very bytes of the span."""
    for row in range(columns.spans.rows):
        origin = chunk.spans[row]
        body = columns.text(columns.spans.wide[SpanWide.BYTES, row])
        field = originals[int(origin["file"])][int(origin["offset"]) :]
        assert body in field[: len(body) + 16]


def parts_of(originals: list[bytes]) -> list[Part]:
    parts = []
    for number, request in enumerate(originals):
        parts.append(Part(request, file=number))
    return parts


@pytest.mark.many
@given(st.lists(requests().map(ExportTraceServiceRequest.SerializeToString), max_size=3), st.integers(1, 4))
def test_spans_come_out_with_their_surroundings_and_traces_whole(originals: list[bytes], spans_most: int) -> None:
    parts = parts_of(originals)
    gathered = chunks(parts, 1 << 30, spans_most)
    check(originals, parts, gathered)
    outputs = [chunk.otlp for chunk in gathered]
    assert content(*outputs) == content(*originals)
    assert +(empty_envelopes(*originals) - empty_envelopes(*outputs)) == Counter()


@given(RANDOMS, st.integers(1, 3))
def test_encodings_that_no_sdk_sends_come_out_as_they_are_scanned(rng: Random, spans_most: int) -> None:
    """Groups that the end of a message cuts off, unknown fields between children, repeated envelopes."""
    original = random_request(rng, odd=True)
    columns = scanned(original)
    parts = parts_of([original])
    assert parts[0].fault_count == 0
    assert parts[0].counts == (columns.resources.rows, columns.scopes.rows, columns.spans.rows)
    check([original], parts, chunks(parts, 1 << 30, spans_most))


@given(RANDOMS, st.integers(0, 5))
def test_the_bucket_of_a_trace_depends_on_its_id_alone(rng: Random, salt: int) -> None:
    first, second = (random_request(rng, odd=False) for _ in range(2))
    buckets: dict[bytes, set[int]] = {}
    for request in (first, second, first + second):
        [part] = parts_of([request])
        rows = part.scatter(salt, 7)
        assert sorted(np.concatenate(rows).tolist()) == list(range(part.counts[2]))
        columns = scanned(request)
        for bucket, of in enumerate(rows):
            assert of.tolist() == sorted(of.tolist())
            for row in of.tolist():
                trace_id = columns.spans.wide[:2, row].tobytes()
                if any(trace_id):
                    buckets.setdefault(trace_id, set()).add(bucket)
    assert all(len(of) == 1 for of in buckets.values())


@given(RANDOMS, st.binary(min_size=1, max_size=3), st.data())
def test_what_cannot_be_read_is_left_out_and_the_rest_is_not(rng: Random, junk: bytes, data: st.DataObject) -> None:
    good, victim = random_request(rng, odd=False), bytearray(random_request(rng, odd=False) or b"\x0a\x00")
    at = data.draw(st.integers(0, len(victim) - 1))
    victim[at : at + 1] = junk
    part = Part(good + bytes(victim))
    alone = Part(good)
    assert part.counts >= alone.counts
    assert part.resources["offset"][: alone.counts[0]].tolist() == alone.resources["offset"].tolist()
    for fault in part.faults:
        assert len(good) <= fault.offset < len(good) + len(victim)
        assert "expected" in fault.reason or "group" in fault.reason


def whole(part: Part) -> bytes:
    return bytes(Gatherer().gather([(part, np.arange(len(part.spans), dtype=np.uint32), True)]).otlp)


def scanned_traces(*messages: bytes) -> Counter[tuple[int, int]]:
    """How many spans each trace has, as the scanner reads them; those without an id are traces of their own."""
    found: Counter[tuple[int, int]] = Counter()
    for message in messages:
        columns = scanned(message)
        wide = columns.spans.wide[:, : columns.spans.rows]
        found.update(zip(wide[SpanWide.TRACE_ID_HIGH].tolist(), wide[SpanWide.TRACE_ID_LOW].tolist(), strict=True))
    return found


def grouped_traces(parts: list[Part]) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for trace in Traces(parts).table:
        found[int(trace["high"]), int(trace["low"])] += int(trace["spans"])
        assert int(trace["spans"]) == 1 or trace["high"] or trace["low"]
    return found


@given(st.lists(RANDOMS, min_size=1, max_size=3))
def test_trace_ids_are_found_as_the_scanner_finds_them(rngs: list[Random]) -> None:
    """Ids of other lengths, twice in a span, behind fields that nobody knows; parts made in one room after another."""
    originals = [random_request(rng, odd=True) for rng in rngs]
    room = Room()
    parts = [Part(original, room=room) for original in originals]
    assert grouped_traces(parts) == scanned_traces(*originals)
    for part, alone in zip(parts, parts_of(originals), strict=True):
        assert part.counts == alone.counts
        assert whole(part) == whole(alone)


def test_the_last_trace_id_of_a_span_counts_wherever_it_stands() -> None:
    one, two, none = (b"\x0a\x10" + bytes([n]) * 16 for n in (1, 2, 0))
    flags, text = b"\x85\x01\x01\x01\x00\x00", b"\x4a\x14\x0a\x12" + one  # an attribute that looks like an id
    bodies = [one, one + two, one + text + two + flags, text + one, flags + one + text, b"\x0a\x02\x01\x01", one + none]
    spans = b"".join(b"\x12" + bytes([len(body)]) + body for body in bodies)
    scope = b"\x12" + bytes([len(spans) & 127 | 128, len(spans) >> 7]) + spans
    original = b"\x0a" + bytes([len(scope) & 127 | 128, len(scope) >> 7]) + scope
    message = ExportTraceServiceRequest.FromString(original)
    expected = Counter(
        tuple(int.from_bytes(one.trace_id.ljust(16, b"\0")[at : at + 8], "big") for at in (0, 8))
        for one in message.resource_spans[0].scope_spans[0].spans
    )
    assert grouped_traces([Part(original)]) == expected == scanned_traces(original)


def test_more_traces_than_usual_find_each_other() -> None:
    originals = [request(*range(start, start + 3_000), 0, 7) for start in (1, 1_000, 2_000)]
    assert grouped_traces(parts_of(originals)) == scanned_traces(*originals)


def test_a_request_with_all_of_its_spans_comes_as_it_stands() -> None:
    original = request(1, 2, 3) + request(2, 1)
    assert whole(Part(original)) == original
    # Fields of the scope between the spans: those of a part of it come together, those of all of it stay.
    odd = b"\x1a\x01a" + b"\x12\x02\x2a\x00" + b"\x1a\x01b" + b"\x12\x02\x2a\x00" + b"\x1a\x01c"
    original = b"\x0a" + bytes([len(odd) + 2]) + b"\x12" + bytes([len(odd)]) + odd
    part = Part(original)
    assert whole(part) == original
    [first, second] = (bytes(Gatherer().gather([(part, np.array([row], np.uint32), False)]).otlp) for row in (0, 1))
    assert first == second == b"\x0a\x0f\x12\x0d" + b"\x1a\x01a\x1a\x01b" + b"\x12\x02\x2a\x00" + b"\x1a\x01c"


def span(trace: int, name: str) -> Span:
    return Span(trace_id=trace.to_bytes(16, "big"), span_id=b"\x01" * 8, name=name)


def request(*traces: int) -> bytes:
    scope = ScopeSpans(spans=[span(trace, f"{trace}.{row}") for row, trace in enumerate(traces)])
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[scope])]).SerializeToString()


def test_chunks_are_filled_in_the_order_in_which_traces_are_met() -> None:
    parts = parts_of([request(1, 2, 1, 3), request(3, 4, 2)])
    gathered = chunks(parts, 1 << 30, 4)
    assert [sorted(low for _, low in trace_ids(chunk)) for chunk in gathered] == [[1, 2], [3, 4]]
    names = [
        [s.name for s in ExportTraceServiceRequest.FromString(bytes(c.otlp)).resource_spans[r].scope_spans[0].spans]
        for c in gathered
        for r in (0, 1)
    ]
    assert names == [["1.0", "2.1", "1.2"], ["2.2"], ["3.3"], ["3.0", "4.1"]]


def test_a_trace_beyond_the_limits_of_a_chunk_has_one_of_its_own() -> None:
    parts = parts_of([request(1, 2, 2, 2, 2, 2, 3)])
    assert [len(chunk.spans) for chunk in chunks(parts, 1 << 30, 2)] == [1, 5, 1]
    assert [len(chunk.spans) for chunk in chunks(parts, 1, 100)] == [1, 5, 1]


def test_traces_can_be_left_out() -> None:
    parts = parts_of([request(1, 2, 1, 3)])
    traces = Traces(parts)
    traces.table["chunk"][1] = NO_CHUNK
    assert traces.pack(1 << 30, 100) == 1
    starts, rows = traces.rows(0, 1)
    assert rows[: starts[1]].tolist() == [0, 2, 3]


def test_spans_without_a_trace_id_are_traces_of_their_own() -> None:
    assert len(Traces(parts_of([request(0, 0, 1, 0)])).table) == 4


def test_locate_finds_the_span_or_the_resource() -> None:
    [part] = parts_of([request(1, 2)])
    offset = part.otlp.index(b"2.1")
    origin, within = part.locate(offset)
    assert part.otlp[int(origin["offset"]) :].startswith(b"\x12")
    assert int(origin["offset"]) + within == offset
    assert part.locate(2)[0] == part.resources[0]


def test_origins_must_fit_the_request() -> None:
    with pytest.raises(ValueError, match="origins of"):
        Part(request(1), (np.zeros(2, ORIGIN), np.zeros(1, ORIGIN), np.zeros(1, ORIGIN)))
