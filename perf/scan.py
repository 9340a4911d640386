"""Scanning: bytes to columns, beside protobuf's upb parsing the same bytes into its own messages."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.columns import Columns
from otlp_verifier.wire import scanner
from otlp_verifier.wire.limits import Limits
from perf.measure import Way, ns_per_span
from perf.workload import SPANS, batches

BATCHES = 8  # different ones, so that no branch predictor learns a batch by heart
ROUNDS = 100


def figures() -> dict[str, float]:
    """Nanoseconds per span and bytes per second, medians over batches that differ.

    `scan.ns_per_span` is what a batch costs in an arena that is large enough, as it is after the first few;
    `scan.two_passes_ns_per_span` is what it costs when the arena has to be sized first.
    """
    requests = batches(BATCHES)
    limits = Limits()
    columns = Columns()
    for request in requests:
        columns.load(request, limits)

    def load(i: int) -> None:
        columns.load(requests[i], limits)

    def count(i: int) -> None:
        scanner.count(requests[i], limits, columns.counts)

    def both(i: int) -> None:
        scanner.count(requests[i], limits, columns.counts)
        scanner.scan(requests[i], limits.depth, columns.counts, columns.native)

    def parse(i: int) -> None:
        ExportTraceServiceRequest.FromString(requests[i])

    taken = ns_per_span(
        {
            name: Way(call, BATCHES, SPANS)
            for name, call in (("load", load), ("count", count), ("both", both), ("upb", parse))
        },
        ROUNDS,
    )
    bytes_per_span = sum(map(len, requests)) / (BATCHES * SPANS)
    return {
        "scan.ns_per_span": taken["load"],
        "scan.two_passes_ns_per_span": taken["both"],
        "scan.count_ns_per_span": taken["count"],
        "scan.gigabytes_per_second": bytes_per_span / taken["load"],
        "scan.upb_parse_ns_per_span": taken["upb"],
        "scan.speedup_vs_upb_parse": taken["upb"] / taken["load"],
    }


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:32} {value:8.1f}")
