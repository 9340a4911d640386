"""Batches that look like what a collector sees: the services of a web shop that call each other, databases and queues.

A batch of 512 spans has more than 40 services and 200 span names in it (perf/fleet.py, perf/instrumentation.py), in
traces of about eight spans. A span has 8 attributes and a body of some 366 bytes on average; names, keys, values and
their lengths vary from span to span, because a benchmark on equal spans flatters every branch predictor.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from perf import instrumentation
from perf.collector_bytes import collector_bytes
from perf.faults import break_spans
from perf.fleet import INSTANCES, SCHEMA, SERVICES, resource
from perf.instrumentation import WORK, Work, database, function

SPANS: Final = 512
START_NS: Final = 1_760_000_000_000_000_000
_SAMPLED, _LOCAL_PARENT, _REMOTE_PARENT = 0x1, 0x100, 0x300  # trace.proto, SpanFlags
_SPANS_IN_A_TRACE: Final = 7.5
_ASKING: Final = (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER)
_SERVER_ERROR, _UNAVAILABLE = 500, 14
_SCOPES_WITH_SCHEMA: Final = ("java", "go", "python")  # the others' instrumentation leaves it to the resource
_ERRORS: Final = {
    "java": ("java.util.concurrent.TimeoutException", "deadline exceeded after 250 ms"),
    "go": ("*net.OpError", "dial tcp: i/o timeout"),
    "python": ("TimeoutError", "the read operation timed out"),
    "nodejs": ("AbortError", "The operation was aborted due to timeout"),
    "dotnet": ("System.TimeoutException", "The operation has timed out."),
}


class _Batch:
    """A request that is being filled: resources and scopes come with the first span that needs them."""

    def __init__(self, r: random.Random) -> None:
        self.message = ExportTraceServiceRequest()
        self._r = r
        self._resources: dict[str, ResourceSpans] = {}
        self._scopes: dict[tuple[str, str], ScopeSpans] = {}

    def add(self, work: Work) -> Span:
        """An empty span where the work's service and scope have theirs."""
        service = work.service.name
        if service not in self._resources:
            self._resources[service] = of = self.message.resource_spans.add(schema_url=SCHEMA)
            fill(of.resource, resource(work.service, self._r.randrange(INSTANCES)))
        name, version = work.scope
        if (service, name) not in self._scopes:
            self._scopes[service, name] = made = self._resources[service].scope_spans.add()
            made.scope.name, made.scope.version = name, version
            made.schema_url = SCHEMA if work.service.language in _SCOPES_WITH_SCHEMA else ""
        return self._scopes[service, name].spans.add()


def fill(message: Message, attributes: Mapping[str, str | float | bool]) -> None:
    """Give a resource, span or event these attributes."""
    for key, value in attributes.items():
        attribute: KeyValue = message.attributes.add(key=key)  # type: ignore[attr-defined]  # all of these have some
        if isinstance(value, bool):
            attribute.value.bool_value = value
        elif isinstance(value, int):
            attribute.value.int_value = value
        elif isinstance(value, float):
            attribute.value.double_value = value
        else:
            attribute.value.string_value = value


def request(spans: int = SPANS, seed: int = 0) -> ExportTraceServiceRequest:
    """Make one batch: complete traces of about eight spans, over all services."""
    r = random.Random(seed)
    batch = _Batch(r)
    left = spans
    while left:
        size = min(left, 1 + int(r.expovariate(1 / _SPANS_IN_A_TRACE)))
        _add_trace(batch, r, size)
        left -= size
    return batch.message


@dataclass(slots=True)
class _Made:
    """A span that others may have as parent."""

    span: Span
    work: Work
    failed: bool
    is_unanswered: bool
    has_success: bool = False  # among its children


def _add_trace(batch: _Batch, r: random.Random, size: int) -> None:
    trace: list[_Made] = []
    trace_id = r.randbytes(16)
    for left in range(size, 0, -1):
        asked = [made for made in trace if made.is_unanswered]
        parents = asked if len(asked) == left else _parents(trace)
        parent = r.choice(parents) if parents else None
        trace.append(_add_span(batch, r, trace_id, parent, may_ask=left > len(asked) + 1))


def _parents(trace: Sequence[_Made]) -> list[_Made]:
    """Those that something may have been done for: a database has no spans, and who asked has one answer."""
    return [made for made in trace if made.is_unanswered or made.work.kind not in _ASKING]


def _add_span(batch: _Batch, r: random.Random, trace_id: bytes, parent: _Made | None, *, may_ask: bool) -> _Made:
    answers = parent is not None and parent.is_unanswered
    # That all children of a span have failed and it has not would be worth a finding.
    failed = r.random() < 1 / 24 and (parent is None or parent.failed or parent.has_success)
    if parent is None:
        work = instrumentation.request(r, r.choice(SERVICES))
    elif parent.work.answer is not None:
        work, failed = parent.work.answer(r), parent.failed
    else:
        work = r.choice(WORK if may_ask else (database, function))(r, parent.work.service)
    span = batch.add(work)
    span.trace_id, span.span_id = trace_id, r.randbytes(8)
    if parent is None:
        span.start_time_unix_nano = START_NS + r.randrange(10**12)
        span.end_time_unix_nano = span.start_time_unix_nano + r.randrange(10**9, 10**10)
    else:
        above = parent.span
        span.parent_span_id = above.span_id
        quarter = (above.end_time_unix_nano - above.start_time_unix_nano) // 4
        span.start_time_unix_nano = above.start_time_unix_nano + r.randrange(quarter + 1)
        span.end_time_unix_nano = span.start_time_unix_nano + max(1, r.randrange(2 * quarter, 3 * quarter + 1))
        parent.is_unanswered = False
        parent.has_success |= not failed
    span.name, span.kind = work.name, work.kind
    span.flags = _SAMPLED | (_REMOTE_PARENT if answers else _LOCAL_PARENT)
    if failed:
        _fail(span, work)
    fill(span, work.attributes)
    return _Made(span, work, failed, is_unanswered=work.answer is not None)


def _fail(span: Span, work: Work) -> None:
    error, text = _ERRORS[work.service.language]
    for key, code in (("http.response.status_code", _SERVER_ERROR), ("rpc.grpc.status_code", _UNAVAILABLE)):
        if key in work.attributes:
            work.attributes[key] = code
    work.attributes["error.type"] = error
    span.status.code, span.status.message = Status.STATUS_CODE_ERROR, text
    event = span.events.add(name="exception", time_unix_nano=span.end_time_unix_nano)
    fill(event, {"exception.type": error, "exception.message": text})


def sdk_bytes(message: Message) -> bytes:
    """Serialise as SDKs do, and protobuf's libraries."""
    return message.SerializeToString()


def batches(
    number: int, spans: int = SPANS, bad_percent: float = 0, write: Callable[[Message], bytes] = collector_bytes
) -> list[bytes]:
    """Return that many different batches, serialized; that share of the spans breaks a rule, the others none.

    Bytes are as a collector sends them on; `write=sdk_bytes` gives those that an SDK sends to it.
    """
    made = []
    for seed in range(number):
        message = request(spans, seed)
        break_spans(message, bad_percent, seed)
        made.append(write(message))
    return made
