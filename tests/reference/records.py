"""A batch as records, slowly: one per row of each domain, with where its relations and its place in the tree lead.

Written from the language's description: exact duplicates are removed before rows are looked at together; the tree is
what parents make once cycles are cut, so a span on a cycle, or with itself as parent, is a root of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otlp_verifier.wire.limits import Limits
from tests.reference.machine import signed
from tests.reference.relations import Related, read_id, relate, standing_order
from tests.reference.values import Id, Number, Time, attribute_value, minus
from tests.strategies import all_spans


@dataclass(eq=False)
class Record:
    """One row of a domain.

    Attributes:
        message, schema_url: what was sent, and what its envelope says.
        related: of a span and a trace.
        steps: the rows that a path may lead to.
        spans, scopes: of a resource, and spans of a scope: how many it has.
        clock: of a resource: the first row with the same attributes.
        is_copy: of a span: another one before it has the same ids and content, and none has the same ids and other
            content. Of an event or a link: its span is one.
        above, below: of a span: its parent in the tree, its children there.
        targets, sources: of a span: those that its links point to, those whose links point to it; each once.

    """

    domain: str
    row: int
    message: Any = None
    schema_url: str = ""
    related: Related | None = None
    steps: dict[str, "Record | None"] = field(default_factory=dict)
    spans: int = 0
    scopes: int = 0
    clock: int = 0
    is_copy: bool = False
    above: "Record | None" = None
    below: "list[Record]" = field(default_factory=list)
    targets: "list[Record]" = field(default_factory=list)
    sources: "list[Record]" = field(default_factory=list)

    @property
    def relation(self) -> Related:
        """`related` of a record that has it."""
        assert self.related is not None
        return self.related

    @property
    def ancestors(self) -> "list[Record]":
        """From the parent to the root."""
        return [] if self.above is None else [self.above, *self.above.ancestors]

    @property
    def descendants(self) -> "list[Record]":
        """All below."""
        return [found for child in self.below for found in (child, *child.descendants)]


Records = dict[str, list[Record]]


def records(request: ExportTraceServiceRequest) -> Records:
    """All rows by domain, in document order; traces as they first appear."""
    found: Records = {d: [] for d in ("resource", "scope", "span", "event", "link", "trace")}

    def add(domain: str, **fields: Any) -> Record:
        found[domain].append(Record(domain, len(found[domain]), **fields))
        return found[domain][-1]

    related = relate(all_spans(request))
    for number in range(1 + max((one.trace for one in related), default=-1)):
        add("trace", related=next(one for one in related if one.trace == number))
    for resource_spans in request.resource_spans:
        resource = add("resource", message=resource_spans.resource, schema_url=resource_spans.schema_url)
        sent = [one.message.attributes for one in found["resource"]]
        resource.clock = next(row for row, attributes in enumerate(sent) if _same(attributes, sent[-1]))
        for scope_spans in resource_spans.scope_spans:
            scope = add("scope", message=scope_spans.scope, schema_url=scope_spans.schema_url)
            scope.steps["resource"] = resource
            resource.scopes += 1
            for message in scope_spans.spans:
                resource.spans += 1
                scope.spans += 1
                span = add("span", message=message, related=related[len(found["span"])])
                span.steps.update(resource=resource, scope=scope, trace=found["trace"][span.relation.trace])
                previous = None
                for event in message.events:
                    record = add("event", message=event)
                    record.steps.update(span=span, previous=previous)
                    previous = record
                for link in message.links:
                    add("link", message=link).steps["span"] = span
    _relate(found)
    return found


def _same(some: Sequence[KeyValue], others: Sequence[KeyValue]) -> bool:
    """Whether attributes are the same, byte for byte: of decimals, one NaN is another's equal then.

    A value that is absent and one that is there without content are both nil, and so the same.
    """
    sides = [[(one.key, one.value.SerializeToString()) for one in attributes] for attributes in (some, others)]
    return sides[0] == sides[1]


def span_of(record: Record) -> Record:
    """The span that an event, a link or a span itself belongs to."""
    span = record if record.domain == "span" else record.steps["span"]
    assert span is not None
    return span


def trace_of(record: Record, found: Records) -> list[Record]:
    """The spans of a record's trace, without copies."""
    number = record.relation.trace if record.domain == "trace" else span_of(record).relation.trace
    return [span for span in found["span"] if span.relation.trace == number and not span.is_copy]


def _relate(found: Records) -> None:
    spans = found["span"]
    same_ids: dict[object, list[Record]] = {}
    for span in spans:
        ids = read_id(span.message.trace_id, 16), read_id(span.message.span_id, 8)
        if all(ids):
            same_ids.setdefault(ids, []).append(span)
        parent = span.relation.parent
        span.steps["parent"] = None if parent is None else spans[parent]
        if parent is not None and parent != span.row and not span.relation.is_cyclic:
            span.above = spans[parent]
            spans[parent].below.append(span)
    for alike in same_ids.values():
        for span in alike[1:]:
            span.is_copy = span.relation.is_duplicate
    for span in spans:
        span.steps["root"] = [span, *span.ancestors][-1]
        for link in [] if span.is_copy else span.message.links:
            candidates = same_ids.get((read_id(link.trace_id, 16), read_id(link.span_id, 8)), [])
            target = min(candidates, key=lambda one: (standing_order(one.message), one.row), default=None)
            if target is not None and target not in span.targets:
                span.targets.append(target)
                target.sources.append(span)
    for attached in found["event"] + found["link"]:
        attached.is_copy = span_of(attached).is_copy


# Fields

_IDS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_STATES = {
    "cyclic": "is_cyclic",
    "conflict": "conflicts",
    "duplicate": "is_duplicate",
    "repeated": "is_repeated",
}
_TIMES = {
    "start": "start_time_unix_nano",
    "start_time": "start_time_unix_nano",
    "start_time_unix_nano": "start_time_unix_nano",
    "end": "end_time_unix_nano",
    "end_time": "end_time_unix_nano",
    "end_time_unix_nano": "end_time_unix_nano",
    "time": "time_unix_nano",
    "time_unix_nano": "time_unix_nano",
}
_FLAGS: Mapping[str, Callable[[int], bool | int | None]] = {
    "flags": lambda flags: flags,
    "flags.sampled": lambda flags: bool(flags & 1),
    "flags.random": lambda flags: bool(flags & 2),
    "flags.remote": lambda flags: bool(flags & 0x200) if flags & 0x100 else None,
    "flags.remote_known": lambda flags: bool(flags & 0x100),
    "flags.remote_bit": lambda flags: bool(flags & 0x200),
    "flags.w3c_reserved": lambda flags: flags & 0b1111_1100,
    "flags.otlp_reserved": lambda flags: flags >> 10,
}


def read(record: Record, path: str) -> Any:
    """A field by the language's name for it."""
    if path.startswith("defects."):
        return _DEFECTS[path.removeprefix("defects.")](record.message.attributes)
    if path in _STATES:
        return getattr(record.relation, _STATES[path])
    if record.domain == "trace":
        return {"spans.count": record.relation.spans, "roots.count": record.relation.roots}[path]
    if path == "schema_url":
        return record.schema_url
    if path in ("spans.count", "scopes.count"):
        return record.spans if path == "spans.count" else record.scopes
    if path in _FLAGS:
        return _FLAGS[path](record.message.flags)
    if path in _TIMES:
        time = getattr(record.message, _TIMES[path])
        clocks = {clock_of(record): 1}
        return Number(signed(time), clocks) if path.endswith("_unix_nano") else Time(time, clocks)
    if path == "duration":
        return minus(read(record, "end"), read(record, "start"))
    if path == "trace_id.high":
        high = read_id(record.message.trace_id, 16)[:8]
        return Id(high) if any(high) else None
    if path == "trace_id.random":
        return int.from_bytes(read_id(record.message.trace_id, 16)[9:], "big")
    if path in _IDS:
        return Id(read_id(getattr(record.message, path), _IDS[path])) or None
    if path.endswith("_id.length"):
        return min(len(getattr(record.message, path.removesuffix(".length"))), 255)
    if path.endswith(".count"):
        return len(getattr(record.message, path.removesuffix(".count")))
    value = record.message
    for part in path.split("."):
        if not hasattr(value, part) and record.domain == "resource":
            return attribute(record, path)  # resource.service.name, as in TraceQL
        value = getattr(value, part)
    return value


def clock_of(record: Record) -> int:
    """Whose clock a record's times were read from: one resource has one, however often it is sent."""
    resource = span_of(record).steps["resource"]
    assert resource is not None
    return resource.clock


def attribute(record: Record, key: str) -> Any:
    """The value of the first attribute with a key, None where there is none."""
    for pair in record.message.attributes:
        if pair.key == key:
            return attribute_value(pair.value)
    return None


def _repeated(keys: list[str]) -> bool:
    return len(set(keys)) < len(keys)


def _is_mixed(value: AnyValue) -> bool:
    """Whether an array has elements of unlike types; those without a value are like all."""
    return len({item.WhichOneof("value") for item in value.array_value.values} - {None}) > 1


def _depth(value: AnyValue) -> int:
    """How many arrays and maps stand within each other."""
    inner = [*value.array_value.values, *(pair.value for pair in value.kvlist_value.values)]
    is_list = value.WhichOneof("value") in ("array_value", "kvlist_value")
    return is_list + max(map(_depth, inner), default=0)


def nested(value: AnyValue) -> Iterator[AnyValue]:
    """A value, and those within it at any level."""
    yield value
    for item in value.array_value.values:
        yield from nested(item)
    for pair in value.kvlist_value.values:
        yield from nested(pair.value)


def _pairs(attributes: Iterable[KeyValue]) -> Iterator[KeyValue]:
    """All values with their keys, at any level; elements have none."""
    for pair in attributes:
        yield pair
        for value in nested(pair.value):
            yield from value.kvlist_value.values
            yield from (KeyValue(value=each) for each in value.array_value.values)


_DEFECTS: Mapping[str, Callable[[Any], bool]] = {
    "duplicate_key": lambda attributes: _repeated([pair.key for pair in attributes]),
    "nested_duplicate_key": lambda attributes: any(
        _repeated([inner.key for inner in value.kvlist_value.values])
        for pair in attributes
        for value in nested(pair.value)
    ),
    "empty_key": lambda attributes: any(pair.key == "" for pair in attributes),
    "empty_value": lambda attributes: any(pair.value.WhichOneof("value") is None for pair in attributes),
    "string_index": lambda attributes: any(
        pair.key_strindex or pair.value.WhichOneof("value") == "string_value_strindex" for pair in _pairs(attributes)
    ),
    "key_and_index": lambda attributes: any(pair.key and pair.key_strindex for pair in _pairs(attributes)),
    "mixed_array": lambda attributes: any(_is_mixed(pair.value) for pair in attributes),
    "too_deep": lambda attributes: any(_depth(pair.value) > Limits().depth for pair in attributes),
    # What a decoded message cannot show:
    **dict.fromkeys(
        ("field_utf8", "attribute_utf8", "repeated_field", "odd_tag", "wrong_wire_type", "group"),
        lambda _attributes: False,
    ),
}
