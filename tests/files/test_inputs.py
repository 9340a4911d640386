"""Every format that people have is recognised by its content, and holds the same spans."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.files import Format, Inputs
from otlp_verifier.files.discover import discover
from otlp_verifier.files.requests import BUFFER
from tests.files.captures import as_json, content, delimited, lines, protobuf, read, request, span

FIRST = request(span(1, 1), span(1, 2, 1), service="front")
SECOND = request(span(2, 1), service="back")
THIRD = request(span(1, 3, 1), service="front")
ALL = ExportTraceServiceRequest.FromString(protobuf(FIRST, SECOND, THIRD))
OBJECTS = [as_json(made) for made in (FIRST, SECOND, THIRD)]

zstd = zstandard.ZstdCompressor().compress

CAPTURES: dict[str, tuple[Format, bytes]] = {
    "request": (Format.PROTOBUF, protobuf(FIRST, SECOND, THIRD)),
    "delimited": (Format.PROTOBUF_DELIMITED, delimited(protobuf(FIRST), b"", protobuf(SECOND), protobuf(THIRD))),
    "delimited-zstd": (Format.PROTOBUF_DELIMITED, delimited(zstd(protobuf(FIRST, SECOND)), zstd(protobuf(THIRD)))),
    "delimited-json": (Format.PROTOBUF_DELIMITED, delimited(zstd(lines(FIRST)), zstd(lines(SECOND)), lines(THIRD))),
    "lines": (Format.JSON, lines(FIRST, SECOND, THIRD)),
    "lines-crlf": (Format.JSON, lines(FIRST, SECOND, THIRD).replace(b"\n", b"\r\n\r\n")),
    "lines-without-end": (Format.JSON, lines(FIRST, SECOND, THIRD)[:-1]),
    "object": (Format.JSON, json.dumps(as_json(ALL)).encode()),
    "object-indented": (Format.JSON, json.dumps(as_json(ALL), indent=2).encode()),
    "object-flush-left": (Format.JSON, json.dumps(as_json(ALL), indent=0).encode()),
    "objects-indented": (Format.JSON, "\n".join(json.dumps(one, indent=1) for one in OBJECTS).encode()),
    "objects-without-space": (Format.JSON, "".join(json.dumps(one) for one in OBJECTS).encode()),
    "array": (Format.JSON, json.dumps(OBJECTS).encode()),
    "array-indented": (Format.JSON, json.dumps(OBJECTS, indent=4).encode()),
    "array-of-lines": (Format.JSON, b"[\n" + b",\n".join(lines(FIRST, SECOND, THIRD).splitlines()) + b"\n]\n"),
    "arrays-in-arrays": (Format.JSON, json.dumps([[OBJECTS[0]], [], [OBJECTS[1:]]]).encode()),
    "byte-order-mark": (Format.JSON, b"\xef\xbb\xbf" + lines(FIRST, SECOND, THIRD)),
    "white-space-first": (Format.JSON, b"\n \t\n" + lines(FIRST, SECOND, THIRD)),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.compress, "zstd": zstd}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_is_recognised_and_read(tmp_path: Path, name: str, packer: str) -> None:
    kind, capture = CAPTURES[name]
    path = tmp_path / "misleading.txt"
    path.write_bytes(PACKERS[packer](capture))
    parts, inputs = read(path)
    assert content(parts) == ALL
    assert [str(error) for error in inputs.errors] == []
    assert [str(notice) for notice in inputs.notices] == []
    [file] = inputs.files
    assert (file.format, file.compression, file.spans) == (kind, packer, 4)
    assert inputs.bytes_done == inputs.bytes_total == path.stat().st_size


@pytest.mark.parametrize("name", CAPTURES)
def test_origins_lead_to_the_spans(tmp_path: Path, name: str) -> None:
    kind, capture = CAPTURES[name]
    path = tmp_path / "capture"
    path.write_bytes(capture)
    parts, _ = read(path)
    origins = [origin for part in parts for origin in part.spans]
    assert len({(int(origin["request"]), int(origin["offset"])) for origin in origins}) == 4
    if "zstd" in name or name == "delimited-json":
        return
    for origin in origins:
        at = int(origin["offset"])
        if kind == Format.JSON:
            assert capture[at : at + 1] == b"{"
            assert b"traceId" in capture[at : at + 80]
            assert int(origin["line"]) == 1 + capture.count(b"\n", 0, at)
        else:
            assert capture[at] == 0x12
            assert int(origin["line"]) == 0


def test_standard_input(tmp_path: Path) -> None:
    parts, inputs = read(Path("-"), stdin=gzip.compress(lines(FIRST)))
    assert content(parts) == FIRST
    assert inputs.files[0].name == "<stdin>"
    assert inputs.bytes_total is None
    del tmp_path


def test_folders_globs_and_files_each_once(tmp_path: Path) -> None:
    for name in ("b/2.json", "b/1.pb", "a.json", ".hidden/x.json", "b/.hidden.json", "c.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    inputs = Inputs()
    found = discover([str(tmp_path / "b"), str(tmp_path / "*.json"), str(tmp_path / "b/1.pb"), str(tmp_path)], inputs)
    names = [str(Path(entry.name).relative_to(tmp_path)) for entry in found]
    assert names == ["b/1.pb", "b/2.json", "a.json", "c.txt"]
    assert (inputs.files_total, inputs.bytes_total) == (4, 4)
    assert inputs.errors == []


def test_what_is_not_there_is_noted(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    inputs = Inputs()
    assert discover([str(tmp_path / "no"), str(tmp_path / "*.pb"), str(tmp_path / "empty")], inputs) == []
    assert [error.message for error in inputs.errors] == [
        "no such file or folder",
        "matches no files",
        "holds no files",
    ]


def test_metrics_and_logs_are_counted_and_skipped(tmp_path: Path) -> None:
    metrics = ExportMetricsServiceRequest()
    scope = metrics.resource_metrics.add().scope_metrics.add()
    for name in ("http.server.duration", "abcdefghijklmnop"):  # the second as long as a trace id
        point = scope.metrics.add(name=name, description="12345678", unit="1").sum.data_points.add()
        point.time_unix_nano, point.as_int = 5, 1
    logs = ExportLogsServiceRequest()
    logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=5, trace_id=b"\x01" * 16)
    json_metrics = b'{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[{"name":"a"},{}]}]}]}\n'
    json_logs = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{},{}]}]}]}\n'
    captures = {
        "metrics.pb": (metrics.SerializeToString(), 2, 0),
        "logs.pb": (delimited(logs.SerializeToString()), 0, 1),
        "metrics.json": (json_metrics, 2, 0),
        "all.json": (json_logs + lines(FIRST) + json_metrics, 2, 3),
    }
    for name, (capture, _, _) in captures.items():
        (tmp_path / name).write_bytes(capture)
    for name, (_, metrics_found, logs_found) in captures.items():
        parts, inputs = read(tmp_path / name)
        assert (inputs.files[0].metrics, inputs.files[0].logs) == (metrics_found, logs_found), name
        assert inputs.errors == []
        assert {notice.code for notice in inputs.notices} == {"signal-skipped"}
        assert sum(notice.count for notice in inputs.notices) == metrics_found + logs_found
        assert content(parts) == (FIRST if name == "all.json" else ExportTraceServiceRequest())


def test_a_span_without_times_is_no_metric(tmp_path: Path) -> None:
    bare = request(span(1, 1))
    for name in ("start_time_unix_nano", "end_time_unix_nano", "kind", "flags"):
        bare.resource_spans[0].scope_spans[0].spans[0].ClearField(name)
    path = tmp_path / "bare"
    path.write_bytes(protobuf(bare))
    assert content(read(path)[0]) == bare


def test_large_requests_are_read_in_pieces(tmp_path: Path) -> None:
    requests = [
        request(*(span(trace, 1 + number) for number in range(40)), service=f"s{trace}") for trace in range(600)
    ]
    for name, capture in (
        ("pb", protobuf(*requests)),
        ("d", delimited(*map(protobuf, requests))),
        ("l", lines(*requests)),
    ):
        path = tmp_path / name
        path.write_bytes(capture)
        parts, inputs = read(path)
        assert len(parts) > (name != "d")
        assert max(len(part.otlp) for part in parts) <= BUFFER
        assert content(parts) == ExportTraceServiceRequest.FromString(protobuf(*requests))
        assert inputs.errors == []
        assert inputs.files[0].requests == (1 if name == "pb" else 600)
