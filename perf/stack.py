"""The processes of a measured pipeline, and what they have cost so far."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from example.stack.collector import BINARY, ROOT
from example.stack.metrics import Metrics
from example.stack.process import Process, free_port, listens

BRIDGE = ROOT / "bridge" / "verifierprocessor"
PIPELINES = Path(__file__).parent / "pipelines"
BUILT = ROOT / "build" / "perf"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Missing(Exception):  # noqa: N818  # something that has to be built first
    """What a benchmark needs is not there; the message says how to get it."""


def require_collector() -> None:
    """Check for the collector.

    Raises:
        Missing: it has not been built.

    """
    if not BINARY.exists():
        raise Missing(f"{BINARY} is missing: make collector")


def go_command(name: str) -> Path:
    """Build a command of the processor's module (seconds, and nothing when it is up to date); return its path."""
    BUILT.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", BUILT / name, f"./cmd/{name}"], cwd=BRIDGE, check=True)
    return BUILT / name


def write_batches(folder: Path, batches: Sequence[bytes]) -> list[Path]:
    """Write each batch to a file, for the commands that send them."""
    files = [folder / f"batch{number}.binpb" for number in range(len(batches))]
    for file, batch in zip(files, batches, strict=True):
        file.write_bytes(batch)
    return files


def cpu_s(pid: int) -> float:
    """Processor time of a process and all its threads since it began, user and system, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


class Memory(NamedTuple):
    """Of one process, in MiB.

    Attributes:
        rss_mb: resident, which is what `top` and `ps` show: libraries that others use as well count in full.
        pss_mb: proportional: what n processes share counts for an nth.

    """

    rss_mb: float
    pss_mb: float


def memory(pid: int) -> Memory:
    """What a process has in memory, to the page; `statm` and `top` may be some hundred kB behind."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return Memory(*(int(lines[key].removesuffix("kB")) / 1024 for key in ("Rss", "Pss")))


class Collector(Process):
    """The built collector with one of the pipelines of perf/pipelines.

    Attributes:
        endpoint: where it receives OTLP over gRPC.

    """

    def __init__(self, pipeline: str, folder: Path, verifier: str = "") -> None:
        port, self._metrics_port = free_port(), free_port()
        self.endpoint = f"127.0.0.1:{port}"
        command: list[str | Path] = [BINARY, "--config", PIPELINES / "pass-through.yaml"]
        if pipeline != "pass-through":
            command += ["--config", PIPELINES / f"{pipeline}.yaml"]
        environment = {
            "OTLP_GRPC_ENDPOINT": self.endpoint,
            "COLLECTOR_METRICS_PORT": str(self._metrics_port),
            "VERIFIER_ENDPOINT": verifier,
        }
        super().__init__(f"collector ({pipeline})", command, folder / f"{pipeline}.log", environment)
        try:
            self.wait_until(lambda: listens(port) and listens(self._metrics_port), "listening")
        except BaseException:
            self.stop()
            raise

    def require_all(self, sent: int) -> None:
        """Hold the spans that have left the last processor, or the receiver where there is none, to those sent.

        Raises:
            RuntimeError: some have not.

        """
        metrics = Metrics(f"http://127.0.0.1:{self._metrics_port}/metrics")
        received = metrics.total("otelcol_receiver_accepted_spans")
        kept_back = metrics.total("otelcol_processor_incoming_items") - metrics.total(
            "otelcol_processor_outgoing_items"
        )
        if lost := round(sent - received + kept_back):
            raise RuntimeError(f"{self.name}: {lost} of {sent} spans did not come out: this is not what it claims")

    def require_transport(self, transport: str) -> None:
        """Hold the ways on which batches went to the verifier to one of them: `message` or `shared_memory`.

        Raises:
            RuntimeError: one went another way, or none went.

        """
        metrics = Metrics(f"http://127.0.0.1:{self._metrics_port}/metrics")
        carried = metrics.by("otelcol_processor_verifier_carried_batches", "transport")
        if carried.keys() != {transport}:
            raise RuntimeError(f"{self.name}: batches went by {carried}, and all of them by {transport} was meant")


class Silent(Process):
    """A verifier that always says `unchanged` (perf/silent.py)."""

    def __init__(self, folder: Path) -> None:
        path = folder / "silent.sock"
        self.endpoint = f"unix://{path.resolve()}"
        environment = {"PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}
        command = [sys.executable, "-m", "perf.silent", self.endpoint]
        super().__init__("silent verifier", command, folder / "silent.log", environment)
        try:
            self.wait_until(lambda: _accepts(path), "listening")
        except BaseException:
            self.stop()
            raise


class Replay:
    """The load generator, connected to one endpoint; `window` sends for a while."""

    def __init__(self, command: Path, endpoint: str, files: Sequence[Path]) -> None:
        self._child = subprocess.Popen(
            [command, "-endpoint", endpoint, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def window(self, callers: int, seconds: float) -> dict[str, Any]:
        """Send from that many callers at once; what was sent, once the last batch has been acknowledged.

        Raises:
            RuntimeError: a batch was refused; standard error has said why.

        """
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(f"{callers} {seconds}s\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the load generator ended with status {self._child.wait()}")
        result: dict[str, Any] = json.loads(line)
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.communicate()  # the end of its input is the end of its work


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
