"""Writing verdicts into bytes: the splicer beside a plain copy (the floor) and beside protobuf's decode and encode."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.columns import Columns
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.splicer import NO_PATCH, Patches, patch, splice
from perf.measure import Way, ns_per_span
from perf.workload import SPANS, batches

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
    """Nanoseconds per span, medians over batches that differ."""
    requests = batches(BATCHES)
    scanned = []
    for request in requests:
        columns = Columns()
        columns.load(request, Limits())
        scanned.append(columns)
    none, one, half = annotated(0), annotated(1), annotated(50)
    calls: dict[str, Callable[[int], object]] = {
        "memcpy": lambda i: bytearray(requests[i]),
        "unchanged": lambda i: splice(scanned[i], PATCHES, span_patch=none),
        "annotated_1_percent": lambda i: splice(scanned[i], PATCHES, span_patch=one),
        "annotated_50_percent": lambda i: splice(scanned[i], PATCHES, span_patch=half),
        "upb": lambda i: ExportTraceServiceRequest.FromString(requests[i]).SerializeToString(),
    }
    taken = ns_per_span({name: Way(call, range(BATCHES), SPANS) for name, call in calls.items()}, ROUNDS)
    result = {f"splice.{name}_ns_per_span": value for name, value in taken.items()}
    result["splice.vs_memcpy"] = taken["annotated_1_percent"] / taken["memcpy"]
    result["splice.speedup_vs_upb"] = taken["upb"] / taken["annotated_1_percent"]
    return result


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure:45} {value:8.1f}")
