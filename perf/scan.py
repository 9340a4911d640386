"""Scanning: bytes to columns, beside protobuf's upb parsing the same bytes into its own messages."""

from collections.abc import Callable

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

    def load(i: int) -> None:
        columns.load(requests[i], limits)

    def one_pass(i: int) -> None:
        scanner.load(requests[i], limits, columns.counts, columns.native, _no_room)

    def sdk(i: int) -> None:
        scanner.load(from_sdk[i], limits, columns.counts, columns.native, _no_room)

    def count(i: int) -> None:
        scanner.count(requests[i], limits, columns.counts)

    def both(i: int) -> None:
        scanner.count(requests[i], limits, columns.counts)
        scanner.scan(requests[i], limits.depth, columns.counts, columns.native)

    def parse(i: int) -> None:
        ExportTraceServiceRequest.FromString(requests[i])

    def parse_sdk(i: int) -> None:
        ExportTraceServiceRequest.FromString(from_sdk[i])

    calls: dict[str, Callable[[int], None]] = {
        "load": load,
        "one_pass": one_pass,
        "sdk": sdk,
        "count": count,
        "both": both,
        "upb": parse,
        "upb_sdk": parse_sdk,
    }
    taken = ns_per_span({name: Way(call, BATCHES, SPANS) for name, call in calls.items()}, ROUNDS)
    bytes_per_span = sum(map(len, requests)) / (BATCHES * SPANS)
    return {
        "scan.ns_per_span": taken["load"],
        "scan.one_pass_ns_per_span": taken["one_pass"],
        "scan.two_passes_ns_per_span": taken["both"],
        "scan.count_ns_per_span": taken["count"],
        "scan.sdk_ns_per_span": taken["sdk"],
        "scan.gigabytes_per_second": bytes_per_span / taken["load"],
        "scan.upb_parse_ns_per_span": taken["upb"],
        "scan.upb_parse_sdk_ns_per_span": taken["upb_sdk"],
        "scan.speedup_vs_upb_parse": taken["upb"] / taken["load"],
        "scan.one_pass_speedup_vs_upb_parse": taken["upb"] / taken["one_pass"],
    }


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:35} {value:8.1f}")
