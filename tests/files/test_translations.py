"""Jaeger and Zipkin become OTLP as the collector's translators make it."""

import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.files import Format, Inputs
from otlp_verifier.wire.partition import Part
from tests.files.captures import as_json, checked, content, read

STRING, BOOL, INT, FLOAT, BINARY = "string", "bool", "int64", "float64", "binary"


def tag(key: str, kind: str, value: Any) -> dict[str, Any]:
    return {"key": key, "type": kind, "value": value}


def jaeger(*spans: dict[str, Any], **processes: dict[str, Any]) -> dict[str, Any]:
    return {"data": [{"traceID": "1", "spans": list(spans), "processes": processes}], "total": 0, "errors": None}


def jaeger_span(**fields: Any) -> dict[str, Any]:
    return {"traceID": "1", "spanID": "2", "operationName": "op", "startTime": 1, "duration": 2, **fields}


def translated(tmp_path: Path, document: object, indent: int | None = None) -> tuple[list[Part], Inputs]:
    path = tmp_path / "capture"
    path.write_text(json.dumps(document, indent=indent))
    return read(path)


def one_span(tmp_path: Path, document: object) -> Span:
    parts, inputs = translated(tmp_path, document)
    assert inputs.errors == []
    [span] = [s for r in content(parts).resource_spans for scope in r.scope_spans for s in scope.spans]
    return span


def attributes(owner: Any) -> dict[str, Any]:
    return {
        attribute.key: getattr(attribute.value, str(attribute.value.WhichOneof("value")))
        for attribute in owner.attributes
    }


def test_a_jaeger_trace(tmp_path: Path) -> None:
    document = jaeger(
        jaeger_span(
            processID="p1",
            references=[
                {"refType": "FOLLOWS_FROM", "traceID": "1", "spanID": "9"},
                {"refType": "CHILD_OF", "traceID": "1", "spanID": "8"},
                {"refType": "CHILD_OF", "traceID": "77", "spanID": "8"},
            ],
            tags=[
                tag("span.kind", STRING, "server"),
                tag("otel.library.name", STRING, "lib"),
                tag("otel.library.version", STRING, "1.2"),
                tag("w3c.tracestate", STRING, "a=b"),
                tag("error", BOOL, True),
                tag("otel.status_description", STRING, "broken"),
                tag("s", STRING, "x"),
                tag("b", BOOL, "false"),
                tag("i", INT, "-5"),
                tag("f", FLOAT, 0.5),
                tag("o", BINARY, "AQI="),
            ],
            logs=[
                {"timestamp": 2, "fields": [tag("event", STRING, "retry"), tag("n", INT, 3)]},
                {"timestamp": 3, "fields": []},
            ],
        ),
        p1={
            "serviceName": "shop",
            "tags": [tag("hostname", STRING, "h"), tag("jaeger.version", STRING, "Go-2.0"), tag("x", INT, 1)],
        },
    )
    parts, inputs = translated(tmp_path, document)
    assert (inputs.errors, inputs.notices) == ([], [])
    assert inputs.files[0].format == Format.JAEGER
    assert as_json(content(parts)) == {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [
                        {"key": "service.name", "value": {"stringValue": "shop"}},
                        {"key": "x", "value": {"intValue": "1"}},
                        {"key": "host.name", "value": {"stringValue": "h"}},
                        {"key": "opencensus.exporterversion", "value": {"stringValue": "Jaeger-Go-2.0"}},
                    ]
                },
                "scopeSpans": [
                    {
                        "scope": {"name": "lib", "version": "1.2"},
                        "spans": [
                            {
                                "traceId": "0" * 31 + "1",
                                "spanId": "0" * 15 + "2",
                                "parentSpanId": "0" * 15 + "8",
                                "traceState": "a=b",
                                "name": "op",
                                "kind": 2,
                                "startTimeUnixNano": "1000",
                                "endTimeUnixNano": "3000",
                                "attributes": [
                                    {"key": "s", "value": {"stringValue": "x"}},
                                    {"key": "b", "value": {"boolValue": False}},
                                    {"key": "i", "value": {"intValue": "-5"}},
                                    {"key": "f", "value": {"doubleValue": 0.5}},
                                    {"key": "o", "value": {"bytesValue": "AQI="}},
                                ],
                                "events": [
                                    {
                                        "timeUnixNano": "2000",
                                        "name": "retry",
                                        "attributes": [{"key": "n", "value": {"intValue": "3"}}],
                                    },
                                    {"timeUnixNano": "3000"},
                                ],
                                "links": [
                                    {
                                        "traceId": "0" * 31 + "1",
                                        "spanId": "0" * 15 + "9",
                                        "attributes": [
                                            {"key": "opentracing.ref_type", "value": {"stringValue": "follows_from"}}
                                        ],
                                    }
                                ],
                                "status": {"code": 2, "message": "broken"},
                            }
                        ],
                    }
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    ("tags", "status", "left"),
    [
        ([tag("error", BOOL, True)], (2, ""), set()),
        ([tag("error", BOOL, False)], (0, ""), {"error"}),
        ([tag("error", STRING, "true")], (0, ""), {"error"}),
        ([tag("error", BOOL, True), tag("http.status_message", STRING, "m")], (2, "m"), {"http.status_message"}),
        ([tag("otel.status_code", STRING, "ok")], (1, ""), set()),
        ([tag("otel.status_code", STRING, "ERROR"), tag("otel.status_description", STRING, "d")], (2, "d"), set()),
        ([tag("error", BOOL, True), tag("otel.status_code", STRING, "OK")], (2, ""), set()),
        ([tag("http.status_code", INT, 500)], (2, ""), {"http.status_code"}),
        ([tag("http.status_code", INT, 404)], (2, ""), {"http.status_code"}),
        ([tag("http.status_code", INT, 404), tag("span.kind", STRING, "client")], (2, ""), {"http.status_code"}),
        ([tag("http.status_code", INT, 404), tag("span.kind", STRING, "server")], (0, ""), {"http.status_code"}),
        ([tag("http.status_code", STRING, "200")], (0, ""), {"http.status_code"}),
        ([tag("http.status_code", STRING, "often")], (0, ""), {"http.status_code"}),
    ],
)
def test_the_status_of_jaeger_spans(tmp_path: Path, tags: list[Any], status: tuple[int, str], left: set[str]) -> None:
    span = one_span(tmp_path, jaeger(jaeger_span(tags=tags)))
    assert (span.status.code, span.status.message) == status
    assert set(attributes(span)) == left


@pytest.mark.parametrize(
    ("fields", "parent"),
    [
        ({}, 0),
        ({"parentSpanID": "7"}, 7),
        ({"references": [{"refType": "FOLLOWS_FROM", "traceID": "1", "spanID": "9"}]}, 9),
        ({"references": [{"refType": "CHILD_OF", "traceID": "5", "spanID": "9"}]}, 0),
        ({"references": [{"refType": "CHILD_OF", "traceID": "1", "spanID": "0000"}]}, 0),
    ],
)
def test_the_parent_of_jaeger_spans(tmp_path: Path, fields: dict[str, Any], parent: int) -> None:
    assert int.from_bytes(one_span(tmp_path, jaeger(jaeger_span(**fields))).parent_span_id, "big") == parent


def test_jaeger_traces_and_spans_by_themselves(tmp_path: Path) -> None:
    trace = jaeger(jaeger_span())["data"][0]
    assert one_span(tmp_path, trace).name == "op"
    parts, _ = translated(
        tmp_path, [jaeger_span(process={"serviceName": "a"}), jaeger_span(process={"serviceName": "b"})]
    )
    names = [attributes(of.resource)["service.name"] for of in content(parts).resource_spans]
    assert names == ["a", "b"]


def test_a_broken_jaeger_span_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    spans = [
        jaeger_span(),
        jaeger_span(startTime="late"),
        jaeger_span(spanID="xyz"),
        jaeger_span(duration=-1),
        jaeger_span(tags=[tag("n", INT, "many")]),
        jaeger_span(),
    ]
    parts, inputs = translated(tmp_path, jaeger(*spans), indent=1)
    assert sum(len(part.spans) for part in parts) == 2
    messages = [error.message for error in inputs.errors]
    assert len(messages) == 4
    assert all("expected" in message.lower() or "has the value" in message for message in messages)
    lines = (tmp_path / "capture").read_text().splitlines()
    for error, words in zip(inputs.errors, ("late", "xyz", "-1", "many"), strict=True):
        block = "\n".join(lines[error.source.line - 1 : error.source.line + 16])
        assert words in block


def test_jaeger_findings_name_the_line_of_the_span(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_text(json.dumps(jaeger(jaeger_span(), jaeger_span(spanID="3", operationName="")), indent=2))
    _, found = checked(path)
    [place] = [place for rule, place, _ in found if rule == "span-name-empty"]
    line = int(place.rsplit(":", 1)[1])
    lines = path.read_text().splitlines()
    assert lines[line - 1].strip() == "{"
    assert '"spanID": "3"' in "\n".join(lines[line : line + 5])


def zipkin_span(**fields: Any) -> dict[str, Any]:
    return {"traceId": "1", "id": "2", "name": "op", "timestamp": 1, "duration": 2, **fields}


def test_zipkin_spans(tmp_path: Path) -> None:
    spans = [
        zipkin_span(
            parentId="3",
            kind="CLIENT",
            localEndpoint={"serviceName": "front", "ipv4": "1.2.3.4", "port": 80},
            remoteEndpoint={"serviceName": "back", "ipv4": "1.1.1.1", "ipv6": "::1", "port": 9},
            annotations=[
                {"timestamp": 2, "value": "plain"},
                {"timestamp": 3, "value": 'rich|{"a":1,"b":"x|y","c":0.5,"d":true}|4'},
            ],
            tags={
                "t": "v",
                "host.name": "h",
                "otel.library.name": "lib",
                "otel.library.version": "2",
                "otel.status_code": "STATUS_CODE_ERROR",
                "otel.status_description": "d",
                "w3c.tracestate": "a=b",
                "otlp.link.0": f'{"a" * 32}|{"b" * 16}|s=t|{{"k":2}}|1',
            },
        ),
        zipkin_span(
            id="4", kind="SERVER", localEndpoint={"serviceName": "back"}, tags={"error": "true", "host.name": "h2"}
        ),
        zipkin_span(id="5", localEndpoint={"serviceName": "back"}, tags={"span.kind": "internal"}, timestamp=None),
    ]
    parts, inputs = translated(tmp_path, spans)
    assert (inputs.errors, inputs.notices) == ([], [])
    assert inputs.files[0].format == Format.ZIPKIN
    front, back = content(parts).resource_spans
    assert attributes(front.resource) == {"service.name": "front", "host.name": "h"}
    assert (front.scope_spans[0].scope.name, front.scope_spans[0].scope.version) == ("lib", "2")
    [span] = front.scope_spans[0].spans
    assert (span.kind, span.trace_state, span.status.code, span.status.message) == (3, "a=b", 2, "d")
    assert int.from_bytes(span.parent_span_id, "big") == 3
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1000, 3000)
    assert attributes(span) == {
        "t": "v",
        "net.host.ip": "1.2.3.4",
        "net.host.port": 80,
        "net.peer.ip": "::1",
        "net.peer.port": 9,
        "peer.service": "back",
    }
    assert [(event.name, attributes(event), event.dropped_attributes_count) for event in span.events] == [
        ("plain", {}, 0),
        ("rich", {"a": 1, "b": "x|y", "c": 0.5, "d": True}, 4),
    ]
    [link] = span.links
    assert (link.trace_id.hex(), link.span_id.hex(), link.trace_state) == ("a" * 32, "b" * 16, "s=t")
    assert (attributes(link), link.dropped_attributes_count) == ({"k": 2}, 1)
    assert attributes(back.resource) == {"service.name": "back", "host.name": "h2"}
    server, internal = back.scope_spans[0].spans
    assert (server.kind, server.status.code, attributes(server)) == (2, 2, {})
    assert (internal.kind, internal.start_time_unix_nano, internal.end_time_unix_nano) == (1, 0, 2000)
    assert attributes(internal) == {"otel.zipkin.absentField.startTime": True}


def test_zipkin_without_a_service_and_with_itself_as_parent(tmp_path: Path) -> None:
    parts, _ = translated(tmp_path, [zipkin_span(parentId="2")])
    [resource] = content(parts).resource_spans
    assert attributes(resource.resource) == {}
    assert resource.scope_spans[0].spans[0].parent_span_id == b""


def test_lists_of_zipkin_traces_and_lines(tmp_path: Path) -> None:
    parts, inputs = translated(tmp_path, [[zipkin_span(), zipkin_span(id="3")], [zipkin_span(traceId="9")]])
    assert inputs.errors == []
    assert sum(len(part.spans) for part in parts) == 3
    path = tmp_path / "lines"
    path.write_text("".join(json.dumps(zipkin_span(id=str(number))) + "\n" for number in range(1, 10)))
    parts, inputs = read(path)
    assert parts[0].spans["line"].tolist() == list(range(1, 10))


def test_broken_zipkin_spans_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    spans = [
        zipkin_span(),
        zipkin_span(id="xyz"),
        zipkin_span(tags={"a": 5}),
        zipkin_span(binaryAnnotations=[]),
        zipkin_span(timestamp=-5),
        zipkin_span(tags={"otlp.link.0": "a|b|c|{|1"}),
        zipkin_span(id="4"),
    ]
    parts, inputs = translated(tmp_path, spans, indent=0)
    assert sum(len(part.spans) for part in parts) == 2
    assert len({error.source.line for error in inputs.errors}) == len(inputs.errors) == 5
    assert "version 2" in inputs.errors[2].message


def test_the_public_corpus_is_read(shared: Path) -> None:
    """Every file of real projects that says it holds traces has them; nothing that is none is taken for one."""
    rows = (shared / "corpus" / "MANIFEST.tsv").read_text().splitlines()
    names = rows[0].split("\t")
    read_spans = 0
    for row in rows[1:]:
        entry = dict(zip(names, row.split("\t"), strict=False))
        if not entry["local_path"].endswith((".json", ".jsonl", ".pb", ".proto", ".txt")):
            continue
        parts, inputs = read(shared / "corpus" / entry["local_path"])
        found = sum(len(part.spans) for part in parts)
        read_spans += found
        # A file without spans is empty or of another signal, and says so; or it is told what it is not.
        assert found or inputs.errors or inputs.notices or entry["spans"] == "0", entry["local_path"]
        if entry["format"] == "otlp-json" and entry["spans"].isdigit() and not inputs.errors:
            assert found == int(entry["spans"]), entry["local_path"]
    assert read_spans > 100
