"""For each rule about several spans, how to break its promise and no other; the argument is a clean trace."""

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.rules.break_records import CLIENT, ERROR, INTERNAL, SERVER, Break, drop, leaf
from tests.rules.clean import LOCAL, MS, REMOTE, SECOND, Trace, put


def moved(name: str, *, start: int = 0, end: int = 0) -> Break:
    """A span's times, by so many nanoseconds."""

    def broken(trace: Trace) -> None:
        trace.spans[name].start_time_unix_nano += start
        trace.spans[name].end_time_unix_nano += end

    return broken


def another_parent(name: str, flags: int) -> Break:
    def broken(trace: Trace) -> None:
        trace.spans[name].parent_span_id = trace.id()
        trace.spans[name].flags = flags

    return broken


def parents_flags(clear: int) -> Break:
    def broken(trace: Trace) -> None:
        trace.parent("load").flags &= ~clear

    return broken


def many(count: int, service: str, parent: str, name: str, *, kind: int = INTERNAL, flags: int = LOCAL) -> Break:
    """More spans of one name below a span."""

    def broken(trace: Trace) -> None:
        for number in range(count):
            trace.add(service, name, trace.spans[parent], kind=kind, flags=flags, begin=1 + number // 100)

    return broken


def after_parent(trace: Trace) -> None:
    load, parent = trace.spans["load"], trace.parent("load")
    load.start_time_unix_nano = parent.end_time_unix_nano + 2 * MS
    load.end_time_unix_nano = load.start_time_unix_nano + 9 * MS


def outlives_parent(trace: Trace) -> None:
    trace.spans["load"].end_time_unix_nano = trace.parent("load").end_time_unix_nano + 2 * MS


def before_parent(trace: Trace) -> None:
    load, parent = trace.spans["load"], trace.parent("load")
    load.start_time_unix_nano = parent.start_time_unix_nano - trace.random.randrange(1_000_001, 9 * MS)


def called_back_too_early(trace: Trace) -> None:
    """The stock calls the web back, so early that no difference of clocks explains it."""
    back = trace.add("stock", "GET", trace.spans["stock"], kind=CLIENT, begin=5)
    served = trace.add("web", "GET /back", back, kind=SERVER, flags=REMOTE)
    took = trace.spans["stock"].start_time_unix_nano - trace.spans["get"].start_time_unix_nano
    served.start_time_unix_nano = back.start_time_unix_nano - took - 2 * MS


def cycle(trace: Trace) -> None:
    render, load = trace.spans["render"], trace.spans["load"]
    load.start_time_unix_nano = render.start_time_unix_nano
    render.parent_span_id = load.span_id


def same_id(trace: Trace) -> None:
    trace.spans["load"].span_id = trace.add("web", "other", trace.spans["render"]).span_id


def id_of_client(trace: Trace) -> None:
    """As Zipkin has it: no SDK of OpenTelemetry made the server's span."""
    price, call = trace.spans["price"], trace.spans["call"]
    price.span_id, price.parent_span_id = call.span_id, call.parent_span_id
    drop(trace.services["price"].resource, "telemetry.sdk.name")


def copied(trace: Trace) -> None:
    trace.services["web"].scope_spans[0].spans.append(trace.spans["load"])


def rootless(trace: Trace) -> None:
    another_parent("root", REMOTE)(trace)


def second_root(trace: Trace) -> None:
    leaf(trace).parent_span_id = b""


def large(trace: Trace) -> None:
    if trace.random.random() < 0.5:
        many(1_001, "web", "render", "row")(trace)
        return
    span = trace.spans["load"]
    for _ in range(64):
        span = trace.add("web", "deeper", span, begin=0, end=0)
        span.kind = Span.SPAN_KIND_SERVER


def leaked(trace: Trace) -> None:
    many(4, "web", "render", "GET /other", kind=SERVER)(trace)
    trace.spans["root"].end_time_unix_nano += 90 * SECOND


def short(trace: Trace) -> None:
    for _ in range(21):
        span = trace.add("web", "item", trace.spans["render"], kind=CLIENT)
        span.end_time_unix_nano = span.start_time_unix_nano + 4 * MS


def linked(name: str) -> Break:
    """A link to a span, or to the parent of `load`."""

    def broken(trace: Trace) -> None:
        target = trace.spans[name] if name != "parent" else trace.parent("load")
        trace.spans["load"].links.add(trace_id=target.trace_id, span_id=target.span_id, flags=LOCAL)

    return broken


def without_client(trace: Trace) -> None:
    get = trace.spans["get"]
    get.kind = INTERNAL  # type: ignore[assignment]  # open enum
    get.ClearField("attributes")


def recovered(trace: Trace) -> None:
    """The first query failed and the next one did not, yet the request is an error."""
    select, stock = trace.spans["select"], trace.spans["stock"]
    select.end_time_unix_nano = select.start_time_unix_nano + 9 * MS
    for span in (select, stock):
        span.status.code = ERROR  # type: ignore[assignment]  # open enum
    trace.add("stock", select.name, stock, kind=CLIENT, begin=40)


def swallowed(trace: Trace) -> None:
    for name in ("write", "mail"):
        trace.spans[name].status.code = ERROR  # type: ignore[assignment]  # open enum


def failing(trace: Trace) -> None:
    for number in range(11):
        span = trace.add("stock", "GET", trace.spans["stock"], kind=CLIENT, begin=5 + number)
        span.status.code = ERROR  # type: ignore[assignment]  # open enum


def asked_again(trace: Trace) -> None:
    for number in range(11):
        span = trace.add("stock", "SELECT item", trace.spans["stock"], kind=CLIENT, begin=5 + number)
        put(span, {"db.system.name": "postgresql"})


def lost_call(trace: Trace) -> None:
    span = trace.add("web", "GET", trace.spans["render"], kind=CLIENT)
    put(span, {"server.address": "stock", "server.port": 8080})


def unlinked(trace: Trace) -> None:
    trace.spans["process"].ClearField("links")
    trace.spans["process"].flags = LOCAL


def batch_without_spans(trace: Trace) -> None:
    trace.spans["send"].kind = CLIENT  # type: ignore[assignment]  # open enum
    put(trace.spans["send"], {"messaging.batch.message_count": 2})


def client_as_root(trace: Trace) -> None:
    trace.spans["root"].kind = CLIENT  # type: ignore[assignment]  # open enum
    put(
        trace.spans["root"],
        {"url.full": "https://shop.example/cart", "server.address": "shop.example", "server.port": 443},
    )


def out_of_order(trace: Trace) -> None:
    mail = trace.spans["mail"]
    for at, name in ((9, "asked again"), (7, "asked")):
        mail.events.add(name=name, time_unix_nano=mail.end_time_unix_nano - at * MS)
    mail.events.sort(key=lambda event: -event.time_unix_nano)


TRACES: dict[str, Break] = {
    # structure
    "internal-span-flood": many(11, "web", "render", "step"),
    "link-duplicates-parent": linked("parent"),
    "link-self": linked("load"),
    "parent-cycle": cycle,
    "parent-missing": another_parent("load", 0x3),
    "parent-missing-local": another_parent("load", LOCAL),
    "parent-missing-remote": another_parent("stock", REMOTE),
    "random-flag-flipped": parents_flags(0x2),
    "root-kind-client": client_as_root,
    "sampled-flag-split": parents_flags(0x1),
    "short-span-flood": short,
    "span-duplicate-exact": copied,
    "span-id-conflict": same_id,
    "span-id-shared-rpc": id_of_client,
    "span-unsampled-exported": lambda trace: setattr(leaf(trace), "flags", LOCAL & ~1),
    "trace-disconnected": another_parent("stock", REMOTE),
    "trace-multiple-roots": second_root,
    "trace-no-root": rootless,
    "trace-oversize": large,
    "trace-unrelated-roots-leak": leaked,
    "tracestate-rv-changed": lambda trace: setattr(leaf(trace), "trace_state", "ot=th:0;rv:6e6d1a75832a2f"),
    "tracestate-not-inherited": lambda trace: setattr(leaf(trace), "trace_state", ""),
    # time
    "child-after-parent-end": after_parent,
    "child-outlives-parent": outlives_parent,
    "child-starts-before-parent-local": before_parent,
    "child-starts-before-parent-remote": moved("price", start=-12 * SECOND),
    "consumer-before-producer": moved("process", start=-12 * SECOND),
    "rpc-server-outlives-client": moved("price", end=12 * SECOND),
    "server-longer-than-client": moved("price", end=SECOND),
    "skew-infeasible": called_back_too_early,
    # status
    "context-injected-without-client-span": without_client,
    "error-contagion": recovered,
    "error-swallowed": swallowed,
    "server-span-local-parent": many(1, "web", "render", "GET /other", kind=SERVER),
    "events-out-of-order": out_of_order,
    # conventions
    "http-resend-count": lambda trace: put(trace.spans["get"], {"http.request.resend_count": 1}),
    # flow
    "client-multiple-servers": many(1, "stock", "get", "GET /stock", kind=SERVER, flags=REMOTE),
    "client-without-server": lost_call,
    "consumer-without-link": unlinked,
    "n-plus-one": asked_again,
    "peer-identity-mismatch": lambda trace: put(trace.spans["get"], {"service.peer.name": "cart"}),
    "producer-batch-create-spans": batch_without_spans,
    "retry-storm": failing,
    "rpc-attr-disagreement": lambda trace: put(trace.spans["price"], {"rpc.method": "shop.Price/Put"}),
}
