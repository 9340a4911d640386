"""Captures to read, and reading them."""

import base64
import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.files import Check, FileSettings, Inputs
from otlp_verifier.files.discover import discover
from otlp_verifier.files.reader import read_file
from otlp_verifier.pipeline import Verifier
from otlp_verifier.rules.catalogue import load
from otlp_verifier.wire.partition import Gatherer, Part

START = 1_790_000_000_000_000_000
VERIFIER = Verifier([rule for rule in load() if rule.default])
_IDS = {"traceId", "spanId", "parentSpanId"}


def trace_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def span(trace: int, number: int, parent: int = 0, **fields: Any) -> Span:
    """A span that no rule says anything against, if its parent is there."""
    made = Span(
        trace_id=trace_id(trace),
        span_id=number.to_bytes(8, "big"),
        name=f"step {number}",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=START + number * 1000,
        end_time_unix_nano=START + 1_000_000_000 - number * 1000,
        flags=0x101,
    )
    if parent:
        made.parent_span_id = parent.to_bytes(8, "big")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def request(*spans: Span, service: str = "shop") -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    resource = made.resource_spans.add()
    if service:
        resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=service)))
    scope = resource.scope_spans.add()
    scope.scope.name = "shop.steps"
    scope.spans.extend(spans)
    return made


def protobuf(*requests: ExportTraceServiceRequest) -> bytes:
    return b"".join(made.SerializeToString() for made in requests)


def delimited(*contents: bytes) -> bytes:
    return b"".join(len(content).to_bytes(4, "big") + content for content in contents)


def as_json(made: ExportTraceServiceRequest) -> dict[str, Any]:
    """OTLP/JSON: as protobuf's own, but for ids in hex and enums as numbers."""
    return _otlp(MessageToDict(made, use_integers_for_enums=True))


def _otlp(value: Any) -> Any:
    if isinstance(value, list):
        return [_otlp(element) for element in value]
    if not isinstance(value, dict):
        return value
    return {key: base64.b64decode(inner).hex() if key in _IDS else _otlp(inner) for key, inner in value.items()}


def lines(*requests: ExportTraceServiceRequest) -> bytes:
    return b"".join(json.dumps(as_json(made)).encode() + b"\n" for made in requests)


def read(*paths: Path, settings: FileSettings | None = None, stdin: bytes = b"") -> tuple[list[Part], Inputs]:
    """The parts of all files, and what was noted."""
    inputs = Inputs()
    entries = discover([str(path) for path in paths], inputs)
    parts = [
        part
        for number, entry in enumerate(entries)
        for part in read_file(number, entry, inputs, settings or FileSettings(), BytesIO(stdin))
    ]
    return parts, inputs


def content(parts: Sequence[Part]) -> ExportTraceServiceRequest:
    """What was read, as one message."""
    whole = [Gatherer().gather([(part, np.arange(len(part.spans), dtype=np.uint32), True)]) for part in parts]
    return ExportTraceServiceRequest.FromString(b"".join(bytes(gathered.otlp) for gathered in whole))


def checked(*paths: Path, **options: Any) -> tuple[Check, list[tuple[str, str, str]]]:
    """A check that has been iterated, and its findings as (rule, place, message), sorted."""
    check = Check([str(path) for path in paths], options.pop("verifier", VERIFIER), **options)
    found = [
        (located.finding.rule, str(located.source), located.finding.message)
        for part in check
        for located in part.findings()
    ]
    assert len(found) == int(check.findings_by_rule.sum())
    return check, sorted(found)
