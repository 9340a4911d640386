"""Conversations over shared memory: the same answers as on a stream, and senders that mean no good."""

import errno
import os
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("shared memory needs Linux", allow_module_level=True)

from otlp_verifier.contract import verifier_pb2 as contract
from otlp_verifier.serve.desk import SUFFIX
from otlp_verifier.settings.model import ServerLimits
from otlp_verifier.settings.scalars import Duration
from tests.serve.client import PATIENCE_S, Client, request
from tests.serve.process import Served
from tests.serve.scripted import Bench
from tests.serve.sharing import GENERATION, Shared, Sharer, ended, hand_over, parts
from tests.serve.telemetry import batch

BYTES_MAX = 100_000
_BOTH = [contract.TRANSPORT_SHARED_MEMORY, contract.TRANSPORT_MESSAGE]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    limits = ServerLimits(bytes=BYTES_MAX, streams=4, requests_in_flight=2, queue_timeout=Duration("30ms"))
    bench = Bench(tmp_path, limits)
    yield bench
    bench.server.stop(0)


def refused(answer: contract.VerifyResponse, code: contract.Code) -> str:
    assert answer.WhichOneof("answer") == "error", answer
    assert answer.error.code == code, answer
    return answer.error.message


def wait_for(condition: object, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def open_memories() -> int:
    """Descriptors of shared memory that this process has, be they the sender's or the verifier's."""

    def target(name: str) -> str:
        try:
            return os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # closed meanwhile
            return ""

    return sum("memfd:shared" in target(name) for name in os.listdir("/proc/self/fd"))


def test_from_memory_or_in_a_message(bench: Bench) -> None:
    with Sharer(bench.address) as sharer:
        assert sharer.verify(b"in memory", 5).id == 5
        assert sharer.ask(request(b"in a message", 6)).id == 6
        second = sharer.memory.put(b" and another", 4096)
        assert sharer.locate(sharer.memory.put(b"one"), second, request_id=7).WhichOneof("answer") == "unchanged"
        assert sharer.client.verify(b"on the stream", 8).id == 8
        bench.settle()
    assert bench.verifier.seen == [b"in memory", b"in a message", b"one and another", b"on the stream"]
    [metric] = [m for m in bench.metrics.batches.collect() if m.name == "otlp_verifier_received"]
    assert {s.labels["transport"]: s.value for s in metric.samples} == {"shared_memory": 2, "message": 2}


def test_what_is_judged_cannot_change(bench: Bench) -> None:
    """Whatever the sender does to its memory meanwhile, the verdict is about the bytes that were copied."""
    with Sharer(bench.address) as sharer:
        bench.verifier.script = lambda: sharer.memory.data.__setitem__(slice(0, 64), b"\xff" * 64)
        assert sharer.verify(b"as it was").WhichOneof("answer") == "unchanged"
    assert bench.verifier.seen == [b"as it was"]


def test_a_batch_that_its_sender_gave_up(bench: Bench) -> None:
    with Sharer(bench.address) as sharer:
        position, length, cell, _ = sharer.memory.put(b"batch")
        stale = refused(sharer.locate((position, length, cell, GENERATION + 1)), contract.CODE_BAD_INPUT)
        assert "not of generation 8 any more" in stale
        assert sharer.verify(b"batch").WhichOneof("answer") == "unchanged"
    assert bench.verifier.seen == [b"batch"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (contract.VerifyRequest(signal=1, parts=b"x" * 31), "expected 32"),
        (contract.VerifyRequest(signal=1, parts=parts((1 << 20, 1, 0, 0))), "the memory has 1048576"),
        (contract.VerifyRequest(signal=1, parts=parts((2**64 - 8, 16, 0, 0))), "the memory has 1048576"),
        (contract.VerifyRequest(signal=1, parts=parts((0, 1, 2**63, 0))), "the memory has 1048576"),
        (contract.VerifyRequest(signal=1, parts=parts((8, 1, 0, 0)), otlp=b"x"), "one of them"),
        (contract.VerifyRequest(hello=contract.Hello()), "hello"),
        (b"\xff", "VerifyRequest"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_requests_that_cannot_be_read(bench: Bench, message: contract.VerifyRequest | bytes, said: str) -> None:
    with Sharer(bench.address) as sharer:
        assert said in sharer.ask(message).error.message
        assert sharer.verify(b"").WhichOneof("answer") == "unchanged"


def test_more_than_a_request_may_have(bench: Bench) -> None:
    """Few bytes of memory, named often, are many bytes."""
    with Sharer(bench.address) as sharer:
        part = sharer.memory.put(b"x" * 1000)
        assert sharer.locate(*[part] * (BYTES_MAX // 1000)).WhichOneof("answer") == "unchanged"
        said = refused(sharer.locate(*[part] * (BYTES_MAX // 1000 + 1)), contract.CODE_TOO_LARGE)
        assert "`bytes` allows 100000" in said
        sharer.connection.sendall(struct.pack("<I", 1 << 30))
        assert ended(sharer.connection)


def test_parts_without_memory(bench: Bench) -> None:
    with bench.client() as client:
        answer = client.ask(contract.VerifyRequest(signal=1, parts=parts((8, 1, 0, 0))))
        assert "no memory was handed over" in refused(answer, contract.CODE_BAD_INPUT)


def test_limits_hold_here_too(bench: Bench) -> None:
    with Sharer(bench.address) as sharer, bench.client() as other:
        bench.streams.draining = True
        refused(sharer.verify(b"x"), contract.CODE_SHUTTING_DOWN)
        bench.streams.draining = False
        for _ in range(2):
            bench.load.begin_request()
        assert "requests_in_flight" in refused(sharer.verify(b"x"), contract.CODE_OVERLOADED)
        refused(other.verify(b"x"), contract.CODE_OVERLOADED)


@pytest.mark.parametrize("ticket", [b"", b"short", b"0123456789abcdef", b"0123456789abcdef and more"], ids=len)
def test_tickets_that_nobody_got(bench: Bench, ticket: bytes) -> None:
    shared = Shared()
    before = open_memories()
    with bench.client(transports=_BOTH), hand_over(bench.address[7:], ticket or b"\0", [shared.descriptor]) as desk:
        assert ended(desk)
    wait_for(lambda: open_memories() == before, "the memory is kept")
    shared.close()


def test_a_ticket_is_good_once_and_with_memory(bench: Bench) -> None:
    with Client(bench.address) as client, Sharer(bench.address) as sharer:
        with hand_over(sharer.path, sharer.ticket, [sharer.memory.descriptor]) as second:
            assert ended(second)
        welcome = client.greet(transports=_BOTH)
        with hand_over(sharer.path, welcome.ticket, []) as without:
            assert ended(without)
        reading, writing = os.pipe()
        with hand_over(sharer.path, welcome.ticket, [reading]) as no_memory:
            assert ended(no_memory)
        os.close(reading)
        os.close(writing)
        assert sharer.verify(b"still there").WhichOneof("answer") == "unchanged"


def test_stream_and_conversation_end_together(bench: Bench) -> None:
    with Sharer(bench.address) as sharer:
        sharer.client.call.cancel()
        assert ended(sharer.connection)
    with Sharer(bench.address) as sharer:
        sharer.connection.close()
        wait_for(sharer.client.call.done, "the stream goes on without its conversation")
    wait_for(lambda: bench.load.streams == 0, "streams are left")
    wait_for(lambda: open_memories() == 0, "memory is left")


def test_the_end_within_a_message(bench: Bench) -> None:
    with Sharer(bench.address) as sharer:
        sharer.connection.sendall(b"\x10\0\0\0abc")
        sharer.connection.shutdown(socket.SHUT_WR)
        assert ended(sharer.connection)
    wait_for(lambda: bench.load.requests == 0, "a request is left")


def test_more_conversations_than_there_may_be(bench: Bench) -> None:
    idle = [socket.socket(socket.AF_UNIX) for _ in range(5)]
    for number, connection in enumerate(idle):
        connection.settimeout(PATIENCE_S)
        connection.connect(bench.address[7:] + SUFFIX)
        if number == 4:
            assert ended(connection)
    for connection in idle:
        connection.close()
    wait_for(lambda: _converses(bench), "no room after they have gone")


def _converses(bench: Bench) -> bool:
    try:
        with Sharer(bench.address) as sharer:
            return sharer.verify(b"").WhichOneof("answer") == "unchanged"
    except (EOFError, ConnectionResetError, BrokenPipeError):
        return False


def test_descriptors_that_run_out(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever connects while no descriptor is left is served when there is one again."""
    ours, theirs = socket.socketpair()

    class Listener:
        def __init__(self) -> None:
            self.answers = iter([OSError(errno.EMFILE, os.strerror(errno.EMFILE)), (theirs, None)])

        def accept(self) -> object:
            if isinstance(answer := next(self.answers, None), tuple):
                return answer
            if answer is None:
                bench.desk.close()
            raise answer or OSError(errno.EINVAL, "")

    with Client(bench.address) as client, Shared() as shared, ours:
        ours.settimeout(PATIENCE_S)
        socket.send_fds(ours, [client.greet(transports=_BOTH).ticket], [shared.descriptor])
        bench.desk._accept(Listener())  # type: ignore[arg-type]
        assert len(ours.recv(4)) == 4
    assert "Too many open files" in caplog.text


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("desk")
    listen = [f"unix://{folder}/v.sock", "localhost:0"]
    with Served(folder, {"listen": listen}) as served:
        yield served.ready()


def test_verdicts_are_those_of_a_stream(verifier: Served) -> None:
    with Sharer(verifier.address) as sharer, Client(verifier.address) as client:
        client.greet()
        for good, faulty in ((0, 0), (5, 0), (0, 3), (300, 7), (3, 600)):
            otlp = batch(good, faulty)
            assert sharer.verify(otlp) == client.verify(otlp)
        cut = batch(3)[:-5]
        assert sharer.verify(cut).error == client.verify(cut).error


def test_not_over_tcp_and_not_unless_asked(verifier: Served) -> None:
    unix, tcp = verifier.event("listening")["listen"]
    for address, transports in ((tcp, _BOTH), (unix, [contract.TRANSPORT_MESSAGE]), (unix, [])):
        with Client(address) as client:
            welcome = client.greet(transports=transports)
            assert (welcome.transport, welcome.ticket) == (contract.TRANSPORT_MESSAGE, b"")


def test_the_socket_is_as_the_other_and_goes_with_it(tmp_path: Path) -> None:
    beside = tmp_path / f"v{SUFFIX}"
    settings = {"listen": [f"unix://{tmp_path}/v"], "socket_mode": "0600"}
    with Served(tmp_path, settings).ready() as served:
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600
        assert served.stop() == 0
    assert not beside.exists()
    served.log.unlink()
    with Served(tmp_path, {**settings, "shared_memory": False}).ready() as served, Client(served.address) as client:
        assert not beside.exists()
        assert client.greet(transports=_BOTH).transport == contract.TRANSPORT_MESSAGE


def test_a_verifier_killed_and_started_again(tmp_path: Path) -> None:
    """What is left of the socket is replaced, and senders share their memory anew."""
    settings = {"listen": [f"unix://{tmp_path}/v"]}
    for _ in range(2):
        with Served(tmp_path, settings) as served:
            served.wait_until(lambda served=served: len(served.events("ready")) > 0, "ready")
            with Sharer(f"unix://{tmp_path}/v") as sharer:
                assert sharer.verify(batch(3)).WhichOneof("answer") == "unchanged"
                served.signal(signal.SIGKILL)
                served.wait()
                assert ended(sharer.connection)
        served.log.unlink()


def test_draining_answers_and_ends_conversations(tmp_path: Path) -> None:
    with Served(tmp_path, {"listen": [f"unix://{tmp_path}/v"]}).ready() as served, Sharer(served.address) as sharer:
        assert sharer.verify(batch(3)).WhichOneof("answer") == "unchanged"
        assert served.stop() == 0
        assert ended(sharer.connection)
        assert served.event("stopped")["unanswered"] == 0
