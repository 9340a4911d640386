"""The stream, answered by the real engine over a real connection: what is asked, what is answered, what goes on."""

import gzip
import queue
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from otlp_verifier.contract import verifier_pb2 as contract
from tests.serve.client import Client, greeting, request
from tests.serve.process import Served
from tests.serve.telemetry import FAULT, batch

LIMITS = {"bytes": 100_000, "spans": 300, "streams": 8, "requests_in_flight_per_stream": 7}
PROFILES = {
    "drops": {"actions": [{"severity": "error", "action": "drop_span"}]},
    "ignores": {"actions": [{"action": "ignore"}]},
}


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("stream")
    listen = [f"unix://{folder}/verifier.sock", "localhost:0"]
    with Served(folder, {"listen": listen, "limits": LIMITS, "profiles": PROFILES}) as served:
        yield served.ready()


@pytest.fixture(params=["unix", "tcp"])
def client(verifier: Served, request: pytest.FixtureRequest) -> Iterator[Client]:
    addresses = verifier.event("listening")["listen"]
    with Client(addresses[0 if request.param == "unix" else 1]) as client:
        yield client


def answers(client: Client) -> None:
    """The stream is alive: a good batch is answered as it should be."""
    answer = client.verify(batch(good=3), 99)
    assert (answer.id, answer.WhichOneof("answer")) == (99, "unchanged")


def error(answer: contract.VerifyResponse, code: contract.Code) -> contract.Error:
    assert answer.WhichOneof("answer") == "error", answer
    assert answer.error.code == code, answer
    return answer.error


def test_welcome_says_what_will_be_taken(client: Client) -> None:
    welcome = client.greet()
    assert welcome.max_request_bytes == LIMITS["bytes"]
    assert welcome.max_requests_in_flight == LIMITS["requests_in_flight_per_stream"]
    assert welcome.transport == contract.TRANSPORT_MESSAGE
    assert welcome.verifier_version


def test_nothing_to_say(client: Client) -> None:
    client.greet()
    answer = client.verify(batch(good=200), 7)
    assert (answer.id, answer.WhichOneof("answer")) == (7, "unchanged")
    assert len(answer.SerializeToString()) <= 4


def test_findings_by_position(client: Client) -> None:
    client.greet()
    answer = client.verify(batch(good=5, faulty=2), 2**64 - 1)
    assert answer.id == 2**64 - 1
    assert list(answer.sparse.records) == [5, 6]
    attributes = answer.sparse.annotations[answer.sparse.record_annotations[0]].attributes
    violations = next(each for each in attributes if each.key == "verifier.violations")
    assert FAULT in violations.list.values


def test_empty_batch(client: Client) -> None:
    client.greet()
    assert client.verify(b"").WhichOneof("answer") == "unchanged"


def test_joined_batches_are_one(client: Client) -> None:
    client.greet()
    answer = client.verify(batch(good=2, faulty=1) + batch(good=3) + batch(good=0, faulty=1))
    assert list(answer.sparse.records) == [2, 6]


def test_many_requests_before_the_first_answer_is_read(client: Client) -> None:
    client.greet()
    for number in range(50):
        client.send(request(batch(good=10, faulty=number % 2), number))
    got = {(answer := client.receive()).id: answer.WhichOneof("answer") for _ in range(50)}
    assert got == {number: "sparse" if number % 2 else "unchanged" for number in range(50)}


def test_drops_only_where_the_stream_allows_it(verifier: Served) -> None:
    for allow_drop in (False, True):
        with Client(verifier.address) as client:
            client.greet(profile="drops", allow_drop=allow_drop)
            answer = client.verify(batch(good=1, faulty=1))
            assert list(answer.sparse.drop_records) == ([1] if allow_drop else [])


def test_each_stream_has_its_profile(verifier: Served) -> None:
    with Client(verifier.address) as client, Client(verifier.address) as lenient:
        client.greet()
        lenient.greet(profile="ignores")
        assert client.verify(batch(good=0, faulty=1)).WhichOneof("answer") == "sparse"
        assert lenient.verify(batch(good=0, faulty=1)).WhichOneof("answer") == "unchanged"


def test_end_of_requests_ends_the_stream_in_peace(client: Client) -> None:
    client.greet()
    client.send(request(batch(), 5))
    assert [answer.id for answer in client.end()] == [5]
    assert client.call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize(
    "first",
    [request(batch()), b"", contract.VerifyRequest(id=3, hello=contract.Hello(), otlp=b"\x0a\x00")],
    ids=["a batch", "an empty message", "hello and a batch"],
)
def test_first_message_must_be_hello(client: Client, first: contract.VerifyRequest | bytes) -> None:
    assert "expected hello" in error(client.ask(first), contract.CODE_UNSUPPORTED).message
    client.greet()
    answers(client)


def test_second_hello_changes_nothing(client: Client) -> None:
    client.greet(profile="ignores")
    assert "hello" in error(client.ask(greeting(profile="drops")), contract.CODE_UNSUPPORTED).message
    assert client.verify(batch(good=0, faulty=1)).WhichOneof("answer") == "unchanged"


@pytest.mark.parametrize(
    ("hello", "named"),
    [
        ({"profile": "ignore"}, "`drops`, `ignores`"),
        ({"signals": [contract.SIGNAL_TRACES, contract.SIGNAL_LOGS]}, "signal 3"),
        ({"signals": [7]}, "signal 7"),
        ({"transports": [contract.TRANSPORT_SHARED_MEMORY]}, "transport"),
    ],
    ids=["profile", "logs", "signal from the future", "transport"],
)
def test_hello_that_cannot_be_served(client: Client, hello: dict[str, object], named: str) -> None:
    assert named in error(client.ask(greeting(**hello)), contract.CODE_UNSUPPORTED).message
    client.greet()
    answers(client)


def test_unreadable_hello(client: Client) -> None:
    assert "hello" in error(client.ask(b"\x22\x02\x0a\x50"), contract.CODE_BAD_INPUT).message
    client.greet()
    answers(client)


@pytest.mark.parametrize(
    "fields",
    [{"signal": contract.SIGNAL_UNSPECIFIED}, {"signal": contract.SIGNAL_METRICS}, {"signal": 99}, {"completeness": 9}],
    ids=ascii,
)
def test_request_that_cannot_be_served(client: Client, fields: dict[str, int]) -> None:
    client.greet()
    answer = client.verify(batch(), 4, **fields)
    assert answer.id == 4
    error(answer, contract.CODE_UNSUPPORTED)
    answers(client)


def test_truncation_at_every_byte(client: Client) -> None:
    """Cut anywhere, a batch is bad input with a place in it, or it is a shorter batch; the stream goes on."""
    client.greet()
    whole = batch(good=1)
    for cut in range(len(whole)):
        answer = client.verify(whole[:cut], cut)
        assert answer.id == cut
        if answer.WhichOneof("answer") == "error":
            assert error(answer, contract.CODE_BAD_INPUT).byte_offset <= cut
    answers(client)


@pytest.mark.parametrize(
    ("otlp", "offset"),
    [(b"\x0a\x05abc", 0), (batch() + b"\x0f", len(batch())), (b"\xff" * 11, 0)],
    ids=["length beyond the end", "wire type 7", "endless tag"],
)
def test_malformed_batch_says_where(client: Client, otlp: bytes, offset: int) -> None:
    client.greet()
    fault = error(client.verify(otlp), contract.CODE_BAD_INPUT)
    assert fault.byte_offset == offset
    assert str(offset) in fault.message
    answers(client)


@pytest.mark.parametrize(
    "message",
    [b"\x08", b"\x08\x01\x7a\x7f", b"\x00", b"\xff" * 40],
    ids=["tag alone", "length beyond the end", "field 0", "endless tag"],
)
def test_malformed_envelope(client: Client, message: bytes) -> None:
    client.greet()
    assert "VerifyRequest" in error(client.ask(message), contract.CODE_BAD_INPUT).message
    answers(client)


@pytest.mark.parametrize(("spans", "limit"), [(301, "spans"), (2_000, "bytes")])
def test_request_over_a_limit_names_it(verifier: Served, client: Client, spans: int, limit: str) -> None:
    client.greet()
    before = verifier.metrics().total("otlp_verifier_limits_hit", limit=limit)
    otlp = batch(good=spans)
    assert (len(otlp) > LIMITS["bytes"]) == (limit == "bytes")
    fault = error(client.verify(otlp), contract.CODE_TOO_LARGE)
    assert limit in fault.message
    assert str(LIMITS[limit]) in fault.message
    assert verifier.metrics().total("otlp_verifier_limits_hit", limit=limit) == before + 1
    answers(client)


def test_message_far_over_the_limit_ends_its_stream_only(verifier: Served, client: Client) -> None:
    client.greet()
    client.send(request(b"\x0a" * 1_000_000))
    with pytest.raises(grpc.RpcError) as ended:
        client.receive()
    assert ended.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    with Client(verifier.address) as other:
        other.greet()
        answers(other)


def test_compressed_bomb_is_not_inflated(verifier: Served) -> None:
    """64 MiB in 64 KiB: refused by its size after inflation, and never held in memory."""
    before = verifier.metrics().total("process_resident_memory_bytes")
    bomb = request(b"\x0a\x00" * (32 << 20)).SerializeToString()
    assert len(gzip.compress(bomb[: 1 << 20])) < 2048
    with Client(verifier.address, compression=grpc.Compression.Gzip) as client:
        client.greet()
        client.send(bomb)
        with pytest.raises(grpc.RpcError) as ended:
            client.receive()
        assert ended.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert verifier.metrics().total("process_resident_memory_bytes") - before < 16 << 20


def test_compressed_requests_are_served(verifier: Served) -> None:
    with Client(verifier.address, compression=grpc.Compression.Gzip) as client:
        client.greet()
        answers(client)


def test_streams_beyond_the_limit_are_turned_away(verifier: Served) -> None:
    with Client(verifier.address) as first:
        first.greet()
        others = [Client(verifier.address) for _ in range(30)]
        try:
            for other in others:
                other.send(greeting())
            outcomes = []
            for other in others:
                try:
                    outcomes.append(other.receive().WhichOneof("answer"))
                except grpc.RpcError as refused:
                    outcomes.append(refused.code())
            assert outcomes.count("welcome") == LIMITS["streams"] - 1
            assert outcomes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == len(others) - LIMITS["streams"] + 1
            answers(first)
            assert first.health() == "SERVING"  # idle streams cannot starve the health check
        finally:
            for other in others:
                other.__exit__(None, None, None)
    verifier.wait_until(lambda: verifier.metrics().total("otlp_verifier_streams") == 0, "without streams")
    assert verifier.metrics().total("otlp_verifier_limits_hit", limit="streams") > 0


def test_a_thousand_streams_on_one_connection(verifier: Served) -> None:
    """Beyond what a connection may have open, streams wait at their sender; nobody else notices."""
    with grpc.insecure_channel(verifier.address) as channel:
        method = channel.stream_stream("/otlp_verifier.v1.Verifier/Verify", None, contract.VerifyResponse.FromString)
        never: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        calls = [method(iter(never.get, None)) for _ in range(1000)]
        with Client(verifier.address) as other:
            assert other.health() == "SERVING"
        assert verifier.metrics().total("otlp_verifier_streams") <= LIMITS["streams"]
        for call in calls:
            call.cancel()
    verifier.wait_until(lambda: verifier.metrics().total("otlp_verifier_streams") == 0, "without streams")


def test_a_client_that_vanishes_leaves_nothing_behind(verifier: Served) -> None:
    for _ in range(5):
        with Client(verifier.address) as client:
            client.greet()
            client.send(request(batch(good=200)))
    verifier.wait_until(lambda: verifier.metrics().total("otlp_verifier_streams") == 0, "without streams")
    assert verifier.metrics().total("otlp_verifier_requests_in_flight") == 0


def test_metrics_count_what_happened(tmp_path: Path) -> None:
    with Served(tmp_path, {"limits": {"spans": 100}}).ready() as verifier, Client(verifier.address) as client:
        client.greet()
        for _ in range(3):
            client.verify(batch(good=10))
        client.verify(batch(good=4, faulty=2))
        client.verify(b"\x0a\x05")
        client.verify(batch(good=101))
        client.verify(batch(), signal=contract.SIGNAL_LOGS)
        metrics = verifier.metrics()
    assert metrics.by("otlp_verifier_batches", "answer") == {"unchanged": 3, "sparse": 1}
    assert metrics.total("otlp_verifier_spans") == 36
    assert metrics.total("otlp_verifier_spans_annotated") == 2
    assert metrics.total("otlp_verifier_findings", rule=FAULT) == 2
    assert metrics.total("otlp_verifier_request_duration_seconds_count") == 4
    errors = {cause: count for cause, count in metrics.by("otlp_verifier_errors", "cause").items() if count}
    assert errors == {"bad_input": 1, "too_large": 1, "unsupported": 1}
    assert metrics.total("otlp_verifier_limits_hit", limit="spans") == 1
    assert metrics.total("otlp_verifier_streams") == 1
    assert metrics.total("otlp_verifier_ready") == 1
