"""Batches that lie in shared memory, by the real collector and the real verifier, and what one leaves that dies."""

import os
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.e2e.conftest import Rig
from tests.e2e.telemetry import all_spans, new_trace, request, resource_spans, span, written

if sys.platform != "linux":
    pytest.skip("shared memory needs Linux", allow_module_level=True)

CARRIED = "otelcol_processor_verifier_carried_batches"
RECEIVED = "otlp_verifier_received"
STREAMS = "otelcol_processor_verifier_open_streams"
BY_MESSAGE = "yaml:processors::verifier::shared_memory::enabled: false"


def batch(spans: int) -> ExportTraceServiceRequest:
    """A request of one trace, with an empty name in every tenth span."""
    trace = new_trace()
    root = span("GET /", trace)
    return request(resource_spans([root, *(span("work" if n % 10 else "", trace, root) for n in range(spans - 1))]))


def memories(pid: int) -> int:
    """How many senders' memories a process has open."""
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(os.readlink(descriptor))
        except FileNotFoundError:  # closed meanwhile
            continue
    return sum("memfd:otlp-verifier" in link for link in links)


def test_the_same_verdicts_as_by_message(rig: Rig) -> None:
    verifier = rig.verifier()
    requests = [batch(spans) for spans in (1, 700, 30, 3000, 2)]
    arrived = {}
    for transport, more in {"shared_memory": [], "message": [BY_MESSAGE]}.items():
        backend = rig.sink()
        collector = rig.collector(
            "annotate.yaml",
            *more,
            VERIFIER_ENDPOINT=verifier.endpoint,
            BACKEND_ENDPOINT=backend.endpoint,
            VERIFIER_FAILURE_MODE="closed",
        )
        rig.wait(lambda collector=collector: collector.metrics().total(STREAMS) > 0, "a stream")
        sender = rig.sender(collector)
        for one in requests:
            sender.send(one)
        carried = collector.metrics().by(CARRIED, "transport")
        assert carried[transport] >= 2, carried
        assert sum(carried.values()) == len(requests)
        collector.stop()
        # By trace: the exporter sends from several goroutines.
        arrived[transport] = sorted(backend.received(), key=lambda one: next(all_spans([one])).trace_id)
    assert any(written(one) for one in all_spans(arrived["message"]))
    assert arrived["shared_memory"] == arrived["message"]
    received = verifier.metrics().by(RECEIVED, "transport")
    assert received == {"shared_memory": 2, "message": 2 * len(requests) - 2}


def test_memory_is_freed_when_the_collector_is_killed(rig: Rig) -> None:
    verifier, backend = rig.verifier(), rig.sink()
    collector = rig.collector("annotate.yaml", VERIFIER_ENDPOINT=verifier.endpoint, BACKEND_ENDPOINT=backend.endpoint)
    rig.wait(lambda: memories(verifier.pid) > 0, "sharing memory")
    rig.sender(collector).send(batch(1000))
    collector.kill()
    rig.wait(lambda: memories(verifier.pid) == 0, "rid of the memory")
    rig.wait(lambda: verifier.metrics().total("otlp_verifier_streams") == 0, "rid of the streams")
