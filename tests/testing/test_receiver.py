"""The receiver with the real SDK's exporters in front of it, and what the assertion says about what has come."""

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from otlp_verifier.selection import UnknownNameError
from otlp_verifier.testing import Receiver, TracesInvalidError, assert_traces_valid
from otlp_verifier.testing import receiver as module
from tests.files.captures import lines, protobuf, request, span


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    one = Receiver(tmp_path / "telemetry.binpb")
    yield one
    one.close()


def trace(exporter: SpanExporter, *, end_before_start: bool = False) -> None:
    """Two spans through the real SDK; the inner one ends too early where asked."""
    provider = TracerProvider(resource=Resource({"service.name": "till"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("till.work")
    with tracer.start_as_current_span("checkout"):
        inner = tracer.start_span("pay", start_time=1_790_000_000_000_000_000)
        inner.end(1_790_000_000_000_000_000 + (-5_000_000 if end_before_start else 5_000_000))
    provider.shutdown()


GOOD = protobuf(request(span(1, 1), span(1, 2, 1)))
BAD = protobuf(request(span(2, 1, end_time_unix_nano=5)))


def post(url: str, body: bytes, kind: str = "application/x-protobuf", **headers: str) -> tuple[int, bytes]:
    made = urllib.request.Request(url, body, {"Content-Type": kind, **headers})
    try:
        with urllib.request.urlopen(made, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.parametrize("way", ["in process", "grpc", "http", "http with gzip"])
@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
def test_what_the_sdk_exports_is_received_and_judged(receiver: Receiver, way: str, bad: bool) -> None:
    exporter = {
        "in process": lambda: receiver.exporter,
        "grpc": lambda: GrpcExporter(endpoint=receiver.grpc_endpoint, insecure=True),
        "http": lambda: HttpExporter(endpoint=f"{receiver.http_endpoint}/v1/traces"),
        "http with gzip": lambda: HttpExporter(
            endpoint=f"{receiver.http_endpoint}/v1/traces", compression=Compression.Gzip
        ),
    }[way]()
    trace(exporter, end_before_start=bad)
    assert receiver.spans == 2
    rules = ["identity", "structure", "span-end-before-start"]
    if not bad:
        assert_traces_valid(receiver, select=rules)
        return
    with pytest.raises(TracesInvalidError) as failed:
        assert_traces_valid(receiver, select=rules)
    message = str(failed.value)
    assert "1 finding at or above `error` in 2 spans" in message
    assert "span `pay` ended 5 ms before it started" in message
    assert "checkout" in message, "the trace is drawn"
    assert f"otlp-verifier check {receiver.file} -o html=" in message


def test_json_and_other_signals_are_taken(receiver: Receiver) -> None:
    text = lines(request(span(1, 1)))
    kind = "application/json"
    assert post(f"{receiver.http_endpoint}/v1/traces", text, kind) == (200, b"{}")
    packed = gzip.compress(text)
    assert post(f"{receiver.http_endpoint}/v1/traces", packed, kind, **{"Content-Encoding": "gzip"}) == (200, b"{}")
    assert post(f"{receiver.http_endpoint}/v1/metrics", b"whatever") == (200, b"")
    assert post(f"{receiver.http_endpoint}/v1/traces", b"") == (200, b"")
    with grpc.insecure_channel(receiver.grpc_endpoint.removeprefix("http://")) as channel:
        logs = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        assert logs(b"whatever", timeout=10) == b""
        with pytest.raises(grpc.RpcError) as unknown:
            channel.unary_unary("/other.Service/Export")(b"", timeout=10)
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert (receiver.spans, receiver.refused) == (2, [])


def test_what_cannot_be_read_is_refused_and_fails_the_assertion(receiver: Receiver) -> None:
    receiver.receive(GOOD)
    url = f"{receiver.http_endpoint}/v1/traces"
    assert post(url, GOOD[:-3])[0] == 400
    assert post(url, b"{", "application/json")[0] == 400
    with grpc.insecure_channel(receiver.grpc_endpoint.removeprefix("http://")) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as refused:
            export(GOOD[:-3], timeout=10)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert receiver.spans == 2
    with pytest.raises(TracesInvalidError, match=r"cannot be read: .*\(and 2 more\)"):
        assert_traces_valid(receiver)
    receiver.clear()
    receiver.receive(GOOD)
    assert_traces_valid(receiver)


def in_chunks(url: str, body: bytes, size: int) -> int:
    """Send a body of unknown length, as Node's SDK does, or with size 0 pretend to; the status."""
    where = urlsplit(url)
    connection = HTTPConnection(where.netloc, timeout=10)
    parts = (body[at : at + size] for at in range(0, len(body), size)) if size else body
    headers = {"Content-Type": "application/x-protobuf", "Transfer-Encoding": "chunked"}
    connection.request("POST", where.path, parts, headers, encode_chunked=size > 0)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_body_may_come_in_chunks(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{receiver.http_endpoint}/v1/traces"
    assert [in_chunks(url, GOOD, size) for size in (1, 7, len(GOOD))] == [200] * 3
    assert receiver.spans == 6
    monkeypatch.setattr("otlp_verifier.testing.endpoint.REQUEST_BYTES_MAX", len(GOOD) - 1)
    assert in_chunks(url, GOOD, 10) == 413
    assert in_chunks(url, GOOD, 0) == 400
    assert receiver.spans == 6


def test_what_is_wrong_may_be_said_in_any_letters(receiver: Receiver) -> None:
    status, text = post(f"{receiver.http_endpoint}/v1/traces", b"\xff\xff\xff")
    assert status == 400
    assert receiver.refused[0].split()[0] in text.decode()


@pytest.mark.parametrize(
    ("path", "kind", "headers", "code"),
    [
        ("/v1/spans", "application/x-protobuf", {}, 404),
        ("/v1/traces", "text/plain", {}, 415),
        ("/v1/traces", "application/x-protobuf", {"Content-Encoding": "br"}, 415),
        ("/v1/traces", "application/x-protobuf", {"Content-Length": "x"}, 411),
        ("/v1/traces", "application/x-protobuf", {"Content-Length": "99999999999"}, 413),
    ],
)
def test_requests_that_are_not_otlp(
    receiver: Receiver, path: str, kind: str, headers: dict[str, str], code: int
) -> None:
    assert post(receiver.http_endpoint + path, GOOD, kind, **headers)[0] == code
    assert receiver.spans == 0


def test_sizes_are_bounded(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_BYTES_MAX", len(GOOD))
    receiver.receive(GOOD)
    with pytest.raises(module.RefusedError, match=f"expected at most {len(GOOD)}"):
        receiver.receive(GOOD + GOOD)
    monkeypatch.setattr(module, "BYTES_MAX", 2 * len(GOOD))
    receiver.receive(GOOD)
    with pytest.raises(module.RefusedError, match=r"or clear\(\) in between"):
        receiver.receive(GOOD)


def test_waiting(receiver: Receiver) -> None:
    receiver.receive(GOOD)
    receiver.wait_for_spans(2, 0)
    with pytest.raises(TimeoutError, match=r"2 spans came within 0\.01 s; expected 3$"):
        receiver.wait_for_spans(3, 0.01)
    with pytest.raises(module.RefusedError):
        receiver.receive(GOOD[:-1])
    with pytest.raises(TimeoutError, match="; refused: "):
        receiver.wait_for_spans(3, 0.01)


def test_nothing_received_is_no_success(receiver: Receiver) -> None:
    with pytest.raises(TracesInvalidError, match="0 spans received; expected at least 1"):
        assert_traces_valid(receiver)
    assert_traces_valid(receiver, spans_min=0)
    receiver.receive(GOOD)
    with pytest.raises(TracesInvalidError, match="2 spans received; expected at least 3"):
        assert_traces_valid(receiver, spans_min=3)


def test_rules_are_chosen_as_for_check(receiver: Receiver) -> None:
    receiver.receive(BAD)
    assert_traces_valid(receiver, select=["identity"])
    assert_traces_valid(receiver, ignore="time, identity")
    with pytest.raises(UnknownNameError, match="did you mean `identity`"):
        assert_traces_valid(receiver, select="identiti")


def test_severity_and_what_is_below(receiver: Receiver) -> None:
    bad = span(2, 1, end_time_unix_nano=5)
    link = span(2, 2, 1)
    link.links.add(trace_id=link.trace_id, span_id=link.span_id)  # to itself: a warning
    receiver.receive(protobuf(request(bad, link)))
    with pytest.raises(TracesInvalidError) as failed:
        assert_traces_valid(receiver, select="span-end-before-start,link-self")
    assert "1 finding below `error` not shown" in str(failed.value)
    assert "link-self" not in str(failed.value)
    with pytest.raises(TracesInvalidError, match="link-self"):
        assert_traces_valid(receiver, select="link-self", fail_on="warning")
    assert_traces_valid(receiver, select="link-self")


def test_parts_of_traces(receiver: Receiver) -> None:
    receiver.receive(protobuf(request(span(1, 2, 77))))
    with pytest.raises(TracesInvalidError, match="parent-missing"):
        assert_traces_valid(receiver)
    assert_traces_valid(receiver, completeness="batch")


def test_rules_of_ones_own(receiver: Receiver, tmp_path: Path) -> None:
    rule = "- {id: short, severity: error, description: d, rule: 'for each span s require s.duration < 1ms'}\n"
    (tmp_path / "mine.yaml").write_text(rule)
    (tmp_path / "otlp-verifier.yaml").write_text("rules: {select: [short], files: [mine.yaml]}\n")
    receiver.receive(GOOD)
    receiver.config = tmp_path / "otlp-verifier.yaml"
    with pytest.raises(TracesInvalidError, match="short"):
        assert_traces_valid(receiver)


def test_files_can_be_judged_too(tmp_path: Path) -> None:
    path = tmp_path / "capture.json"
    path.write_bytes(lines(request(span(1, 1))))
    assert_traces_valid(path)
    assert_traces_valid(str(path))
    with pytest.raises(TracesInvalidError, match="expected at least 9"):
        assert_traces_valid(path, spans_min=9)
    path.write_text(json.dumps({"resourceSpans": 5}))
    with pytest.raises(TracesInvalidError, match="unreadable"):
        assert_traces_valid(path)


def test_the_exporter_does_what_the_sdk_asks(receiver: Receiver) -> None:
    assert receiver.exporter.force_flush()
    assert receiver.exporter.export([]) is SpanExportResult.SUCCESS
    receiver.exporter.shutdown()
