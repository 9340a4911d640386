"""One HTML file with everything in it: works from a disk, loads nothing, runs only its own script.

The report is data in the page, and the script makes text nodes of it. The content
security policy names the script and the style by their hashes, so that a name in
the telemetry that looks like markup cannot become any.
"""

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any, Final, TextIO

import msgspec

from otlp_verifier.files import SpanView, TraceView
from otlp_verifier.report.model import Entry, Recorded, Report
from otlp_verifier.report.scale import window
from otlp_verifier.report.words import disputed_of, reasons_of

KINDS_MAX: Final = 2_000
EXAMPLES_MAX: Final = 20  # of each kind
TRACES_MAX: Final = 100
SPANS_MAX: Final = 500  # of each trace
# The page is opened in a browser and sent by mail: traces beyond this many bytes are left out.
TRACE_BYTES_MAX: Final = 8 << 20
_NOTES_MAX: Final = 100
_INPUTS_MAX: Final = 200
_SCRIPTS: Final = ("dom.js", "waterfall.js", "findings.js", "overview.js", "main.js")
# The only characters by which text in a script element can end it or begin a comment.
_ESCAPES: Final = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})

Json = dict[str, Any]


def write(report: Report, out: TextIO) -> None:
    """Write the page."""
    style = _file("page.css")
    script = '(() => {\n"use strict";\n' + "".join(map(_file, _SCRIPTS)) + "})();\n"
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'"
    data = msgspec.json.encode(_data(report)).decode().translate(_ESCAPES)
    out.write(
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>Telemetry report</title>\n"
        f"<style>{style}</style>\n</head>\n<body>\n"
        "<noscript>This report needs JavaScript, which runs from this file alone.</noscript>\n"
        f'<script type="application/json" id="report">{data}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _file(name: str) -> str:
    return (resources.files(__package__) / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data(report: Report) -> Json:
    rules = [rule for rule in (*report.broken, *report.rules) if rule.found]
    rules = list({rule.id: rule for rule in rules}.values())
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    traces, places = _traces(report.traces)
    kinds: dict[str, list[Entry]] = {}
    for entry in report.entries:
        kinds.setdefault(entry.kind.digest, []).append(entry)
    listed = list(kinds.values())[:KINDS_MAX]
    inputs, notes = report.inputs, report.inputs.notes
    return {
        "version": report.version,
        "summary": {
            "spans": report.spans,
            "files": len(inputs.files),
            "rules": len(report.rules),
            "new": report.found - report.known,
            "known": report.known,
            "severities": report.by_severity(),
            "unreadable": notes.error_count,
            "leftOut": report.found - sum(map(len, listed)),
            "compared": report.comparison.name if report.comparison else "",
            "disputed": disputed_of(report),
        },
        "rules": [
            {
                "id": rule.id,
                "severity": rule.severity,
                "description": rule.description,
                "remedy": rule.remedy,
                "sources": rule.sources,
                "new": rule.new,
            }
            for rule in rules
        ],
        "kinds": [_kind(entries, numbers, places) for entries in listed],
        "traces": traces,
        "gone": [_gone(one) for one in report.comparison.gone[:_INPUTS_MAX]] if report.comparison else [],
        "errors": [str(error) for error in notes.errors[:_NOTES_MAX]],
        "notices": [str(notice) for notice in notes.notices[:_NOTES_MAX]],
        "inputs": [
            {
                "name": file.name,
                "format": str(file.format),
                "compression": file.compression,
                "spans": file.spans,
                "metrics": file.metrics,
                "logs": file.logs,
            }
            for file in inputs.files[:_INPUTS_MAX]
        ],
        "inputsLeftOut": max(0, len(inputs.files) - _INPUTS_MAX),
    }


def _kind(entries: Sequence[Entry], numbers: dict[str, int], places: dict[int, int]) -> Json:
    first = entries[0]
    return {
        "rule": numbers[first.finding.rule],
        "service": first.finding.service,
        "count": len(entries),
        "known": first.is_known,
        "examples": [_example(entry, places) for entry in entries[:EXAMPLES_MAX]],
    }


def _example(entry: Entry, places: dict[int, int]) -> Json:
    number = None if entry.trace is None else places.get(entry.trace)
    about = entry.span
    if number is not None and about is not None and about >= SPANS_MAX:
        about = None
    return {
        "message": entry.finding.message,
        "at": str(entry.source),
        "trace": entry.finding.trace_id,
        "span": entry.finding.span_id,
        "number": number,
        "about": about,
        "why": reasons_of(entry.witness),
    }


def _traces(traces: Sequence[TraceView]) -> tuple[list[Json], dict[int, int]]:
    """The traces that there is room for, and where each of the report's is among them."""
    kept: list[Json] = []
    places: dict[int, int] = {}
    room = TRACE_BYTES_MAX
    for number, trace in enumerate(traces):
        if len(kept) == TRACES_MAX:
            break
        made = _trace(trace)
        size = len(msgspec.json.encode(made))
        if size <= room:
            room -= size
            places[number] = len(kept)
            kept.append(made)
    return kept, places


def _trace(trace: TraceView) -> Json:
    spans = trace.spans[:SPANS_MAX]
    first_ns, last_ns = window(spans)
    return {
        "id": trace.trace_id,
        "total": trace.spans_total,
        "rules": trace.rules,
        "origin": str(first_ns),
        "length": last_ns - first_ns,
        "spans": [_span(span, depth, first_ns) for span, depth in zip(spans, trace.depths, strict=False)],
    }


def _span(span: SpanView, depth: int, first_ns: int) -> Json:
    return {
        "id": span.span_id,
        "parent": span.parent_id,
        "name": span.name,
        "service": span.service,
        "kind": span.kind,
        "status": span.status,
        "statusMessage": span.status_message,
        "depth": depth,
        "start": _exact(span.start_ns - first_ns),
        "end": _exact(span.end_ns - first_ns),
        "lacks": "" if span.start_ns and span.end_ns else "end" if span.start_ns else "start",
        "rules": span.rules,
        "events": [(float(time_ns - first_ns), name) for time_ns, name in span.events],
        "attributes": span.attributes,
        "source": str(span.source),
    }


def _exact(ns: int) -> int | str:
    return ns if abs(ns) < 2**53 else str(ns)


def _gone(one: Recorded) -> Json:
    return {"rule": one.kind.rule, "service": one.kind.service, "message": one.message}
