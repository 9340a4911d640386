"""The built collector with one or more configurations, its telemetry on a port of our own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from example.stack.metrics import Metrics
from example.stack.process import Process, free_port, listens

ROOT = Path(__file__).parents[2]
BINARY = ROOT / "collector-config" / "_build" / "otelcol-verifier"
PIPELINES = ROOT / "collector-config"


class Collector(Process):
    """A running collector that is ready to receive OTLP.

    Attributes:
        grpc_endpoint, http_endpoint: where it receives OTLP, `host:port`.

    """

    def __init__(self, configs: Sequence[Path | str], env: Mapping[str, str], log: Path) -> None:
        grpc_port, http_port, self._metrics_port = free_port(), free_port(), free_port()
        self.grpc_endpoint = f"127.0.0.1:{grpc_port}"
        self.http_endpoint = f"127.0.0.1:{http_port}"
        telemetry = (
            "yaml:service::telemetry::metrics: {level: detailed, readers: [{pull: {exporter: {prometheus: "
            f"{{host: 127.0.0.1, port: {self._metrics_port}, without_type_suffix: true, without_units: true}}}}}}}}]}}"
        )
        command: list[str | Path] = [BINARY]
        for config in (*configs, telemetry):
            command += ["--config", str(config)]
        addresses = {"OTLP_GRPC_ENDPOINT": self.grpc_endpoint, "OTLP_HTTP_ENDPOINT": self.http_endpoint}
        super().__init__("collector", command, log, {**addresses, **env})
        try:
            self.wait_until(lambda: listens(grpc_port) and listens(self._metrics_port), "listening")
        except BaseException:
            self.stop()
            raise

    def metrics(self) -> Metrics:
        """Scrape its own telemetry."""
        return Metrics(f"http://127.0.0.1:{self._metrics_port}/metrics")
