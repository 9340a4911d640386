"""The verifier as a process of its own, as `otlp-verifier serve` starts it."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from example.stack.metrics import Metrics
from example.stack.process import Process, free_port

_READY_S_MAX = 60.0  # a second or two, with many processes on a slow machine more
_COMMAND = (sys.executable, "-m", "otlp_verifier.cli")


class Verifier(Process):
    """A verifier that is ready; its socket, configuration and log are in `folder`.

    A second one may be started in the same folder when the first has ended: it
    takes over the socket and goes on in the same log.

    Attributes:
        endpoint: what a collector's processor is given to reach it.

    """

    def __init__(self, settings: Mapping[str, Any], folder: Path) -> None:
        self.endpoint = f"unix://{(folder / 'verifier.sock').resolve()}"
        self._http = f"127.0.0.1:{free_port()}"
        config = folder / "verifier.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        config.write_text(yaml.safe_dump({**settings, "listen": [self.endpoint], "http": self._http}))
        super().__init__("verifier", [*_COMMAND, "serve", "--config", config], folder / "verifier.log")
        try:
            self.wait_until(self._ready, "ready", _READY_S_MAX)
        except BaseException:
            self.stop()
            raise

    def metrics(self) -> Metrics:
        """Scrape its metrics."""
        return Metrics(f"http://{self._http}/metrics")

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self._http}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


class LogReader:
    """Reads a JSON log that is being written, from its beginning."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._position = 0

    def new(self, event: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of this kind that were completed since the last call."""
        with self._log.open("rb") as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._position += len(line)
                # Only a crash writes lines that are not JSON; they stay in the log for people.
                if line.startswith(b"{"):
                    entry = msgspec.json.decode(line, type=dict[str, Any])
                    if entry.get("event") == event:
                        yield entry
