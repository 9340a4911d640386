"""What a stream answers when the verifier itself is in trouble: faults, no room, starting, stopping."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from otlp_verifier.contract import verifier_pb2 as contract
from otlp_verifier.serve import engine as engines
from otlp_verifier.serve.engine import Engine
from otlp_verifier.settings import Settings
from otlp_verifier.settings.model import ServerLimits
from otlp_verifier.settings.scalars import Duration
from otlp_verifier.wire import answer
from tests.serve.client import Client, greeting, request
from tests.serve.scripted import Bench, ScriptedOutcome


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, ServerLimits(requests_in_flight=2, queue_timeout=Duration("30ms")))
    yield bench
    bench.server.stop(0)


def refused(answer: contract.VerifyResponse, code: contract.Code) -> contract.Error:
    assert answer.WhichOneof("answer") == "error", answer
    assert answer.error.code == code, answer
    return answer.error


@pytest.mark.parametrize(
    "error", [ValueError("bad \udcff"), MemoryError(), RecursionError(), AssertionError("x")], ids=ascii
)
def test_a_fault_is_answered_logged_once_and_survived(
    bench: Bench, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    with bench.client() as client:
        bench.verifier.script = fail
        for number in range(5):
            got = client.verify(b"", number)
            assert got.id == number
            fault = refused(got, contract.CODE_INTERNAL)
            assert type(error).__name__ in fault.message
            assert "bad" not in fault.message  # what went wrong inside is for the log
        bench.verifier.script = lambda: None
        assert client.verify(b"", 9).WhichOneof("answer") == "unchanged"
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert bench.verifier.workers_made == 1 + 5  # none that failed is used again
    assert bench.metrics.errors.labels("internal")._value.get() == 5


def test_no_worker_in_time(bench: Bench) -> None:
    leave, entered = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        leave.wait(10)

    with bench.client() as busy, bench.client() as other:
        bench.verifier.script = wait
        busy.send(request(b"", 1))
        assert entered.wait(10)
        fault = refused(other.verify(b"", 2), contract.CODE_OVERLOADED)
        assert "queue_timeout" in fault.message
        assert fault.retry_after_ms == 30
        leave.set()
        assert busy.receive().WhichOneof("answer") == "unchanged"
        assert other.verify(b"", 3).WhichOneof("answer") == "unchanged"
    assert bench.metrics.limits.labels("queue_timeout")._value.get() == 1


def test_too_many_requests_in_flight(bench: Bench) -> None:
    leave, entered = threading.Event(), threading.Semaphore(0)

    def wait() -> None:
        entered.release()
        leave.wait(10)

    bench.streams.engine = Engine(bench.verifier, bench.settings, workers=2)  # type: ignore[arg-type]
    with bench.client() as first, bench.client() as second, bench.client() as third:
        bench.settle()
        bench.verifier.script = wait
        for client in (first, second):
            client.send(request(b""))
            assert entered.acquire(timeout=10)
        fault = refused(third.verify(b""), contract.CODE_OVERLOADED)
        assert "requests_in_flight: 2" in fault.message
        leave.set()
        assert first.receive().WhichOneof("answer") == second.receive().WhichOneof("answer") == "unchanged"
        bench.settle()
        assert third.verify(b"").WhichOneof("answer") == "unchanged"
    assert bench.metrics.limits.labels("requests_in_flight")._value.get() == 1


def test_before_the_kernels_are_loaded_a_caller_is_asked_to_come_again(bench: Bench) -> None:
    engine, bench.streams.engine = bench.streams.engine, None
    with Client(bench.address) as client:
        fault = refused(client.ask(greeting()), contract.CODE_OVERLOADED)
        assert "starting" in fault.message
        assert fault.retry_after_ms > 0
        bench.streams.engine = engine
        client.greet()
        assert client.verify(b"").WhichOneof("answer") == "unchanged"


def test_while_draining_requests_are_sent_elsewhere(bench: Bench) -> None:
    with bench.client() as client:
        bench.streams.draining = True
        got = client.verify(b"", 8)
        assert got.id == 8
        refused(got, contract.CODE_SHUTTING_DOWN)


def test_an_answer_longer_than_senders_receive_is_not_sent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    long = answer.sparse(1, strip_records=np.arange(1000, dtype=np.uint32))
    monkeypatch.setattr(ScriptedOutcome, "response", lambda self, request_id: long)
    with bench.client() as client:
        monkeypatch.setattr(answer, "ANSWER_BYTES_MAX", len(long))
        assert client.verify(b"").WhichOneof("answer") == "sparse"
        monkeypatch.setattr(answer, "ANSWER_BYTES_MAX", len(long) - 1)
        fault = refused(client.verify(b""), contract.CODE_TOO_LARGE)
        assert fault.message == f"the answer takes {len(long)} bytes; an answer has at most {len(long) - 1}"
        monkeypatch.undo()
        assert client.verify(b"").WhichOneof("answer") == "unchanged"
    assert bench.metrics.limits.labels("answer_bytes")._value.get() == 1


def test_a_profile_that_a_reload_took_away(bench: Bench) -> None:
    with bench.client(profile="named") as client, bench.client() as other:
        assert client.verify(b"").WhichOneof("answer") == "unchanged"
        bench.streams.engine = bench.engine(Settings())
        assert "`named`" in refused(client.verify(b""), contract.CODE_UNSUPPORTED).message
        assert other.verify(b"").WhichOneof("answer") == "unchanged"
        bench.streams.engine = bench.engine()
        assert client.verify(b"").WhichOneof("answer") == "unchanged"


def test_a_worker_that_grew_is_not_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "WORKER_KEPT_BYTES_MAX", 100)
    with bench.client() as client:
        client.verify(b"\0" * 100)
        assert bench.verifier.workers_made == 1
        client.verify(b"\0" * 101)
        assert bench.verifier.workers_made == 2


def test_health_follows_the_server(bench: Bench) -> None:
    with Client(bench.address) as client:
        assert client.health() == client.health("otlp_verifier.v1.Verifier") == "NOT_SERVING"
        stub = health_pb2_grpc.HealthStub(client.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="otlp_verifier.v1.Verifier"), timeout=20)
        seen = [next(watch).status]
        bench.server.serving()
        seen.append(next(watch).status)
        assert client.health() == client.health("otlp_verifier.v1.Verifier") == "SERVING"
        bench.server.refuse_new(10)
        seen.append(next(watch).status)
    names = health_pb2.HealthCheckResponse.ServingStatus
    assert [names.Name(status) for status in seen] == ["NOT_SERVING", "SERVING", "NOT_SERVING"]
