"""`check --annotate`: protobuf and JSON themselves say what was written, and that everything else is as it was."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.cli.captures import Shop, protobuf
from tests.cli.findings import Check

SHOP = Shop(mistakes=("clock", "name"))
REQUEST = SHOP.request(8)
BROKEN_SPAN = "authorize card"
WRITTEN = {
    "verifier.trace.verdict": "violated",
    "verifier.violations": ["span-end-before-start"],
    "verifier.severity": "error",
}


def in_protobuf(content: bytes) -> tuple[list[dict[str, Any]], ExportTraceServiceRequest]:
    """What is written on spans that have a violation, and the message without anything that is written."""
    message = ExportTraceServiceRequest.FromString(content)
    found = []
    for resource_spans in message.resource_spans:
        owners = [resource_spans.resource]
        for scope_spans in resource_spans.scope_spans:
            owners += [*scope_spans.spans]
        for owner in owners:
            own = {
                pair.key: [value.string_value for value in pair.value.array_value.values] or pair.value.string_value
                for pair in owner.attributes
                if pair.key.startswith("verifier.")
            }
            kept = [pair for pair in owner.attributes if not pair.key.startswith("verifier.")]
            del owner.attributes[:]
            owner.attributes.extend(kept)
            if "verifier.violations" in own and getattr(owner, "name", ""):
                found.append(own)
    return found, message


def in_json(content: bytes) -> tuple[list[dict[str, Any]], Any]:
    """The same of OTLP/JSON."""
    document = json.loads(content)
    found = []
    for resource_spans in document["resourceSpans"]:
        owners = [resource_spans["resource"]]
        for scope_spans in resource_spans["scopeSpans"]:
            owners += scope_spans["spans"]
        for owner in owners:
            own = {}
            for pair in owner["attributes"]:
                value = pair["value"]
                if pair["key"].startswith("verifier."):
                    listed = value.get("arrayValue", {}).get("values")
                    own[pair["key"]] = value.get("stringValue") or [one["stringValue"] for one in listed]
            owner["attributes"] = [pair for pair in owner["attributes"] if not pair["key"].startswith("verifier.")]
            if "verifier.violations" in own and "name" in owner:
                found.append(own)
    return found, document


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_protobuf_gets_verdicts_and_nothing_else(check: Check, packed: bool) -> None:
    content = protobuf(REQUEST)
    Path("in.binpb").write_bytes(gzip.compress(content) if packed else content)
    result = check("in.binpb", "--annotate", "out.binpb", "--quiet", "-o", "json=report.json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "out.binpb: 1 file written with the verdicts\n"
    written = Path("out.binpb").read_bytes()
    found, rest = in_protobuf(gzip.decompress(written) if packed else written)
    assert found == [WRITTEN]
    assert rest == ExportTraceServiceRequest.FromString(content)


def test_json_gets_verdicts_and_nothing_else(check: Check) -> None:
    Path("in.json").write_text(json.dumps(REQUEST))
    assert check("in.json", "--annotate", "out.json").exit_code == 1
    found, rest = in_json(Path("out.json").read_bytes())
    assert found == [WRITTEN]
    assert rest == REQUEST


def test_a_profile_says_what_is_written(check: Check) -> None:
    Path("in.json").write_text(json.dumps(REQUEST))
    Path("verifier.yaml").write_text("profiles: {silent: {annotate: none}}\n")
    assert check("in.json", "--annotate", "out.json", "--config", "verifier.yaml", "--profile", "silent").exit_code == 1
    assert Path("out.json").read_text() == Path("in.json").read_text()
    unknown = check("in.json", "--annotate", "out.json", "--profile", "loud")
    assert (unknown.exit_code, "`loud`" in unknown.stderr) == (2, True)


def test_several_inputs_of_which_one_cannot_be_read(check: Check) -> None:
    Path("captures").mkdir()
    Path("captures/a.json").write_text(json.dumps(REQUEST))
    Path("captures/b.binpb").write_bytes(protobuf(REQUEST)[:-20])
    result = check("captures", "nowhere.json", "--annotate", "out")
    assert result.exit_code == 3
    assert in_json(Path("out/captures/a.json").read_bytes())[0] == [WRITTEN]
    assert Path("out/captures/b.binpb").exists(), "what cannot be read is kept as it is"


def test_where_nothing_can_be_written(check: Check) -> None:
    Path("in.json").write_text(json.dumps(REQUEST))
    Path("file").write_text("")
    result = check("in.json", "--annotate", "file/out.json")
    assert result.exit_code == 2
    assert "file/out.json: cannot be written" in result.stderr
