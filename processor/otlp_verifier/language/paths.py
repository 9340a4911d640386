"""What each path of the language means: which column holds it, how it is read, and what type it has.

The names are OTTL's (span, spanevent, resource and scope contexts) with the
shorthands `start`, `end` and `duration`, and what the batch knows beyond OTTL:
id lengths as sent, flag bits, relations, defects of the encoding.
"""

from enum import Enum, auto
from typing import Final

import msgspec

from otlp_verifier.columns import (
    Defect,
    EventNarrow,
    EventWide,
    LinkNarrow,
    LinkWide,
    ResourceNarrow,
    ResourceWide,
    ScopeNarrow,
    ScopeWide,
    SpanNarrow,
    SpanWide,
)
from otlp_verifier.machine.operations import Domain, NarrowTable, WideTable
from otlp_verifier.relate.tables import SpanRelation, SpanState, SpanTree, TraceRelation


class Type(Enum):
    """The static types of expressions. The value is how messages name them."""

    BOOL = "true or false"
    INT = "a number"
    FLOAT = "a decimal number"
    TIME = "a time"
    DURATION = "a duration"
    TEXT = "a string"
    ID = "an id"
    DYNAMIC = "an attribute"
    ID_TEXT = "an id's digits"
    MADE = "what a function makes of a value"
    COMPOUND = "a list, a map or bytes"  # only as a constant
    ROW = "a record"
    NIL = "nil"


class Change(Enum):
    """How a value may change while spans are still arriving: the ground on which finality is decided."""

    NEVER = auto()
    GROWS = auto()  # a number gets larger, a condition turns from false to true, never back
    ANY = auto()


class Field(msgspec.Struct, frozen=True):
    """One path of a domain.

    Attributes:
        type: what it is.
        columns: where it is: (wide or narrow table, column); an id may have two.
        mask: bits that count, after the shift; BOOL is whether any of them is set.
        shift: to the right, before the mask.
        signed: the column holds a signed 32-bit number.
        known: BOOL only: bits (before the shift) without which the value is nil.
        change: how it may change while spans arrive.
        is_clock: whether it is a time, although its type says INT as OTTL's does.

    """

    type: Type
    columns: tuple[tuple[WideTable | NarrowTable, int], ...]
    mask: int | None = None
    shift: int = 0
    signed: bool = False
    known: int | None = None
    change: Change = Change.NEVER
    is_clock: bool = False


class Step(msgspec.Struct, frozen=True):
    """From a row of one domain to a row of another.

    Attributes:
        domain: where it leads.
        table, column: where the number of the row stands.
        change: how it may change while spans arrive.
        before: it leads to the row before this one instead, where that has the same number in this column.

    """

    domain: Domain
    table: NarrowTable
    column: int
    change: Change = Change.NEVER
    before: bool = False


# Bits of Span.flags and Link.flags (trace.proto, SpanFlags; W3C Trace Context level 2, trace-flags).
_SAMPLED, _RANDOM, _REMOTE_KNOWN, _REMOTE = 0x01, 0x02, 0x100, 0x200


def _wide(type_: Type, table: WideTable, column: int) -> Field:
    return Field(type_, ((table, column),))


def _count(table: NarrowTable, column: int, change: Change = Change.NEVER) -> Field:
    return Field(Type.INT, ((table, column),), change=change)


def _bits(table: NarrowTable, column: int, mask: int, change: Change = Change.NEVER) -> Field:
    return Field(Type.BOOL, ((table, column),), mask=mask, change=change)


def _length(table: NarrowTable, column: int, shift: int) -> Field:
    return Field(Type.INT, ((table, column),), mask=0xFF, shift=shift)


def _flags(table: NarrowTable, column: int) -> dict[str, Field]:
    at = ((table, column),)
    return {
        "flags": Field(Type.INT, at),
        "flags.sampled": Field(Type.BOOL, at, mask=_SAMPLED),
        "flags.random": Field(Type.BOOL, at, mask=_RANDOM),
        "flags.remote": Field(Type.BOOL, at, mask=_REMOTE, known=_REMOTE_KNOWN),
        "flags.remote_known": Field(Type.BOOL, at, mask=_REMOTE_KNOWN),
        "flags.remote_bit": Field(Type.BOOL, at, mask=_REMOTE),
        "flags.w3c_reserved": Field(Type.INT, at, mask=0xFC),
        "flags.otlp_reserved": Field(Type.INT, at, mask=0x3FFFFF, shift=10),
    }


def _defects(table: NarrowTable, column: int) -> dict[str, Field]:
    return {f"defects.{bit.name.lower()}": _bits(table, column, int(bit)) for bit in Defect}


S, E, L, R, C = WideTable.SPANS, WideTable.EVENTS, WideTable.LINKS, WideTable.RESOURCES, WideTable.SCOPES
s, e, li, r, c = NarrowTable.SPANS, NarrowTable.EVENTS, NarrowTable.LINKS, NarrowTable.RESOURCES, NarrowTable.SCOPES
_RELATIONS, _TRACES = NarrowTable.SPAN_RELATIONS, NarrowTable.TRACES

FIELDS: Final[dict[Domain, dict[str, Field]]] = {
    Domain.SPAN: {
        "name": _wide(Type.TEXT, S, SpanWide.NAME),
        "start": _wide(Type.TIME, S, SpanWide.START_TIME),
        "end": _wide(Type.TIME, S, SpanWide.END_TIME),
        "start_time": _wide(Type.TIME, S, SpanWide.START_TIME),
        "end_time": _wide(Type.TIME, S, SpanWide.END_TIME),
        "start_time_unix_nano": Field(Type.INT, ((S, SpanWide.START_TIME),), is_clock=True),
        "end_time_unix_nano": Field(Type.INT, ((S, SpanWide.END_TIME),), is_clock=True),
        "trace_state": _wide(Type.TEXT, S, SpanWide.TRACE_STATE),
        "status.message": _wide(Type.TEXT, S, SpanWide.STATUS_MESSAGE),
        "status.code": Field(Type.INT, ((s, SpanNarrow.STATUS_CODE),), signed=True),
        "kind": Field(Type.INT, ((s, SpanNarrow.KIND),), signed=True),
        "trace_id": Field(Type.ID, ((S, SpanWide.TRACE_ID_HIGH), (S, SpanWide.TRACE_ID_LOW))),
        "trace_id.random": Field(Type.INT, ((S, SpanWide.TRACE_ID_LOW),), mask=(1 << 56) - 1),
        "trace_id.high": _wide(Type.ID, S, SpanWide.TRACE_ID_HIGH),
        "span_id": _wide(Type.ID, S, SpanWide.SPAN_ID),
        "parent_span_id": _wide(Type.ID, S, SpanWide.PARENT_SPAN_ID),
        "trace_id.length": _length(s, SpanNarrow.ID_LENGTHS, 0),
        "span_id.length": _length(s, SpanNarrow.ID_LENGTHS, 8),
        "parent_span_id.length": _length(s, SpanNarrow.ID_LENGTHS, 16),
        "dropped_attributes_count": _count(s, SpanNarrow.DROPPED_ATTRIBUTES),
        "dropped_events_count": _count(s, SpanNarrow.DROPPED_EVENTS),
        "dropped_links_count": _count(s, SpanNarrow.DROPPED_LINKS),
        "attributes.count": _count(s, SpanNarrow.ATTRIBUTE_COUNT),
        "events.count": _count(s, SpanNarrow.EVENT_COUNT),
        "links.count": _count(s, SpanNarrow.LINK_COUNT),
        "cyclic": _bits(_RELATIONS, SpanRelation.STATE, SpanState.CYCLIC, Change.GROWS),
        "conflict": _bits(_RELATIONS, SpanRelation.STATE, SpanState.CONFLICT, Change.GROWS),
        "duplicate": _bits(_RELATIONS, SpanRelation.STATE, SpanState.DUPLICATE, Change.ANY),
        "repeated": _bits(_RELATIONS, SpanRelation.STATE, SpanState.REPEATED, Change.ANY),
        **_flags(s, SpanNarrow.FLAGS),
        **_defects(s, SpanNarrow.DEFECTS),
    },
    Domain.EVENT: {
        "name": _wide(Type.TEXT, E, EventWide.NAME),
        "time": _wide(Type.TIME, E, EventWide.TIME),
        "time_unix_nano": Field(Type.INT, ((E, EventWide.TIME),), is_clock=True),
        "attributes.count": _count(e, EventNarrow.ATTRIBUTE_COUNT),
        "dropped_attributes_count": _count(e, EventNarrow.DROPPED_ATTRIBUTES),
        **_defects(e, EventNarrow.DEFECTS),
    },
    Domain.LINK: {
        "trace_id": Field(Type.ID, ((L, LinkWide.TRACE_ID_HIGH), (L, LinkWide.TRACE_ID_LOW))),
        "span_id": _wide(Type.ID, L, LinkWide.SPAN_ID),
        "trace_id.length": _length(li, LinkNarrow.ID_LENGTHS, 0),
        "span_id.length": _length(li, LinkNarrow.ID_LENGTHS, 8),
        "trace_state": _wide(Type.TEXT, L, LinkWide.TRACE_STATE),
        "attributes.count": _count(li, LinkNarrow.ATTRIBUTE_COUNT),
        "dropped_attributes_count": _count(li, LinkNarrow.DROPPED_ATTRIBUTES),
        **_flags(li, LinkNarrow.FLAGS),
        **_defects(li, LinkNarrow.DEFECTS),
    },
    Domain.RESOURCE: {
        "schema_url": _wide(Type.TEXT, R, ResourceWide.SCHEMA_URL),
        "attributes.count": _count(r, ResourceNarrow.ATTRIBUTE_COUNT),
        "dropped_attributes_count": _count(r, ResourceNarrow.DROPPED_ATTRIBUTES),
        "entity_refs.count": _count(r, ResourceNarrow.ENTITY_REFS),
        "scopes.count": _count(r, ResourceNarrow.SCOPE_COUNT),
        "spans.count": _count(r, ResourceNarrow.SPAN_COUNT),
        **_defects(r, ResourceNarrow.DEFECTS),
    },
    Domain.SCOPE: {
        "name": _wide(Type.TEXT, C, ScopeWide.NAME),
        "version": _wide(Type.TEXT, C, ScopeWide.VERSION),
        "schema_url": _wide(Type.TEXT, C, ScopeWide.SCHEMA_URL),
        "attributes.count": _count(c, ScopeNarrow.ATTRIBUTE_COUNT),
        "dropped_attributes_count": _count(c, ScopeNarrow.DROPPED_ATTRIBUTES),
        "spans.count": _count(c, ScopeNarrow.SPAN_COUNT),
        **_defects(c, ScopeNarrow.DEFECTS),
    },
    Domain.TRACE: {
        "spans.count": _count(_TRACES, TraceRelation.SPANS, Change.GROWS),
        "roots.count": _count(_TRACES, TraceRelation.ROOTS, Change.GROWS),
    },
}

STEPS: Final[dict[Domain, dict[str, Step]]] = {
    Domain.SPAN: {
        "parent": Step(Domain.SPAN, _RELATIONS, SpanRelation.PARENT, Change.GROWS),
        "root": Step(Domain.SPAN, NarrowTable.SPAN_TREE, SpanTree.ROOT, Change.ANY),
        "trace": Step(Domain.TRACE, _RELATIONS, SpanRelation.TRACE),
        "scope": Step(Domain.SCOPE, s, SpanNarrow.SCOPE),
        "resource": Step(Domain.RESOURCE, s, SpanNarrow.RESOURCE),
    },
    Domain.EVENT: {
        "span": Step(Domain.SPAN, e, EventNarrow.SPAN),
        # It comes with its span or never; but like what may still come, it may be absent.
        "previous": Step(Domain.EVENT, e, EventNarrow.SPAN, Change.GROWS, before=True),
    },
    Domain.LINK: {"span": Step(Domain.SPAN, li, LinkNarrow.SPAN)},
    Domain.SCOPE: {"resource": Step(Domain.RESOURCE, c, ScopeNarrow.RESOURCE)},
    Domain.RESOURCE: {},
    Domain.TRACE: {},
}

# Where a domain's attributes begin and how many there are; traces have none.
ATTRIBUTES: Final[dict[Domain, tuple[int, int]]] = {
    Domain.SPAN: (SpanNarrow.ATTRIBUTE_START, SpanNarrow.ATTRIBUTE_COUNT),
    Domain.EVENT: (EventNarrow.ATTRIBUTE_START, EventNarrow.ATTRIBUTE_COUNT),
    Domain.LINK: (LinkNarrow.ATTRIBUTE_START, LinkNarrow.ATTRIBUTE_COUNT),
    Domain.RESOURCE: (ResourceNarrow.ATTRIBUTE_START, ResourceNarrow.ATTRIBUTE_COUNT),
    Domain.SCOPE: (ScopeNarrow.ATTRIBUTE_START, ScopeNarrow.ATTRIBUTE_COUNT),
}

# What `kind.string` and `kind.deprecated_string` are (pdata's SpanKind.String; ctxspan's deprecated form).
KIND_STRINGS: Final[dict[str, dict[int, str]]] = {
    "kind.string": dict(enumerate(("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"))),
    "kind.deprecated_string": {
        number: f"SPAN_KIND_{name}"
        for number, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
    },
}

# Enum members as OTTL names them (trace.proto, Span.SpanKind and Status.StatusCode).
ENUMS: Final[dict[str, int]] = {
    "SPAN_KIND_UNSPECIFIED": 0,
    "SPAN_KIND_INTERNAL": 1,
    "SPAN_KIND_SERVER": 2,
    "SPAN_KIND_CLIENT": 3,
    "SPAN_KIND_PRODUCER": 4,
    "SPAN_KIND_CONSUMER": 5,
    "STATUS_CODE_UNSET": 0,
    "STATUS_CODE_OK": 1,
    "STATUS_CODE_ERROR": 2,
}
