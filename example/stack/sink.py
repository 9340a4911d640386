"""An OTLP/gRPC endpoint that keeps what it is sent: the backend of the demonstration and of the tests."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

_MESSAGE_BYTES_MAX = 64 << 20


class Sink:
    """A listening endpoint.

    Attributes:
        endpoint: its `host:port`.
        spans: how many spans have arrived.

    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[ExportTraceServiceRequest] = []
        self.spans = 0
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=4, thread_name_prefix="sink"),
            options=[("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX)],
        )
        handler = grpc.unary_unary_rpc_method_handler(self._export)  # bytes in, bytes out
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    "opentelemetry.proto.collector.trace.v1.TraceService", {"Export": handler}
                ),
            )
        )
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def _export(self, request: bytes, _context: grpc.ServicerContext) -> bytes:
        parsed = ExportTraceServiceRequest.FromString(request)
        with self._lock:
            self._requests.append(parsed)
            self.spans += sum(len(scope.spans) for resource in parsed.resource_spans for scope in resource.scope_spans)
        return ExportTraceServiceResponse().SerializeToString()

    def received(self) -> list[ExportTraceServiceRequest]:
        """Every request so far, in order of arrival."""
        with self._lock:
            return list(self._requests)

    def stop(self) -> None:
        """Close the endpoint; what was received stays."""
        self._server.stop(grace=1).wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
