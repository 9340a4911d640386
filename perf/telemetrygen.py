"""Batches of telemetrygen, the load generator of the collector's authors: captured once, then sent like others.

Its spans come in pairs with two names, two attributes and one service, so that nothing about them varies but ids and
times: a load that everybody knows, and not one that is like production.
"""

import subprocess
from collections import Counter

from example.stack.collector import BINARY
from example.stack.sink import Sink

from perf.stack import Missing
from perf.workload import SPANS, sdk_bytes

COMMAND = BINARY.parent / "telemetrygen"
SPANS_PER_SECOND = 10_000  # as fast as its SDK takes them: beyond, it throws spans away


def captured(number: int) -> list[bytes]:
    """So many batches of 512 spans, serialized as its SDK does.

    Raises:
        Missing: telemetrygen has not been built.
        CalledProcessError: it failed.

    """
    if not COMMAND.exists():
        raise Missing(f"{COMMAND} is missing: make telemetrygen")
    with Sink() as sink:
        arguments = {
            "otlp-endpoint": sink.endpoint,
            "traces": (number + 1) * SPANS // 2,
            "child-spans": 1,
            "rate": SPANS_PER_SECOND,
            "batch-size": SPANS,
        }
        flags = [f"--{name}={value}" for name, value in arguments.items()]
        subprocess.run([COMMAND, "traces", "--otlp-insecure", *flags], check=True, capture_output=True)
        requests = sink.received()
    spans = [sum(len(scope.spans) for of in request.resource_spans for scope in of.scope_spans) for request in requests]
    whole = [sdk_bytes(request) for request, size in zip(requests, spans, strict=True) if size == SPANS]
    if len(whole) < number:
        raise RuntimeError(
            f"telemetrygen sent batches of {Counter(spans)} spans, and {number} of {SPANS} were asked for"
        )
    return whole[:number]
