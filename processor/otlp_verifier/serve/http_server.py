"""The HTTP side: /metrics, /healthz (alive) and /readyz (ready). Small, bounded, for scrapers and probes only."""

import json
import logging
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from otlp_verifier.settings.scalars import TcpAddress

REQUESTS_MAX: Final = 8  # at once; more are turned away
REQUEST_S_MAX: Final = 10.0  # from accepting a connection to the end of its only request

_log = logging.getLogger("otlp_verifier.http")


class HttpServer(HTTPServer):
    """Serves in threads of its own until `close`.

    Args:
        address: where to listen.
        registry: what /metrics shows.
        state: called for each probe; whether the process is ready, and what else to show.

    """

    request_queue_size = 32

    def __init__(
        self, address: TcpAddress, registry: CollectorRegistry, state: Callable[[], tuple[bool, dict[str, Any]]]
    ) -> None:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # Of `localhost`, 127.0.0.1 rather than ::1: whoever writes the number writes that one.
        self.address_family, _, _, _, where = min(found, key=lambda each: each[0] != socket.AF_INET)
        self.registry = registry
        self.state = state
        self._slots = threading.BoundedSemaphore(REQUESTS_MAX)
        super().__init__((str(where[0]), int(where[1])), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, name="http", daemon=True)
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand one connection to a thread, or close it when all are busy."""
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        threading.Thread(target=self._serve, args=(request, client_address), name="http-request", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # the library's arguments
        """A peer that went away or was too slow is no fault of ours."""
        _log.debug("an HTTP request failed", exc_info=True, extra={"event": "http_failed", "peer": client_address[0]})

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        # A timeout for each read alone would let a peer that sends a byte now and then stay for ever.
        deadline = threading.Timer(REQUEST_S_MAX, _hang_up, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            self.finish_request(request, client_address)
        except Exception:  # reported by handle_error
            self.handle_error(request, client_address)
        finally:
            deadline.cancel()
            self.shutdown_request(request)
            self._slots.release()


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0, one request per connection."""

    server: HttpServer
    timeout = REQUEST_S_MAX
    server_version = "otlp-verifier"
    sys_version = ""

    def do_GET(self) -> None:  # the library's name
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._reply(200, CONTENT_TYPE_LATEST, generate_latest(self.server.registry))
        elif path in ("/healthz", "/readyz"):
            ready, detail = self.server.state()
            status = 200 if ready or path == "/healthz" else 503
            self._reply(status, "application/json", json.dumps(detail, indent=1).encode() + b"\n")
        else:
            self._reply(404, "text/plain; charset=utf-8", b"expected /metrics, /healthz or /readyz\n")

    def _reply(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        _log.debug(format % args, extra={"event": "http"})


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is closed already
        _log.debug("closed in time", extra={"event": "http"})
