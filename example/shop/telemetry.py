"""Tracing of one service: the real SDK and OTLP exporter, and the places where a fault can be put in."""

import random
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext

_EXPORT_EVERY_MS = 200


class RepeatingIds(RandomIdGenerator):
    """Random ids, except that the last span id is handed out again where a fault asks for it."""

    def __init__(self) -> None:
        self.repeat = False
        self._last = 0

    def generate_span_id(self) -> int:
        """Return the next span id, or the last one once more."""
        if self.repeat:
            self.repeat = False
            return self._last
        self._last = super().generate_span_id()
        return self._last


class DamagingExporter(SpanExporter):
    """The OTLP exporter, behind a wrapper that does to chosen spans what broken exporters do.

    Attributes:
        lose, double: ids of spans to leave out, and to send twice.
        parents: span id -> the context that is sent as its parent.

    """

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.lose: set[int] = set()
        self.double: set[int] = set()
        self.parents: dict[int, SpanContext] = {}

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send `spans`, damaged where asked."""
        out: list[ReadableSpan] = []
        for span in spans:
            context = span.get_span_context()
            span_id = context.span_id if context else 0
            if span_id in self.lose:
                continue
            sent = _with_parent(span, self.parents[span_id]) if span_id in self.parents else span
            out += [sent, sent] if span_id in self.double else [sent]
        return self._inner.export(out)

    def shutdown(self) -> None:
        """Close the connection."""
        self._inner.shutdown()


def _with_parent(span: ReadableSpan, parent: SpanContext) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=parent,
        resource=span.resource,
        attributes=span.attributes,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class Telemetry:
    """Everything that a service needs to be traced."""

    def __init__(self, service: str, collector: str) -> None:
        self.ids = RepeatingIds()
        self.exporter = DamagingExporter(OTLPSpanExporter(endpoint=collector, insecure=True))
        resource = Resource.create(
            {
                "service.name": service,
                "service.namespace": "shop",
                "service.version": "1.4.2",
                "service.instance.id": f"{service}-{random.getrandbits(32):08x}",
                "deployment.environment.name": "demonstration",
            }
        )
        self.provider = TracerProvider(resource=resource, id_generator=self.ids, shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(self.exporter, schedule_delay_millis=_EXPORT_EVERY_MS))
        # A second set-up as careless code makes it: a resource without a name.
        self.nameless = TracerProvider(resource=Resource({"host.name": "basement"}), shutdown_on_exit=False)
        self.nameless.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(endpoint=collector, insecure=True), schedule_delay_millis=_EXPORT_EVERY_MS
            )
        )
        self.tracer = self.provider.get_tracer(f"shop.{service}", "1.4.2")

    def shutdown(self) -> None:
        """Send what is left and close."""
        self.provider.shutdown()
        self.nameless.shutdown()
