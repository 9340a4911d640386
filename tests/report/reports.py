"""Reports made by hand, for the formats: a shop of four services with mistakes of every severity."""

from collections.abc import Sequence

from msgspec.structs import replace

from otlp_verifier.files import Format, InputFile, Inputs, Source, SpanView, TraceView
from otlp_verifier.files.view import PathSpan
from otlp_verifier.findings import Finding
from otlp_verifier.findings.witness import Measure, NearMiss, Witness, WitnessSpan
from otlp_verifier.policy import SeverityName
from otlp_verifier.report.kinds import kind_of, parents, path_to
from otlp_verifier.report.model import Comparison, Entry, Recorded, Report, RuleTally

MS = 10**6
START = 1_790_000_000 * 10**9


def span(  # read as a table
    number: int,
    parent: int,
    name: str,
    service: str,
    start_ms: float,
    end_ms: float,
    *,
    kind: str = "INTERNAL",
    rules: Sequence[str] = (),
    status: str = "UNSET",
) -> SpanView:
    """Span number `number`, from 1; parent 0 for a root; times from the beginning of the trace."""
    return SpanView(
        span_id=f"{number:016x}",
        parent_id=f"{parent:016x}" if parent else "",
        name=name,
        service=service,
        kind=kind,
        start_ns=START + int(start_ms * MS),
        end_ns=START + int(end_ms * MS),
        status=status,
        status_message="out of stock" if status == "ERROR" else "",
        source=Source("shop.json", number, 400 * number, 1),
        rules=tuple(rules),
        events=((START + int((start_ms + end_ms) / 2 * MS), "retry"),) if rules else (),
        attributes=(("http.request.method", "GET"), ("url.path", f"/{name}")),
    )


def shop() -> TraceView:
    """A checkout: the payment's clock is behind, and the stock service lost a parent."""
    spans = (
        span(1, 0, "GET /checkout", "frontend", 0, 130, kind="SERVER"),
        span(2, 1, "render page", "frontend", 2, 20),
        span(3, 1, "POST /reserve", "frontend", 22, 80, kind="CLIENT"),
        span(4, 3, "POST /reserve", "stock", 25, 78, kind="SERVER", status="ERROR"),
        span(5, 4, "SELECT stock", "stock", 30, 44, kind="CLIENT", rules=("attr-number-as-string",)),
        span(6, 1, "POST /charge", "frontend", 82, 128, kind="CLIENT"),
        span(7, 6, "POST /charge", "payment", 84, 126, kind="SERVER"),
        span(8, 7, "authorize card", "payment", 110, 70, rules=("span-end-before-start",)),
        span(9, 7, "publish receipt", "payment", 112, 124, kind="PRODUCER"),
        span(10, 99, "write reservation", "stock", 50, 60, rules=("parent-missing",)),
    )
    return TraceView("5b8aa5a2d2c872e8321cf37308d69df2", spans, (0, 1, 1, 2, 3, 1, 2, 3, 3, 0), len(spans))


RULES: dict[str, tuple[SeverityName, str, str]] = {
    "attr-number-as-string": ("warning", "attributes", "Numbers are sent as numbers."),
    "parent-missing": ("warning", "structure", "A parent is in the trace."),
    "service-name-missing": ("information", "resource", "Every resource has a service.name."),
    "span-end-before-start": ("error", "time", "A span does not end before it starts."),
    "trace-id-zero": ("error", "identity", "Every span has a trace id."),
}


def entry(
    trace: TraceView | None, at: int | None, rule: str, message: str, *, index: int | None = 0, is_known: bool = False
) -> Entry:
    """A finding about span `at` of a trace; about a resource, where there is none."""
    severity = RULES[rule][0]
    if trace is None or at is None:
        finding = Finding(rule=rule, severity=severity, message=message)
        return Entry(finding, Source("orders.binpb", 0, 1234, 3), kind_of(finding, "", ()), is_known)
    view = trace.spans[at]
    finding = Finding(
        rule=rule,
        severity=severity,
        trace_id=trace.trace_id,
        span_id=view.span_id,
        span=view.name,
        service=view.service,
        message=message,
    )
    path = [PathSpan(span.kind, span.name) for span in (trace.spans[number] for number in path_to(at, parents(trace)))]
    return Entry(finding, view.source, kind_of(finding, "", path), is_known, index, at)


def report(*, entries: Sequence[Entry] | None = None, comparison: Comparison | None = None, extra: int = 0) -> Report:
    """The shop's report, or one with other entries; `extra` findings of the worst rule are counted and not kept."""
    trace = shop()
    if entries is None:
        entries = (
            entry(trace, 7, "span-end-before-start", "span `authorize card` ended 40 ms before it started"),
            entry(trace, 4, "attr-number-as-string", "server.port of span `SELECT stock` is the string `5432`"),
            entry(trace, 9, "parent-missing", "span `write reservation` has the parent 0063, which is not there"),
            entry(None, None, "service-name-missing", "a resource has spans (here 12) and no service.name"),
        )
    inputs = Inputs(
        files=[
            InputFile("shop.json", Format.JSON, "", 40_000, 3, 10),
            InputFile("orders.binpb", Format.PROTOBUF_DELIMITED, "gzip", 9_000, 4, 12, metrics=7),
        ],
        files_total=2,
        bytes_total=49_000,
    )
    return Report(
        version="1.2.3",
        spans=22,
        rules=tuple(_tally(rule, entries, extra) for rule in sorted(RULES)),
        entries=tuple(entries),
        traces=(trace,),
        inputs=inputs,
        comparison=comparison,
    )


def with_witness() -> Report:
    """The same, where the first finding says why it is one."""
    base = report()
    spans = tuple(
        WitnessSpan(
            role=role, span_id=view.span_id, name=view.name, service=view.service, start=str(view.start_ns),
            end=str(view.end_ns),
        )
        for role, view in (("subject", shop().spans[7]), ("once", shop().spans[4]))
    )  # fmt: skip
    witness = Witness(
        rechecked=True,
        spans=spans,
        near_miss=NearMiss(span=1, how="close", text="12.3 ms too late", slack_ns=12_300_000),
        measure=Measure(what="count(child)", value=23, operator="<=", bound=20),
    )
    first, *others = base.entries
    return replace(base, entries=(replace(first, witness=witness), *others))


def with_errors(base: Report) -> Report:
    """The same, with an input that could not be read and a notice."""
    base.inputs.notes.error(Source("broken.json", 3, 812, 2), 'the line ends inside of a string; expected `"`')
    base.inputs.notes.error(Source("folder", 0, 0, 0), "cannot be read: Permission denied")
    base.inputs.notes.notice("signal-skipped", Source("orders.binpb", 0, 10, 1), "metrics are not checked", 7)
    return base


def compared(gone: Sequence[Recorded] = ()) -> Report:
    """The shop's report where one finding is known and what is in `gone` went."""
    first, *others = report().entries
    entries = (*others, replace(first, is_known=True))
    counts = {one.kind.digest: (1, 1) for one in entries} | {one.kind.digest: (one.count, 0) for one in gone}
    return report(entries=entries, comparison=Comparison("baseline.json", tuple(gone), counts))


def _tally(rule: str, entries: Sequence[Entry], extra: int) -> RuleTally:
    severity, family, description = RULES[rule]
    own = [one for one in entries if one.finding.rule == rule]
    more = extra if rule == "span-end-before-start" else 0
    return RuleTally(
        id=rule,
        severity=severity,
        family=family,
        description=description,
        remedy="Take both times from one monotonic clock." if own else "",
        sources=(("Trace API, Span", "https://example.com/spec#span"),),
        found=len(own) + more,
        known=sum(one.is_known for one in own),
        kept=len(own),
    )
