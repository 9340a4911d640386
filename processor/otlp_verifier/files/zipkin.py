"""Zipkin's JSON, version 2, to OTLP as the collector's translator does.

Facts: opentelemetry-collector-contrib, pkg/translator/zipkin/zipkinv2; the resource attributes are those of the
semantic conventions 1.6.1, as there.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from otlp_verifier.files.otlp_object import UNREADABLE, Place, Scoped, TranslationError, attributes, hex_id, unix_ns

_KINDS: Final = {"SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
_INTERNAL: Final = 1
_STATUS: Final = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_NO_SERVICE: Final = "OTLPResourceNoServiceName"
_LINKS_MAX: Final = 128
_SERVICE_NAME_SOURCE: Final = "otlp.service.name.source"
_SCOPE_NAME, _SCOPE_VERSION = "otel.library.name", "otel.library.version"
# Tags that belong to the resource: taken from the first span of each service, left out of the others.
_RESOURCE: Final = frozenset(
    f"{group}.{name}"
    for group, names in {
        "aws": "ecs.container.arn ecs.cluster.arn ecs.launchtype ecs.task.arn ecs.task.family ecs.task.revision "
        "eks.cluster.arn log.group.names log.group.arns log.stream.names log.stream.arns",
        "cloud": "provider account.id region availability_zone platform",
        "container": "name id runtime image.name image.tag",
        "deployment": "environment",
        "device": "id model.identifier model.name",
        "faas": "name id version instance max_memory",
        "host": "id name type arch image.name image.id image.version",
        "k8s": "cluster.name node.name node.uid namespace.name pod.uid pod.name container.name replicaset.uid "
        "replicaset.name deployment.uid deployment.name statefulset.uid statefulset.name daemonset.uid "
        "daemonset.name job.uid job.name cronjob.uid cronjob.name",
        "os": "type description name version",
        "process": "pid executable.name executable.path command command_line command_args owner runtime.name "
        "runtime.version runtime.description",
        "service": "name namespace instance.id version",
        "telemetry": "sdk.name sdk.language sdk.version auto.version",
        "webengine": "name version description",
        "opencensus": "starttime exporterversion resourcetype",
    }.items()
    for name in names.split()
)
_NOT_ON_SPANS: Final = _RESOURCE | {_SERVICE_NAME_SOURCE, _SCOPE_NAME, _SCOPE_VERSION}


class Endpoint(msgspec.Struct):
    """One side of a call."""

    serviceName: str | None = None  # noqa: N815  # as in JSON
    ipv4: str | None = None
    ipv6: str | None = None
    port: int | None = None


class Annotation(msgspec.Struct):
    """Something that happened in a span."""

    timestamp: float = 0
    value: str = ""


class Span(msgspec.Struct):
    """A span."""

    traceId: str  # noqa: N815
    id: str
    parentId: str | None = None  # noqa: N815
    kind: str | None = None
    name: str | None = None
    timestamp: float | None = None
    duration: float | None = None
    localEndpoint: Endpoint | None = None  # noqa: N815
    remoteEndpoint: Endpoint | None = None  # noqa: N815
    annotations: list[Annotation] | None = None
    tags: dict[str, str] | None = None
    binaryAnnotations: list[Any] | None = None  # noqa: N815  # what only version 1 has


_span: Final = msgspec.json.Decoder(Span, strict=False)

Placed = tuple[bytes, Place]
Complain = Callable[[Place, str], None]


def read_spans(texts: list[Placed], complain: Complain) -> list[Scoped]:
    """Translate spans, each the JSON of one, which is known to be well-formed, and its place.

    Spans of one service share the resource of the first one; `complain` is called for those that cannot be translated.
    """
    resources: dict[str, tuple[tuple[str, Any], ...]] = {}
    spans = []
    for text, place in texts:
        try:
            span = _span.decode(text)
            spans.append(_translate(span, resources, place))
        except UNREADABLE as error:
            complain(place, f"Zipkin JSON cannot be translated: {error}")
        except TranslationError as error:
            complain(place, f"a Zipkin span cannot be translated: {error}")
    return spans


def _translate(span: Span, resources: dict[str, tuple[tuple[str, Any], ...]], place: Place) -> Scoped:
    if span.binaryAnnotations is not None:
        raise TranslationError("it has `binaryAnnotations`, as in version 1; expected version 2, with `tags`")
    tags = dict(span.tags or {})
    service = (span.localEndpoint.serviceName if span.localEndpoint else None) or _NO_SERVICE
    resource = resources.get(service)
    if resource is None:
        resource = resources[service] = _resource(service, tags)
    scope = (tags.get(_SCOPE_NAME, ""), tags.get(_SCOPE_VERSION, "") if _SCOPE_NAME in tags else "")
    trace_state = tags.pop("w3c.tracestate", "")
    kind = _KINDS.get(span.kind or "")
    if kind is None:
        kind = _INTERNAL if tags.pop("span.kind", "") == "internal" else 0
    status = _status(tags)
    links = _links(tags)
    values: dict[str, Any] = {key: value for key, value in tags.items() if key not in _NOT_ON_SPANS}
    values |= _endpoint(span.localEndpoint, "net.host")
    values |= _endpoint(span.remoteEndpoint, "net.peer")
    if span.remoteEndpoint and span.remoteEndpoint.serviceName:
        values["peer.service"] = span.remoteEndpoint.serviceName
    if not span.timestamp:
        values["otel.zipkin.absentField.startTime"] = True
    start = int(unix_ns(span.timestamp or 0, "timestamp"))
    identity = hex_id(span.id, 16, "id")
    parent = hex_id(span.parentId or "", 16, "parentId")
    translated = {
        "traceId": hex_id(span.traceId, 32, "traceId"),
        "spanId": identity,
        "parentSpanId": "" if parent in (identity, "0" * 16) else parent,
        "traceState": trace_state,
        "name": span.name or "",
        "kind": kind,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + int(unix_ns(span.duration or 0, "duration"))),
        "attributes": attributes(values),
        "events": [_event(annotation) for annotation in span.annotations or []],
        "links": links,
        "status": status,
    }
    return Scoped(resource, scope, translated, place)


def _resource(service: str, tags: dict[str, str]) -> tuple[tuple[str, Any], ...]:
    if service == _NO_SERVICE:
        return ()
    values = {tags.get(_SERVICE_NAME_SOURCE) or "service.name": service}
    values |= {key: value for key, value in tags.items() if key in _RESOURCE}
    return tuple(values.items())


def _status(tags: dict[str, str]) -> dict[str, Any]:
    """The status that tags stand for, which are taken out of them."""
    status: dict[str, Any] = {}
    if "otel.status_code" in tags:
        status["code"] = _STATUS.get(tags.pop("otel.status_code"), 0)
        if "otel.status_description" in tags:
            status["message"] = tags.pop("otel.status_description")
    if tags.get("error") == "true":
        del tags["error"]
        status["code"] = _STATUS["STATUS_CODE_ERROR"]
    return status


def _endpoint(endpoint: Endpoint | None, prefix: str) -> dict[str, Any]:
    if endpoint is None:
        return {}
    address = endpoint.ipv6 or endpoint.ipv4
    return {
        **({f"{prefix}.ip": address} if address else {}),
        **({f"{prefix}.port": endpoint.port} if endpoint.port else {}),
    }


def _event(annotation: Annotation) -> dict[str, Any]:
    """An event: its name, or name, attributes as JSON and the dropped ones' number, with bars between them."""
    name, *rest = annotation.value.split("|")
    event: dict[str, Any] = {"timeUnixNano": unix_ns(annotation.timestamp, "an annotation's timestamp"), "name": name}
    if len(rest) >= 2:
        event |= _encoded("|".join(rest[:-1]), rest[-1], "an annotation")
    return event


def _links(tags: dict[str, str]) -> list[dict[str, Any]]:
    """Links that the collector's exporter has written into tags: ids, state, attributes, number of dropped ones."""
    links = []
    for number in range(_LINKS_MAX):
        text = tags.pop(f"otlp.link.{number}", None)
        if text is None:
            break
        parts = text.split("|")
        if len(parts) < 5:
            continue
        link = {
            "traceId": hex_id(parts[0].strip('"'), 32, "a link's trace id"),
            "spanId": hex_id(parts[1].strip('"'), 16, "a link's span id"),
            "traceState": parts[2],
        }
        links.append(link | _encoded("|".join(parts[3:-1]), parts[-1], "a link"))
    return links


def _encoded(text: str, dropped: str, of: str) -> dict[str, Any]:
    try:
        values = msgspec.json.decode(text, type=dict[str, str | float | bool])
        count = int(dropped)
    except (msgspec.DecodeError, ValueError) as error:
        raise TranslationError(f"the attributes of {of}: {error}") from None
    whole = {
        key: int(value) if isinstance(value, float) and value.is_integer() else value for key, value in values.items()
    }
    return {"attributes": attributes(whole), "droppedAttributesCount": count}
