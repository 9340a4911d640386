"""What instrumentation writes of one piece of work: span name, kind, scope and attributes, by service and language.

Keys, and which of them are there, follow the semantic conventions and what the agents of each language add: threads
for Java, peers for Go, the user agent where there is one. Values have the cardinality that they have in production:
ids, ports, client addresses and offsets are nearly always new, routes and tables are not.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from perf.fleet import SCOPES, SERVICES, Procedure, Route, Service, identifier

Attributes = dict[str, str | int | bool | float]
_Choice = TypeVar("_Choice")
_CODES: Final = (200, 200, 200, 200, 201, 204, 304, 404)
_VISITORS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "shop-app/7.{} (Android 15)",
    "okhttp/4.{}.0",
)
_CLIENTS: Final = {
    "java": "Apache-HttpClient/5.{} (Java/21.0.4)",
    "go": "Go-http-client/1.1",
    "python": "python-httpx/0.{}.0",
    "nodejs": "undici",
    "dotnet": "",
}
_REGIONS: Final = ("eu-west-1", "eu-central-1", "us-east-2", "ap-south-1")


@dataclass(slots=True)
class Work:
    """One span's worth of work, as its instrumentation describes it.

    Attributes:
        service: whose work it is.
        scope: name and version.
        answer: makes the work of the one who was asked; None where nobody was.

    """

    service: Service
    name: str
    kind: Span.SpanKind.ValueType
    scope: tuple[str, str]
    attributes: Attributes
    answer: Callable[[random.Random], "Work"] | None = None


def http_server(r: random.Random, service: Service, route: Route, path: str, code: int, agent: str) -> Work:
    """A request that a service answers; a client without a name is an empty `agent`."""
    attributes: Attributes = {
        "http.request.method": route.method,
        "http.route": route.path,
        "url.path": path,
        "url.scheme": "https",
        "http.response.status_code": code,
        "server.address": "shop.example",
        "client.address": _address(r),
    }
    if agent:
        attributes["user_agent.original"] = agent.format(r.randrange(20))
    return Work(service, f"{route.method} {route.path}", Span.SPAN_KIND_SERVER, _scope(service, "http server"),
                _with_runtime(r, service, attributes))  # fmt: skip


def request(r: random.Random, service: Service) -> Work:
    """A request from outside."""
    route = _popular(r, service.routes)
    return http_server(r, service, route, _filled(r, route, service), r.choice(_CODES), r.choice(_VISITORS))


def http_client(r: random.Random, service: Service) -> Work:
    """A request that a service makes of another."""
    other = _another(r, service)
    route, code = _popular(r, other.routes), r.choice(_CODES)
    path = _filled(r, route, other)
    host = f"{other.name}.shop.svc"
    query = f"?page={r.randrange(50)}&size=20" if "{" not in route.path and route.method == "GET" else ""
    attributes: Attributes = {
        "http.request.method": route.method,
        "url.full": f"http://{host}:8080{path}{query}",
        "server.address": host,
        "server.port": 8080,
        "http.response.status_code": code,
    }
    if service.language in ("python", "nodejs", "dotnet"):
        attributes["network.protocol.version"] = "1.1"
    return Work(service, route.method, Span.SPAN_KIND_CLIENT, _scope(service, "http client"),
                _with_runtime(r, service, attributes),
                lambda r: http_server(r, other, route, path, code, _CLIENTS[service.language]))  # fmt: skip


def database(r: random.Random, service: Service) -> Work:
    """A query."""
    operation, table, text = _popular(r, service.statements)
    attributes: Attributes = {
        "db.system.name": service.database,
        "db.namespace": service.name.replace("-", "_"),
        "db.operation.name": operation,
        "db.collection.name": table,
        "db.query.text": text,
        "server.address": f"{service.database}-{r.randrange(3)}.internal",
        "server.port": 3306 if service.database == "mysql" else 5432,
    }
    return Work(service, f"{operation} {table}", Span.SPAN_KIND_CLIENT, _scope(service, "database"),
                _with_runtime(r, service, attributes))  # fmt: skip


def send(r: random.Random, service: Service) -> Work:
    """A message that a service sends, and that another one processes."""
    topic, partition, offset, size = r.choice(service.topics), r.randrange(24), r.randrange(10**9), r.randrange(20_000)
    consumer = _another(r, service)

    def described(operation: str) -> Attributes:
        return {
            "messaging.system": "kafka",
            "messaging.operation.name": operation,
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
            "messaging.kafka.offset": offset,
            "messaging.message.body.size": size,
            "server.address": f"kafka-{r.randrange(9)}.internal",
        }

    def process(_: random.Random) -> Work:
        attributes = described("process")
        attributes["messaging.consumer.group.name"] = consumer.name
        return Work(consumer, f"process {topic}", Span.SPAN_KIND_CONSUMER, _scope(consumer, "messaging"), attributes)

    attributes = described("send") | {"messaging.client.id": f"{service.name}-{r.randrange(10**4)}"}
    return Work(service, f"send {topic}", Span.SPAN_KIND_PRODUCER, _scope(service, "messaging"), attributes, process)


def rpc(r: random.Random, service: Service) -> Work:
    """A call of another service's procedure."""
    other = _another(r, service)
    procedure = _popular(r, other.procedures)
    return Work(service, f"{procedure.service}/{procedure.method}", Span.SPAN_KIND_CLIENT, _scope(service, "rpc"),
                _of_procedure(r, service, other, procedure),
                lambda r: Work(other, f"{procedure.service}/{procedure.method}", Span.SPAN_KIND_SERVER,
                               _scope(other, "rpc"), _of_procedure(r, other, other, procedure)))  # fmt: skip


def function(r: random.Random, service: Service) -> Work:
    """What a service does by itself, with what its people found worth knowing."""
    where, what = r.choice(service.work)
    attributes: Attributes = {
        "code.function.name": f"{where}.{what}",
        "code.file.path": f"src/{service.about}/rules.{service.language}",
        "code.line.number": r.randrange(900),
    }
    own: Attributes = {
        "items": r.randrange(40),
        "total": r.random() * 1000,
        "known": r.random() < 0.5,
        "region": r.choice(_REGIONS),
    }
    attributes |= {f"{service.about}.{key}": value for key, value in own.items()}
    return Work(service, f"{what} {service.about}", Span.SPAN_KIND_INTERNAL, (f"shop.{service.about}", "1.0.0"),
                _with_runtime(r, service, attributes))  # fmt: skip


def _of_procedure(r: random.Random, service: Service, other: Service, procedure: Procedure) -> Attributes:
    attributes: Attributes = {
        "rpc.system": "grpc",
        "rpc.service": procedure.service,
        "rpc.method": procedure.method,
        "rpc.grpc.status_code": 0,
        "server.address": f"{other.name}.shop.svc",
        "server.port": 8443,
        "network.peer.address": _address(r),
    }
    return _with_runtime(r, service, attributes)


def _with_runtime(r: random.Random, service: Service, attributes: Attributes) -> Attributes:
    """What the language's instrumentation adds to every span."""
    if service.language == "java":
        attributes["thread.id"] = r.randrange(300)
        attributes["thread.name"] = f"http-nio-8080-exec-{r.randrange(200)}"
    elif service.language == "go":
        attributes.setdefault("network.peer.address", _address(r))
        attributes["network.peer.port"] = r.randrange(1024, 65536)
    return attributes


def _scope(service: Service, work: str) -> tuple[str, str]:
    return SCOPES[service.language][work]


def _another(r: random.Random, service: Service) -> Service:
    other = r.choice(SERVICES)
    return other if other is not service else _another(r, service)


def _popular(r: random.Random, choices: Sequence[_Choice]) -> _Choice:
    """One of them, the first ones more often."""
    return choices[min(r.randrange(len(choices)), r.randrange(len(choices)))]


def _filled(r: random.Random, route: Route, service: Service) -> str:
    return route.path.replace(f"{{{service.about}Id}}", identifier(r) if r.random() < 0.4 else str(r.randrange(10**7)))


def _address(r: random.Random) -> str:
    return f"10.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(256)}"


# What a service does on behalf of whoever asked it.
WORK: Final = (http_client, database, send, rpc, function)
