"""The built collector with one or more configurations, its telemetry on a port of our own."""

import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

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

    def metrics(self) -> "Metrics":
        """Scrape its own telemetry."""
        return Metrics(f"http://127.0.0.1:{self._metrics_port}/metrics")


class Metrics:
    """One scrape of a Prometheus endpoint."""

    def __init__(self, url: str) -> None:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # a URL of our own making
            text = answer.read().decode()
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of all samples of `name` that carry `labels`; 0 where there is none."""
        return sum(
            sample.value for sample in self._samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    def by(self, name: str, label: str) -> dict[str, float]:
        """Return the samples of `name`, summed by the value of `label`."""
        sums: dict[str, float] = {}
        for sample in self._samples:
            if sample.name == name:
                key = sample.labels.get(label, "")
                sums[key] = sums.get(key, 0.0) + sample.value
        return sums

    def quantile(self, name: str, quantile: float) -> float | None:
        """Return the upper bound of the histogram bucket that holds the quantile; None where nothing was observed."""
        buckets = sorted((float(bound), count) for bound, count in self.by(f"{name}_bucket", "le").items())
        if not buckets or buckets[-1][1] == 0:
            return None
        return next(bound for bound, count in buckets if count >= quantile * buckets[-1][1])
