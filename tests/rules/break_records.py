"""For each rule about one record, how to break its promise and no other; the argument is a clean trace."""

from collections.abc import Callable

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from tests.rules.clean import LOCAL, MS, SECOND, Trace, Value, attribute, put

Break = Callable[[Trace], None]
Record = Span | Span.Event | Span.Link | Resource
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(1, 6)
OK, ERROR = 1, 2
GROUP = bytes.fromhex("c30c c40c")  # field 200, an empty group


def leaf(trace: Trace) -> Span:
    """A span that nothing hangs on."""
    return trace.spans[trace.random.choice(["load", "write"])]


def records(trace: Trace) -> list[Record]:
    """One record of each kind that has attributes of its own."""
    event, link = trace.spans["mail"].events[0], trace.spans["process"].links[0]
    return [leaf(trace), event, link, resource(trace)]


def resource(trace: Trace) -> Resource:
    return trace.services[trace.random.choice(sorted(trace.services))].resource


def scope(trace: Trace) -> ScopeSpans:
    return trace.services[trace.random.choice(sorted(trace.services))].scope_spans[0]


def drop(record: Record, *keys: str) -> None:
    kept = [pair for pair in record.attributes if pair.key not in keys]
    del record.attributes[:]
    record.attributes.extend(kept)


def extended(*pairs: KeyValue) -> Break:
    """One record gets attributes, whatever it has already."""
    return lambda trace: trace.random.choice(records(trace)).attributes.extend(pairs)


def state(text: str) -> Break:
    return lambda trace: setattr(leaf(trace), "trace_state", text)


def flags(set_: int, clear: int = 0) -> Break:
    def broken(trace: Trace) -> None:
        span = leaf(trace)
        span.flags = span.flags & ~clear | set_

    return broken


def kind(name: str, number: int) -> Break:
    return lambda trace: setattr(trace.spans[name], "kind", number)


def with_(name: str, *, status: int = 0, **values: Value) -> Break:
    """A span gets attributes (`__` for a dot) and perhaps a status."""

    def broken(trace: Trace) -> None:
        put(trace.spans[name], {key.replace("__", "."): value for key, value in values.items()})
        if status:
            trace.spans[name].status.code = status  # type: ignore[assignment]  # open enum

    return broken


def on_resource(*dropped: str, **values: Value) -> Break:
    def broken(trace: Trace) -> None:
        one = resource(trace)
        given = {key.replace("__", "."): value for key, value in values.items()}
        drop(one, *dropped, *given)
        one.attributes.extend(attribute(key, value) for key, value in given.items())

    return broken


def nested(depth: int) -> AnyValue:
    value = AnyValue(string_value="deep")
    for _ in range(depth):
        outer = AnyValue()
        outer.array_value.values.append(value)
        value = outer
    return value


def many_links(trace: Trace) -> None:
    span = leaf(trace)
    for _ in range(129):
        span.links.add(trace_id=trace.id(16), span_id=trace.id())


def shorter_trace_ids(trace: Trace) -> None:
    """All of them, so that no span loses its parent."""
    length = trace.random.randrange(1, 16)
    for span in trace.all():
        span.trace_id = span.trace_id[:length]
        for link in span.links:
            link.trace_id = bytes(16)
            put(link, {"shop.link": "kept for its attributes"})


def padded_trace_ids(trace: Trace) -> None:
    for record in [each for span in trace.all() for each in (span, *span.links)]:
        record.trace_id = bytes(8) + record.trace_id[8:]


def microseconds(trace: Trace) -> None:
    for span in trace.all():
        span.start_time_unix_nano //= 1_000
        span.end_time_unix_nano //= 1_000
        for event in span.events:
            event.time_unix_nano //= 1_000


def dropped(trace: Trace) -> None:
    record = trace.random.choice([*records(trace), scope(trace).scope])
    record.dropped_attributes_count = trace.random.randrange(1, 9)


def server_4xx(trace: Trace) -> None:
    for name in ("get", "stock"):
        with_(name, status=ERROR, http__response__status_code=404)(trace)


def both_5xx(trace: Trace) -> None:
    for name in ("get", "stock"):
        with_(name, http__response__status_code=503)(trace)


def ended(name: str, **after: int) -> Break:
    """A span's end, so many nanoseconds after its start."""

    def broken(trace: Trace) -> None:
        span = trace.spans[name]
        span.end_time_unix_nano = span.start_time_unix_nano + after["ns"]

    return broken


def event(**fields: str | int) -> Break:
    def broken(trace: Trace) -> None:
        for name, value in fields.items():
            setattr(trace.spans["mail"].events[0], name, value)

    return broken


def late_event(trace: Trace) -> None:
    mail = trace.spans["mail"]
    mail.events[0].time_unix_nano = mail.end_time_unix_nano + trace.random.randrange(2 * MS, SECOND)


def escaped(trace: Trace) -> None:
    put(trace.spans["mail"].events[0], {"exception.escaped": True})
    for service in trace.services.values():
        service.scope_spans[0].schema_url = ""


def named(name: str, text: str, *dropped: str) -> Break:
    """A span with another name, and perhaps without attributes."""

    def broken(trace: Trace) -> None:
        trace.spans[name].name = text
        drop(trace.spans[name], *dropped)

    return broken


def longer_id(field: str) -> Break:
    def broken(trace: Trace) -> None:
        span = leaf(trace)
        setattr(span, field, getattr(span, field) + bytes(trace.random.randrange(1, 9)))

    return broken


def with_id(field: str, value: bytes) -> Break:
    return lambda trace: setattr(leaf(trace), field, value)


RECORDS: dict[str, Break] = {
    # identity
    "flags-otlp-reserved": lambda trace: flags(1 << trace.random.randrange(10, 32))(trace),
    "flags-remote-without-known": flags(0x200, clear=0x100),
    "flags-root-remote": lambda trace: setattr(trace.spans["root"], "flags", LOCAL | 0x200),
    "flags-w3c-reserved": lambda trace: flags(1 << trace.random.randrange(2, 8))(trace),
    "link-context-invalid": lambda trace: setattr(trace.spans["process"].links[0], "span_id", b""),
    "parent-id-length": longer_id("parent_span_id"),
    "parent-id-zero-bytes": lambda trace: setattr(trace.spans["root"], "parent_span_id", bytes(8)),
    "span-id-eq-parent-id": lambda trace: setattr(trace.spans["load"], "parent_span_id", trace.spans["load"].span_id),
    "span-id-length": longer_id("span_id"),
    "span-id-zero": lambda trace: with_id("span_id", bytes(trace.random.choice([0, 8])))(trace),
    "trace-id-64bit-padded": padded_trace_ids,
    "trace-id-length": shorter_trace_ids,
    "trace-id-zero": lambda trace: with_id("trace_id", bytes(trace.random.choice([0, 16])))(trace),
    "traceparent-syntax": with_("stock", traceparent="00-4bf92f3577b34da6-00f067aa0ba902b7-01"),
    "tracestate-duplicate-key": state("rojo=1,congo=2,rojo=3"),
    "tracestate-th-inconsistent": state("rojo=1,ot=th:8;rv:6e6d1a75832a2f"),
    "tracestate-key-syntax": state("Rojo=1"),
    "tracestate-member-count": state(",".join(f"k{number}=v" for number in range(33))),
    "tracestate-ot-syntax": state("rojo=1,ot=th8"),
    "tracestate-rv-syntax": state("rojo=1,ot=rv:6e6d1a7583"),
    "tracestate-th-syntax": state("rojo=1,ot=th:0.5"),
    "tracestate-value-syntax": state("rojo=a=b"),
    # encoding; utf8-invalid is broken in bytes
    "empty-envelope": lambda trace: trace.request.resource_spans[0].scope_spans.add(),  # type: ignore[dict-item,return-value]
    "encoding-ambiguous": lambda trace: leaf(trace).MergeFromString(GROUP),  # type: ignore[dict-item,return-value]
    "enum-out-of-range": lambda trace: setattr(leaf(trace), "kind", trace.random.choice([-1, 6, 99])),
    # time
    "event-outside-span": late_event,
    "event-time-zero": event(time_unix_nano=0),
    "span-end-before-start": lambda trace: ended("load", ns=-trace.random.randrange(1, SECOND))(trace),
    "span-end-zero": lambda trace: setattr(leaf(trace), "end_time_unix_nano", 0),
    "span-start-zero": lambda trace: setattr(leaf(trace), "start_time_unix_nano", 0),
    "span-too-long": ended("root", ns=3601 * SECOND),
    "span-zero-duration": ended("write", ns=0),
    "timestamp-unit-suspect": microseconds,
    # kinds, status, events, exceptions
    "db-span-kind": kind("select", PRODUCER),
    "error-type-on-success": with_("load", error__type="TimeoutError"),
    "event-name-empty": lambda trace: trace.spans["load"].events.add(time_unix_nano=1),  # type: ignore[dict-item,return-value]
    "exception-attrs-missing": lambda trace: drop(trace.spans["mail"].events[0], "exception.type", "exception.message"),
    "exception-escaped-deprecated": escaped,
    "exception-event-name": event(name="failure"),
    "exception-without-error": lambda trace: trace.spans["mail"].ClearField("status"),
    "grpc-status-vs-span-status": with_("call", rpc__response__status_code="NOT_FOUND"),
    "http-2xx3xx-error": with_("get", status=ERROR),
    "http-5xx-not-error": both_5xx,
    "http-client-4xx-not-error": with_("get", http__response__status_code=403),
    "http-server-4xx-error": server_4xx,
    "http-span-kind": kind("stock", INTERNAL),
    "messaging-span-kind": kind("process", INTERNAL),
    "rpc-span-kind": kind("price", INTERNAL),
    "span-kind-unspecified": lambda trace: setattr(leaf(trace), "kind", 0),
    "span-name-empty": lambda trace: setattr(leaf(trace), "name", ""),
    "status-error-without-error-type": with_("select", status=ERROR),
    "status-message-without-error": lambda trace: setattr(leaf(trace).status, "message", "sold out"),
    "status-ok-by-instrumentation": with_("load", status=OK),
    # attributes
    "attr-count-over-limit": lambda trace: trace.random.choice(records(trace)[:3]).attributes.extend(
        attribute(f"shop.a{number}", number) for number in range(129)
    ),
    "attr-dropped": dropped,
    "attr-key-duplicate": extended(attribute("shop.a", 1), attribute("shop.a", 2)),
    "attr-key-empty": extended(attribute("", 1)),
    "attr-level-misplaced": with_("stock", process__pid=4711),
    "attr-value-depth": extended(KeyValue(key="shop.tree", value=nested(33))),
    "attr-value-unset": extended(KeyValue(key="shop.user")),
    "dropped-spans-evidence": lambda trace: setattr(leaf(trace), "dropped_events_count", 3),
    "event-link-count-over-limit": many_links,
    # conventions
    "db-batch-size": with_("select", db__operation__batch__size=1),
    "db-query-params-captured": with_("select", db__query__parameter__0="bread"),
    "db-query-unsanitised": with_("select", db__query__text="SELECT * FROM stock WHERE item = 'bread'"),
    "http-body-captured": with_("mail", http__request__body__content="two loaves"),
    "http-error-type-vs-code": with_("mail", http__response__status_code=503, error__type="500"),
    "http-method-noncanonical": with_("load", http__request__method="buy"),
    "http-method-original": with_("get", http__request__method_original="GET"),
    "http-route-is-path": with_("stock", http__route="/stock/4711042"),
    "http-status-range": with_("get", http__response__status_code=0),
    "messaging-batch-attrs": with_("send", messaging__operation__type="create", messaging__batch__message_count=1),
    "port-range": with_("get", server__port=65_536),
    "port-without-address": with_("price", client__port=51_234),
    "protocol-normalised": with_("get", network__protocol__version="2.0"),
    "rpc-method-other": with_("call", rpc__method_original="shop.Price/Get"),
    "semconv-conditional-missing": named("stock", "GET /{item}", "http.route"),
    "span-name-db": named("select", "pg.query:SELECT"),
    "span-name-embedded-id": named("load", "load 4711042"),
    "span-name-http": named("get", "HTTP GET"),
    "span-name-http-uri-path": named("stock", "GET /stock/4711042"),
    "span-name-messaging": with_("send", messaging__operation__name="publish"),
    "span-name-rpc": named("call", "Get"),
    "url-credentials": with_("mail", url__full="https://shop:hunter2@mail.example/send"),
    "url-query-secret": with_("mail", url__full="https://mail.example/send?sig=4a1b9c0d3e5f6a7b"),
    "semconv-optin-present": with_("get", http__response__body__size=1_024),
    "semconv-recommended-missing": lambda trace: drop(trace.spans["stock"], "user_agent.original"),
    "semconv-required-missing": lambda trace: drop(
        trace.spans["stock"], trace.random.choice(["url.path", "url.scheme"])
    ),
    # resource
    "environment-missing": on_resource("deployment.environment.name"),
    "k8s-pod-uid-missing": on_resource(k8s__deployment__name="shop"),
    "resource-empty": lambda trace: resource(trace).ClearField("attributes"),
    "schema-url-format": lambda trace: setattr(scope(trace), "schema_url", "v1.44.0"),
    "schema-url-missing": lambda trace: setattr(trace.services["web"], "schema_url", ""),
    "scope-name-empty": lambda trace: setattr(scope(trace).scope, "name", ""),
    "service-instance-id-missing": on_resource("service.instance.id"),
    "service-name-default": on_resource(service__name="unknown_service:node"),
    "service-name-empty": on_resource(service__name=""),
    "service-name-missing": on_resource("service.name"),
    "telemetry-sdk-missing": on_resource("telemetry.sdk.version"),
    # flow
    "batch-link-count": with_("process", messaging__batch__message_count=3),
}
