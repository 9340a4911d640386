"""Jaeger's JSON, as its query API and user interface write it, to OTLP as the collector's translator does.

Facts: opentelemetry-collector-contrib, pkg/translator/jaeger; jaeger, model/json and model.Span.ParentSpanID.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from otlp_verifier.files.otlp_object import (
    UNREADABLE,
    Base64,
    Place,
    Scoped,
    TranslationError,
    attributes,
    hex_id,
    unix_ns,
)
from otlp_verifier.files.phrases import shown

_KINDS: Final = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUS: Final = {"OK": 1, "ERROR": 2}
_NO_SERVICE: Final = "OTLPResourceNoServiceName"
_CHILD_OF: Final = "CHILD_OF"
_CLIENT: Final = 3


class Tag(msgspec.Struct):
    """A typed key and value; also called field, in logs."""

    key: str
    value: Any = None
    type: str = ""


class Log(msgspec.Struct):
    """Something that happened in a span."""

    timestamp: float = 0
    fields: list[Tag] | None = None


class Reference(msgspec.Struct):
    """What a span refers to."""

    refType: str = _CHILD_OF  # noqa: N815  # as in JSON
    traceID: str = ""  # noqa: N815
    spanID: str = ""  # noqa: N815


class Process(msgspec.Struct):
    """Who made a span."""

    serviceName: str = ""  # noqa: N815
    tags: list[Tag] | None = None


class Span(msgspec.Struct):
    """A span."""

    traceID: str = ""  # noqa: N815
    spanID: str = ""  # noqa: N815
    parentSpanID: str = ""  # noqa: N815
    operationName: str = ""  # noqa: N815
    references: list[Reference] | None = None
    startTime: float = 0  # noqa: N815
    duration: float = 0
    tags: list[Tag] | None = None
    logs: list[Log] | None = None
    processID: str = ""  # noqa: N815
    process: Process | None = None


class Trace(msgspec.Struct):
    """A trace: its spans as they stand, so that one that is broken does not take the others with it."""

    spans: list[msgspec.Raw] | None = None
    processes: dict[str, Process] | None = None


class Document(msgspec.Struct):
    """What the query API answers; a trace or a span by itself has the keys of these."""

    data: list[Trace] | None = None


_document: Final = msgspec.json.Decoder(Document)
_trace: Final = msgspec.json.Decoder(Trace)
_span: Final = msgspec.json.Decoder(Span, strict=False)

Where = Callable[[msgspec.Raw | None], Place]
Complain = Callable[[Place, str], None]


def read_document(text: bytes, where: Where, complain: Complain) -> list[Scoped]:
    """Translate an answer of the query API.

    Args:
        text: the JSON, which is known to be well-formed.
        where: tells where a span of it stands; of None, where the document does.
        complain: called for each span that cannot be translated.

    """
    try:
        traces = _document.decode(text).data or []
    except UNREADABLE as error:
        complain(where(None), _wording(error))
        return []
    return [span for trace in traces for span in _read_spans(trace, where, complain)]


def read_trace(text: bytes, where: Where, complain: Complain) -> list[Scoped]:
    """Translate a trace that stands by itself; the arguments are those of read_document."""
    try:
        trace = _trace.decode(text)
    except UNREADABLE as error:
        complain(where(None), _wording(error))
        return []
    return _read_spans(trace, where, complain)


def read_span(text: bytes, where: Where, complain: Complain) -> list[Scoped]:
    """Translate a span that stands by itself, with its process in it; the arguments are those of read_document."""
    return _read_spans(Trace([msgspec.Raw(text)]), lambda _span_text: where(None), complain)


def _read_spans(trace: Trace, where: Where, complain: Complain) -> list[Scoped]:
    spans = []
    for raw in trace.spans or []:
        at = where(raw)
        try:
            spans.append(_translate(_span.decode(raw), trace.processes or {}, at))
        except UNREADABLE as error:
            complain(at, _wording(error))
        except TranslationError as error:
            complain(at, f"a Jaeger span cannot be translated: {error}")
    return spans


def _wording(error: Exception) -> str:
    return f"Jaeger JSON cannot be translated: {error}"


def _translate(span: Span, processes: dict[str, Process], place: Place) -> Scoped:
    tags = _values(span.tags)
    # The scope is taken from the tags before they become attributes; its version only together with its name.
    name = tags.pop("otel.scope.name", None) or tags.pop("otel.library.name", None) or ""
    version = (tags.pop("otel.scope.version", None) or tags.pop("otel.library.version", None) or "") if name else ""
    references = span.references or []
    parent = _parent(span, references)
    kind = _KINDS.get(str(tags.pop("span.kind", "")), 0)
    status = _status(tags, kind)
    trace_state = tags.pop("w3c.tracestate", "")
    start = unix_ns(span.startTime, "startTime")
    translated = {
        "traceId": hex_id(span.traceID, 32, "traceID"),
        "spanId": hex_id(span.spanID, 16, "spanID"),
        "parentSpanId": hex_id(parent, 16, "the parent's spanID"),
        "traceState": str(trace_state),
        "name": span.operationName,
        "kind": kind,
        "startTimeUnixNano": start,
        "endTimeUnixNano": str(int(start) + int(unix_ns(span.duration, "duration"))),
        "attributes": attributes(tags),
        "events": [_event(log) for log in span.logs or []],
        "links": [_link(of) for of in references if not (of.spanID == parent and of.refType == _CHILD_OF)],
        "status": status,
    }
    process = span.process or processes.get(span.processID)
    return Scoped(_resource(process), (str(name), str(version)), translated, place)


def _parent(span: Span, references: list[Reference]) -> str:
    """The first CHILD_OF in the same trace, else the first FOLLOWS_FROM there, else what old clients wrote."""
    same = [of for of in references if of.traceID == span.traceID]
    for of in (*(of for of in same if of.refType == _CHILD_OF), *same):
        return of.spanID if of.spanID.strip("0") else ""
    return span.parentSpanID if span.parentSpanID.strip("0") else ""


def _event(log: Log) -> dict[str, Any]:
    values = _values(log.fields)
    name = values.pop("event", "")
    return {
        "timeUnixNano": unix_ns(log.timestamp, "a log's timestamp"),
        "name": str(name),
        "attributes": attributes(values),
    }


def _link(of: Reference) -> dict[str, Any]:
    kind = "child_of" if of.refType == _CHILD_OF else "follows_from"
    return {
        "traceId": hex_id(of.traceID, 32, "a reference's traceID"),
        "spanId": hex_id(of.spanID, 16, "a reference's spanID"),
        "attributes": attributes({"opentracing.ref_type": kind}),
    }


def _resource(process: Process | None) -> tuple[tuple[str, Any], ...]:
    if process is None or process.serviceName == _NO_SERVICE:
        return ()
    values = {"service.name": process.serviceName} if process.serviceName else {}
    values |= _values(process.tags)
    if "hostname" in values and "host.name" not in values:
        values["host.name"] = values.pop("hostname")
    if "jaeger.version" in values and "opencensus.exporterversion" not in values:
        values["opencensus.exporterversion"] = f"Jaeger-{values.pop('jaeger.version')}"
    return tuple(values.items())


def _values(tags: list[Tag] | None) -> dict[str, Any]:
    """Tags by key; of equal ones the last, as in the collector's maps."""
    return {tag.key: _value(tag) for tag in tags or []}


def _value(tag: Tag) -> Any:
    value = tag.value
    try:
        match tag.type.lower():
            case "bool":
                return value if isinstance(value, bool) else {"true": True, "false": False}[str(value)]
            case "int64":
                return int(value)
            case "float64":
                return float(value)
            case "binary":
                return Base64(str(value))
            case _:
                return value if isinstance(value, bool | int | float | str) else msgspec.json.encode(value).decode()
    except (KeyError, TypeError, ValueError):
        written = shown(str(value).encode(), tag.key.encode())
        raise TranslationError(f"the tag {tag.key[:80]} of type {tag.type} has the value {written}") from None


def _status(tags: dict[str, Any], kind: int) -> dict[str, Any]:
    """The status that tags stand for, which are taken out of them."""
    found: dict[str, Any] = {}
    if tags.get("error") is True:
        del tags["error"]
        found = {"code": _STATUS["ERROR"]}
        message = tags.pop("otel.status_description", None) or tags.get("http.status_message")
        if message:
            found["message"] = str(message)
    if "otel.status_code" in tags:
        code = str(tags.pop("otel.status_code")).upper()
        if not found:
            found = {"code": _STATUS.get(code, 0)}
            if message := tags.pop("otel.status_description", None):
                found["message"] = str(message)
    elif not found and "http.status_code" in tags:
        found = _http_status(tags, kind)
    return found


def _http_status(tags: dict[str, Any], kind: int) -> dict[str, Any]:
    try:
        code = int(tags["http.status_code"])
    except (TypeError, ValueError):
        return {}
    by_kind = 400 <= code < 500 and kind in (_CLIENT, _KINDS["server"])  # the server is not to blame for these
    if kind != _CLIENT if by_kind else 100 <= code < 400:
        return {}
    message = tags.get("http.status_message")
    return {"code": _STATUS["ERROR"], **({"message": str(message)} if message else {})}
