"""Spans of a trace as objects, for reports: made only for traces that somebody will look at."""

from dataclasses import dataclass, field

from otlp_verifier.files.notes import Source


@dataclass(frozen=True, slots=True)
class SpanView:
    """One span.

    Attributes:
        span_id, parent_id: hex digits; empty where the id is absent or zero.
        name, service, status_message: bounded, on one line, valid UTF-8.
        kind, status: names as in the protocol without prefix, `SERVER`, `ERROR`; a number as text outside the enum.
        start_ns, end_ns: Unix nanoseconds, as sent.
        rules: ids of the rules that the span, its events or its links violate, sorted.
        events: (time in Unix nanoseconds, name) of each.
        attributes: key and value as text, bounded.
        source: where the span stands.

    """

    span_id: str
    parent_id: str
    name: str
    service: str
    kind: str
    start_ns: int
    end_ns: int
    status: str
    status_message: str
    source: Source
    rules: tuple[str, ...] = ()
    events: tuple[tuple[int, str], ...] = ()
    attributes: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class TraceView:
    """One trace: its spans in the order of a tree, parents before children, siblings by start.

    Attributes:
        trace_id: hex digits; empty where it is zero.
        spans: at most as many as were asked for.
        depths: of each span, how many ancestors are in the trace; 0 where its parent is not.
        spans_total: how many the trace has.

    """

    trace_id: str
    spans: tuple[SpanView, ...]
    depths: tuple[int, ...]
    spans_total: int
