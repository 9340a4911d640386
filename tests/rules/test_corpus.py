"""The default rules on telemetry from public repositories: what they find is there, and real traces are left alone."""

import base64
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.rules import catalogue

WORKER = Verifier([rule for rule in catalogue.builtin() if rule.default]).worker()

# Where a default rule finds something, and what is wrong there; folders as in the corpus, below golden/.
KNOWN = {
    "jaegertracing+jaeger": {
        "event-name-empty",  # logs of Jaeger, translated
        "span-kind-unspecified",
        "tracestate-key-syntax",  # `state.5`
        "trace-multiple-roots",
        "link-self",
        "service-name-missing",
        "span-start-zero",
        "span-end-zero",
    },
    "Dynatrace+dynatrace-otel-collector": {"span-start-zero", "span-end-zero"},  # times left out of golden files
    "elastic+ottl-playground": {"span-id-eq-parent-id"},  # a span called `Me too`
}


def requests(path: Path) -> Iterator[bytes]:
    if path.suffix in (".pb", ".bin"):
        yield path.read_bytes()
        return
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".yaml":
        documents = [yaml.load(text, yaml.CSafeLoader)]
    else:
        decoder, documents, at = json.JSONDecoder(), [], 0
        while at < len(text.rstrip()):
            document, at = decoder.raw_decode(text, at)
            documents.append(document)
            at += len(text[at:]) - len(text[at:].lstrip())
    for document in documents:
        spans = document if isinstance(document, list) else document.get("result", document).get("resourceSpans", [])
        binary_ids(spans)
        request = json_format.ParseDict(
            {"resourceSpans": spans}, ExportTraceServiceRequest(), ignore_unknown_fields=True
        )
        yield request.SerializeToString()


def binary_ids(value: Any) -> None:
    """OTLP/JSON has ids in hex, protobuf's JSON in base64."""
    if isinstance(value, list):
        for item in value:
            binary_ids(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("traceId", "spanId", "parentSpanId"):
                # Some files have protobuf's own JSON; there the length is no multiple of 16 digits.
                value[key] = base64.b64encode(bytes.fromhex(item)).decode() if len(item) % 16 == 0 else item
            else:
                binary_ids(item)


@pytest.fixture(scope="module")
def captures(shared: Path) -> list[tuple[str, bytes]]:
    """Every request with spans that is not there to be refused, with the project that it comes from."""
    corpus = shared / "corpus"
    if not corpus.is_dir():
        pytest.skip(f"{corpus} is absent")
    found = []
    with (corpus / "MANIFEST.tsv").open(encoding="utf-8", newline="") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t"))
    for row in rows:
        if "otlp" not in row["format"] or "trace" not in row["signal"] or "must be refused" in row["expected"]:
            continue
        project = row["local_path"].split("/")[1]
        found.extend((project, request) for request in requests(corpus / row["local_path"]))
    return found


def test_what_is_found_is_there(captures: list[tuple[str, bytes]]) -> None:
    count = 0
    found: dict[str, set[str]] = {}
    for project, request in captures:
        outcome = WORKER.verify(request, completeness=Completeness.TRACE)
        count += outcome.spans
        rules = {finding.rule for finding in outcome.findings(10_000)}
        if rules:
            found[project] = found.get(project, set()) | rules
    assert count > 1_000
    unexpected = {project: rules - KNOWN.get(project, set()) for project, rules in found.items()}
    assert not any(unexpected.values()), unexpected
    assert set().union(*KNOWN.values()) == set().union(*found.values()), "the list above says what is not there"


def test_nothing_in_them_is_taken_for_sensitive(captures: list[tuple[str, bytes]]) -> None:
    """They were published, so nothing is; but ids, statements, URLs and stack traces are in them that look alike."""
    worker = Verifier([rule for rule in catalogue.builtin() if rule.family == "sensitive"]).worker()
    for project, request in captures:
        found = worker.verify(request, completeness=Completeness.TRACE).findings(10_000)
        assert not found, project
