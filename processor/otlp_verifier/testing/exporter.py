"""An exporter of the OpenTelemetry SDK that hands spans to a receiver in the same process, encoded as OTLP."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

try:
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
except ImportError as error:
    raise ImportError(f"{error}; `exporter` needs: pip install 'otlp-verifier[pytest]'") from error

if TYPE_CHECKING:
    from otlp_verifier.testing.receiver import Receiver


class ReceivingExporter(SpanExporter):
    """Gives spans to a receiver, as the SDK's own OTLP exporters encode them."""

    def __init__(self, receiver: "Receiver") -> None:
        self._receiver = receiver

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep `spans`."""
        self._receiver.receive(encode_spans(spans).SerializeToString())
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  # the SDK's argument
        """Do nothing: nothing waits here."""
        return True
