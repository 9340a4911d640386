"""What goes wrong with spans, one fault at a time: the share of a workload that is bad."""

import random
from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def _ends_before_it_starts(span: Span) -> None:
    span.start_time_unix_nano, span.end_time_unix_nano = span.end_time_unix_nano + 1, span.start_time_unix_nano


def _never_ended(span: Span) -> None:
    span.end_time_unix_nano = 0


def _has_no_kind(span: Span) -> None:
    span.kind = Span.SPAN_KIND_UNSPECIFIED


def _has_no_name(span: Span) -> None:
    span.name = ""


def _says_a_key_twice(span: Span) -> None:
    span.attributes.append(span.attributes[0])


def _times_in_microseconds(span: Span) -> None:
    span.start_time_unix_nano //= 1000
    span.end_time_unix_nano //= 1000


def _has_a_message_without_an_error(span: Span) -> None:
    span.status.Clear()
    span.status.message = "all went well"


def _is_its_own_parent(span: Span) -> None:
    span.parent_span_id = span.span_id


FAULTS: Final[Sequence[Callable[[Span], None]]] = (
    _ends_before_it_starts,
    _never_ended,
    _has_no_kind,
    _has_no_name,
    _says_a_key_twice,
    _times_in_microseconds,
    _has_a_message_without_an_error,
    _is_its_own_parent,
)


def break_spans(message: ExportTraceServiceRequest, percent: float, seed: int) -> None:
    """Give that share of the spans one fault each; which spans and which faults follows from `seed`."""
    r = random.Random(seed)
    spans = [span for of in message.resource_spans for scope in of.scope_spans for span in scope.spans]
    for span in r.sample(spans, round(len(spans) * percent / 100)):
        r.choice(FAULTS)(span)
