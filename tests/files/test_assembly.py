"""Traces are whole before they are judged, however they are spread over requests and files."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.columns import Columns, SpanWide
from otlp_verifier.files import Check, FileSettings
from otlp_verifier.files.assemble import Assembler
from otlp_verifier.files.notes import Notes
from otlp_verifier.pipeline import Verifier
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.partition import Part
from tests.files.captures import VERIFIER, checked, delimited, lines, protobuf, request, span
from tests.strategies import requests

TINY = FileSettings(memory_bytes_max=1 << 16)
LIMITS = Limits(memory_factor=64)


def shop(traces: int, seed: int = 1) -> list[Span]:
    """Traces of six spans; every third has lost a parent, every fifth ends before it starts."""
    rng = random.Random(seed)
    made = []
    for trace in range(1, traces + 1):
        made += [span(trace, 1), *(span(trace, number, rng.randrange(1, number)) for number in range(2, 6))]
        lost = 99 if trace % 3 == 0 else 1
        made.append(span(trace, 6, lost, **({"end_time_unix_nano": 5} if trace % 5 == 0 else {})))
    return made


def scattered(spans: list[Span], files: int, seed: int = 1) -> list[list[ExportTraceServiceRequest]]:
    """The spans in any order, in requests of about seven, in so many files."""
    rng = random.Random(seed)
    rng.shuffle(spans)
    made = [request(*spans[at : at + 7], service=f"service-{at % 3}") for at in range(0, len(spans), 7)]
    return [made[number::files] for number in range(files)]


def expected(traces: int) -> Counter[str]:
    return Counter({"parent-missing-local": traces // 3, "span-end-before-start": traces // 5})


def rules_of(found: list[tuple[str, str, str]]) -> Counter[str]:
    return Counter(rule for rule, _, _ in found)


@pytest.mark.parametrize("settings", [FileSettings(), TINY], ids=["in memory", "in files"])
@pytest.mark.parametrize("encode", [lines, protobuf, lambda *made: delimited(*map(protobuf, made))])
def test_findings_do_not_depend_on_how_traces_are_spread(tmp_path: Path, settings: FileSettings, encode) -> None:
    for number, made in enumerate(scattered(shop(300), 4)):
        (tmp_path / f"{number}").write_bytes(encode(*made))
    check, found = checked(tmp_path, settings=settings)
    assert check.spans == 1800
    assert rules_of(found) == expected(300)
    assert check.inputs.errors == []


def test_nothing_is_left_of_temporary_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    [made] = scattered(shop(300), 1)
    (tmp_path / "in" / "x").write_bytes(lines(*made))
    settings = FileSettings(memory_bytes_max=1 << 16, temporary_folder=str(temporary))
    used = 0
    for _ in Check([str(tmp_path / "in")], VERIFIER, settings=settings):
        used = max(used, len(list(temporary.rglob("*"))))
    assert used > 1
    assert list(temporary.iterdir()) == []


def test_no_room_for_temporary_files_is_an_error(tmp_path: Path) -> None:
    [made] = scattered(shop(300), 1)
    (tmp_path / "x").write_bytes(lines(*made))
    settings = FileSettings(memory_bytes_max=1 << 16, temporary_folder=str(tmp_path / "nowhere"))
    check, found = checked(tmp_path / "x", settings=settings)
    assert found == []
    assert "temporary files: cannot be used: No such file or directory" in str(check.inputs.errors[0])


@pytest.mark.many
@given(st.lists(requests(), min_size=1, max_size=3), st.integers(1, 6), st.sampled_from((1 << 16, 1 << 28)))
def test_every_span_is_in_one_chunk_with_its_trace(
    made: list[ExportTraceServiceRequest], spans_most: int, memory: int
) -> None:
    originals = [one.SerializeToString() for one in made]
    limits = Limits(memory_factor=64, spans=spans_most)
    assembler = Assembler(FileSettings(memory_bytes_max=memory), limits, Notes(), [])
    seen: set[tuple[int, int]] = set()
    bodies: Counter[bytes] = Counter()
    for chunk in assembler.chunks(iter([Part(original) for original in originals * 3])):
        columns = Columns()
        columns.load(chunk.otlp, LIMITS)
        wide = columns.spans.wide[:, : columns.spans.rows]
        ids = set(zip(wide[SpanWide.TRACE_ID_HIGH].tolist(), wide[SpanWide.TRACE_ID_LOW].tolist(), strict=True))
        ids.discard((0, 0))
        assert not seen & ids
        seen |= ids
        bodies.update(columns.text(text) for text in wide[SpanWide.BYTES].tolist())
    columns = Columns()
    columns.load(b"".join(originals) * 3, LIMITS)
    wide = columns.spans.wide[:, : columns.spans.rows]
    assert bodies == Counter(columns.text(text) for text in wide[SpanWide.BYTES].tolist())


def test_a_finding_on_a_resource_counts_once_however_many_chunks_it_is_in(tmp_path: Path) -> None:
    spans = [span(trace, number) for trace in range(1, 6001) for number in (1,)]
    path = tmp_path / "x"
    path.write_bytes(protobuf(request(*spans, service="")))
    for settings in (FileSettings(), TINY):
        check, found = checked(path, settings=settings)
        assert rules_of(found) == {"service-name-missing": 1}
        assert "at byte" in found[0][1]
        assert check.spans == 6000


def test_a_trace_beyond_the_limits_is_an_error_and_the_others_are_checked(tmp_path: Path) -> None:
    small = Verifier(VERIFIER.rules, limits=Limits(spans=100))
    spans = shop(30) + [span(1000, number) for number in range(1, 200)]
    [made] = scattered(spans, 1)
    path = tmp_path / "x"
    path.write_bytes(lines(*made))
    for settings in (FileSettings(), TINY):
        check, found = checked(path, verifier=small, settings=settings)
        assert rules_of(found) == expected(30)
        assert check.spans == 180
        [error] = check.inputs.errors
        assert "the limit `spans` allows 100" in error.message or "the limits allow 100 spans" in error.message
        assert error.source.line


def test_a_trace_that_does_not_fit_anywhere(tmp_path: Path) -> None:
    small = Verifier(VERIFIER.rules, limits=Limits(spans=100))
    spans = shop(30) + [span(1000, number) for number in range(1, 2000)]
    [made] = scattered(spans, 1)
    path = tmp_path / "x"
    path.write_bytes(protobuf(*made))
    check, found = checked(path, verifier=small, settings=TINY)
    assert rules_of(found) == expected(30)
    [error] = check.inputs.errors
    assert error.message.startswith("trace 000000000000000000000000000003e8 has 1999 spans in ")


def test_a_span_that_cannot_be_read_takes_only_its_trace_with_it(tmp_path: Path) -> None:
    good = request(*shop(10))
    # An attribute whose value runs past its end: only the scanner looks into attributes.
    victim = span(11, 2, 1)
    body = victim.SerializeToString() + b"\x4a\x03\x12\x05\x00"
    made = protobuf(good) + _request_with(body) + protobuf(request(span(12, 1), span(11, 1)))
    path = tmp_path / "x"
    path.write_bytes(made)
    check, found = checked(path)
    assert rules_of(found) == expected(10)
    assert check.spans == 61
    [error] = check.inputs.errors
    assert "the trace is not checked" in error.message
    assert error.source.offset == made.index(b"\x4a\x03\x12\x05\x00") + 2


def _request_with(body: bytes) -> bytes:
    made = request(Span())
    scope = made.resource_spans[0].scope_spans[0]
    del scope.spans[:]
    inner = scope.SerializeToString() + b"\x12" + bytes([len(body)]) + body
    resource = made.resource_spans[0]
    del resource.scope_spans[:]
    outer = resource.SerializeToString() + b"\x12" + _varint(len(inner)) + inner
    return b"\x0a" + _varint(len(outer)) + outer


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])
