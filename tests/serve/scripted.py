"""The server, in this process, around a verifier that does what a test says."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from otlp_verifier.policy import Policy
from otlp_verifier.serve.desk import Desk
from otlp_verifier.serve.engine import Engine
from otlp_verifier.serve.findings import FindingLog
from otlp_verifier.serve.load import Load
from otlp_verifier.serve.metrics import Metrics
from otlp_verifier.serve.server import MESSAGE_SLACK_BYTES, Server
from otlp_verifier.serve.stream import Streams
from otlp_verifier.settings import Settings, SettingsFile
from otlp_verifier.settings.model import ServerLimits
from otlp_verifier.settings.scalars import Address
from otlp_verifier.wire import answer
from tests.serve.client import Client


class ScriptedOutcome:
    spans = annotated = dropped = stripped = 0
    changed = False
    findings_by_rule = np.zeros(1, np.uint32)

    def response(self, request_id: int) -> bytes:
        return answer.unchanged(request_id)


class ScriptedVerifier:
    """A verifier that does what a test says, where a real one cannot be made to fail."""

    rule_ids = ("rule",)
    fingerprint = "scripted"

    def __init__(self) -> None:
        self.workers_made = 0
        self.script: Callable[[], None] = lambda: None
        self.seen: list[bytes] = []  # the batches, as they were after the script

    def worker(self) -> "ScriptedVerifier":
        self.workers_made += 1
        return self

    def verify(self, otlp: bytes | memoryview, **_: Any) -> ScriptedOutcome:
        self.script()
        self.seen.append(bytes(otlp))
        return ScriptedOutcome()


class Bench:
    """A listening server around a scripted verifier, in this process."""

    def __init__(self, folder: Path, limits: ServerLimits) -> None:
        self.verifier = ScriptedVerifier()
        self.address = f"unix://{folder}/s"
        self.settings = Settings(listen=(Address(self.address),), limits=limits, profiles={"named": Policy()})
        self.load = Load(limits.streams, limits.requests_in_flight)
        self.metrics = Metrics(self.load, "1")
        log = FindingLog(0, self.metrics.findings_unlogged)
        self.desk = Desk(self.load, limits.streams, limits.bytes + MESSAGE_SLACK_BYTES)
        self.streams = Streams(limits, self.load, self.metrics, log, "1", self.desk)
        self.streams.engine = self.engine()
        self.server = Server(SettingsFile(None, self.settings), self.streams.handler(), self.desk)
        self.server.start()

    def engine(self, settings: Settings | None = None) -> Engine:
        return Engine(self.verifier, settings or self.settings, workers=1)  # type: ignore[arg-type]

    def settle(self) -> None:
        """Wait until every answer is known to have been sent; it may have arrived before."""
        while self.load.requests:
            time.sleep(0.001)

    def client(self, **hello: Any) -> Client:
        client = Client(self.address)
        client.greet(**hello)
        return client
