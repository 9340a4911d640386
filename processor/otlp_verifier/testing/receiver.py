"""What an application under test exports, kept in a file that `otlp-verifier check` reads."""

import io
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otlp_verifier.files.notes import InputFile, Inputs
from otlp_verifier.files.reader import read_stream
from otlp_verifier.files.settings import FileSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from otlp_verifier.testing.endpoint import Endpoint

BYTES_MAX: Final = 1 << 30  # of all requests between two calls of clear(): a test that sends more has lost its way
REQUEST_BYTES_MAX: Final = FileSettings().document_bytes_max
_LENGTH_BYTES: Final = 4


class RefusedError(ValueError):
    """A request cannot be read, or is too large; its text says why."""


class Receiver:
    """Receives traces in this process and over OTLP. Threads may use it together.

    Args:
        file: where requests are kept, as the collector's file exporter keeps them: each with its length in front. It
            is emptied.
        config: configuration that `assert_traces_valid` uses unless it is told another.

    Attributes:
        file, config: as given.
        spans: how many have come since the last `clear`.
        refused: why requests were refused since then.

    """

    def __init__(self, file: Path, config: Path | None = None) -> None:
        self.file = file
        self.config = config
        self.spans = 0
        self.refused: list[str] = []
        self._bytes = 0
        self._changed = threading.Condition()
        self._endpoint: Endpoint | None = None
        self._exporter: SpanExporter | None = None
        self.clear()

    @property
    def exporter(self) -> "SpanExporter":
        """An exporter for the SDK of this process.

        Raises:
            ImportError: the OpenTelemetry SDK, or its OTLP encoding, is not installed.

        """
        if self._exporter is None:
            from otlp_verifier.testing.exporter import ReceivingExporter  # noqa: PLC0415  # others need no SDK

            self._exporter = ReceivingExporter(self)
        return self._exporter

    @property
    def grpc_endpoint(self) -> str:
        """`http://127.0.0.1:PORT`, where OTLP over gRPC is received from now on."""
        return self._listening().grpc

    @property
    def http_endpoint(self) -> str:
        """`http://127.0.0.1:PORT`, where OTLP over HTTP is received from now on; exporters append `/v1/traces`."""
        return self._listening().http

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make the SDK of another process, in any language, send its traces here."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.http_endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            # Those for traces alone win over the general ones, so the caller's own must not stay.
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{self.http_endpoint}/v1/traces",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_BSP_SCHEDULE_DELAY": "100",  # milliseconds; by default they are sent every 5 s
        }

    def receive(self, request: bytes) -> None:
        """Keep an ExportTraceServiceRequest in protobuf or JSON, compressed or not.

        Raises:
            RefusedError: it cannot be read; that is remembered in `refused`.

        """
        if not request:  # a request without anything, as some exporters send to try a connection
            return
        try:
            spans = self._counted(request)
        except RefusedError as error:
            with self._changed:
                self.refused.append(str(error))
            raise
        with self._changed:
            with self.file.open("ab") as file:
                file.write(len(request).to_bytes(_LENGTH_BYTES, "big") + request)
            self._bytes += len(request)
            self.spans += spans
            self._changed.notify_all()

    def wait_for_spans(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until so many spans have come since the last `clear`.

        Raises:
            TimeoutError: they have not.

        """
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while self.spans < count:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    why = f"; refused: {self.refused[0]}" if self.refused else ""
                    raise TimeoutError(f"{self.spans} spans came within {timeout_s} s; expected {count}{why}")
                self._changed.wait(left_s)

    def clear(self) -> None:
        """Forget what has come."""
        with self._changed:
            self.file.write_bytes(b"")
            self.spans = self._bytes = 0
            self.refused.clear()

    def close(self) -> None:
        """Stop listening."""
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None

    def _listening(self) -> "Endpoint":
        if self._endpoint is None:
            from otlp_verifier.testing.endpoint import Endpoint  # noqa: PLC0415  # an exporter needs no server

            self._endpoint = Endpoint(self.receive)
        return self._endpoint

    def _counted(self, request: bytes) -> int:
        """How many spans a request has."""
        if len(request) > REQUEST_BYTES_MAX:
            raise RefusedError(f"a request of {len(request)} bytes; expected at most {REQUEST_BYTES_MAX}")
        if self._bytes + len(request) > BYTES_MAX:
            raise RefusedError(f"more than {BYTES_MAX} bytes in one test; expected less, or clear() in between")
        info, inputs = InputFile("the request"), Inputs()
        # As one frame, because a request by itself could be taken for something else.
        framed = io.BytesIO(len(request).to_bytes(_LENGTH_BYTES, "big") + request)
        for _ in read_stream(0, framed, info, inputs, FileSettings()):
            pass
        if inputs.errors:
            raise RefusedError(str(inputs.errors[0]))
        return info.spans
