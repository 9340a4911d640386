"""Traces that no rule objects to: four services, HTTP, a database, gRPC, a message; ids, times and order at random."""

from dataclasses import dataclass, field
from random import Random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

Value = str | int | bool

MS = 1_000_000
SECOND = 1_000 * MS
NOON = 1_700_000_000 * SECOND
LOCAL, REMOTE = 0x103, 0x303  # sampled, random, and bit 8: whether the parent is remote is known
SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
SCOPES = {
    "web": "@opentelemetry/instrumentation-http",
    "stock": "opentelemetry.instrumentation.asgi",
    "price": "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc",
    "mailer": "io.opentelemetry.kafka-clients-2.6",
}


@dataclass
class Trace:
    """A request with one trace in it, and its parts by name."""

    random: Random
    request: ExportTraceServiceRequest = field(default_factory=ExportTraceServiceRequest)
    services: dict[str, ResourceSpans] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)

    def id(self, length: int = 8) -> bytes:
        """A random id."""
        return self.random.randbytes(length)

    def add(self, service: str, name: str, parent: Span, *, kind: int = 1, flags: int = LOCAL, **times: int) -> Span:
        """A span below another one: `begin` and `end` in ms after its start and before its end."""
        span = Span(
            trace_id=parent.trace_id,
            span_id=self.id(),
            parent_span_id=parent.span_id,
            name=name,
            kind=kind,  # type: ignore[arg-type]  # open enum
            flags=flags,
            trace_state=parent.trace_state,
            start_time_unix_nano=parent.start_time_unix_nano + times.get("begin", 1) * MS,
            end_time_unix_nano=parent.end_time_unix_nano - times.get("end", 1) * MS,
        )
        scope = self.services[service].scope_spans[0]
        scope.spans.append(span)
        return scope.spans[-1]

    def parent(self, name: str) -> Span:
        """The parent of a span."""
        return next(span for span in self.all() if span.span_id == self.spans[name].parent_span_id)

    def all(self) -> list[Span]:
        """Every span."""
        return [span for one in self.request.resource_spans for scope in one.scope_spans for span in scope.spans]


def attribute(key: str, value: Value) -> KeyValue:
    match value:
        case bool():
            return KeyValue(key=key, value=AnyValue(bool_value=value))
        case int():
            return KeyValue(key=key, value=AnyValue(int_value=value))
        case _:
            return KeyValue(key=key, value=AnyValue(string_value=value))


def put(record: Span | Span.Event | Span.Link, values: dict[str, Value]) -> None:
    """Set attributes, in place of those with the same keys."""
    kept = [pair for pair in record.attributes if pair.key not in values]
    del record.attributes[:]
    record.attributes.extend([*kept, *(attribute(key, value) for key, value in values.items())])


def clean(random: Random) -> Trace:
    """One trace; `spans` names those that somebody may want to break."""
    trace = Trace(random)
    for service in random.sample(sorted(SCOPES), len(SCOPES)):
        _service(trace, service)
    root = Span(
        trace_id=trace.id(16),
        span_id=trace.id(),
        name="GET /cart",
        kind=Span.SPAN_KIND_SERVER,
        flags=LOCAL,
        trace_state=f"rojo={trace.id().hex()},ot=th:0;rv:{trace.id(7).hex()}",
        start_time_unix_nano=(start := NOON + random.randrange(10**15)),
        end_time_unix_nano=start + random.randrange(400, 900) * MS,
    )
    trace.services["web"].scope_spans[0].spans.append(root)
    root = trace.services["web"].scope_spans[0].spans[-1]
    http = {"http.request.method": "GET", "http.response.status_code": 200, "network.protocol.version": "1.1"}
    served = {**http, "client.address": "browser.example", "user_agent.original": "curl/8.5"}
    put(root, {**served, "url.path": "/cart", "url.scheme": "https", "http.route": "/cart"})
    put(root, {"server.address": "shop.example"})
    render = trace.add("web", "render", root, begin=3)
    load = trace.add("web", "load", render, begin=random.randrange(2, 9))
    get = trace.add("web", "GET", root, kind=3, begin=2)
    put(get, {**http, "url.full": "http://stock:8080/stock", "server.address": "stock", "server.port": 8080})
    put(get, {"service.peer.name": "stock"})
    stock = trace.add("stock", "GET /stock", get, kind=2, flags=REMOTE, begin=random.randrange(1, 20), end=3)
    put(stock, {**served, "url.path": "/stock", "url.scheme": "http", "http.route": "/stock"})
    put(stock, {"server.address": "stock"})
    select = trace.add(
        "stock", "SELECT stock", stock, kind=3, begin=random.randrange(2, 9), end=random.randrange(2, 90)
    )
    put(select, {"db.system.name": "postgresql", "server.address": "db", "db.query.summary": "SELECT stock"})
    call = trace.add("stock", "shop.Price/Get", stock, kind=3, begin=4)
    price = trace.add("price", "shop.Price/Get", call, kind=2, flags=REMOTE, begin=random.randrange(1, 9))
    grpc: dict[str, Value] = {
        "rpc.system.name": "grpc",
        "rpc.method": "shop.Price/Get",
        "rpc.response.status_code": "OK",
    }
    put(call, {**grpc, "server.address": "price", "server.port": 50051})
    put(price, grpc)
    send = trace.add("web", "send order", root, kind=4, begin=5)
    put(send, {"messaging.system": "kafka", "messaging.operation.type": "send"})
    process = trace.add("mailer", "process order", send, kind=5, flags=REMOTE, begin=random.randrange(1, 30))
    put(process, {"messaging.operation.type": "process", "messaging.batch.message_count": 1})
    process.links.add(trace_id=send.trace_id, span_id=send.span_id, flags=REMOTE)
    write = trace.add("mailer", "write mail", process)
    mail = trace.add("mailer", "POST", process, kind=3, begin=5)
    put(
        mail, {"http.request.method": "POST", "url.full": "https://mail.example/send", "server.address": "mail.example"}
    )
    put(mail, {"error.type": "TimeoutError", "network.protocol.version": "1.1"})
    mail.status.code = 2  # type: ignore[assignment]  # open enum
    mail.status.message = "no answer"
    mail.events.add(name="exception", time_unix_nano=mail.end_time_unix_nano)
    put(mail.events[0], {"exception.type": "TimeoutError", "exception.message": "no answer"})
    put(mail.events[0], {"exception.stacktrace": "at send"})
    trace.spans = {
        "root": root, "render": render, "load": load, "get": get, "stock": stock, "select": select, "call": call,
        "price": price, "send": send, "process": process, "write": write, "mail": mail,
    }  # fmt: skip
    return trace


def _service(trace: Trace, name: str) -> None:
    service = trace.request.resource_spans.add(schema_url=SCHEMA)
    values = {
        "service.name": name,
        "service.instance.id": trace.id(16).hex(),
        "service.version": "1.4.2",
        "deployment.environment.name": "production",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.language": "nodejs",
        "telemetry.sdk.version": "2.1.0",
    }
    service.resource.attributes.extend(attribute(key, value) for key, value in values.items())
    scope = service.scope_spans.add(schema_url=SCHEMA)
    scope.scope.name, scope.scope.version = SCOPES[name], "0.60.0"
    trace.services[name] = service
