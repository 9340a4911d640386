"""`otlp-verifier serve` as a process of its own, on ports that the system chooses."""

import json
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from example.stack.metrics import Metrics
from example.stack.process import Process
from example.stack.verifier import LogReader

COMMAND = (sys.executable, "-m", "otlp_verifier.cli")
QUIET = {"listen": ["localhost:0"], "http": "localhost:0", "workers": 1}


class Served(Process):
    """A verifier's process; `ready` waits until it serves."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.config = folder / "verifier.yaml"
        self.configure(settings or {})
        super().__init__("verifier", [*command, "serve", "--config", self.config], folder / "verifier.log", env)

    def configure(self, settings: Mapping[str, Any] | str) -> None:
        """Write the configuration; text is written as it is."""
        if not isinstance(settings, str):
            settings = yaml.safe_dump({**QUIET, **settings})
        self.config.write_text(settings)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """All log entries of one kind, so far."""
        return list(LogReader(self.log).new(kind))

    def event(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait for the `count`th log entry of one kind."""
        self.wait_until(lambda: len(self.events(kind)) >= count, f"{count} x {kind} in its log")
        return self.events(kind)[count - 1]

    def ready(self) -> "Served":
        self.event("ready")
        return self

    @property
    def address(self) -> str:
        return str(self.event("listening")["listen"][0])

    def metrics(self) -> Metrics:
        return Metrics(self._url("/metrics"))

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(self._url(path), timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def wait(self, timeout_s: float = 30.0) -> int:
        return self._child.wait(timeout_s)

    def _url(self, path: str) -> str:
        return f"http://{self.event('listening')['http']}{path}"
