"""The end of a demonstration: what went in, what was found, what went downstream, how long it took."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from example.downstream import Trace
from example.faults import FAULTS
from example.stack.metrics import Metrics
from example.traffic import Traffic

_WRAPPED = {"for example", "what happens"}
SEVERITY_STYLES = {"error": "bold red", "warning": "yellow", "information": "cyan"}


class FaultResult(Struct, frozen=True):
    """What became of one fault: how often it happened, how often it was found, by which rules, and where it went."""

    name: str
    happened: int
    found: int
    rules: list[str]
    downstream: str


class RuleResult(Struct):
    """What one rule found; `example` is its first finding."""

    severity: str
    findings: int
    example: str


class Latency(Struct, frozen=True):
    """Upper bounds of the histogram buckets that hold the quantiles, in milliseconds; None without observations."""

    p50_ms: float | None
    p99_ms: float | None


class Summary(Struct, frozen=True):
    """Everything that the end of a demonstration shows, counted in spans where nothing else is said."""

    received: int
    annotated: int
    dropped: int
    unverified: int
    backend: int
    review: int
    traces_backend: int
    traces_review: int
    good_traces: int
    good_traces_violated: int
    faults: list[FaultResult]
    rules: dict[str, RuleResult]
    verifier_latency: Latency
    processor_latency: Latency


def summarize(
    traffic: Traffic,
    findings: Iterable[Mapping[str, Any]],
    *,
    backend: Mapping[str, Trace],
    review: Mapping[str, Trace],
    collector: Metrics,
    verifier: Metrics,
) -> Summary:
    """Put together what the traffic, the findings' log, both backends and the metrics say."""
    rules: dict[str, RuleResult] = {}
    found_in: dict[str, set[str]] = {}
    for finding in findings:
        found_in.setdefault(finding["trace_id"], set()).add(finding["rule"])
        result = rules.setdefault(finding["rule"], RuleResult(finding["severity"], 0, finding["message"]))
        result.findings += 1
    for trace_id, trace in (*backend.items(), *review.items()):
        found_in.setdefault(trace_id, set()).update(trace.violations)

    def fault_result(name: str, expected: tuple[str, ...]) -> FaultResult:
        happened = traffic.faulty[name]
        found = [trace_id for trace_id in happened if found_in.get(trace_id, set()) & set(expected)]
        places = {
            place
            for trace_id in happened
            for place, traces in (("backend", backend), ("review", review))
            if trace_id in traces
        }
        return FaultResult(name, len(happened), len(found), list(expected), ", ".join(sorted(places)) or "-")

    duration = "otlp_verifier_request_duration_seconds", "otelcol_processor_verifier_request_duration"
    return Summary(
        received=int(collector.total("otelcol_receiver_accepted_spans")),
        annotated=int(collector.total("otelcol_processor_verifier_annotated_spans")),
        dropped=int(collector.total("otelcol_processor_verifier_dropped_spans")),
        unverified=int(collector.total("otelcol_processor_verifier_unverified_spans")),
        backend=sum(trace.spans for trace in backend.values()),
        review=sum(trace.spans for trace in review.values()),
        traces_backend=len(backend),
        traces_review=len(review),
        good_traces=len(traffic.good),
        good_traces_violated=sum(trace_id in review for trace_id in traffic.good),
        faults=[fault_result(fault.name, fault.rules) for fault in FAULTS],
        rules=dict(sorted(rules.items(), key=lambda item: -item[1].findings)),
        verifier_latency=_latency(verifier, duration[0]),
        processor_latency=_latency(collector, duration[1]),
    )


def show(summary: Summary, console: Console) -> None:
    """Print it for people."""
    rules = _table("Findings", "rule", "severity", "findings", "for example")
    for rule, result in summary.rules.items():
        style = SEVERITY_STYLES[result.severity]
        rules.add_row(rule, Text(result.severity, style), str(result.findings), Text(result.example))
    console.print(rules, "")

    stories = {fault.name: fault.story for fault in FAULTS}
    faults = _table("Ten faults", "fault", "what happens", "found", "by", "went to")
    for fault in summary.faults:
        style = "green" if fault.found == fault.happened else "bold red"
        found = f"[{style}]{fault.found} of {fault.happened}[/]" if fault.happened else "-"
        faults.add_row(fault.name, stories[fault.name], found, ", ".join(fault.rules), fault.downstream)
    console.print(faults, "")

    flow = _table("Spans", "", "", "")
    flow.show_header = False
    for name, count, note in (
        ("received", summary.received, "by the collector"),
        ("annotated", summary.annotated, "with a verdict"),
        ("dropped", summary.dropped, "times of 1970, as the policy says"),
        ("unverified", summary.unverified, "went on without a verdict"),
        ("to the backend", summary.backend, f"{summary.traces_backend} traces"),
        ("to review", summary.review, f"{summary.traces_review} traces, routed by their verdict"),
    ):
        flow.add_row(name, f"[bold]{count:,}[/]", note)
    console.print(flow, "")
    console.print(
        f"Good traffic: {summary.good_traces} requests, {summary.good_traces_violated} of them called violated."
    )
    for where, latency in (
        ("in the verifier", summary.verifier_latency),
        ("seen by the collector", summary.processor_latency),
    ):
        if latency.p50_ms is not None and latency.p99_ms is not None:
            console.print(f"Latency {where}: p50 at most {latency.p50_ms:g} ms, p99 at most {latency.p99_ms:g} ms.")


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False, pad_edge=False
    )
    for column in columns:
        table.add_column(column, no_wrap=column not in _WRAPPED)
    return table


def _latency(metrics: Metrics, histogram: str) -> Latency:
    def quantile(share: float) -> float | None:
        bound_s = metrics.quantile(histogram, share)
        return None if bound_s is None else bound_s * 1e3

    return Latency(quantile(0.5), quantile(0.99))
