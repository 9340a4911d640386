"""Files written again: verdicts on the records, everything else as it was, in the same format and compression."""

import copy
import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.files import Check
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness, Policy
from otlp_verifier.wire.otlp_json import JsonReader
from tests.files.captures import VERIFIER, as_json, delimited, lines, protobuf, read, request, span
from tests.files.test_bad_inputs import CAPTURES as ODD_CAPTURES
from tests.wire.json_documents import random_document

EVERYTHING = Verifier(VERIFIER.rules, {"": Policy(annotate="all")})
NOTHING = Verifier(VERIFIER.rules, {"": Policy(annotate="none")})
GOOD = request(span(1, 1), span(1, 2, 1), service="front")
BAD = request(span(1, 3, 1, end_time_unix_nano=5), span(2, 1), span(2, 2, 77), service="")
zstd = zstandard.ZstdCompressor().compress
unzstd = lambda packed: zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True).read()  # noqa: E731

FORMATS: dict[str, Callable[..., bytes]] = {
    "request": protobuf,
    "delimited": lambda *made: delimited(*map(protobuf, made)),
    "delimited-zstd": lambda *made: delimited(*(zstd(protobuf(one)) for one in made)),
    "delimited-json": lambda *made: delimited(*(lines(one) for one in made)),
    "lines": lines,
    "indented": lambda *made: "\n".join(json.dumps(as_json(one), indent=2) for one in made).encode(),
    "array": lambda *made: json.dumps([as_json(one) for one in made]).encode(),
}
PACKERS = {"": (bytes, bytes), "gzip": (gzip.compress, gzip.decompress), "zstd": (zstd, unzstd)}


def annotate(path: Path, out: Path, verifier: Verifier = VERIFIER) -> bytes:
    check = Check([str(path)], verifier, annotate=True)
    for _ in check:
        pass
    assert check.annotate(out) == [out]
    return out.read_bytes()


def spliced(*made: ExportTraceServiceRequest, verifier: Verifier = VERIFIER) -> ExportTraceServiceRequest:
    """What the engine makes of the requests as one batch of whole traces."""
    outcome = verifier.worker().verify(protobuf(*made), completeness=Completeness.TRACE)
    return ExportTraceServiceRequest.FromString(bytes(outcome.spliced()))


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("verifier", [VERIFIER, EVERYTHING], ids=["violations", "all"])
def test_verdicts_are_written_as_the_engine_does(tmp_path: Path, name: str, packer: str, verifier: Verifier) -> None:
    pack, _ = PACKERS[packer]
    path, out = tmp_path / "in", tmp_path / "out"
    path.write_bytes(pack(FORMATS[name](GOOD, BAD)))
    annotate(path, out, verifier)
    parts, inputs = read(out)
    assert inputs.errors == []
    assert inputs.files[0].compression == packer
    assert inputs.files[0].format == read(path)[1].files[0].format
    written = ExportTraceServiceRequest.FromString(b"".join(bytes(part.otlp) for part in parts))
    assert written == spliced(GOOD, BAD, verifier=verifier)


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("name", FORMATS)
def test_annotating_twice_changes_nothing(tmp_path: Path, name: str, packer: str) -> None:
    pack, _ = PACKERS[packer]
    path, once, twice = tmp_path / "in", tmp_path / "once", tmp_path / "twice"
    path.write_bytes(pack(FORMATS[name](GOOD, BAD)))
    assert annotate(path, once) != path.read_bytes()
    assert annotate(once, twice) == once.read_bytes()


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_without_findings_is_not_changed(tmp_path: Path, name: str, packer: str) -> None:
    pack, unpack = PACKERS[packer]
    capture = FORMATS[name](GOOD, GOOD.__class__())
    path, out = tmp_path / "in", tmp_path / "out"
    path.write_bytes(pack(capture))
    assert unpack(annotate(path, out)) == capture


@pytest.mark.parametrize("number", range(len(ODD_CAPTURES)))
@pytest.mark.parametrize("tail", [b"", b"{", b"\x0a\x50broken", b"\n[5]\n{}", b"\x00\x00\x00\x09short"])
def test_what_cannot_be_read_is_kept_as_it_is(tmp_path: Path, number: int, tail: bytes) -> None:
    capture = ODD_CAPTURES[number]
    if capture[:2] == b"\x1f\x8b" or capture[:1] == b"\x28" or b"traceI" in capture[:30]:
        return  # what is behind packed data is lost; Jaeger and Zipkin are below
    path, out = tmp_path / "in", tmp_path / "out"
    path.write_bytes(capture + tail)
    assert annotate(path, out) == capture + tail


@pytest.mark.many
@given(st.integers(0, 2**32))
def test_json_text_is_kept_between_what_is_written(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Odd documents too: with the verdicts taken out again the text is what it was."""
    folder = tmp_path_factory.mktemp("json")
    path, out, back = folder / "in", folder / "out", folder / "back"
    text = random_document(random.Random(seed)).replace(b"verifier.", b"verified.")
    text = text.replace(b"\n", b" ").replace(b"\r", b" ")
    path.write_bytes(text + b"\n" + lines(BAD))
    text = annotate(path, back, NOTHING).split(b"\n")[0]  # some `verifier.` are written with escapes
    written = annotate(path, out, EVERYTHING)
    assert written.count(b'"verifier.trace.verdict"') >= 3
    reader = JsonReader(places=True)
    batch = reader.read_lines(written)
    assert not batch.documents["status"].any()
    cleaned = annotate(out, back, NOTHING)
    assert b"verifier." not in cleaned
    # Text, because NaN is not equal to itself.
    assert _normal(cleaned.split(b"\n")[0]) == _normal(text)


def _normal(text: bytes) -> str:
    return json.dumps(_without_empty(json.loads(text)), sort_keys=True)


def _without_empty(value: Any) -> Any:
    """The value without the empty lists and owners that writing leaves behind, also behind values of other types."""
    if isinstance(value, list):
        return [_without_empty(element) for element in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_empty(inner) for key, inner in value.items()}
    return {
        key: inner
        for key, inner in kept.items()
        if (key != "attributes" or (isinstance(inner, list) and inner))
        and (key not in ("resource", "scope") or (isinstance(inner, dict) and inner))
    }


def test_forged_verdicts_are_taken_out(tmp_path: Path) -> None:
    forged = {"key": "verifier.trace.verdict", "value": {"stringValue": "valid"}}
    own, other = ({"key": key, "value": {"intValue": "1"}} for key in "ab")
    document = as_json(GOOD)
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for attributes in (
        [forged],
        [forged, own],
        [own, forged],
        [forged, forged],
        [forged, own, forged, other],
        [own],
    ):
        spans[0]["attributes"] = attributes
        spans[1]["events"] = [{"name": "e", "timeUnixNano": spans[1]["startTimeUnixNano"], "attributes": attributes}]
        for indent in (None, 3):
            path, out = tmp_path / "in", tmp_path / "out"
            path.write_text(json.dumps(document, indent=indent))
            wanted = copy.deepcopy(document)
            kept = [attribute for attribute in attributes if attribute is not forged]
            wanted_spans = wanted["resourceSpans"][0]["scopeSpans"][0]["spans"]
            wanted_spans[0]["attributes"] = wanted_spans[1]["events"][0]["attributes"] = kept
            assert json.loads(annotate(path, out, NOTHING)) == wanted


def test_standard_input(tmp_path: Path) -> None:
    check = Check(["-"], VERIFIER, annotate=True, stdin=io.BytesIO(lines(BAD)))
    assert sum(part.spans for part in check) == 3
    [out] = check.annotate(tmp_path / "out")
    assert b'"verifier.violations"' in out.read_bytes()


def test_several_inputs_go_below_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captures").mkdir()
    for name in ("captures/a.json", "captures/b.json"):
        Path(name).write_bytes(lines(BAD))
    check = Check(["captures", str(tmp_path / "captures" / "a.json")], VERIFIER, annotate=True)
    for _ in check:
        pass
    written = [str(path) for path in check.annotate(Path("out"))]
    assert written[:2] == ["out/captures/a.json", "out/captures/b.json"]
    assert written[2] == f"out{tmp_path}/captures/a.json"


def test_an_input_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(lines(BAD))
    assert b'"verifier.violations"' in annotate(path, path)
    assert list(tmp_path.iterdir()) == [path]


def test_only_after_a_check_that_remembers(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(lines(BAD))
    for check, iterate in ((Check([str(path)], VERIFIER), True), (Check([str(path)], VERIFIER, annotate=True), False)):
        for _ in check if iterate else ():
            pass
        with pytest.raises(RuntimeError, match="iterated to its end"):
            check.annotate(tmp_path / "out")


def test_jaeger_and_zipkin_spans_get_tags(tmp_path: Path) -> None:
    jaeger = {
        "data": [
            {
                "traceID": "1",
                "spans": [
                    {"traceID": "1", "spanID": "1", "operationName": "", "startTime": 5, "duration": 1, "tags": []},
                    {"traceID": "1", "spanID": "2", "operationName": "", "startTime": 5, "duration": 1},
                ],
                "processes": {},
            }
        ],
        "total": 0,
    }
    zipkin = [
        {"traceId": "1", "id": "1", "timestamp": 5, "tags": {"a": "b"}},
        {"traceId": "2", "id": "1", "timestamp": 5},
    ]
    for name, document in (("jaeger", jaeger), ("zipkin", zipkin)):
        path, out = tmp_path / name, tmp_path / f"{name}.out"
        path.write_text(json.dumps(document))
        check = Check([str(path)], VERIFIER, annotate=True)
        for _ in check:
            pass
        check.annotate(out)
        assert [notice.code for notice in check.inputs.notices] == ["json-rewritten"]
        written = json.loads(out.read_text())
        spans = written["data"][0]["spans"] if name == "jaeger" else written
        for of in spans:
            tags = of["tags"] if name == "zipkin" else {tag["key"]: tag["value"] for tag in of["tags"]}
            assert isinstance(json.loads(tags["verifier.violations"]), list)
        again = tmp_path / f"{name}.again"
        assert annotate(out, again) == out.read_bytes()
