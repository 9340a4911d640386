"""Requests with their lengths in front: found many at once where they are plain, one by one where not."""

import gc
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.files import Inputs, check, reader, requests, stream
from otlp_verifier.files.recognise import HEAD, kind_of, signal_of
from otlp_verifier.files.requests import whole_fields
from otlp_verifier.files.stream import compression_of
from otlp_verifier.wire.memory import content as native
from otlp_verifier.wire.partition import REQUEST, Part, plain_requests
from tests.files.captures import VERIFIER, checked, content, delimited, lines, protobuf, read, request, span
from tests.wire.requests import random_request

BROKEN = b"\x0a\x04\x12\x7f\x00\x00"  # a ScopeSpans that runs past its end
ZSTD = zstandard.ZstdCompressor().compress


def small(trace: int, *numbers: int) -> ExportTraceServiceRequest:
    return request(*(span(trace, number, number // 2) for number in numbers), service=f"s{trace % 3}")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if files were a thousand times larger."""
    monkeypatch.setattr(stream, "BLOCK", HEAD)
    monkeypatch.setattr(reader, "BLOCK", HEAD)
    monkeypatch.setattr(requests, "BUFFER", 2 * HEAD)
    monkeypatch.setattr(reader, "_ALONE", HEAD)


def origins(parts: list[Part]) -> set[tuple[int, int]]:
    """(number of the request, offset) of every span."""
    return {(int(origin["request"]), int(origin["offset"])) for part in parts for origin in part.spans}


def slowly(frames: list[bytes]) -> Iterator[tuple[int, int]]:
    """The same of plain requests, as protobuf reads them: the bytes of a span stand somewhere in its request."""
    at = 0
    for number, frame in enumerate(frames, 1):
        for of in ExportTraceServiceRequest.FromString(frame).resource_spans:
            for scope in of.scope_spans:
                for one in scope.spans:
                    body = one.SerializeToString()
                    field = b"\x12" + bytes([len(body)]) + body
                    assert frame.count(field) == 1
                    yield number, at + 4 + frame.index(field)
        at += 4 + len(frame)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("pack", [bytes, ZSTD])
def test_spans_of_many_requests_know_where_they_stand(tmp_path: Path, pack) -> None:
    rng = Random(1)
    made = [small(trace, *range(1, 1 + rng.randrange(1, 40))) for trace in range(1, 200)]
    frames = [protobuf(one) for one in made]
    path = tmp_path / "x"
    path.write_bytes(pack(delimited(*frames)))
    parts, inputs = read(path)
    assert 10 < len(parts) < 100
    assert origins(parts) == set(slowly(frames))
    assert content(parts) == ExportTraceServiceRequest.FromString(b"".join(frames))
    assert inputs.errors == []
    assert (inputs.files[0].requests, inputs.files[0].spans) == (len(frames), sum(len(part.spans) for part in parts))


def test_requests_above_the_size_of_a_buffer_and_many_in_one(tmp_path: Path) -> None:
    large = protobuf(request(*(span(1, number, number // 2) for number in range(1, 60_000))))
    assert len(large) > requests.BUFFER
    frames = [protobuf(small(2, 1, 2, 3)), large, *(protobuf(small(trace, 1, 2)) for trace in range(3, 40_000))]
    path = tmp_path / "x"
    path.write_bytes(delimited(*frames))
    parts, inputs = read(path)
    assert inputs.errors == []
    assert [int(part.spans["request"].max()) for part in parts] == sorted(
        int(part.spans["request"].max()) for part in parts
    )
    starts = np.cumsum([0, *(4 + len(frame) for frame in frames)])
    for part in parts:
        numbers = np.searchsorted(starts, part.spans["offset"].astype(np.int64), "right")
        assert (numbers == part.spans["request"]).all()
    assert sum(len(part.spans) for part in parts) == 3 + 59_999 + 2 * (40_000 - 3)


@pytest.mark.usefixtures("small_blocks")
def test_what_is_not_plain_is_read_in_its_place(tmp_path: Path) -> None:
    rng = Random(2)
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="a")
    metric.gauge.data_points.add(time_unix_nano=5, as_int=1)
    traces = [small(trace, *range(1, 30)) for trace in range(1, 150)]
    frames: list[bytes] = []
    broken: list[tuple[int, int]] = []  # request, offset
    for made in traces:
        kind = rng.choice(["plain"] * 6 + ["zstd", "json", "empty", "broken", "metrics"])
        if kind in ("empty", "broken", "metrics"):
            extra = {"empty": b"", "broken": BROKEN, "metrics": metrics.SerializeToString()}[kind]
            if kind == "broken":
                broken.append((len(frames) + 1, len(delimited(*frames)) + 4 + 2))
            frames.append(extra)
        frames.append(lines(made) if kind == "json" else (ZSTD if kind == "zstd" else bytes)(protobuf(made)))
    path = tmp_path / "x"
    path.write_bytes(delimited(*frames))
    parts, inputs = read(path)
    assert sum(len(part.spans) for part in parts) == 29 * len(traces)
    found = [(error.source.request, error.source.offset) for error in inputs.errors]
    assert sorted(found) == broken
    assert all("its ResourceSpans is left out" in error.message for error in inputs.errors)
    assert inputs.files[0].requests == len(frames)


def test_a_broken_request_among_many_is_named_and_the_others_are_checked(tmp_path: Path) -> None:
    frames = [protobuf(small(trace, *range(1, 9))) for trace in range(1, 9_000)]
    frames[6_000] = frames[6_000] + BROKEN
    path = tmp_path / "x"
    path.write_bytes(delimited(*frames))
    assert path.stat().st_size > requests.BUFFER
    run, found = checked(path)
    assert found == []
    assert run.spans == 8 * 8_999
    [error] = run.inputs.errors
    before = len(delimited(*frames[:6_000]))
    assert (error.source.request, error.source.offset) == (6_001, before + 4 + len(frames[6_000]) - len(BROKEN) + 2)


def test_many_small_requests_and_one_large_give_the_same_report(tmp_path: Path) -> None:
    rng = Random(3)
    made = []
    for trace in range(1, 4_000):
        of = small(trace, *range(1, rng.randrange(2, 9)))
        if not rng.randrange(7):
            of.resource_spans[0].scope_spans[0].spans[-1].name = ""
        if not rng.randrange(9):
            del of.resource_spans[0].resource.attributes[:]
        made.append(of)
    whole = ExportTraceServiceRequest.FromString(protobuf(*made))
    captures = {"small": delimited(*map(protobuf, made)), "large": delimited(protobuf(whole)), "one": protobuf(whole)}
    reports = {}
    for name, capture in captures.items():
        path = tmp_path / name
        path.write_bytes(capture)
        reports[name] = sorted((rule, message) for rule, _, message in checked(path)[1])
    assert reports["small"] == reports["large"] == reports["one"]
    assert {rule for rule, _ in reports["one"]} == {"span-name-empty", "service-name-missing"}


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_a_report_does_not_depend_on_how_many_chunks_are_verified_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lanes: int
) -> None:
    path = tmp_path / "x"
    made = [small(trace, *range(1, 9)) for trace in range(1, 5_000)]
    for of in made[::100]:
        of.resource_spans[0].scope_spans[0].spans[3].name = ""
    path.write_bytes(delimited(*map(protobuf, made)))
    monkeypatch.setattr(check, "lane_count", lambda: lanes)
    run = check.Check([str(path)], VERIFIER)
    found, parts = [], 0
    for part in run:
        parts += 1
        for located in part.findings():
            assert located.trace is not None
            view = part.trace(located.trace)  # what the part holds is still there
            assert [one.name for one in view.spans].count("") == 1
            found.append(located.source.request)
    assert parts > 2 * lanes - 1
    assert found == list(range(1, 5_000, 100))
    assert run.spans == 8 * 4_999


def test_an_error_of_ours_in_a_thread_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake")

    path = tmp_path / "x"
    path.write_bytes(protobuf(small(1, 1, 2)))
    run = check.Check([str(path)], VERIFIER)
    monkeypatch.setattr(run._worker, "verify", fail)
    with pytest.raises(RuntimeError, match="a mistake"):
        list(run)
    gc.collect()


def test_memory_that_c_reads_may_be_found_in_a_cycle() -> None:
    for _ in range(3):
        view = np.zeros(100, np.uint8).data
        cycle: list[object] = [view, native(view)]
        cycle.append(cycle)
        del view, cycle
        gc.collect()


def alike(frames: bytes, longest: int = 1 << 20) -> int:
    """How many requests in front are plain, as what reads them one by one sees it."""
    count = at = 0
    while len(frames) - at >= 4:
        length = int.from_bytes(frames[at : at + 4], "big")
        frame = frames[at + 4 : at + 4 + length]
        is_ordinary = not compression_of(frame) and kind_of(frame[:HEAD]) != "json"
        is_whole = len(frame) == length <= longest and whole_fields(frame) == (length, "")
        if not (frame and is_ordinary and is_whole and signal_of(frame) == "traces"):
            break
        count += 1
        at += 4 + length
    return count


@given(st.randoms(use_true_random=False), st.booleans(), st.data())
def test_what_is_called_plain_is_so_to_those_who_look_at_leisure(rng: Random, odd: bool, data: st.DataObject) -> None:
    frames = bytearray(delimited(*(random_request(rng, odd=odd) for _ in range(3))))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(frames)))
        frames[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    found = plain_requests(memoryview(bytes(frames)), 1 << 20, 50, 7, np.empty(8, REQUEST))
    assert len(found) <= alike(bytes(frames))
    at = 0
    for number, one in enumerate(found):
        length = int.from_bytes(frames[at : at + 4], "big")
        assert one.tolist() == (at + 4, length, 50 + at + 4, 7 + number)
        at += 4 + length


def test_what_sdks_send_is_plain() -> None:
    frames = delimited(*(protobuf(small(trace, 1, 2, 3)) for trace in range(1, 20)))
    room = np.empty(100, REQUEST)
    assert len(plain_requests(memoryview(frames), 1 << 20, 0, 1, room)) == 19
    assert len(plain_requests(memoryview(frames[:-1]), 1 << 20, 0, 1, room)) == 18
    assert len(plain_requests(memoryview(frames), 1 << 20, 0, 1, room[:5])) == 5
    assert len(plain_requests(memoryview(frames), 50, 0, 1, room)) == 0
    logs = b"\x0a\x11\x12\x0f\x12\x0d\x09" + bytes(8) + b"\x5a\x02ab"  # a time in field 1
    for other in (b"", BROKEN, lines(small(1, 1)), ZSTD(protobuf(small(1, 1))), logs, b"\n\n {}"):
        assert len(plain_requests(memoryview(delimited(other) + frames), 1 << 20, 0, 1, room)) == 0


def test_inputs_that_are_cut_in_a_request_that_was_found_late(tmp_path: Path) -> None:
    frames = delimited(*(protobuf(small(trace, *range(1, 30))) for trace in range(1, 3_000)))
    path = tmp_path / "x"
    path.write_bytes(frames[:-5])
    inputs: Inputs = read(path)[1]
    [error] = inputs.errors
    assert error.source.request == 2_999
    assert "the file ends in the middle of a request" in error.message
