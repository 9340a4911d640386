"""What becomes of telemetry when the verifier dies, hangs, or refuses a request."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from example.stack.collector import Collector
from example.stack.sink import Sink
from example.stack.verifier import Verifier
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.e2e.conftest import Rig, Sender
from tests.e2e.telemetry import all_spans, merged, new_trace, request, resource_spans, span, stripped, value, written

REQUESTS = 210
SPANS_PER_REQUEST = 500
SPANS = REQUESTS * SPANS_PER_REQUEST
SENDERS = 4
UNVERIFIED = "otelcol_processor_verifier_unverified_spans"
STREAMS = "otelcol_processor_verifier_open_streams"
SEQUENCE = "test.sequence"


def numbered(index: int) -> ExportTraceServiceRequest:
    """Request `index` of the load: each span has a number of its own and an empty name, so that it gets a verdict."""
    trace = new_trace()
    root = span("", trace)
    spans = [root, *(span("", trace, root) for _ in range(SPANS_PER_REQUEST - 1))]
    for offset, one in enumerate(spans):
        one.attributes.add(key=SEQUENCE).value.CopyFrom(value(index * SPANS_PER_REQUEST + offset))
    return request(resource_spans(spans))


def sequence_numbers(sink: Sink) -> Counter[int]:
    return Counter(
        pair.value.int_value for one in all_spans(sink.received()) for pair in one.attributes if pair.key == SEQUENCE
    )


class Load:
    """Sends the numbered requests from several threads.

    Attributes:
        acknowledged: requests that the collector took.
        refusals: the status of every refusal.

    """

    def __init__(self, sender: Sender, *, retry: bool) -> None:
        self._sender = sender
        self._retry = retry
        self._lock = threading.Lock()
        self.acknowledged = 0
        self.refusals: Counter[grpc.StatusCode] = Counter()

    def send(self, index: int) -> None:
        wire = numbered(index)
        while True:
            try:
                self._sender.send(wire)
            except grpc.RpcError as error:
                with self._lock:
                    self.refusals[error.code()] += 1
                if not self._retry:
                    raise
                time.sleep(0.05)
            else:
                with self._lock:
                    self.acknowledged += 1
                return


def run_with_a_kill(rig: Rig, failure_mode: str) -> tuple[Load, Sink, Collector]:
    """All the load; the verifier is killed in the middle of it and started again when a third is left."""
    backend, verifier = rig.sink(), rig.verifier()
    collector = rig.collector(
        "annotate.yaml",
        VERIFIER_ENDPOINT=verifier.endpoint,
        BACKEND_ENDPOINT=backend.endpoint,
        VERIFIER_FAILURE_MODE=failure_mode,
    )
    load = Load(rig.sender(collector), retry=failure_mode == "closed")
    third = REQUESTS // 3
    with ThreadPoolExecutor(SENDERS) as pool:
        first = [pool.submit(load.send, index) for index in range(2 * third)]
        rig.wait(lambda: load.acknowledged >= third, "a third acknowledged")
        verifier.kill()
        if failure_mode == "closed":
            rig.wait(lambda: bool(load.refusals), "a refusal seen")
        else:
            for future in first:
                future.result()
        rig.verifier()
        rig.wait(lambda: collector.metrics().total(STREAMS) > 0, "a stream to the new verifier")
        rest = [pool.submit(load.send, index) for index in range(2 * third, REQUESTS)]
        for future in (*first, *rest):
            future.result()
    return load, backend, collector


def test_kill_under_load_loses_nothing_where_failure_mode_is_open(rig: Rig) -> None:
    load, backend, collector = run_with_a_kill(rig, "open")
    unverified = collector.metrics().total(UNVERIFIED)
    collector.stop()

    assert load.acknowledged == REQUESTS
    assert not load.refusals
    assert sequence_numbers(backend) == Counter(range(SPANS))
    without_verdict = [one for one in all_spans(backend.received()) if not written(one)]
    assert 0 < len(without_verdict) < SPANS
    assert len(without_verdict) == unverified


def test_kill_under_load_is_retryable_where_failure_mode_is_closed(rig: Rig) -> None:
    load, backend, collector = run_with_a_kill(rig, "closed")
    collector.stop()

    assert set(load.refusals) == {grpc.StatusCode.UNAVAILABLE}
    assert load.acknowledged == REQUESTS
    assert sequence_numbers(backend) == Counter(range(SPANS))
    assert all(written(one) for one in all_spans(backend.received()))


@contextmanager
def stopped(verifier: Verifier) -> Iterator[None]:
    """The verifier hangs, as it would on a machine without a free core."""
    os.kill(verifier.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(verifier.pid, signal.SIGCONT)


def test_a_hanging_verifier_costs_a_few_timeouts_and_no_data(rig: Rig) -> None:
    backend, verifier = rig.sink(), rig.verifier()
    collector = rig.collector(
        "annotate.yaml",
        VERIFIER_ENDPOINT=verifier.endpoint,
        BACKEND_ENDPOINT=backend.endpoint,
        VERIFIER_TIMEOUT="200ms",
    )
    sender = rig.sender(collector)
    requests = [request(resource_spans([span("", new_trace())])) for _ in range(41)]
    sender.send(requests[0])
    with stopped(verifier):
        for one in requests[1:40]:
            sender.send(one)
        metrics = collector.metrics()
        # Five timeouts open the circuit; from then on nobody waits, save for a probe now and then.
        assert metrics.total(UNVERIFIED) == 39
        assert metrics.total(UNVERIFIED, cause="timeout") >= 5
        assert metrics.total(UNVERIFIED, cause="circuit_open") > 0

    def verified_again() -> bool:
        before = collector.metrics().total(UNVERIFIED)
        sender.send(requests[40])
        return collector.metrics().total(UNVERIFIED) == before

    rig.wait(verified_again, "verified again")
    collector.stop()
    numbers = Counter(one.span_id for one in all_spans(backend.received()))
    assert all(numbers[one.span_id] == 1 for one in all_spans(requests[:40]))


def test_a_request_over_a_limit_goes_on_untouched_where_failure_mode_is_open(rig: Rig) -> None:
    backend, verifier = rig.sink(), rig.verifier({"limits": {"spans": 50}})
    collector = rig.collector("annotate.yaml", VERIFIER_ENDPOINT=verifier.endpoint, BACKEND_ENDPOINT=backend.endpoint)
    sender = rig.sender(collector)
    trace = new_trace()
    small = request(resource_spans([span("", new_trace())]))
    large = request(resource_spans([span("", trace) for _ in range(51)]))
    for one in (small, large, small):
        sender.send(one)
    assert collector.metrics().total(UNVERIFIED, cause="too_large") == collector.metrics().total(UNVERIFIED) == 51
    assert verifier.metrics().total("otlp_verifier_errors", cause="too_large") == 1
    assert verifier.metrics().total("otlp_verifier_limits_hit", limit="spans") == 1
    collector.stop()

    untouched = [one for one in backend.received() if not any(map(written, all_spans([one])))]
    assert untouched == [large]
    arrived = sorted(stripped(one).SerializeToString() for one in backend.received())  # the exporter keeps no order
    assert arrived == sorted(one.SerializeToString() for one in (small, large, small))


def test_a_request_over_a_limit_is_refused_for_good_where_failure_mode_is_closed(rig: Rig) -> None:
    backend, verifier = rig.sink(), rig.verifier({"limits": {"spans": 50}})
    collector = rig.collector(
        "annotate.yaml",
        VERIFIER_ENDPOINT=verifier.endpoint,
        BACKEND_ENDPOINT=backend.endpoint,
        VERIFIER_FAILURE_MODE="closed",
    )
    sender = rig.sender(collector)
    trace = new_trace()
    with pytest.raises(grpc.RpcError) as refusal:
        sender.send(request(resource_spans([span("", trace) for _ in range(51)])))
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT  # sending it again would not help
    assert "spans" in refusal.value.details()
    sender.send(request(resource_spans([span("", trace)])))
    collector.stop()
    assert len(list(all_spans(backend.received()))) == 1


def test_bytes_that_are_no_request_are_refused_and_the_pipeline_lives_on(rig: Rig) -> None:
    backend, verifier = rig.sink(), rig.verifier()
    collector = rig.collector("annotate.yaml", VERIFIER_ENDPOINT=verifier.endpoint, BACKEND_ENDPOINT=backend.endpoint)
    sender = rig.sender(collector)
    good = request(resource_spans([span("GET /", new_trace())]))
    wire = good.SerializeToString()
    for broken in (wire[:-1], b"\xff" * 64, b"\x0a\x7f"):
        with pytest.raises(grpc.RpcError):
            sender.send_bytes(broken)
    sender.send(good)
    collector.stop()
    assert merged(backend.received()) == good
