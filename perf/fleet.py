"""Who sends: 44 services of a web shop in five languages, what each of them offers, and how it describes itself.

Names, scopes and versions are those that the instrumentation of each language reports. A service has a few
instances, which stay the same from batch to batch, as they do behind a collector.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

SCHEMA: Final = "https://opentelemetry.io/schemas/1.37.0"
INSTANCES: Final = 3  # of each service
# service: what it is about; the language goes by turns
_ABOUT: Final = {
    "frontend": "page",
    "mobile-gateway": "screen",
    "checkout-service": "checkout",
    "cart": "basket",
    "product-catalogue": "product",
    "search": "query",
    "search-indexer": "document",
    "recommendation-engine": "suggestion",
    "reviews": "review",
    "ratings": "rating",
    "pricing": "price",
    "promotions": "voucher",
    "tax-calculator": "tax",
    "currency": "rate",
    "payment": "payment",
    "payment-reconciler": "settlement",
    "fraud-detection": "assessment",
    "invoicing": "invoice",
    "refunds": "refund",
    "gift-cards": "giftcard",
    "orders": "order",
    "order-history": "receipt",
    "inventory": "stock",
    "warehouse": "pallet",
    "shipping-worker": "parcel",
    "shipping-quotes": "quote",
    "returns": "return",
    "tracking": "milestone",
    "customers": "customer",
    "addresses": "address",
    "loyalty": "point",
    "wishlists": "wishlist",
    "notifications": "notification",
    "mailer": "mail",
    "push-sender": "handset",
    "templates": "template",
    "media-store": "image",
    "image-resizer": "thumbnail",
    "translations": "text",
    "feature-flags": "flag",
    "experiments": "variant",
    "suppliers": "supplier",
    "forecasting": "forecast",
    "audit-log": "entry",
}
_LANGUAGES: Final = ("java", "go", "python", "nodejs", "dotnet")


class Route(NamedTuple):
    """One thing that a service does when asked over HTTP."""

    method: str
    path: str


class Procedure(NamedTuple):
    """The same over gRPC."""

    service: str
    method: str


@dataclass(frozen=True, slots=True)
class Service:
    """What one service is and offers.

    Attributes:
        about: the noun that its routes, tables and topics are named after.
        statements: database operation, table, and the text of the query.
        work: functions of its own that have a span, as namespace and name.

    """

    name: str
    language: str
    about: str
    routes: Sequence[Route]
    procedures: Sequence[Procedure]
    statements: Sequence[tuple[str, str, str]]
    topics: Sequence[str]
    work: Sequence[tuple[str, str]]
    database: str


def _service(name: str, about: str, language: str, position: int) -> Service:
    root, key = f"/api/v{1 + position % 2}/{about}s", f"{{{about}Id}}"
    table, events = f"{about}s", f"{about}_events"
    title = about.title()
    return Service(
        name,
        language,
        about,
        routes=(
            Route("GET", f"{root}/{key}"),
            Route("GET", root),
            Route("POST", root),
            Route("PUT", f"{root}/{key}"),
            Route("GET", f"{root}/{key}/history"),
            Route("DELETE", f"{root}/{key}"),
        ),
        procedures=tuple(
            Procedure(f"shop.{about}.v1.{title}Service", f"{verb}{title}") for verb in ("Get", "List", "Update")
        ),
        statements=(
            ("SELECT", table, f"SELECT id, state, total FROM {table} WHERE id = $1"),
            ("SELECT", events, f"SELECT * FROM {events} WHERE at > $1 LIMIT $2"),
            ("UPDATE", table, f"UPDATE {table} SET state = $1 WHERE id = $2"),
            ("INSERT", events, f"INSERT INTO {events} (kind, body) VALUES ($1, $2)"),
            ("DELETE", events, f"DELETE FROM {events} WHERE at < $1"),
        ),
        topics=(f"{about}.changed", f"{about}-commands"),
        work=tuple((f"shop.{about}.{title}Rules", verb) for verb in ("validate", "enrich", "apply")),
        database=("postgresql", "mysql", "postgresql")[position % 3],
    )


SERVICES: Final[Sequence[Service]] = tuple(
    _service(name, about, _LANGUAGES[position % len(_LANGUAGES)], position)
    for position, (name, about) in enumerate(_ABOUT.items())
)

# The scope of each kind of work, and its version.
SCOPES: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "java": {
        "http server": ("io.opentelemetry.tomcat-10.0", "2.21.0-alpha"),
        "http client": ("io.opentelemetry.apache-httpclient-5.0", "2.21.0-alpha"),
        "database": ("io.opentelemetry.jdbc", "2.21.0-alpha"),
        "messaging": ("io.opentelemetry.kafka-clients-2.6", "2.21.0-alpha"),
        "rpc": ("io.opentelemetry.grpc-1.6", "2.21.0-alpha"),
    },
    "go": {
        "http server": ("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "0.63.0"),
        "http client": ("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "0.63.0"),
        "database": ("github.com/XSAM/otelsql", "0.40.0"),
        "messaging": ("github.com/twmb/franz-go/plugin/kotel", "1.6.0"),
        "rpc": ("go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc", "0.63.0"),
    },
    "python": {
        "http server": ("opentelemetry.instrumentation.fastapi", "0.58b0"),
        "http client": ("opentelemetry.instrumentation.httpx", "0.58b0"),
        "database": ("opentelemetry.instrumentation.psycopg", "0.58b0"),
        "messaging": ("opentelemetry.instrumentation.aiokafka", "0.58b0"),
        "rpc": ("opentelemetry.instrumentation.grpc", "0.58b0"),
    },
    "nodejs": {
        "http server": ("@opentelemetry/instrumentation-http", "0.207.0"),
        "http client": ("@opentelemetry/instrumentation-undici", "0.18.0"),
        "database": ("@opentelemetry/instrumentation-pg", "0.60.0"),
        "messaging": ("@opentelemetry/instrumentation-kafkajs", "0.17.0"),
        "rpc": ("@opentelemetry/instrumentation-grpc", "0.207.0"),
    },
    "dotnet": {
        "http server": ("Microsoft.AspNetCore", ""),
        "http client": ("System.Net.Http", ""),
        "database": ("Npgsql", "9.0.4"),
        "messaging": ("OpenTelemetry.Instrumentation.ConfluentKafka", "0.1.0-alpha.4"),
        "rpc": ("OpenTelemetry.Instrumentation.GrpcNetClient", "1.12.0-beta.1"),
    },
}
_SDKS: Final = {"java": "1.55.0", "go": "1.38.0", "python": "1.38.0", "nodejs": "2.1.0", "dotnet": "1.13.1"}


def resource(service: Service, instance: int) -> dict[str, str]:
    """How one of a service's instances describes itself; always the same."""
    r = random.Random(f"{service.name} {instance}")
    pod = f"{service.name}-{r.randrange(16**9):09x}-{r.choice('bcdfghjk')}{r.randrange(10)}{r.choice('lmnpqrst')}"
    return {
        "service.name": service.name,
        "service.version": f"2.{r.randrange(30)}.{r.randrange(10)}",
        "service.instance.id": identifier(r),
        "deployment.environment.name": "production",
        "telemetry.sdk.language": service.language,
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": _SDKS[service.language],
        "host.name": f"node-{r.randrange(64)}.eu-west-1.internal",
        "k8s.pod.name": pod,
        "k8s.pod.uid": identifier(r),
    }


def identifier(r: random.Random) -> str:
    """A UUID of version 4, as text."""
    digits = f"{r.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[r.randrange(4)]}{digits[17:20]}-{digits[20:]}"
