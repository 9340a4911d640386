"""The process: starting, reloading, draining, and what it says when it cannot start."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import grpc
import pytest

from otlp_verifier.contract import verifier_pb2 as contract
from tests.serve.client import Client, request
from tests.serve.process import COMMAND, Served
from tests.serve.telemetry import FAULT, batch
from tests.weaver.registries import CLASSIC


@pytest.fixture
def verifier(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path, {"listen": [f"unix://{tmp_path}/verifier.sock"]}) as served:
        yield served.ready()


def start(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run `serve` with a configuration that is expected not to start."""
    (folder / "bad.yaml").write_text(text)
    return subprocess.run(
        [*COMMAND, "serve", "--config", folder / "bad.yaml"], capture_output=True, text=True, timeout=60, check=False
    )


def test_ready_and_stopped(verifier: Served, tmp_path: Path) -> None:
    with Client(verifier.address) as client:
        assert client.health() == client.health("otlp_verifier.v1.Verifier") == "SERVING"
    status, detail = verifier.get("/readyz")
    assert (status, detail["status"]) == (200, "ready")
    assert verifier.stop() == 0
    assert not (tmp_path / "verifier.sock").exists()
    assert verifier.event("stopped")["unanswered"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_before_it_is_ready(tmp_path: Path, number: signal.Signals) -> None:
    with Served(tmp_path) as served:
        served.event("listening")
        served.signal(number)
        assert served.wait() == 0


def test_what_was_sent_before_the_signal_is_answered(verifier: Served) -> None:
    """Requests on their way are verified or sent elsewhere; none is left without an answer."""
    with Client(verifier.address) as client:
        client.greet()
        for number in range(60):
            client.send(request(batch(good=400), number))
        first = client.receive()
        verifier.signal(signal.SIGTERM)
        answers = [first, *(client.receive() for _ in range(59))]
        assert [answer.id for answer in answers] == list(range(60))
        kinds = [answer.WhichOneof("answer") for answer in answers]
        refused = [answer.error.code for answer in answers if answer.WhichOneof("answer") == "error"]
        assert kinds == ["unchanged"] * (60 - len(refused)) + ["error"] * len(refused)
        assert set(refused) <= {contract.CODE_SHUTTING_DOWN}
    assert verifier.wait() == 0
    assert verifier.event("stopped")["unanswered"] == 0


class Babbler:
    """A client that goes on asking whatever it is answered."""

    def __init__(self, address: str) -> None:
        self._client = Client(address)
        self._client.greet()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        self.ended: grpc.StatusCode | None = None

    def _ask(self) -> None:
        try:
            while True:
                self._client.verify(batch())
        except grpc.RpcError as error:
            self.ended = error.code()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.call.cancel()
        self._thread.join()
        self._client.__exit__(None, None, None)


def test_draining_ends_in_time(tmp_path: Path) -> None:
    """Whoever goes on asking keeps no process: it ends after `drain_timeout`, or when nothing came for a while."""
    with (
        Served(tmp_path, {"shutdown": {"drain_timeout": "300ms"}}).ready() as served,
        Babbler(served.address) as babbler,
    ):
        assert served.stop() == 0
    assert babbler.ended is not None


STUCK = """
import time
from otlp_verifier.cli import main
from otlp_verifier.worker import Worker

verify = Worker.verify
Worker.verify = lambda self, otlp, **rest: verify(self, otlp, **rest) if not otlp else time.sleep(600)
main(prog_name="otlp-verifier")
"""


@contextmanager
def busy_for_ever(folder: Path, drain_timeout: str) -> Iterator[Served]:
    """A verifier with a request in flight that never ends."""
    settings = {"shutdown": {"drain_timeout": drain_timeout}}
    with (
        Served(folder, settings, command=(sys.executable, "-c", STUCK)).ready() as served,
        Client(served.address) as client,
    ):
        client.greet()
        client.send(request(batch()))
        served.wait_until(lambda: served.metrics().total("otlp_verifier_requests_in_flight") == 1, "busy")
        yield served


def test_a_request_that_never_ends_does_not_keep_the_process(tmp_path: Path) -> None:
    with busy_for_ever(tmp_path, "200ms") as served:
        assert served.stop() == 0
        stopped = served.event("stopped")
        assert stopped["unanswered"] == 1
        assert stopped["seconds"] >= 0.2


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with busy_for_ever(tmp_path, "10m") as served:
        served.signal(signal.SIGTERM)
        served.wait_until(lambda: served.get("/readyz")[1]["status"] == "draining", "draining")
        assert served.get("/readyz")[0] == 503
        assert served.get("/healthz")[0] == 200
        served.signal(signal.SIGTERM)
        assert served.wait() == 128 + signal.SIGTERM


def test_reload_changes_rules_on_open_streams(verifier: Served) -> None:
    with Client(verifier.address) as client:
        client.greet()
        assert client.verify(batch(faulty=1)).WhichOneof("answer") == "sparse"
        before = verifier.get("/healthz")[1]
        verifier.configure({"listen": [verifier.address], "rules": {"ignore": [FAULT]}, "workers": 1})
        verifier.signal(signal.SIGHUP)
        entry = verifier.event("reload")
        assert entry["outcome"] == "success"
        assert "needs_restart" not in entry
        assert client.verify(batch(faulty=1)).WhichOneof("answer") == "unchanged"
    after = verifier.get("/healthz")[1]
    assert after["rules"] == before["rules"] - 1
    assert after["fingerprint"] != before["fingerprint"]
    assert after["reload"] == {"outcome": "success"}
    metrics = verifier.metrics()
    assert metrics.by("otlp_verifier_reloads", "outcome") == {"success": 1, "failure": 0}
    assert metrics.total("otlp_verifier_rules") == after["rules"]
    assert metrics.total("otlp_verifier_findings", rule=FAULT) == 1  # what was found stays counted


def test_reload_reads_registries_again(verifier: Served, tmp_path: Path) -> None:
    registry = tmp_path / "registry.yaml"
    before = verifier.get("/healthz")[1]["rules"]
    for count, (text, outcome, more) in enumerate(
        [(CLASSIC, "success", 1), (CLASSIC.replace("type: span", "type: spam"), "failure", 1), ("", "failure", 1)], 1
    ):
        registry.write_text(text)
        verifier.configure({"listen": [verifier.address], "workers": 1, "registries": [str(registry)]})
        verifier.signal(signal.SIGHUP)
        entry = verifier.event("reload", count)
        assert entry["outcome"] == outcome
        assert "needs_restart" not in entry
        assert outcome == "success" or str(registry) in entry["error"]
        assert verifier.get("/healthz")[1]["rules"] == before + more


def test_reload_brings_profiles_and_policies(verifier: Served) -> None:
    verifier.configure(
        {"listen": [verifier.address], "profiles": {"new": {"annotate": "none"}}, "policy": {"annotate": "all"}}
    )
    verifier.signal(signal.SIGHUP)
    verifier.event("reload")
    with Client(verifier.address) as client:
        client.greet(profile="new")
        assert client.verify(batch(faulty=1)).WhichOneof("answer") == "unchanged"
    with Client(verifier.address) as client:
        client.greet()
        assert client.verify(batch(good=1), completeness=contract.COMPLETENESS_TRACE).WhichOneof("answer") == "sparse"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rules: {ignore: [trace-id-zer]}", "did you mean `trace-id-zero`"),
        ("rulez: {}", "did you mean `rules`"),
        ("rules:\n  files: [absent.yaml]", "absent.yaml"),
        ("rules: [", "not YAML"),
    ],
    ids=["unknown rule", "unknown key", "no such file", "not YAML"],
)
def test_a_bad_reload_changes_nothing(verifier: Served, text: str, named: str) -> None:
    before = verifier.get("/healthz")[1]
    with Client(verifier.address) as client:
        client.greet()
        verifier.configure(text)
        verifier.signal(signal.SIGHUP)
        entry = verifier.event("reload")
        assert entry["outcome"] == "failure"
        assert named in entry["error"]
        assert entry["level"] == "ERROR"
        assert client.verify(batch(faulty=1)).WhichOneof("answer") == "sparse"
        assert client.health() == "SERVING"
    status, detail = verifier.get("/readyz")
    assert (status, detail["reload"]["outcome"]) == (200, "failure")
    assert named in detail["reload"]["error"]
    assert detail["fingerprint"] == before["fingerprint"]
    assert verifier.metrics().by("otlp_verifier_reloads", "outcome") == {"success": 0, "failure": 1}


def test_reload_names_what_needs_a_restart(verifier: Served) -> None:
    verifier.configure({"listen": ["localhost:0"], "limits": {"spans": 10}, "rules": {"ignore": [FAULT]}, "workers": 1})
    verifier.signal(signal.SIGHUP)
    entry = verifier.event("reload")
    assert entry["needs_restart"] == ["listen", "limits"]
    assert entry["level"] == "WARNING"
    with Client(verifier.address) as client:
        client.greet()
        assert client.verify(batch(good=11, faulty=1)).WhichOneof("answer") == "unchanged"


def test_two_reloads(verifier: Served) -> None:
    for count, ignored in enumerate([[FAULT], []], start=1):
        verifier.configure({"listen": [verifier.address], "rules": {"ignore": ignored}})
        verifier.signal(signal.SIGHUP)
        assert verifier.event("reload", count)["outcome"] == "success"
        with Client(verifier.address) as client:
            client.greet()
            found = client.verify(batch(faulty=1)).WhichOneof("answer")
            assert found == ("unchanged" if ignored else "sparse")


def test_the_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "verifier.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with Served(tmp_path, {"listen": [f"unix://{path}"], "socket_mode": "0600"}).ready() as served:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with Client(served.address) as client:
            client.greet()


def test_the_socket_of_a_killed_verifier_is_replaced(verifier: Served, tmp_path: Path) -> None:
    verifier.kill()
    assert (tmp_path / "verifier.sock").exists()
    second = tmp_path / "second"
    second.mkdir()
    with Served(second, {"listen": [verifier.address]}).ready() as served, Client(served.address) as client:
        client.greet()


def test_the_socket_of_a_living_process_is_not_taken(verifier: Served, tmp_path: Path) -> None:
    ended = start(tmp_path, f"listen: ['{verifier.address}']\nhttp: null")
    assert ended.returncode == 1
    assert "another process listens" in ended.stderr
    with Client(verifier.address) as client:
        client.greet()


def test_permissions_of_the_socket(verifier: Served, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "verifier.sock").stat().st_mode) == 0o660


@pytest.mark.parametrize("protocol", ["listen", "http"])
def test_a_port_in_use(tmp_path: Path, protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        other = {"listen": f"listen: ['{where}']\nhttp: null", "http": f"listen: ['127.0.0.1:0']\nhttp: '{where}'"}
        ended = start(tmp_path, other[protocol])
    assert ended.returncode == 1
    assert f"cannot listen on {where}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: {spanz: 1}", "bad.yaml:1:10: limits.spanz: unknown key; did you mean `spans`?"),
        ("rules: {select: [nonsense]}", "bad.yaml:1:18: rules.select[0]: `nonsense`"),
        ("rules: {files: [absent.yaml]}", "absent.yaml"),
        ("tls: {certificate: absent.pem, key: absent.pem}", "bad.yaml:1:"),
        ("profiles: {a: {actions: [{action: drop_span, rules: [trace-id-zer]}]}}", "did you mean `trace-id-zero`?"),
    ],
    ids=["key", "rule", "rule file", "certificate", "policy"],
)
def test_a_bad_configuration_does_not_start(tmp_path: Path, text: str, message: str) -> None:
    ended = start(tmp_path, text)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_slow_protobuf_does_not_start(tmp_path: Path) -> None:
    with Served(tmp_path, env={"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}) as served:
        assert served.wait() == 2
        assert "expected `upb`" in served.log.read_text()


def test_threads_and_files_do_not_grow(verifier: Served) -> None:
    def counts() -> tuple[int, int]:
        return len(os.listdir(f"/proc/{verifier.pid}/fd")), len(os.listdir(f"/proc/{verifier.pid}/task"))

    def visit() -> None:
        with Client(verifier.address) as client:
            client.greet()
            client.verify(batch(faulty=1))
        verifier.metrics()

    for _ in range(10):
        visit()
    verifier.wait_until(lambda: verifier.metrics().total("otlp_verifier_streams") == 0, "without streams")
    time.sleep(0.5)  # connections close behind their streams
    before = counts()
    for _ in range(20):
        visit()
    verifier.wait_until(lambda: counts() <= tuple(count + 2 for count in before), f"back at {before}")
