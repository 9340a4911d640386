"""Writing verdicts into bytes: the splicer beside a plain copy (the floor) and beside protobuf's decode and encode."""

import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.columns import Columns
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.splicer import NO_PATCH, Patches, patch, splice
from perf.workload import SPANS, batches

Way = Callable[[int], object]  # does the work once, on the batch of that number

BATCHES = 4  # so that they stay in the second-level cache, as a batch that has just been scanned does
ROUNDS = 100
PATCHES = Patches(
    [
        patch({"verifier.violations": ["time.end-before-start"], "verifier.severity": "error"}),
        patch({"verifier.trace.verdict": "violated"}),
    ]
)


def annotated(percent: int) -> NDArray[np.uint32]:
    """The patch per span, with that share of the spans annotated, spread evenly."""
    result = np.full(SPANS, NO_PATCH, np.uint32)
    chosen = np.flatnonzero(np.arange(SPANS) * percent % 100 < percent)
    result[chosen] = np.arange(len(chosen)) % len(PATCHES)
    return result


def figures() -> dict[str, float]:
    """Nanoseconds per span, medians over batches that differ; the ways take turns, so that noise meets each alike."""
    requests = batches(BATCHES)
    scanned = []
    for request in requests:
        columns = Columns()
        columns.load(request, Limits())
        scanned.append(columns)
    none, one, half = annotated(0), annotated(1), annotated(50)
    ways: dict[str, Way] = {
        "memcpy": lambda i: bytearray(requests[i]),
        "unchanged": lambda i: splice(scanned[i], PATCHES, span_patch=none),
        "annotated_1_percent": lambda i: splice(scanned[i], PATCHES, span_patch=one),
        "annotated_50_percent": lambda i: splice(scanned[i], PATCHES, span_patch=half),
        "upb": lambda i: ExportTraceServiceRequest.FromString(requests[i]).SerializeToString(),
    }
    times: dict[str, list[int]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            for i in range(BATCHES):
                start = time.perf_counter_ns()
                way(i)
                times[name].append(time.perf_counter_ns() - start)
    result = {f"splice.{name}_ns_per_span": statistics.median(taken) / SPANS for name, taken in times.items()}
    result["splice.vs_memcpy"] = result["splice.annotated_1_percent_ns_per_span"] / result["splice.memcpy_ns_per_span"]
    result["splice.speedup_vs_upb"] = (
        result["splice.upb_ns_per_span"] / result["splice.annotated_1_percent_ns_per_span"]
    )
    return result


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:45} {value:8.1f}")
