"""What arrived behind the collector, trace by trace."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

_PREFIX = "verifier."


@dataclass
class Trace:
    """One trace as a backend has it.

    Attributes:
        spans: how many arrived.
        annotated: how many of them carry a verdict.
        violations: ids of the rules written on its spans, resources and scopes.

    """

    spans: int = 0
    annotated: int = 0
    violations: set[str] = field(default_factory=set)


def traces(requests: Iterable[ExportTraceServiceRequest]) -> dict[str, Trace]:
    """Return the traces of these requests by trace id, in hex."""
    found: dict[str, Trace] = {}
    for request in requests:
        for resource_spans in request.resource_spans:
            around = _violations(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                above = around | _violations(scope_spans.scope.attributes)
                for span in scope_spans.spans:
                    trace = found.setdefault(span.trace_id.hex(), Trace())
                    trace.spans += 1
                    trace.annotated += any(pair.key.startswith(_PREFIX) for pair in span.attributes)
                    trace.violations |= above | _violations(span.attributes)
    return found


def _violations(attributes: Iterable[KeyValue]) -> set[str]:
    return {
        value.string_value
        for pair in attributes
        if pair.key == f"{_PREFIX}violations"
        for value in pair.value.array_value.values
    }
