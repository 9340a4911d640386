"""A service of a shop with the usual instrumentations of Python: Flask, requests, sqlite3.

    python shop.py shop http://127.0.0.1:PORT   # asks the stock at that address
    python shop.py stock

Prints the port that it listens on. Ends when it is terminated, with everything exported. The same routes are in
../javascript/shop.js and ../go/main.go.
"""

import signal
import sqlite3
import sys
import threading
import time

import requests
from flask import Flask, Response, jsonify, request
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from werkzeug.serving import make_server

PATIENCE_S = 0.2
SLOW_S = 0.6
CLOSED_PORT = 1  # nothing listens there

app = Flask(__name__)
tracer = trace.get_tracer("shop.orders", "1.4.2")


class Database:
    """SQLite in memory; one connection, used by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        with self._connection:
            self._connection.execute("CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT)")
            self._connection.execute("CREATE TABLE orders (number TEXT PRIMARY KEY)")

    def product(self, number: int) -> str | None:
        with self._lock:
            cursor = self._connection.cursor()
            row = cursor.execute("SELECT name FROM products WHERE id = ?", (number,)).fetchone()
            cursor.close()
        return row[0] if row else None

    def order(self, number: str) -> None:
        with self._lock:
            cursor = self._connection.cursor()
            cursor.execute("INSERT INTO orders (number) VALUES (?)", (number,))
            self._connection.commit()
            cursor.close()


def shop(stock: str) -> None:
    """Routes of the service that callers see."""
    database = Database()

    @app.get("/products/<int:number>")
    def product(number: int) -> Response:
        database.product(number)
        answer = requests.get(f"{stock}/stock/{number}", timeout=10)
        status = {200: 200, 404: 404}.get(answer.status_code, 502)
        return Response(answer.text, status)

    @app.post("/orders")
    def order() -> Response:
        try:
            database.order(request.args["number"])
        except sqlite3.IntegrityError:
            return Response("ordered before", 409)
        return Response("ordered", 201)

    @app.get("/slow")
    def slow() -> Response:
        try:
            requests.get(f"{stock}/slow", timeout=PATIENCE_S)
        except requests.Timeout:
            return Response("stock is slow", 504)
        return Response("stock was fast")

    @app.get("/unreachable")
    def unreachable() -> Response:
        try:
            requests.get(f"http://127.0.0.1:{CLOSED_PORT}/", timeout=10)
        except requests.ConnectionError:
            return Response("nobody there", 502)
        return Response("somebody there")

    @app.get("/broken")
    def broken() -> Response:
        with tracer.start_as_current_span("refund", attributes={"shop.order": "A-1"}):
            raise RuntimeError("the till is stuck")


def stock() -> None:
    """Routes of the service behind it."""
    database = Database()

    @app.get("/stock/<int:number>")
    def amount(number: int) -> Response:
        database.product(number)
        if number in (404, 503):
            return Response("none", number)
        return jsonify(amount=number)

    @app.get("/slow")
    def slow() -> Response:
        time.sleep(SLOW_S)
        return Response("at last")


def main() -> None:
    """Serve until terminated."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    FlaskInstrumentor().instrument_app(app)
    RequestsInstrumentor().instrument()
    SQLite3Instrumentor().instrument()
    match sys.argv[1:]:
        case ["shop", address]:
            shop(address)
        case ["stock"]:
            stock()
        case _:
            sys.exit(__doc__)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(server.port, flush=True)  # noqa: T201  # whoever started it reads this
    server.serve_forever()
    server.server_close()
    provider.shutdown()


main()
