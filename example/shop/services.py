"""The three services as Flask applications. The frontend calls the cart, then the payment service, over HTTP."""

import random
import time
from collections.abc import Callable
from typing import Final

import requests
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.trace import SpanKind

from example.shop.accidents import ACCIDENTS, current_trace_id
from example.shop.telemetry import Telemetry

Happen = Callable[[], None]
_CALL_TIMEOUT_S = 10


def frontend(app: Flask, telemetry: Telemetry, happen: Happen, cart: str, payment: str) -> None:
    """GET /products and POST /checkout, which needs the other two."""

    @app.get("/products")
    def products() -> ResponseReturnValue:
        with telemetry.tracer.start_as_current_span("render page") as span:
            span.set_attribute("shop.products", 12)
            _work()
        return jsonify(trace=current_trace_id())

    @app.post("/checkout")
    def checkout() -> ResponseReturnValue:
        order = request.get_json()
        happen()
        for url in (f"{cart}/reserve", f"{payment}/pay"):
            requests.post(url, json=order, timeout=_CALL_TIMEOUT_S).raise_for_status()
        return jsonify(trace=current_trace_id())


def cart(app: Flask, telemetry: Telemetry, happen: Happen, *_others: str) -> None:
    """POST /reserve: one database call."""

    @app.post("/reserve")
    def reserve() -> ResponseReturnValue:
        happen()
        attributes = {"db.system.name": "postgresql", "db.operation.name": "UPDATE", "db.collection.name": "stock"}
        with telemetry.tracer.start_as_current_span(
            "UPDATE stock", kind=SpanKind.CLIENT, attributes=attributes
        ) as span:
            _work()
            span.add_event("lock acquired", {"shop.rows": 1})
        return jsonify(trace=current_trace_id())


def payment(app: Flask, telemetry: Telemetry, happen: Happen, *_others: str) -> None:
    """POST /pay: authorize, then charge."""

    @app.post("/pay")
    def pay() -> ResponseReturnValue:
        happen()
        for step in ("authorize card", "charge card"):
            with telemetry.tracer.start_as_current_span(step):
                _work()
        return jsonify(trace=current_trace_id())


SERVICES: Final[dict[str, Callable[..., None]]] = {"frontend": frontend, "cart": cart, "payment": payment}


def application(name: str, telemetry: Telemetry, collector: str, others: list[str]) -> Flask:
    """Service `name`, instrumented; `others` are the base URLs of the services that it calls."""
    app = Flask(name)
    FlaskInstrumentor().instrument_app(app, tracer_provider=telemetry.provider)  # type: ignore[no-untyped-call]
    RequestsInstrumentor().instrument(tracer_provider=telemetry.provider)

    def happen() -> None:
        accident = ACCIDENTS[name].get(request.get_json().get("fault", ""))
        if accident is not None:
            accident(telemetry, collector)

    SERVICES[name](app, telemetry, happen, *others)
    return app


def _work() -> None:
    time.sleep(random.uniform(0.001, 0.004))  # noqa: S311  # a pretended query
