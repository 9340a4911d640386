"""The report as one JSON document, for programs. `schema` describes it; within a version keys are only added."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, TextIO

import msgspec
from msgspec import Meta, Struct

from otlp_verifier.files import InputError, InputFile, InputNotice
from otlp_verifier.findings.witness import Witness
from otlp_verifier.policy import SeverityName
from otlp_verifier.report.model import Comparison, Entry, Recorded, Report, RuleTally

VERSION: Final = 1
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

Line = Annotated[int | None, Meta(description="From 1; null in formats without lines")]
Offset = Annotated[int, Meta(ge=0, description="Bytes from the file's beginning, after decompression")]
Request = Annotated[int, Meta(ge=0, description="Number of the request or document in the file; 0: the whole file")]
Fingerprint = Annotated[str, Meta(pattern="^[0-9a-f]{20}$", description="The same from run to run")]
Count = Annotated[int, Meta(ge=0)]


class Tool(Struct, frozen=True, kw_only=True):
    """What wrote the report."""

    name: Literal["otlp-verifier"] = "otlp-verifier"
    version: str


class BySeverity(Struct, frozen=True, kw_only=True):
    """New findings of each severity."""

    error: Count
    warning: Count
    information: Count


class Summary(Struct, frozen=True, kw_only=True):
    """Counts of everything, also of what is not listed."""

    files: Annotated[int, Meta(ge=0, description="Inputs that were opened")]
    spans: Annotated[int, Meta(ge=0, description="Spans that were verified")]
    findings: Annotated[int, Meta(ge=0, description="All findings")]
    new: Annotated[int, Meta(ge=0, description="Findings that the baseline does not have; without one, all")]
    known: Annotated[int, Meta(ge=0, description="Findings that the baseline has")]
    left_out: Annotated[int, Meta(ge=0, description="Findings that are counted here and not listed below")]
    by_severity: BySeverity
    unreadable: Annotated[int, Meta(ge=0, description="Places that could not be read; some are listed in `errors`")]
    disputed: Annotated[
        int, Meta(ge=0, description="Findings that a second evaluation did not confirm; no other number counts them")
    ]


class Source(Struct, frozen=True, kw_only=True):
    """Where a promise is made."""

    section: str
    link: str


class Rule(Struct, frozen=True, kw_only=True):
    """A rule with findings."""

    id: str
    severity: SeverityName
    family: Annotated[str, Meta(description="Empty for a user's own rule")]
    description: str
    remedy: str
    sources: tuple[Source, ...]
    findings: Count
    new: Count


class Finding(Struct, frozen=True, kw_only=True):
    """One violation."""

    rule: str
    severity: SeverityName
    signal: Literal["traces"]
    trace_id: Annotated[str, Meta(pattern="^([0-9a-f]{32})?$", description="Empty for resources and scopes")]
    span_id: Annotated[str, Meta(pattern="^([0-9a-f]{16})?$", description="Empty for resources and scopes")]
    span: Annotated[str, Meta(description="The span's name")]
    service: Annotated[str, Meta(description="service.name of its resource; empty without one")]
    message: str
    file: Annotated[str, Meta(description="As named on the command line or found in a folder; `<stdin>`")]
    line: Line
    offset: Offset
    request: Request
    fingerprint: Fingerprint
    known: Annotated[bool, Meta(description="The baseline has it")]
    witness: Witness | None


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of finding that the baseline has and this capture has not."""

    fingerprint: Fingerprint
    rule: str
    severity: SeverityName
    service: str
    scope: str
    path: Annotated[tuple[str, ...], Meta(description="Kind and name of the spans from the root down")]
    details: Annotated[tuple[str, ...], Meta(description="Other names that the message quotes")]
    message: Annotated[str, Meta(description="With `#` for what changes from run to run")]
    count: Count


class Times(Struct, frozen=True, kw_only=True):
    """How often a kind of finding occurs."""

    fingerprint: Fingerprint
    before: Count
    now: Count


class Compared(Struct, frozen=True, kw_only=True):
    """What a baseline or an earlier capture has to say."""

    name: Annotated[str, Meta(description="Its file")]
    gone: tuple[Kind, ...]
    counts: tuple[Times, ...]


class Input(Struct, frozen=True, kw_only=True):
    """A file that was read."""

    name: str
    format: str
    compression: str
    bytes: Annotated[int, Meta(ge=0, description="Before decompression")]
    requests: Count
    spans: Count
    metrics: Annotated[int, Meta(ge=0, description="Recognised and not checked")]
    logs: Annotated[int, Meta(ge=0, description="Recognised and not checked")]


class Error(Struct, frozen=True, kw_only=True):
    """Something that could not be read."""

    file: str
    line: Line
    offset: Offset
    request: Request
    message: str


class Notice(Struct, frozen=True, kw_only=True):
    """Something remarkable that did not keep an input from being read."""

    code: str
    file: str
    line: Line
    offset: Offset
    request: Request
    message: str
    count: Count


class Document(Struct, frozen=True, kw_only=True):
    """Result of `otlp-verifier check`."""

    format: Literal["otlp-verifier-report"] = "otlp-verifier-report"
    version: Literal[1] = VERSION
    tool: Tool
    summary: Summary
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    comparison: Compared | None
    inputs: tuple[Input, ...]
    errors: tuple[Error, ...]
    notices: tuple[Notice, ...]


def document(report: Report) -> Document:
    """The report as data."""
    return Document(
        tool=Tool(version=report.version),
        summary=Summary(
            files=len(report.inputs.files),
            spans=report.spans,
            findings=report.found,
            new=report.found - report.known,
            known=report.known,
            left_out=report.left_out,
            by_severity=BySeverity(**report.by_severity()),
            unreadable=report.inputs.notes.error_count,
            disputed=sum(report.disputed.values()),
        ),
        rules=tuple(_rule(rule) for rule in report.rules if rule.found),
        findings=tuple(map(_finding, report.entries)),
        comparison=_compared(report.comparison) if report.comparison else None,
        inputs=tuple(map(_input, report.inputs.files)),
        errors=tuple(map(_error, report.inputs.errors)),
        notices=tuple(map(_notice, report.inputs.notices)),
    )


def write(report: Report, out: TextIO) -> None:
    """Write the document, indented."""
    out.write(msgspec.json.format(msgspec.json.encode(document(report)), indent=2).decode() + "\n")


def schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    described = msgspec.json.schema(Document)
    for definition in described["$defs"].values():
        # Encoding writes every key; the defaults are only those of constructors.
        if "properties" in definition:
            definition["required"] = list(definition["properties"])
    return {"$schema": _DRAFT, "title": "Report of otlp-verifier check"} | described


def _rule(rule: RuleTally) -> Rule:
    return Rule(
        id=rule.id,
        severity=rule.severity,
        family=rule.family,
        description=rule.description,
        remedy=rule.remedy,
        sources=tuple(Source(section=section, link=link) for section, link in rule.sources),
        findings=rule.found,
        new=rule.new,
    )


def _finding(entry: Entry) -> Finding:
    finding, source = entry.finding, entry.source
    return Finding(
        rule=finding.rule,
        severity=finding.severity,
        signal=finding.signal,
        trace_id=finding.trace_id,
        span_id=finding.span_id,
        span=finding.span,
        service=finding.service,
        message=finding.message,
        file=source.file,
        line=source.line or None,
        offset=source.offset,
        request=source.request,
        fingerprint=entry.kind.digest,
        known=entry.is_known,
        witness=entry.witness,
    )


def _compared(comparison: Comparison) -> Compared:
    return Compared(
        name=comparison.name,
        gone=_gone(comparison.gone),
        counts=tuple(
            Times(fingerprint=digest, before=before, now=now) for digest, (before, now) in comparison.counts.items()
        ),
    )


def _gone(recorded: Iterable[Recorded]) -> tuple[Kind, ...]:
    return tuple(
        Kind(
            fingerprint=one.kind.digest,
            rule=one.kind.rule,
            severity=one.severity,
            service=one.kind.service,
            scope=one.kind.scope,
            path=one.kind.path,
            details=one.kind.details,
            message=one.message,
            count=one.count,
        )
        for one in recorded
    )


def _input(file: InputFile) -> Input:
    return Input(
        name=file.name,
        format=str(file.format),
        compression=file.compression,
        bytes=file.bytes,
        requests=file.requests,
        spans=file.spans,
        metrics=file.metrics,
        logs=file.logs,
    )


def _error(error: InputError) -> Error:
    source = error.source
    return Error(
        file=source.file,
        line=source.line or None,
        offset=source.offset,
        request=source.request,
        message=error.message,
    )


def _notice(notice: InputNotice) -> Notice:
    source = notice.source
    return Notice(
        code=notice.code,
        file=source.file,
        line=source.line or None,
        offset=source.offset,
        request=source.request,
        message=notice.message,
        count=notice.count,
    )
