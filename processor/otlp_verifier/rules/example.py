"""The examples of a rule, from the notation of its file to the bytes of an ExportTraceServiceRequest.

The notation is plain YAML, short where an example is ordinary and exact where it is
odd; the keys are in this module. What is left out is filled in such a way that no
rule objects to it. Messages are made by protobuf; only the frames around records are
written here, so that `raw:` bytes can follow a record's own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.language.errors import nearest
from otlp_verifier.policy import Completeness
from otlp_verifier.rules import catalogue
from otlp_verifier.rules.notation import (
    BASE_TIME_NS,
    Fields,
    NotationError,
    key_values,
    label_id,
    number,
    numbered_id,
    octets,
    text,
)

_RESOURCE: Final[Mapping[str, Any]] = {
    "service.name": "shop",
    "service.instance.id": "7d5b5c1e-3f0e-4b57-9f43-0d9c8f1f2a10",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.version": "1.30.0",
}
_SCOPE: Final[Mapping[str, Any]] = {"name": "shop.instrumentation", "version": "1.0.0"}
_TRACE_ID: Final = label_id("t", 16, "trace")
_LINKED_TRACE_ID: Final = label_id("l", 16, "trace")
_KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")  # by number, trace.proto
_CODES: Final = ("unset", "ok", "error")
_COUNTS: Final = ("dropped_attributes_count", "dropped_events_count", "dropped_links_count")

_EXAMPLE_KEYS: Final = ("why", "completeness", "also", "resource", "scope", "spans", "resources", "bytes")
_RESOURCE_KEYS: Final = ("attributes", "schema_url", "dropped_attributes_count", "raw", "scopes")
_SCOPE_KEYS: Final = ("name", "version", "attributes", "schema_url", "dropped_attributes_count", "raw")
_SPAN_KEYS: Final = (
    "name", "id", "parent", "trace", "start", "end", "kind", "status", "attributes", "events", "links", "flags",
    "trace_state", *_COUNTS, "trace_id", "span_id", "parent_span_id", "start_unix_nano", "end_unix_nano", "raw",
)  # fmt: skip
_EVENT_KEYS: Final = ("name", "time", "time_unix_nano", "attributes", "dropped_attributes_count", "raw")
_LINK_KEYS: Final = (
    "trace", "span", "trace_id", "span_id", "trace_state", "flags", "attributes", "dropped_attributes_count", "raw",
)  # fmt: skip


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One example.

    Attributes:
        why: what it shows.
        request: an ExportTraceServiceRequest.
        completeness: what its sender promises.
        also: ids of other rules of severity error that it violates too.

    """

    why: str
    request: bytes
    completeness: Completeness = Completeness.BATCH
    also: tuple[str, ...] = ()


class Examples(msgspec.Struct, frozen=True):
    """The examples of a rule: those that it finds something in, and those that it has to leave alone."""

    fires: tuple[Example, ...]
    silent: tuple[Example, ...]


def of(rule: catalogue.Rule) -> Examples:
    """Read the examples that a rule's file holds.

    Raises:
        NotationError: one of them cannot be read; says which, where in it, and what was expected.
        RuleFileErrors, OSError: as catalogue.examples.

    """
    found = catalogue.examples(rule)
    fields = Fields(found, f"{rule.id}: examples", ("parameters", "fires", "silent"))
    lists = {key: fields.items(key) for key in ("fires", "silent")}
    return Examples(**{
        key: tuple(read(example, f"{fields.at}.{key}[{i}]") for i, example in enumerate(examples))
        for key, examples in lists.items()
    })  # fmt: skip


def tried(rule: catalogue.Rule) -> catalogue.Rule:
    """The rule as its examples try it: `examples.parameters` may lower a limit, so that ten records do for a thousand.

    Raises:
        NotationError: they change what the rule has not, or to what it cannot be.
        RuleFileErrors, OSError: as catalogue.examples.

    """
    at = f"{rule.id}: examples.parameters"
    changed = catalogue.examples(rule).get("parameters", {})
    if not isinstance(changed, Mapping) or not set(changed) <= set(rule.parameters):
        raise NotationError(f"{at}: expected some of {', '.join(rule.parameters) or 'none'}, found `{changed}`")
    for name, value in changed.items():
        kind = catalogue.kind_of_parameter(rule.parameters[name])
        if catalogue.kind_of_parameter(value) != kind:
            raise NotationError(f"{at}.{name}: expected {kind} as in the rule, found `{value}`")
    return msgspec.structs.replace(rule, parameters={**rule.parameters, **changed})


def read(notation: object, at: str = "example") -> Example:
    """Read one example; `at` says in messages which.

    Raises:
        NotationError: says where in it and what was expected.

    """
    fields = Fields(notation, at, _EXAMPLE_KEYS)
    completeness = text(fields.get("completeness", "batch"), f"{at}.completeness")
    if completeness not in ("batch", "trace"):
        hint = nearest(completeness, ("batch", "trace"))
        raise NotationError(f"{at}.completeness: expected batch or trace, found `{completeness}`{hint}")
    contents = [key for key in ("spans", "resources", "bytes") if key in fields]
    if len(contents) != 1:
        raise NotationError(f"{at}: expected one of the keys spans, resources, bytes; found {contents or 'none'}")
    try:
        request = _request(fields)
    except NotationError:
        raise
    except ValueError as error:  # protobuf's: a number that does not fit its field
        raise NotationError(f"{at}: {error}") from error
    return Example(
        why=text(fields.get("why", ""), f"{at}.why"),
        request=request,
        completeness=Completeness[completeness.upper()],
        also=tuple(text(rule, f"{at}.also") for rule in fields.items("also")),
    )


def _request(fields: Fields) -> bytes:
    if "bytes" in fields:
        return octets(fields["bytes"], f"{fields.at}.bytes")
    if "resources" in fields:
        for key in ("resource", "scope"):
            if key in fields:
                raise NotationError(f"{fields.at}.{key}: cannot stand beside resources")
        resources = fields.items("resources")
    else:
        resource = fields.get("resource", _RESOURCE)
        scope = fields.get("scope", _SCOPE)
        if not isinstance(scope, Mapping):
            raise NotationError(f"{fields.at}.scope: expected a mapping with the keys {', '.join(_SCOPE_KEYS)}")
        resources = [{"attributes": resource, "scopes": [{**scope, "spans": fields["spans"]}]}]
    # Spans are counted over the whole example: the first is `a` unless it says otherwise.
    counter = iter(range(1, 1 << 20))
    return b"".join(
        _frame(1, _resource_spans(resource, f"{fields.at}.resources[{i}]", counter))
        for i, resource in enumerate(resources)
    )


def _resource_spans(notation: object, at: str, counter: Iterator[int]) -> bytes:
    fields = Fields(notation, at, _RESOURCE_KEYS)
    resource = Resource(
        attributes=key_values(fields.get("attributes", _RESOURCE), f"{at}.attributes"),
        dropped_attributes_count=number(fields.get("dropped_attributes_count", 0), f"{at}.dropped_attributes_count"),
    )
    parts = [_frame(1, resource.SerializeToString() + _raw(fields))]
    for i, scope in enumerate(fields.items("scopes")):
        parts.append(_frame(2, _scope_spans(scope, f"{at}.scopes[{i}]", counter)))
    if "schema_url" in fields:
        parts.append(_frame(3, text(fields["schema_url"], f"{at}.schema_url").encode()))
    return b"".join(parts)


def _scope_spans(notation: object, at: str, counter: Iterator[int]) -> bytes:
    fields = Fields(notation, at, (*_SCOPE_KEYS, "spans"))
    scope = InstrumentationScope(
        name=text(fields.get("name", ""), f"{at}.name"),
        version=text(fields.get("version", ""), f"{at}.version"),
        attributes=key_values(fields.get("attributes", {}), f"{at}.attributes"),
        dropped_attributes_count=number(fields.get("dropped_attributes_count", 0), f"{at}.dropped_attributes_count"),
    )
    parts = [_frame(1, scope.SerializeToString() + _raw(fields))]
    for i, span in enumerate(fields.items("spans")):
        parts.append(_frame(2, _span(Fields(span, f"{at}.spans[{i}]", _SPAN_KEYS), next(counter))))
    if "schema_url" in fields:
        parts.append(_frame(3, text(fields["schema_url"], f"{at}.schema_url").encode()))
    return b"".join(parts)


def _span(fields: Fields, position: int) -> bytes:
    at = fields.at
    start = fields.time("start", "start_unix_nano", BASE_TIME_NS)
    span = Span(
        trace_id=fields.id("trace", "trace_id", _TRACE_ID, 16),
        span_id=fields.id("id", "span_id", numbered_id(position, 8), 8),
        parent_span_id=fields.id("parent", "parent_span_id", b"", 8),
        trace_state=text(fields.get("trace_state", ""), f"{at}.trace_state"),
        flags=number(fields.get("flags", 0), f"{at}.flags"),
        name=text(fields.get("name", "work"), f"{at}.name"),
        kind=_enum(fields.get("kind", "internal"), _KINDS, f"{at}.kind"),  # type: ignore[arg-type]  # open enum
        start_time_unix_nano=start,
        end_time_unix_nano=fields.time("end", "end_unix_nano", max(start, BASE_TIME_NS) + 1_000_000),
        attributes=key_values(fields.get("attributes", {}), f"{at}.attributes"),
        **{count: number(fields.get(count, 0), f"{at}.{count}") for count in _COUNTS},  # type: ignore[arg-type]
    )
    parts = [span.SerializeToString()]
    parts.extend(
        _frame(11, _event(Fields(event, f"{at}.events[{i}]", _EVENT_KEYS), max(start, BASE_TIME_NS)))
        for i, event in enumerate(fields.items("events"))
    )
    parts.extend(
        _frame(13, _link(Fields(link, f"{at}.links[{i}]", _LINK_KEYS))) for i, link in enumerate(fields.items("links"))
    )
    if "status" in fields:
        status = fields["status"]
        status_fields = Fields(
            status if isinstance(status, Mapping) else {"code": status}, f"{at}.status", ("code", "message")
        )
        span_status = Span(status={
            "code": _enum(status_fields.get("code", "unset"), _CODES, f"{at}.status.code"),
            "message": text(status_fields.get("message", ""), f"{at}.status.message"),
        })  # type: ignore[arg-type]  # fmt: skip
        parts.append(span_status.SerializeToString())
    return b"".join(parts) + _raw(fields)


def _event(fields: Fields, start: int) -> bytes:
    event = Span.Event(
        name=text(fields.get("name", "happening"), f"{fields.at}.name"),
        time_unix_nano=fields.time("time", "time_unix_nano", start),
        attributes=key_values(fields.get("attributes", {}), f"{fields.at}.attributes"),
        dropped_attributes_count=number(fields.get(_COUNTS[0], 0), f"{fields.at}.{_COUNTS[0]}"),
    )
    return bytes(event.SerializeToString()) + _raw(fields)


def _link(fields: Fields) -> bytes:
    link = Span.Link(
        trace_id=fields.id("trace", "trace_id", _LINKED_TRACE_ID, 16),
        span_id=fields.id("span", "span_id", numbered_id(1, 8), 8),
        trace_state=text(fields.get("trace_state", ""), f"{fields.at}.trace_state"),
        flags=number(fields.get("flags", 0), f"{fields.at}.flags"),
        attributes=key_values(fields.get("attributes", {}), f"{fields.at}.attributes"),
        dropped_attributes_count=number(fields.get(_COUNTS[0], 0), f"{fields.at}.{_COUNTS[0]}"),
    )
    return bytes(link.SerializeToString()) + _raw(fields)


def _enum(value: object, names: Sequence[str], at: str) -> int:
    """Return the number of an enum member; a number is taken as it is, known or not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value not in names:
        hint = nearest(value, names) if isinstance(value, str) else ""
        raise NotationError(f"{at}: expected one of {', '.join(names)} or a number, found `{value}`{hint}")
    return names.index(value)


def _raw(fields: Fields) -> bytes:
    return octets(fields["raw"], f"{fields.at}.raw") if "raw" in fields else b""


def _frame(field: int, content: bytes) -> bytes:
    """Write a length-delimited protobuf field; field numbers here are below 16, so the tag is one byte."""
    length, size = bytearray(), len(content)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((field << 3 | 2, *length, size)) + content
