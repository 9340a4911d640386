"""Scanning: bytes to columns, beside protobuf's upb parsing the same bytes into its own messages."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.columns import Columns
from otlp_verifier.wire import scanner
from otlp_verifier.wire.limits import Limits
from perf.measure import Way, ns_per_span
from perf.workload import SPANS, batches, sdk_bytes

BATCHES = 8  # different ones, so that no branch predictor learns a batch by heart
ROUNDS = 100


def _no_room() -> None:
    raise AssertionError("the arena has been sized for these batches")


def figures() -> dict[str, float]:
    """Nanoseconds per span and bytes per second, medians over batches that differ.

    `scan.ns_per_span` is what the engine pays. `scan.one_pass_ns_per_span` is the scanner alone in an arena that is
    large enough, as it is after the first few batches, and `scan.two_passes_ns_per_span` when it has to be sized.
    All of them are on the collector's order of fields but `scan.sdk_ns_per_span`.
    """
    requests = batches(BATCHES)
    from_sdk = batches(BATCHES, write=sdk_bytes)
    limits = Limits()
    columns = Columns()
    for request in requests:
        columns.load(request, limits)

    def one_pass(request: bytes) -> None:
        scanner.load(request, limits, columns.counts, columns.native, _no_room)

    def count(request: bytes) -> None:
        scanner.count(request, limits, columns.counts)

    def both(request: bytes) -> None:
        scanner.count(request, limits, columns.counts)
        scanner.scan(request, limits.depth, columns.counts, columns.native)

    ways = {
        "load": Way(lambda request: columns.load(request, limits), requests, SPANS),
        "one_pass": Way(one_pass, requests, SPANS),
        "sdk": Way(one_pass, from_sdk, SPANS),
        "count": Way(count, requests, SPANS),
        "both": Way(both, requests, SPANS),
        "upb": Way(ExportTraceServiceRequest.FromString, requests, SPANS),
        "upb_sdk": Way(ExportTraceServiceRequest.FromString, from_sdk, SPANS),
    }
    taken = ns_per_span(ways, ROUNDS)
    bytes_per_span = sum(map(len, requests)) / (BATCHES * SPANS)
    return {
        "scan.ns_per_span": taken["load"],
        "scan.one_pass_ns_per_span": taken["one_pass"],
        "scan.two_passes_ns_per_span": taken["both"],
        "scan.count_ns_per_span": taken["count"],
        "scan.sdk_ns_per_span": taken["sdk"],
        "scan.gigabytes_per_second": bytes_per_span / taken["load"],
        "scan.upb_parse_ns_per_span": taken["upb"],
        "scan.upb_parse_gigabytes_per_second": bytes_per_span / taken["upb"],
        "scan.upb_parse_sdk_ns_per_span": taken["upb_sdk"],
        "scan.speedup_vs_upb_parse": taken["upb"] / taken["load"],
        "scan.one_pass_speedup_vs_upb_parse": taken["upb"] / taken["one_pass"],
    }


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:35} {value:8.1f}")
