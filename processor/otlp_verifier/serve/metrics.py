"""What the verifier counts, for Prometheus: names begin with `otlp_verifier_`, label values are bounded."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec.structs import fields
from numpy.typing import NDArray
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from otlp_verifier.contract.verifier_pb2 import Code
from otlp_verifier.serve import logs
from otlp_verifier.serve.load import Load
from otlp_verifier.wire.limits import Limits

if TYPE_CHECKING:
    from otlp_verifier.worker import Outcome

DURATION_BUCKETS_S: Final = (
    0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0,
)  # fmt: skip
CAUSES: Final = tuple(
    name.removeprefix("CODE_").lower() for name, value in Code.items() if value != Code.CODE_UNSPECIFIED
)
LIMITS: Final = (
    *(field.name for field in fields(Limits) if field.name != "depth"),  # deeper values are not looked into
    "streams", "requests_in_flight", "queue_timeout",
    "answer_bytes",  # no setting: part of the contract with senders
)  # fmt: skip


class BatchTotals(Collector):
    """Everything that every batch adds to, under one lock: about 2 us a batch, where single counters take 7.

    Findings are summed as an array, so that the work does not grow with the number of rules that found something.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: dict[tuple[str, ...], NDArray[np.uint64]] = {}
        self._changed = self._unchanged = 0
        self._in_messages = self._in_memory = 0
        self._spans = self._annotated = self._dropped = self._stripped = 0
        self._buckets = [0] * (len(DURATION_BUCKETS_S) + 1)
        self._duration_s = 0.0

    def add(self, rules: tuple[str, ...], outcome: Outcome, found: int, duration_s: float) -> None:
        """Count one verified batch; `found` is the sum of its findings, `rules` names their columns."""
        bucket = bisect.bisect_left(DURATION_BUCKETS_S, duration_s)
        with self._lock:
            self._spans += outcome.spans
            self._buckets[bucket] += 1
            self._duration_s += duration_s
            if outcome.changed:
                self._changed += 1
                self._annotated += outcome.annotated
                self._dropped += outcome.dropped
                self._stripped += outcome.stripped
            else:
                self._unchanged += 1
            if found:
                self._findings(rules)[:] += outcome.findings_by_rule

    def came(self, *, shared: bool) -> None:
        """Count one batch by how it came: in shared memory, or in a message."""
        with self._lock:
            if shared:
                self._in_memory += 1
            else:
                self._in_messages += 1

    def start(self, rules: tuple[str, ...]) -> None:
        """Show the counters of these rules from now on, at zero where they are new."""
        with self._lock:
            self._findings(rules)

    def _findings(self, rules: tuple[str, ...]) -> NDArray[np.uint64]:
        if rules not in self._rules:
            self._rules[rules] = np.zeros(len(rules), np.uint64)
        return self._rules[rules]

    def collect(self) -> Iterator[Metric]:
        """The totals as Prometheus metrics."""
        with self._lock:
            by_rule: dict[str, int] = {}
            for rules, found in self._rules.items():
                for rule, count in zip(rules, found.tolist(), strict=True):
                    by_rule[rule] = by_rule.get(rule, 0) + count
            received = {"message": self._in_messages, "shared_memory": self._in_memory}
            batches = {"unchanged": self._unchanged, "sparse": self._changed}
            spans = {
                "spans": ("Spans verified", self._spans),
                "spans_annotated": ("Spans on which a verdict was written", self._annotated),
                "spans_dropped": ("Spans that a sender was told to drop", self._dropped),
                "spans_stripped": ("Spans that came with forged verifier attributes", self._stripped),
            }
            buckets, duration_s = list(self._buckets), self._duration_s
        yield _counter("batches", "Batches verified, by answer", "answer", batches.items())
        yield _counter("received", "Batches received, by how their bytes came", "transport", received.items())
        for name, (help_text, value) in spans.items():
            yield CounterMetricFamily(f"otlp_verifier_{name}", help_text, value=value)
        yield _counter("findings", "Findings, by rule", "rule", by_rule.items())
        yield _histogram(buckets, duration_s)


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self, load: Load, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per counter that nobody asked for
        self.registry: Final = CollectorRegistry()
        self.batches: Final = BatchTotals()
        self.registry.register(self.batches)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.errors: Final = self._counter("errors", "Requests answered with an error, by cause", "cause", CAUSES)
        self.limits: Final = self._counter("limits_hit", "Requests and streams refused, by limit", "limit", LIMITS)
        self.reloads: Final = self._counter(
            "reloads", "Reloads of the configuration, by outcome", "outcome", ("success", "failure")
        )
        self.findings_unlogged: Final = Counter(
            "otlp_verifier_findings_unlogged", "Findings left out of the log", registry=self.registry
        )
        self._gauge("log_lines_dropped", "Log lines that standard error did not take in time").set_function(
            lambda: logs.writer().dropped
        )
        self.ready: Final = self._gauge("ready", "1 when requests are served, else 0")
        self.rules: Final = self._gauge("rules", "Rules that run")
        self._gauge("requests_in_flight", "Requests read and not yet answered").set_function(lambda: load.requests)
        self._gauge("streams", "Streams open").set_function(lambda: load.streams)
        build = Gauge("otlp_verifier_build_info", "1, with the version", ["version"], registry=self.registry)
        build.labels(version).set(1)

    def _counter(self, name: str, help_text: str, label: str, values: Iterable[str]) -> Counter:
        counter = Counter(f"otlp_verifier_{name}", help_text, [label], registry=self.registry)
        for value in values:
            counter.labels(value)  # shown from the start, at zero
        return counter

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(f"otlp_verifier_{name}", help_text, registry=self.registry)


def _counter(name: str, help_text: str, label: str, values: Iterable[tuple[str, int]]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"otlp_verifier_{name}", help_text, labels=[label])
    for value, count in values:
        family.add_metric([value], count)
    return family


def _histogram(buckets: list[int], sum_s: float) -> HistogramMetricFamily:
    family = HistogramMetricFamily(
        "otlp_verifier_request_duration_seconds", "From a request read to its answer made, for batches verified"
    )
    total = 0
    cumulated: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, DURATION_BUCKETS_S), "+Inf"), buckets, strict=True):
        total += count
        cumulated.append((bound, total))
    family.add_metric([], buckets=cumulated, sum_value=sum_s)
    return family
