"""OTLP/JSON is read as Python's json module and protobuf's objects say, and refused where they refuse it."""

import json
import math
import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.wire.otlp_json import DefectCode, JsonBatch, JsonReader, Shape, expected
from tests.reference.otlp_json import Twin
from tests.strategies import RANDOMS
from tests.wire.json_documents import random_document

PIECES = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b"0", b"-", b".", b"e", b"+", b"null", b"tru",
    b"NaN", b"nul", b"Infinity", b"-Infinity", b" ", b"\\u12", b"\\x", b"1.", b"01", b"\x00", b"\x7f", b"'", b"//",
    b"\xc3\xa9",
)  # fmt: skip


def read(text: bytes) -> JsonBatch:
    return JsonReader().read(text)


def status(text: bytes) -> int:
    return int(read(text).documents[0]["status"])


def request(text: bytes) -> ExportTraceServiceRequest:
    batch = read(text)
    assert batch.documents[0]["status"] == 0, expected(int(batch.documents[0]["status"]))
    return ExportTraceServiceRequest.FromString(batch.otlp)


def span(members: str) -> ExportTraceServiceRequest.DESCRIPTOR:
    """The span with these members, read."""
    text = '{"resourceSpans":[{"scopeSpans":[{"spans":[{%s}]}]}]}' % members  # noqa: UP031  # braces
    return request(text.encode()).resource_spans[0].scope_spans[0].spans[0]


def defects(members: str) -> dict[DefectCode, int]:
    text = '{"resourceSpans":[{"scopeSpans":[{"spans":[{%s}]}]}]}' % members  # noqa: UP031
    return {DefectCode(code): count for code, count in enumerate(read(text.encode()).defects_by_code) if count}


def same_as_twin(text: bytes) -> None:
    twin = Twin()
    wanted = twin.request(text)
    batch = read(text)
    assert batch.documents[0]["status"] == 0, expected(int(batch.documents[0]["status"]))
    found = ExportTraceServiceRequest.FromString(batch.otlp)
    # Bytes: NaN is not equal to itself.
    assert found.SerializeToString(deterministic=True) == wanted.SerializeToString(deterministic=True)
    assert {DefectCode(code): n for code, n in enumerate(batch.defects_by_code) if n} == +twin.defects
    spans = [s for resource in wanted.resource_spans for scope in resource.scope_spans for s in scope.spans]
    assert len(batch.spans) == len(spans) == batch.documents[0]["spans"]
    assert all(text[offset : offset + 1] == b"{" for offset in batch.spans["offset"].tolist())


@given(RANDOMS)
def test_documents_mean_what_the_twin_says(rng: Random) -> None:
    same_as_twin(random_document(rng))


@given(RANDOMS, st.data())
def test_changed_documents_are_accepted_if_python_accepts_them(rng: Random, data: st.DataObject) -> None:
    text = bytearray(random_document(rng))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 3))
        text[at : at + cut] = data.draw(st.sampled_from((b"", *PIECES)))
    changed = bytes(text)
    try:
        Twin().request(changed)
    except UnicodeDecodeError:
        return  # kept, for the rules to find: see below
    except ValueError:
        batch = read(changed)
        assert batch.documents[0]["status"]
        assert not batch.otlp
        assert not len(batch.spans)
        assert batch.documents[0]["fault"] <= len(changed)
    else:
        same_as_twin(changed)


@pytest.mark.parametrize("seed", range(3))
def test_no_beginning_of_a_document_is_one(seed: int) -> None:
    text = random_document(Random(seed), odd=False)
    for end in range(0, len(text), 1 + len(text) // 500):
        assert status(text[:end])


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    batch = read(b'{"resourceSpans":[' + text)
    assert bool(batch.otlp) <= (batch.documents[0]["status"] == 0)


def test_nested_values_and_depth() -> None:
    def nested(levels: int) -> bytes:
        value = '{"stringValue":"x"}'
        for _ in range(levels):
            value = '{"arrayValue":{"values":[' + value + "]}}"
        members = '"attributes":[{"key":"k","value":' + value + "}]"
        return ('{"resourceSpans":[{"scopeSpans":[{"spans":[{%s}]}]}]}' % members).encode()  # noqa: UP031

    assert status(nested(100)) == 0
    assert "within each other" in expected(status(nested(200)))
    assert "within each other" in expected(status(b'{"unknown":' + b"[" * 2000 + b"]" * 2000 + b"}"))
    assert status(b'{"unknown":' + b"[" * 1000 + b"]" * 1000 + b"}") == 0
    assert status(b'{"unknown":' + b'{"a":' * 10**6) != 0


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"1544712660300000000"', 1544712660300000000),
        ("1544712660300000000", 1544712660300000000),
        ('"18446744073709551615"', 2**64 - 1),
        ("1.5e3", 1500),
        ('"1.0"', 1),
        ("0.0", 0),
    ],
)
def test_times_are_strings_or_numbers(written: str, meant: int) -> None:
    assert span(f'"startTimeUnixNano":{written}').start_time_unix_nano == meant


@pytest.mark.parametrize("written", ["-1", '"-5"', "1.5", "18446744073709551616", '"1e20"', "1e999"])
def test_numbers_out_of_range_are_left_out_and_noted(written: str) -> None:
    members = f'"startTimeUnixNano":{written},"name":"n"'
    assert span(members).start_time_unix_nano == 0
    assert span(members).name == "n"
    assert defects(members) == {DefectCode.NUMBER: 1}


@pytest.mark.parametrize("written", ['"x"', '""', "true", "[]", "{}", '"0x10"', '" 1"', '"1 "', '"01"', "NaN"])
def test_what_is_no_number_is_left_out_and_noted(written: str) -> None:
    assert defects(f'"startTimeUnixNano":{written}') == {DefectCode.TYPE: 1}


@pytest.mark.parametrize(
    ("written", "noted"),
    [
        ("0102030405060708090a0b0c0d0e0f10", {}),
        ("0102030405060708090A0B0C0D0E0F10", {}),
        ("AQIDBAUGBwgJCgsMDQ4PEA==", {DefectCode.ID_BASE64: 1}),
        ("AQIDBAUGBwgJCgsMDQ4PEA", {DefectCode.ID_BASE64: 1}),
    ],
)
def test_trace_ids_in_hex_of_either_case_and_in_base64(written: str, noted: dict[DefectCode, int]) -> None:
    members = f'"traceId":"{written}"'
    assert span(members).trace_id == bytes(range(1, 17))
    assert defects(members) == noted


def test_ids_of_a_wrong_length_are_kept_for_the_rules() -> None:
    assert span('"traceId":"abcd","spanId":"00","parentSpanId":""').trace_id == b"\xab\xcd"
    assert defects('"traceId":"abcd","spanId":"00","parentSpanId":""') == {}
    assert defects('"traceId":"xyz"') == {DefectCode.ID: 1}
    assert defects('"spanId":"abc"') == {DefectCode.ID: 1}


def test_enums_by_name_are_read_and_noted() -> None:
    members = '"kind":"SPAN_KIND_SERVER","status":{"code":"STATUS_CODE_ERROR"}'
    assert span(members).kind == 2
    assert span(members).status.code == 2
    assert defects(members) == {DefectCode.ENUM_NAME: 2}
    assert defects('"kind":"SERVER"') == {DefectCode.ENUM: 1}
    assert span('"kind":77').kind == 77


def test_snake_case_keys_are_ignored_and_noted() -> None:
    members = '"start_time_unix_nano":5,"spanid":"00","mystery":[1,{"a":2}]'
    assert span(members).start_time_unix_nano == 0
    assert defects(members) == {DefectCode.KEY_CASE: 2, DefectCode.KEY_UNKNOWN: 1}


def test_of_equal_keys_the_last_counts() -> None:
    first = '{"key":"a","value":{"stringValue":"1"}}'
    second = '{"key":"b","value":{"stringValue":"2"}}'
    read_span = span(f'"name":"x","attributes":[{first}],"kind":3,"attributes":[{second}],"name":"y","kind":null')
    assert [attribute.key for attribute in read_span.attributes] == ["b"]
    assert (read_span.name, read_span.kind) == ("y", 0)


def test_records_under_a_key_that_is_overruled_are_gone() -> None:
    spans = '{"scopeSpans":[{"spans":[{"name":"%s"}]},{"spans":[]}]}'
    text = '{"resourceSpans":[%s,%s],"resourceSpans":[%s]}' % (spans % "a", spans % "b", spans % "c")  # noqa: UP031
    batch = read(text.encode())
    assert [len(rows) for rows in (batch.resources, batch.scopes, batch.spans)] == [1, 2, 1]
    assert batch.spans["offset"].tolist() == [text.rindex('{"name"')]
    found = ExportTraceServiceRequest.FromString(batch.otlp)
    assert [s.name for r in found.resource_spans for sc in r.scope_spans for s in sc.spans] == ["c"]


def test_null_is_absent() -> None:
    assert span('"name":null,"attributes":null,"status":null,"kind":null') == span("")
    assert defects('"name":null,"attributes":null') == {}
    assert request(b'{"resourceSpans":null}') == ExportTraceServiceRequest()


def test_bytes_that_are_no_utf8_are_kept() -> None:
    batch = read(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a\xffb"}]}]}]}')
    assert batch.documents[0]["status"] == 0
    assert b"a\xffb" in batch.otlp


def test_surrogates() -> None:
    assert span(r'"name":"\ud83d\ude00"').name == "\U0001f600"
    assert span(r'"name":"\ud83dx\ude00\ud83d"').name == "\ufffdx\ufffd\ufffd"
    assert defects(r'"name":"\ud83dx\ude00\ud83d"') == {DefectCode.SURROGATE: 1}


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**70), 2**70).map(float))
def test_doubles_are_the_nearest(value: float) -> None:
    written = json.dumps(value)
    for text in (written, f'"{written}"'):
        members = '"attributes":[{"key":"d","value":{"doubleValue":%s}}]' % text  # noqa: UP031
        found = span(members).attributes[0].value.double_value
        assert struct.pack("<d", found) == struct.pack("<d", value) or (math.isnan(found) and math.isnan(value))


@given(st.from_regex(r"\A-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,4})?\Z"))
def test_doubles_of_any_spelling(written: str) -> None:
    members = '"attributes":[{"key":"d","value":{"doubleValue":%s}}]' % written  # noqa: UP031
    assert struct.pack("<d", span(members).attributes[0].value.double_value) == struct.pack("<d", float(written))


def test_doubles_with_very_many_digits() -> None:
    halfway = "2." + "4703282292062327208299439634110764" + "0" * 900 + "1e-324"  # above half of the smallest
    for written in (halfway, "0." + "0" * 2000 + "1e2000", "1" + "0" * 1000 + "e-1000", "9" * 2000 + "e-1990"):
        members = '"attributes":[{"key":"d","value":{"doubleValue":%s}}]' % written  # noqa: UP031
        assert span(members).attributes[0].value.double_value == float(written)


def test_lines_are_documents_and_errors_stay_in_theirs() -> None:
    good = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{},{"name":"x"}]}]}]}'
    text = good + b"\n\n  \n" + good[:-9] + b"\n" + good + b"\r\n[]\n" + good
    reader = JsonReader(7)
    batch = reader.read_lines(text)
    assert batch.consumed == len(text)
    assert [bool(status) for status in batch.documents["status"]] == [False, True, False, True, False]
    assert batch.documents["line"].tolist() == [1, 4, 5, 6, 7]
    assert batch.spans["line"].tolist() == [1, 1, 5, 5, 7, 7]
    assert batch.spans["request"].tolist() == [1, 1, 3, 3, 5, 5]
    assert set(batch.spans["file"].tolist()) == {7}
    assert all(text[offset : offset + 1] == b"{" for offset in batch.spans["offset"].tolist())
    assert len(ExportTraceServiceRequest.FromString(batch.otlp).resource_spans) == 3
    assert (reader.line, reader.offset, reader.request) == (7, len(text), 6)


def test_positions_go_on_from_call_to_call() -> None:
    line = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}\n'
    reader = JsonReader()
    first, second = reader.read_lines(line * 2), reader.read_lines(line)
    assert first.spans["offset"].tolist() == [43, 43 + len(line)]
    assert second.spans["offset"].tolist() == [43 + 2 * len(line)]
    assert second.spans["line"].tolist() == [3]
    assert second.first_request == 3


def test_lines_within_a_document_are_counted() -> None:
    text = b'\n{"resourceSpans":\n[{"scopeSpans":[{"spans":[\n{},\n\n{"name":\n"x"}]}]}]}\n'
    batch = read(text)
    assert batch.documents[0]["line"] == 2
    assert batch.spans["line"].tolist() == [4, 6]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (b"{}", Shape.EMPTY),
        (b'{"resourceSpans":[]}', Shape.TRACES),
        (b'{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"metrics":[{"name":1},{}]}]}]}', Shape.METRICS),
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{},{"x":[]}]}]}]}', Shape.LOGS),
        (b'{"resourceProfiles":[{}]}', Shape.PROFILES),
        (b'{"data":[]}', Shape.HAS_DATA),
        (b'{"traceId":"1","id":"2"}', Shape.HAS_TRACE_ID | Shape.HAS_ID),
        (b'{"x":1}', Shape(0)),
    ],
)
def test_kinds_of_documents_are_told_apart(text: bytes, shape: Shape) -> None:
    document = read(text).documents[0]
    assert Shape(int(document["shape"])) == shape
    assert (int(document["metrics"]), int(document["logs"])) == (
        2 * (shape == Shape.METRICS),
        3 * (shape == Shape.LOGS),
    )


def test_more_records_than_a_text_of_that_length_can_hold_are_refused() -> None:
    text = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b",".join([b"{}"] * 100_000) + b"]}]}]}"
    assert "bytes on average" in expected(status(text))


def test_places_tell_where_attributes_can_be_written() -> None:
    text = (
        b'{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{}}]},"scopeSpans":['
        b'{"scope":{"name":"s"},"spans":[{"attributes":[ ],"name":"x"},{"name":"y"}]},{"spans":[]}]}]}'
    )
    batch = JsonReader(places=True, offset=1000).read(text)
    assert batch.places is not None
    resources, scopes, spans = batch.places
    for rows in (resources, scopes, spans):
        assert all(text[owner - 1000 : owner - 999] in (b"}", b"") for owner in rows["owner"].tolist())
        assert all(text[container - 1000 : container - 999] == b"}" for container in rows["container"].tolist())
    assert text[int(resources["attributes"][0]) - 1000 :].startswith(b"]},")
    assert text[int(spans["attributes"][0]) - 1000 :].startswith(b"],")
    assert spans["attributes"].tolist()[1] == 0
    assert scopes["owner"].tolist()[1] == 0
    assert text[: int(scopes["owner"][0]) - 1000].endswith(b'"name":"s"')
    assert not len(batch.forged)


def test_forged_attributes_are_found_where_they_belong_to_a_record() -> None:
    forged = b'{"value":{},"key":"verifier.x"}'
    nested = b'{"key":"m","value":{"kvlistValue":{"values":[%b]}}}' % forged
    attributes = b'"attributes":[%b, %b]' % (nested, forged)
    text = b'{"resourceSpans":[{"resource":{%b},"scopeSpans":[{"spans":[{"events":[{%b}]}]}]}]}' % (
        attributes,
        attributes,
    )
    batch = JsonReader(places=True, offset=1000).read(text)
    found = [(int(of["start"]) - 1000, int(of["end"]) - 1000) for of in batch.forged]
    assert [text[start:end] for start, end in found] == [forged, forged]
    assert [text[start - 2 : start] for start, _ in found] == [b", ", b", "]
    assert not len(JsonReader().read(text).forged)
