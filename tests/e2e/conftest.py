"""A collector, a verifier and backends, started for one test and stopped after it."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from example.stack.collector import BINARY, PIPELINES, Collector
from example.stack.sink import Sink
from example.stack.verifier import Verifier
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HERE = Path(__file__).parent
_PATIENCE_S = 60.0  # for what has to happen; nothing is measured against it


class Sender:
    """An OTLP/gRPC client that sends requests as they are and does not retry."""

    def __init__(self, endpoint: str) -> None:
        self._channel = grpc.insecure_channel(endpoint)
        self._export = self._channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")

    def send(self, request: ExportTraceServiceRequest) -> None:
        """Send and wait for the acknowledgement; a refusal is a grpc.RpcError."""
        self.send_bytes(request.SerializeToString())

    def send_bytes(self, wire: bytes) -> None:
        """Send what may not be a request at all."""
        self._export(wire, timeout=_PATIENCE_S)

    def close(self) -> None:
        self._channel.close()


class Rig:
    """Starts the parts of a pipeline; what starts later is stopped earlier."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack

    def sink(self) -> Sink:
        return self._stack.enter_context(Sink())

    def verifier(self, settings: Mapping[str, Any] | None = None) -> Verifier:
        return self._stack.enter_context(Verifier(settings or {}, self.folder))

    def collector(self, pipeline: str, *more: Path | str, **environment: str) -> Collector:
        """The built collector with a pipeline of collector-config/, and configurations on top of it.

        A busy machine must not look like a verifier that hangs: where a test says no VERIFIER_TIMEOUT, it is long.
        """
        configs = [PIPELINES / pipeline, *more]
        plain = {"BACKEND_INSECURE": "true", "REVIEW_INSECURE": "true", "VERIFIER_TIMEOUT": f"{_PATIENCE_S:g}s"}
        collector = Collector(configs, {**plain, **environment}, self.folder / "collector.log")
        return self._stack.enter_context(collector)

    def sender(self, collector: Collector) -> Sender:
        sender = Sender(collector.grpc_endpoint)
        self._stack.callback(sender.close)
        return sender

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"not {what} after {_PATIENCE_S:g} s; logs:\n{self._logs()}"
            time.sleep(0.05)

    def _logs(self) -> str:
        return "\n".join(f"--- {log.name}\n{log.read_text()[-4000:]}" for log in sorted(self.folder.glob("*.log")))


@pytest.fixture
def rig() -> Iterator[Rig]:
    if not BINARY.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{BINARY} is missing: make collector")
        pytest.skip(f"{BINARY} is missing: make collector")
    folder = Path(tempfile.mkdtemp(prefix="otlpv-"))  # short: it holds a Unix socket
    try:
        with ExitStack() as stack:
            yield Rig(folder, stack)
    finally:
        shutil.rmtree(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
