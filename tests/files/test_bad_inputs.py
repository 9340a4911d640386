"""What cannot be read is named with its place and what was expected; everything around it is read."""

import gzip
import json
import os
import random
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.files import FileSettings, Inputs
from otlp_verifier.wire.partition import Part
from tests.files.captures import as_json, content, delimited, lines, protobuf, read, request, span

GOOD = request(span(1, 1))
LINE = lines(GOOD)
SMALL = FileSettings(document_bytes_max=1 << 20)
zstd = zstandard.ZstdCompressor(write_checksum=True).compress


def read_bytes(tmp_path: Path, capture: bytes, settings: FileSettings | None = None) -> tuple[list[Part], Inputs]:
    path = tmp_path / "capture"
    path.write_bytes(capture)
    return read(path, settings=settings)


def spans_of(parts: list[Part]) -> int:
    return sum(len(part.spans) for part in parts)


def only_error(inputs: Inputs) -> tuple[str, int, int]:
    """The one error: its message, line and offset."""
    [error] = inputs.errors
    return error.message, error.source.line, error.source.offset


@pytest.mark.parametrize("capture", [b"", gzip.compress(b""), zstd(b"")], ids=["plain", "gzip", "zstd"])
def test_an_empty_file(tmp_path: Path, capture: bytes) -> None:
    parts, inputs = read_bytes(tmp_path, capture)
    assert parts == []
    assert only_error(inputs)[0].startswith("the file is empty; expected OTLP")


@pytest.mark.parametrize(
    "capture", [b"hello", b"%PDF-1.7", b"\xff\xfe", b"\n\n\n", b"PK\x03\x04", bytes(8192), b"\x0a"]
)
def test_something_else(tmp_path: Path, capture: bytes) -> None:
    parts, inputs = read_bytes(tmp_path, capture)
    assert spans_of(parts) == 0
    assert "expected" in only_error(inputs)[0]


def test_protobuf_cut_at_every_byte(tmp_path: Path) -> None:
    whole = protobuf(GOOD, request(span(2, 1)), GOOD)
    starts = [0, len(protobuf(GOOD)), len(protobuf(GOOD, request(span(2, 1)))), len(whole)]
    for end in range(1, len(whole)):
        parts, inputs = read_bytes(tmp_path, whole[:end])
        assert spans_of(parts) == sum(end >= start for start in starts[1:])
        if end in starts:
            assert inputs.errors == []
        else:
            message, _, offset = only_error(inputs)
            assert "expected" in message
            assert offset == max(start for start in starts if start < end)


def test_delimited_protobuf_cut_at_every_byte(tmp_path: Path) -> None:
    whole = delimited(protobuf(GOOD), protobuf(GOOD))
    half = len(whole) // 2
    for end in range(5, len(whole)):
        parts, inputs = read_bytes(tmp_path, whole[:end])
        assert spans_of(parts) == end // half
        if end % half:
            assert "expected" in only_error(inputs)[0]


def test_a_broken_resource_is_left_out_and_the_others_are_not(tmp_path: Path) -> None:
    good = protobuf(GOOD)
    broken = b"\x0a\x04\x12\x7f\x00\x00"  # a ScopeSpans that runs past its end
    parts, inputs = read_bytes(tmp_path, good + broken + good)
    assert spans_of(parts) == 2
    message, _, offset = only_error(inputs)
    assert "runs past the end of its message; expected" in message
    assert offset == len(good) + 2
    parts, inputs = read_bytes(tmp_path, delimited(good, broken, good))
    assert spans_of(parts) == 2
    assert only_error(inputs)[2] == 4 + len(good) + 4 + 2


def test_a_field_that_no_request_has_ends_reading(tmp_path: Path) -> None:
    parts, inputs = read_bytes(tmp_path, protobuf(GOOD) + b"\x03" + protobuf(GOOD))
    assert spans_of(parts) == 1
    assert only_error(inputs)[::2] == (
        "broken protobuf: a field with the number 0 and wire type 3; expected a ResourceSpans, field 1 of wire type 2",
        len(protobuf(GOOD)),
    )


def test_lines_cut_in_the_middle(tmp_path: Path) -> None:
    for first in range(1, len(LINE) - 1, 7):
        parts, inputs = read_bytes(tmp_path, LINE + LINE[:first] + b"\n" + LINE)
        assert spans_of(parts) == 2
        message, line, offset = only_error(inputs)
        assert message.startswith("broken JSON: found ")
        assert (line, offset) == (2, len(LINE) + first)


def test_the_first_line_cut_in_the_middle(tmp_path: Path) -> None:
    for first in range(20, len(LINE) - 1, 7):
        parts, inputs = read_bytes(tmp_path, LINE[:first] + b"\n" + LINE + LINE)
        assert spans_of(parts) == 2
        assert only_error(inputs)[1] == 1


def test_an_indented_document_that_is_cut(tmp_path: Path) -> None:
    document = json.dumps(as_json(GOOD), indent=2).encode()
    cut = document[: document.index(b'"name"') + 10]
    parts, inputs = read_bytes(tmp_path, document + b"\n" + cut + b"\n" + document)
    assert spans_of(parts) == 2
    message, line, _ = only_error(inputs)
    assert line == 1 + document.count(b"\n") + 1 + cut.count(b"\n")
    assert "which ends in the middle" in message


@pytest.mark.parametrize(
    ("between", "expected"),
    [(b"x", "a JSON object"), (b"]", "a JSON object"), (b",", "a JSON object"), (b"5", "object")],
)
def test_things_between_documents(tmp_path: Path, between: bytes, expected: str) -> None:
    document = json.dumps(as_json(GOOD), indent=2).encode()
    parts, inputs = read_bytes(tmp_path, document + between + b"\n" + document)
    assert spans_of(parts) == 2
    message, line, offset = only_error(inputs)
    assert expected in message
    assert (line, offset) == (1 + document.count(b"\n"), len(document))


@pytest.mark.parametrize(
    "document",
    [
        {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "x"},  # as OTLP has it
        {"id": 1},
        {"traceId": "0af7651916cd43dd8448eb211c80319c"},
        {"version": 1},
    ],
)
def test_what_is_telemetry_in_no_format_is_not_taken_for_nothing(tmp_path: Path, document: object) -> None:
    parts, inputs = read_bytes(tmp_path, json.dumps([document]).encode())
    assert spans_of(parts) == 0
    message, line, _ = only_error(inputs)
    assert "a JSON object that is not telemetry; expected `resourceSpans`" in message
    assert line == 1


@pytest.mark.parametrize("empty", [b"{}", b"[]", b'{"resourceSpans": []}', b'{"data": []}'])
def test_telemetry_without_spans_is_no_error(tmp_path: Path, empty: bytes) -> None:
    parts, inputs = read_bytes(tmp_path, empty)
    assert spans_of(parts) == 0
    assert not inputs.errors


@pytest.mark.parametrize(
    ("array", "spans"), [(b"[%s", 1), (b"[%s,", 1), (b"[%s %s]", 1), (b"[%s,,%s]", 1), (b"[5,%s]", 0)]
)
def test_broken_arrays(tmp_path: Path, array: bytes, spans: int) -> None:
    document = LINE.strip()
    parts, inputs = read_bytes(tmp_path, array.replace(b"%s", document))
    assert spans_of(parts) == spans
    assert inputs.notes.error_count
    assert all("expected" in error.message for error in inputs.errors)


@pytest.mark.parametrize(
    ("found", "instead", "words"),
    [
        (b'"name": "step 1"', b'"name": 5', "`name` of Span is `5`; expected a string"),
        (b'"kind": 1', b'"kind": {}', "`kind` of Span is an object; expected a number from 0 to 5"),
        (b'"kind": 1', b'"kind": "CLIENT"', '`kind` of Span is `"CLIENT"`; expected a number from 0 to 5'),
        (b'"flags": 257', b'"flags": -1', "`flags` of Span is `-1`, which is out of range or not whole; expected"),
        (b'"flags": 257', b'"flags": [1]', "`flags` of Span is an array; expected"),
        (b'"spans": [', b'"spans": 7, "x": [', "`spans` of ScopeSpans is `7`; expected an array of objects"),
        (b'"traceId": "0', b'"traceId": "x', "expected 32 hex digits in a string"),
    ],
)
def test_values_of_a_wrong_type(tmp_path: Path, found: bytes, instead: bytes, words: str) -> None:
    assert found in LINE
    parts, inputs = read_bytes(tmp_path, LINE + LINE.replace(found, instead))
    assert spans_of(parts) >= 1
    message, line, offset = only_error(inputs)
    assert words in message
    assert line == 2
    assert offset > len(LINE)


def test_what_receivers_misunderstand_is_said_once_for_each_kind(tmp_path: Path) -> None:
    odd = LINE.replace(b'"kind": 1', b'"kind": "SPAN_KIND_SERVER", "start_time": 5, "start_time_unix_nano": 7')
    parts, inputs = read_bytes(tmp_path, odd * 5)
    assert inputs.errors == []
    assert content(parts).resource_spans[0].scope_spans[0].spans[0].kind == 2
    assert sorted((notice.code, notice.count, notice.source.line) for notice in inputs.notices) == [
        ("json-enum-name", 5, 1),
        ("json-key-case", 5, 1),
        ("json-key-unknown", 5, 1),
    ]


def test_very_many_oddities_are_counted(tmp_path: Path) -> None:
    odd = LINE.replace(b'"kind": 1', b'"kind": 1, "foo": 1, "kInd": 7')
    _, inputs = read_bytes(tmp_path, odd * 3000)
    assert inputs.notes.notice_counts == {"json-key-unknown": 3000, "json-key-case": 3000}


def test_errors_are_kept_up_to_a_bound_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(LINE + b"{\n" * 50)
    inputs = read(path)[1]
    assert inputs.notes.error_count == len(inputs.errors) == 50
    inputs.notes.most = 10
    for number in range(100):
        inputs.notes.error(inputs.errors[0].source, str(number))
    assert (len(inputs.errors), inputs.notes.error_count) == (50, 150)


def test_a_line_that_is_too_long(tmp_path: Path) -> None:
    long = b'{"resourceSpans":[' + b" " * (3 << 20) + b"]}\n"
    parts, inputs = read_bytes(tmp_path, LINE + long + LINE, SMALL)
    assert spans_of(parts) == 2
    message, line, offset = only_error(inputs)
    assert message == f"a line of {len(long) - 1} bytes; `document_bytes_max` allows {1 << 20}"
    assert (line, offset) == (2, len(LINE))


def test_a_document_that_is_too_long(tmp_path: Path) -> None:
    indented = json.dumps(as_json(GOOD), indent=2).encode() + b"\n"
    long = b'{\n"resourceSpans":[' + b" " * (3 << 20) + b"\n]}\n"
    parts, inputs = read_bytes(tmp_path, indented + long + indented, SMALL)
    assert spans_of(parts) == 2
    message, line, offset = only_error(inputs)
    assert message == f"a JSON document of {len(long) - 1} bytes; `document_bytes_max` allows {1 << 20}"
    assert (line, offset) == (1 + indented.count(b"\n"), len(indented))


def test_requests_that_are_too_long(tmp_path: Path) -> None:
    long = protobuf(request(*(span(1, number) for number in range(1, 20_000))))
    good = protobuf(GOOD)
    for capture, words in ((good + long + good, "a ResourceSpans of"), (delimited(good, long, good), "a request of")):
        parts, inputs = read_bytes(tmp_path, capture, SMALL)
        assert spans_of(parts) == 2
        assert only_error(inputs)[0].startswith(words)
    parts, inputs = read_bytes(tmp_path, delimited(good, zstd(long + long), good), SMALL)
    assert spans_of(parts) == 2
    assert "unpacks to more than 1048576 bytes" in only_error(inputs)[0]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_bombs(tmp_path: Path, pack) -> None:
    bomb = pack(LINE + b" " * (100 << 20))
    parts, inputs = read_bytes(tmp_path, bomb)
    assert spans_of(parts) == 1
    message, _, offset = only_error(inputs)
    assert "which `compression_ratio_max` allows" in message
    assert offset <= len(bomb)
    assert "gzip data within gzip data" in only_error(read_bytes(tmp_path, gzip.compress(gzip.compress(LINE)))[1])[0]


def test_unpacked_size_is_bounded(tmp_path: Path) -> None:
    settings = FileSettings(decompressed_bytes_max=1 << 20)
    parts, inputs = read_bytes(tmp_path, gzip.compress(LINE * 5000), settings)
    assert 0 < spans_of(parts) < 5000
    assert "which `decompressed_bytes_max` allows" in only_error(inputs)[0]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_packed_data_that_is_cut_or_broken(tmp_path: Path, pack) -> None:
    noise = [request(span(1, 1, name=random.Random(number).randbytes(500).hex())) for number in range(4000)]
    packed = pack(lines(*noise))
    parts, inputs = read_bytes(tmp_path, packed[: len(packed) // 2])
    assert 0 < spans_of(parts) < 4000
    assert "ends in the middle" in only_error(inputs)[0]
    half = len(packed) // 2
    parts, inputs = read_bytes(tmp_path, packed[:half] + bytes(100) + packed[half + 100 :])
    assert spans_of(parts) < 4000
    assert any("broken" in error.message and "expected" in error.message for error in inputs.errors)


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = tmp_path / "capture"
    path.write_bytes(LINE)
    path.chmod(0)
    assert only_error(read(path)[1])[0] == "cannot be opened: Permission denied"


def test_a_folder_in_place_of_a_file_is_no_traceback(tmp_path: Path) -> None:
    link = tmp_path / "dangling"
    link.symlink_to(tmp_path / "nowhere")
    assert only_error(read(link)[1])[0] == "cannot be opened: No such file or directory"


CAPTURES = (
    protobuf(GOOD, GOOD),
    delimited(protobuf(GOOD), zstd(protobuf(GOOD)), LINE),
    LINE * 3,
    json.dumps([as_json(GOOD)] * 2, indent=1).encode(),
    gzip.compress(LINE * 3, mtime=0),
    zstd(protobuf(GOOD)),
    b'{"data":[{"traceID":"1","spans":[{"traceID":"1","spanID":"2","processID":"p"}],"processes":{"p":{}}}]}',
    b'[{"traceId":"1","id":"2","timestamp":1,"tags":{"a":"b"}},{"traceId":"1","id":"3"}]',
)


@pytest.mark.parametrize(
    "capture",
    [
        b'{"data":[{"traceID":"1","spans":[{"traceID":"1","spanID":"\x80","processID":"p"}]}]}',
        b'{"data":[{"spans":[{"spanID":"1"}],"processes":{"\x80":{}}}]}',
        b'[{"traceId":"1","id":"\x80"}]',
    ],
    ids=["Jaeger span", "Jaeger trace", "Zipkin"],
)
def test_texts_of_another_format_that_are_no_utf_8(capture: bytes, tmp_path: Path) -> None:
    parts, inputs = read_bytes(tmp_path, capture)
    assert not sum(len(part.spans) for part in parts)
    assert "can't decode byte 0x80" in only_error(inputs)[0]


@given(st.sampled_from(CAPTURES), st.data())
def test_no_change_to_a_capture_is_more_than_an_error(
    tmp_path_factory: pytest.TempPathFactory, capture: bytes, data: st.DataObject
) -> None:
    changed = bytearray(capture)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        changed[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    parts, inputs = read_bytes(tmp_path_factory.mktemp("changed"), bytes(changed))
    for part in parts:
        assert tuple(map(len, (part.resources, part.scopes, part.spans))) == part.counts
    assert all(error.message for error in inputs.errors)
