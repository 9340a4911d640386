"""For each rule about single attributes, how to break its promise on one record of a clean trace."""

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.rules.break_records import Break, extended, leaf, records, scope
from tests.rules.clean import Trace, attribute


def array(key: str, *values: str | int) -> KeyValue:
    value = AnyValue()
    for each in values:
        value.array_value.values.add().CopyFrom(attribute("", each).value)
    return KeyValue(key=key, value=value)


def number(key: str, value: float) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(double_value=value))


def one_of(*pairs: KeyValue) -> Break:
    """One record gets one of these."""
    return lambda trace: trace.random.choice([*records(trace), scope(trace).scope]).attributes.append(
        trace.random.choice(pairs)
    )


def older(trace: Trace) -> None:
    """All declare a version in which nothing of it was deprecated yet."""
    for resource in trace.services.values():
        for declaring in (resource, *resource.scope_spans):
            declaring.schema_url = "https://opentelemetry.io/schemas/1.20.0"
    one_of(attribute("http.method", "GET"), attribute("db.system", "mysql"))(trace)


def version(trace: Trace) -> None:
    where = trace.random.choice([scope(trace), *trace.services.values()])
    where.schema_url = "https://opentelemetry.io/schemas/1.999.0"


ATTRIBUTES: dict[str, Break] = {
    "attr-array-mixed": one_of(array("process.command_args", "run", 7), array("dns.answers", "10.0.0.1", 7)),
    "attr-control-chars": one_of(attribute("shop.note", "a\0b"), attribute("shop.note", "\x1b[31m")),
    "attr-deprecated": one_of(attribute("http.method", "GET"), attribute("net.peer.ip", "10.0.0.1")),
    "attr-deprecated-later": older,
    "attr-key-case-collision": extended(attribute("shop.cart", 1), attribute("shop.Cart", 1)),
    "attr-key-extends-namespace": one_of(attribute("http.cart", 1), attribute("db.shop.cart", 1)),
    "attr-key-format": one_of(
        attribute("shop.cartSize", 1), attribute("shop-cart.size", 1), attribute("shop..cart", 1)
    ),
    "attr-key-namespace-collision": lambda trace: trace.random.choice(
        [extended(attribute("shop.cart", 1), attribute("shop.cart.size.x", 1)), one_of(attribute("http", 1))]
    )(trace),
    "attr-key-no-namespace": one_of(attribute("size", 1)),
    "attr-nan-inf": one_of(number("shop.share", float("nan")), number("shop.share", float("-inf"))),
    "attr-not-stable": one_of(attribute("cicd.pipeline.name", "build")),
    "attr-number-as-string": lambda trace: leaf(trace).attributes.append(
        trace.random.choice([attribute("server.port", "8080"), attribute("messaging.destination.temporary", "true")])
    ),
    "attr-reserved-otel": one_of(attribute("otel.cart", 1)),
    "attr-unknown": one_of(attribute("shop.cart", 1)),
    "attr-value-huge": one_of(attribute("shop.note", "x" * 33_000)),
    "enum-member-near-miss": one_of(attribute("os.type", "Linux"), attribute("db.system.name", "postgres")),
    "enum-member-unknown": one_of(attribute("os.type", "temple")),
    "http-header-attr-shape": one_of(
        attribute("http.request.header.accept", "text/plain"), array("http.response.header.X-Id", "7")
    ),
    "key-and-strindex": one_of(KeyValue(key="shop.cart", key_strindex=3, value=AnyValue(int_value=1))),
    "profiling-field-in-other-signal": one_of(KeyValue(key="shop.cart", value=AnyValue(string_value_strindex=3))),
    "semconv-type-mismatch": one_of(
        attribute("http.request.method", 7),
        attribute("url.path", True),
        attribute("process.command_args", "run"),
        array("process.command_args", 1, 2),
        number("server.port", 80.5),
    ),
    "semconv-version-unknown": version,
}
