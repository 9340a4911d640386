"""Batches that look like what a collector sees: a web shop whose services call each other, databases and queues.

Spans have 8 attributes named as the semantic conventions name them and a body
of about 366 bytes; names, keys, values and their lengths vary from span to span,
because a benchmark on equal spans flatters every branch predictor.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from perf.collector_bytes import collector_bytes
from perf.faults import break_spans

SPANS: Final = 512
START_NS: Final = 1_760_000_000_000_000_000
_SAMPLED, _LOCAL_PARENT, _REMOTE_PARENT = 0x1, 0x100, 0x300  # trace.proto, SpanFlags
_SCHEMA = "https://opentelemetry.io/schemas/1.37.0"

_ROUTES = (
    "/api/v1/products/{productId}",
    "/api/v1/products/{productId}/reviews",
    "/api/v1/cart/{userId}/items",
    "/api/v1/checkout",
    "/api/v1/orders/{orderId}",
    "/api/v1/users/{userId}/addresses",
    "/api/v1/recommendations",
    "/health/ready",
)
_TABLES = ("orders", "order_items", "customers", "inventory_reservations", "payments", "shipping_addresses")
_STATEMENTS = (
    "SELECT id, total FROM {0} WHERE id = $1",
    "SELECT * FROM {0} WHERE owner = $1 AND status = $2",
    "UPDATE {0} SET status = $1, updated_at = $2 WHERE id = $3",
    "INSERT INTO {0} (id, owner, amount) VALUES ($1, $2, $3)",
)
_TOPICS = ("order-events", "payment.authorised", "stock.reserved.v2", "mail-outbox")
_METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE")
_CODES = (200, 200, 200, 200, 201, 204, 304, 404)
_SERVER_ERROR, _UNAVAILABLE = 500, 14
_RPCS = (
    ("shop.CartService", "AddItem"),
    ("shop.ProductCatalogService", "GetProduct"),
    ("shop.payment.v1.PaymentService", "Charge"),
    ("shop.ShippingService", "GetQuote"),
)

Attributes = dict[str, str | int | bool | float]
_Described = tuple[str, Span.SpanKind.ValueType, Attributes]  # name, kind, attributes
_Maker = Callable[[random.Random], _Described]


def _http_server(r: random.Random) -> _Described:
    method, route = r.choice(_METHODS), r.choice(_ROUTES)
    return (
        f"{method} {route}",
        Span.SPAN_KIND_SERVER,
        {
            "http.request.method": method,
            "http.route": route,
            "url.path": route.replace("{", "").replace("}", ""),
            "url.scheme": "https",
            "http.response.status_code": r.choice(_CODES),
            "server.address": f"shop-{r.randrange(4)}.example",
            "client.address": f"10.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(256)}",
            "user_agent.original": f"okhttp/4.{r.randrange(12)}.{r.randrange(10)}",
        },
    )


def _http_client(r: random.Random) -> _Described:
    method, route = r.choice(_METHODS), r.choice(_ROUTES)
    host = f"catalogue-{r.randrange(16)}.shop.svc"
    return (
        method,
        Span.SPAN_KIND_CLIENT,
        {
            "http.request.method": method,
            "url.full": f"http://{host}:8080{route.replace('{', '').replace('}', '')}?page={r.randrange(50)}",
            "server.address": host,
            "server.port": 8080,
            "http.response.status_code": r.choice(_CODES),
            "network.protocol.version": "1.1",
            "tls.resumed": r.random() < 0.9,
            "thread.id": r.randrange(10**5),
        },
    )


def _database(r: random.Random) -> _Described:
    table, statement = r.choice(_TABLES), r.choice(_STATEMENTS)
    return (
        f"{statement.split()[0]} {table}",
        Span.SPAN_KIND_CLIENT,
        {
            "db.system.name": "postgresql",
            "db.namespace": "shop",
            "db.operation.name": statement.split()[0],
            "db.collection.name": table,
            "db.query.text": statement.format(table),
            "server.address": f"pg-{r.randrange(3)}.internal",
            "server.port": 5432,
            "thread.id": r.randrange(10**5),
        },
    )


def _send(r: random.Random) -> _Described:
    return _messaging(r, sends=True)


def _process(r: random.Random) -> _Described:
    return _messaging(r, sends=False)


def _messaging(r: random.Random, *, sends: bool) -> _Described:
    topic = r.choice(_TOPICS)
    return (
        f"{'send' if sends else 'process'} {topic}",
        Span.SPAN_KIND_PRODUCER if sends else Span.SPAN_KIND_CONSUMER,
        {
            "messaging.system": "kafka",
            "messaging.operation.name": "send" if sends else "process",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(r.randrange(24)),
            "messaging.kafka.offset": r.randrange(10**9),
            "messaging.message.body.size": r.randrange(20_000),
            "messaging.client.id": f"checkout-{r.randrange(10**4)}",
            "server.address": f"kafka-{r.randrange(9)}.internal",
        },
    )


def _rpc_client(r: random.Random) -> _Described:
    return _rpc(r, Span.SPAN_KIND_CLIENT)


def _rpc_server(r: random.Random) -> _Described:
    return _rpc(r, Span.SPAN_KIND_SERVER)


def _rpc(r: random.Random, kind: Span.SpanKind.ValueType) -> _Described:
    service, method = r.choice(_RPCS)
    return (
        f"{service}/{method}",
        kind,
        {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "rpc.grpc.status_code": 0,
            "server.address": f"{service.split('.')[-1].lower()}.shop.svc",
            "server.port": r.choice((50051, 8443)),
            "network.peer.address": f"10.0.{r.randrange(256)}.{r.randrange(256)}",
            "network.peer.port": r.randrange(1024, 65536),
        },
    )


def _internal(r: random.Random) -> _Described:
    return (
        r.choice(("price basket", "render invoice", "validate address", "apply promotions")),
        Span.SPAN_KIND_INTERNAL,
        {
            "code.function.name": f"shop.basket.PriceCalculator.{r.choice(('total', 'applyDiscount'))}",
            "code.file.path": "src/main/java/shop/basket/PriceCalculator.java",
            "code.line.number": r.randrange(900),
            "thread.id": r.randrange(300),
            "thread.name": f"worker-pool-{r.randrange(8)}-thread-{r.randrange(64)}",
            "basket.items": r.randrange(40),
            "basket.total": r.random() * 1000,
            "customer.known": r.random() < 0.5,
        },
    )


# What a span may have below it: whom it called, once, or what a service does by itself.
_ANSWERS: Final[Mapping[_Maker, _Maker]] = {_http_client: _http_server, _rpc_client: _rpc_server, _send: _process}
_WORK: Final[Sequence[_Maker]] = (_http_client, _database, _send, _rpc_client, _internal)
# What a client and the server that it called say alike.
_AGREED: Final = frozenset(("http.request.method", "http.response.status_code", "rpc.method"))
_SERVICES = ("frontend", "checkout-service", "product-catalogue", "payment", "shipping-worker", "recommendation-engine")


def _fill(into: KeyValue, key: str, value: str | float | bool) -> None:
    into.key = key
    if isinstance(value, bool):
        into.value.bool_value = value
    elif isinstance(value, int):
        into.value.int_value = value
    elif isinstance(value, float):
        into.value.double_value = value
    else:
        into.value.string_value = value


def _describe(resource: Resource, r: random.Random, service: str) -> None:
    attributes = {
        "service.name": service,
        "service.version": f"2.{r.randrange(30)}.{r.randrange(10)}",
        "service.instance.id": f"{service}-{r.randrange(16**8):08x}",
        "deployment.environment.name": "production",
        "telemetry.sdk.language": r.choice(("java", "go", "python")),
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.52.0",
        "host.name": f"node-{r.randrange(64)}.eu-west-1.compute.internal",
        "k8s.pod.name": f"{service}-{r.randrange(16**8):08x}-{r.randrange(36**4)}",
        "k8s.pod.uid": f"{r.randrange(16**8):08x}-0000-4000-8000-{r.randrange(16**12):012x}",
    }
    for key, value in attributes.items():
        _fill(resource.attributes.add(), key, value)


def request(spans: int = SPANS, seed: int = 0) -> ExportTraceServiceRequest:
    """Make one batch: complete traces of about eight spans, spread over six services with one scope each."""
    r = random.Random(seed)
    message = ExportTraceServiceRequest()
    by_service: list[ResourceSpans] = []
    for service in _SERVICES:
        resource_spans = message.resource_spans.add(schema_url=_SCHEMA)
        _describe(resource_spans.resource, r, service)
        scope_spans = resource_spans.scope_spans.add(schema_url=_SCHEMA)
        scope_spans.scope.name = f"io.opentelemetry.{service}"
        scope_spans.scope.version = "2.21.0-alpha"
        by_service.append(resource_spans)
    open_spans: list[_Made] = []
    trace_id = b""
    for _ in range(spans):
        if not open_spans or r.random() < 1 / 8:
            open_spans, trace_id = [], r.randbytes(16)
        _add_span(r.choice(by_service).scope_spans[0].spans.add(), r, trace_id, open_spans)
    for at in reversed(range(len(by_service))):
        if not message.resource_spans[at].scope_spans[0].spans:
            del message.resource_spans[at]
    return message


@dataclass(slots=True)
class _Made:
    """A span that others may have as parent."""

    span: Span
    make: _Maker
    attributes: Attributes
    failed: bool
    has_answer: bool = False


def _add_span(span: Span, r: random.Random, trace_id: bytes, earlier: list[_Made]) -> None:
    span.trace_id = trace_id
    span.span_id = r.randbytes(8)
    parents = [made for made in earlier if made.make is not _database and not made.has_answer]
    parent = r.choice(parents) if parents else None
    make: _Maker = _http_server
    answers = False
    if parent is None:
        span.start_time_unix_nano = START_NS + r.randrange(10**12)
        span.end_time_unix_nano = span.start_time_unix_nano + r.randrange(10**9, 10**10)
    else:
        above = parent.span
        span.parent_span_id = above.span_id
        quarter = (above.end_time_unix_nano - above.start_time_unix_nano) // 4
        span.start_time_unix_nano = above.start_time_unix_nano + r.randrange(quarter + 1)
        span.end_time_unix_nano = span.start_time_unix_nano + max(1, r.randrange(2 * quarter, 3 * quarter + 1))
        answers = parent.has_answer = parent.make in _ANSWERS
        make = _ANSWERS[parent.make] if answers else r.choice(_WORK)
    span.name, span.kind, attributes = make(r)
    failed = r.random() < 1 / 32
    if answers and parent is not None:
        failed = parent.failed
        attributes |= {key: value for key, value in parent.attributes.items() if key in _AGREED & attributes.keys()}
        if make is _rpc_server:
            span.name = parent.span.name
        elif make is _http_server:
            span.name = f"{attributes['http.request.method']} {attributes['http.route']}"
    if failed:
        _fail(span, attributes)
    span.flags = _SAMPLED | (_REMOTE_PARENT if answers else _LOCAL_PARENT)
    for key, value in attributes.items():
        _fill(span.attributes.add(), key, value)
    earlier.append(_Made(span, make, attributes, failed))


def _fail(span: Span, attributes: Attributes) -> None:
    for key, code in (("http.response.status_code", _SERVER_ERROR), ("rpc.grpc.status_code", _UNAVAILABLE)):
        if key in attributes:
            attributes[key] = code
    attributes.popitem()  # so that it is as many as others have
    attributes["error.type"] = "java.util.concurrent.TimeoutException"
    span.status.code = Status.STATUS_CODE_ERROR
    span.status.message = "deadline exceeded"
    event = span.events.add(name="exception", time_unix_nano=span.end_time_unix_nano)
    _fill(event.attributes.add(), "exception.type", "java.util.concurrent.TimeoutException")
    _fill(event.attributes.add(), "exception.message", "deadline exceeded after 250 ms")


def sdk_bytes(message: Message) -> bytes:
    """Serialise as SDKs do, and protobuf's libraries."""
    return message.SerializeToString()


def batches(
    number: int, spans: int = SPANS, bad_percent: float = 0, write: Callable[[Message], bytes] = collector_bytes
) -> list[bytes]:
    """Return that many different batches, serialized; that share of the spans breaks a rule, the others none.

    Bytes are as a collector sends them on; `write=sdk_bytes` gives those that an SDK sends to it.
    """
    made = []
    for seed in range(number):
        message = request(spans, seed)
        break_spans(message, bad_percent, seed)
        made.append(write(message))
    return made
