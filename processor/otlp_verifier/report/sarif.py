"""SARIF 2.1.0, which code scanning services and editors read.

GitHub's code scanning wants a line in every location; captures without lines get
line 1 beside the offset, as SARIF takes the two as independent of each other.
Why a result is one stands below its message; the spans that decide it are related
locations as far as their places are known, and all of them are in `properties.witness`,
as the JSON report has it.
"""

from pathlib import PurePath
from typing import Any, Final, TextIO
from urllib.parse import quote

import msgspec

from otlp_verifier.files import InputError, Source
from otlp_verifier.files.notes import STDIN
from otlp_verifier.policy import SeverityName
from otlp_verifier.report.model import Entry, Recorded, Report, RuleTally
from otlp_verifier.report.words import reasons_of, sentences

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final[dict[SeverityName, str]] = {"error": "error", "warning": "warning", "information": "note"}
# What GitHub sorts alerts by.
_PROBLEMS: Final[dict[SeverityName, str]] = {
    "error": "error",
    "warning": "warning",
    "information": "recommendation",
}
_FINGERPRINT: Final = "otlpVerifierKind/v1"

Json = dict[str, Any]


def write(report: Report, out: TextIO) -> None:
    """Write a log with one run."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    out.write(msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n")


def _run(report: Report) -> Json:
    numbers = {rule.id: number for number, rule in enumerate(report.rules)}
    results = [_result(entry, numbers, report) for entry in report.entries]
    if report.comparison:
        # A rule that was not checked this time has no number, and nothing to say about what is gone.
        results += [_absent(one, numbers) for one in report.comparison.gone if one.kind.rule in numbers]
    invocation: Json = {"executionSuccessful": not report.inputs.errors}
    if report.inputs.errors:
        invocation["toolExecutionNotifications"] = [_notification(error) for error in report.inputs.errors]
    return {
        "tool": {
            "driver": {
                "name": "otlp-verifier",
                "version": report.version,
                "rules": [_rule(rule) for rule in report.rules],
            }
        },
        "invocations": [invocation],
        "results": results,
        "columnKind": "unicodeCodePoints",
    }


def _rule(rule: RuleTally) -> Json:
    described: Json = {
        "id": rule.id,
        "shortDescription": {"text": rule.description},
        "fullDescription": {"text": rule.description},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {
            "problem.severity": _PROBLEMS[rule.severity],
            "tags": ["opentelemetry", *([rule.family] if rule.family else [])],
        },
    }
    if rule.sources:
        described["helpUri"] = quote(rule.sources[0][1], safe="/:?#[]@!$&'()*+,;=%")
    if rule.remedy or rule.sources:
        promised = "\n".join(f"- [{section}]({link})" for section, link in rule.sources)
        described["help"] = {
            "text": rule.remedy or rule.description,
            "markdown": "\n\n".join(filter(None, (rule.remedy, promised))),
        }
    return described


def _result(entry: Entry, numbers: dict[str, int], report: Report) -> Json:
    finding = entry.finding
    result: Json = {
        "ruleId": finding.rule,
        "ruleIndex": numbers[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join([finding.message, *sentences(reasons_of(entry.witness))])},
        "locations": [_location(entry.source) | _logical(finding.service, entry.kind.path, finding.span)],
        "partialFingerprints": {_FINGERPRINT: entry.kind.digest},
        "properties": {
            "signal": finding.signal,
            "traceId": finding.trace_id,
            "spanId": finding.span_id,
            "service": finding.service,
            "witness": msgspec.to_builtins(entry.witness),
        },
    }
    if related := _related(entry, report):
        result["relatedLocations"] = related
    if report.comparison:
        result["baselineState"] = "unchanged" if entry.is_known else "new"
    return result


def _related(entry: Entry, report: Report) -> list[Json]:
    """Where the spans of the witness stand, but for the one that the finding is about; of traces that are kept."""
    if entry.witness is None or entry.trace is None:
        return []
    places = {
        (view.span_id, str(view.start_ns), str(view.end_ns)): view.source for view in report.traces[entry.trace].spans
    }
    found: list[Json] = []
    for span in entry.witness.spans:
        source = places.get((span.span_id, span.start, span.end))
        if source is not None and span.role != "subject":
            about = _location(source) | {"id": len(found) + 1, "message": {"text": f"{span.role}: {span.name}"}}
            found.append(about | _logical(span.service, (span.name,), span.name))
    return found


def _absent(one: Recorded, numbers: dict[str, int]) -> Json:
    return {
        "ruleId": one.kind.rule,
        "ruleIndex": numbers[one.kind.rule],
        "level": _LEVELS[one.severity],
        "message": {"text": one.message},
        "partialFingerprints": {_FINGERPRINT: one.kind.digest},
        "baselineState": "absent",
    }


def _location(source: Source) -> Json:
    region: Json = {"startLine": source.line or 1}
    if not source.line and source.request:
        region["byteOffset"] = source.offset
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(source.file)}, "region": region}}


def _logical(service: str, path: tuple[str, ...], span: str) -> Json:
    if not path:
        return {}
    name = "/".join(filter(None, (service, *path)))
    return {"logicalLocations": [{"name": span or path[-1], "fullyQualifiedName": name}]}


def _notification(error: InputError) -> Json:
    return {"level": "error", "message": {"text": error.message}, "locations": [_location(error.source)]}


def _uri(file: str) -> str:
    """A relative file as a relative reference, an absolute one as a file: URI."""
    if file == STDIN:
        return "stdin"
    path = PurePath(file).as_posix()
    if path.startswith("/"):
        return "file://" + quote(path)
    return quote(path)
