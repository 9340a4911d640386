"""OTLP over gRPC and HTTP on free ports of the loopback interface.

Traces are handed on; metrics and logs are accepted, so that an application that sends them too sees no errors, and
dropped.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import grpc

from otlp_verifier.testing.receiver import REQUEST_BYTES_MAX, RefusedError

_HOST: Final = "127.0.0.1"
_THREADS: Final = 4
_CLOSE_S_MAX: Final = 5.0
_GRPC_SERVICES: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": True,  # whether it is kept
    "opentelemetry.proto.collector.metrics.v1.MetricsService": False,
    "opentelemetry.proto.collector.logs.v1.LogsService": False,
}
_HTTP_PATHS: Final = {"/v1/traces": True, "/v1/metrics": False, "/v1/logs": False}
# An empty response of each kind. Compressed bodies are kept as they are: whoever reads them unpacks them.
_HTTP_TYPES: Final = {"application/x-protobuf": b"", "application/json": b"{}"}
_ENCODINGS: Final = ("", "identity", "gzip", "zstd")
_CHUNK_HEAD_MAX: Final = 256  # bytes

Receive = Callable[[bytes], None]


class Endpoint:
    """Listens until it is closed.

    Args:
        receive: called with each request for traces; what it raises as RefusedError is the sender's mistake.

    Attributes:
        grpc, http: `http://127.0.0.1:PORT`.

    """

    def __init__(self, receive: Receive) -> None:
        self._grpc = grpc.server(
            ThreadPoolExecutor(_THREADS, "otlp-grpc"), options=[("grpc.max_receive_message_length", REQUEST_BYTES_MAX)]
        )
        self._grpc.add_generic_rpc_handlers(tuple(_services(receive)))
        self.grpc = f"http://{_HOST}:{self._grpc.add_insecure_port(f'{_HOST}:0')}"
        self._grpc.start()
        self._http = _HttpServer(receive)
        self.http = f"http://{_HOST}:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, name="otlp-http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; requests that are being received are answered."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._grpc.stop(_CLOSE_S_MAX).wait()


def _services(receive: Receive) -> "Iterator[grpc.GenericRpcHandler[bytes, bytes]]":
    """A handler for each service: messages are bytes, and an empty response is empty."""

    def export(request: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            receive(request)
        except RefusedError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return b""

    def drop(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        return b""

    for name, kept in _GRPC_SERVICES.items():
        handler = grpc.unary_unary_rpc_method_handler(export if kept else drop)
        yield grpc.method_handlers_generic_handler(name, {"Export": handler})


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        super().__init__((_HOST, 0), _HttpRequest)


class _HttpRequest(BaseHTTPRequestHandler):
    server: _HttpServer
    timeout = 10.0  # seconds for a read

    def do_POST(self) -> None:
        """Receive one export request."""
        kept = _HTTP_PATHS.get(self.path)
        kind = self.headers.get_content_type()
        length = self.headers.get("Content-Length", "")
        if kept is None:
            self.send_error(HTTPStatus.NOT_FOUND, f"expected one of {', '.join(_HTTP_PATHS)}")
        elif kind not in _HTTP_TYPES:
            self.send_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected one of {', '.join(_HTTP_TYPES)}")
        elif self.headers.get("Content-Encoding", "") not in _ENCODINGS:
            self.send_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected one of {', '.join(_ENCODINGS[1:])}")
        elif self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            try:
                body = self._chunks()
            except ValueError:
                self.close_connection = True
                self.send_error(HTTPStatus.BAD_REQUEST, "expected chunks, each behind its size")
            else:
                self._received(body, kind, kept=kept)
        elif not length.isdecimal():
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
        else:
            body = self.rfile.read(int(length)) if int(length) <= REQUEST_BYTES_MAX else None
            self._received(body, kind, kept=kept)

    def _chunks(self) -> bytes | None:
        """A body of unknown length (RFC 9112, section 7.1), which Node's SDK sends; None where it is too large.

        Raises:
            ValueError: it is not in chunks.

        """
        body = bytearray()
        while size := int(self.rfile.readline(_CHUNK_HEAD_MAX).split(b";")[0], 16):
            if len(body) + size > REQUEST_BYTES_MAX:
                return None
            body += self.rfile.read(size)
            self.rfile.readline(_CHUNK_HEAD_MAX)
        while self.rfile.readline(_CHUNK_HEAD_MAX).strip():
            pass  # trailers
        return bytes(body)

    def _received(self, body: bytes | None, kind: str, *, kept: bool) -> None:
        if body is None:
            self.close_connection = True  # the rest of it is not read
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {REQUEST_BYTES_MAX} bytes")
            return
        try:
            if kept:
                self.server.receive(body)
        except RefusedError as error:
            self.send_error(HTTPStatus.BAD_REQUEST, explain=str(error))  # in the body: the first line is Latin
            return
        answer = _HTTP_TYPES[kind]
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Say nothing: what is refused is told by the assertion."""
