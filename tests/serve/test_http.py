"""The HTTP side under rude clients."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from otlp_verifier.serve import http_server
from otlp_verifier.serve.http_server import HttpServer
from otlp_verifier.settings.scalars import TcpAddress


class Site:
    def __init__(self) -> None:
        self.ready = True
        registry = CollectorRegistry()
        Counter("seen", "For this test", registry=registry).inc(3)
        self.server = HttpServer(TcpAddress("localhost:0"), registry, lambda: (self.ready, {"status": "x"}))
        self.port = int(self.server.server_address[1])

    def ask(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(http_server, "REQUESTS_MAX", 3)
    site = Site()
    yield site
    site.server.close()


def test_pages(site: Site) -> None:
    status, text = site.ask("/metrics")
    assert status == 200
    assert b"seen_total 3.0" in text
    status, text = site.ask("/healthz?verbose=1")
    assert (status, json.loads(text)) == (200, {"status": "x"})
    assert site.ask("/readyz")[0] == 200


def test_alive_is_not_ready(site: Site) -> None:
    site.ready = False
    assert site.ask("/readyz")[0] == 503
    assert site.ask("/healthz")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/../etc/passwd", 404), ("POST", "/metrics", 501)]
)
def test_anything_else_is_refused(site: Site, method: str, path: str, status: int) -> None:
    assert site.ask(path, method)[0] == status


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.0\r\n\r\n", b"414"),
        (b"GET /metrics HTTP/1.0\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /metrics HTTP/1.0\r\na: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400"),
    ],
    ids=["long line", "many headers", "long header", "TLS"],
)
def test_oversized_and_malformed_requests(site: Site, sent: bytes, expected: bytes) -> None:
    with site.connect() as client:
        client.sendall(sent)
        assert expected in client.recv(4096)
    assert site.ask("/readyz")[0] == 200


def test_idle_connections_are_hung_up_on(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    """Three peers that send a byte now and then have every thread, but not for long."""
    monkeypatch.setattr(http_server, "REQUEST_S_MAX", 0.5)
    idle = [site.connect() for _ in range(3)]
    try:
        for client in idle:
            client.sendall(b"GET /me")
        assert all(client.recv(1) == b"" for client in idle)
    finally:
        for client in idle:
            client.close()
    assert site.ask("/readyz")[0] == 200


def test_more_than_the_threads_are_turned_away(site: Site) -> None:
    busy = [site.connect() for _ in range(3)]
    try:
        for client in busy:
            client.sendall(b"GET")
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            list(iter(lambda: site.ask("/readyz"), None))  # until the three have been accepted
    finally:
        for client in busy:
            client.close()


def test_a_state_that_fails_is_one_request(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> tuple[bool, dict[str, Any]]:
        raise RuntimeError("state")

    state, site.server.state = site.server.state, fail
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        site.ask("/readyz")
    site.server.state = state
    assert site.ask("/readyz")[0] == 200
