"""Numbers from a Prometheus endpoint: the collector's own, or the verifier's."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families


class Metrics:
    """One scrape of a Prometheus endpoint; counters go by their names without `_total`."""

    def __init__(self, url: str) -> None:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # a URL of our own making
            text = answer.read().decode()
        self._samples = [
            (sample.name.removesuffix("_total"), sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of all samples of `name` that carry `labels`; 0 where there is none."""
        return sum(
            value for sample, found, value in self._samples if sample == name and labels.items() <= found.items()
        )

    def by(self, name: str, label: str) -> dict[str, float]:
        """Return the samples of `name`, summed by the value of `label`."""
        sums: dict[str, float] = {}
        for sample, labels, value in self._samples:
            if sample == name:
                key = labels.get(label, "")
                sums[key] = sums.get(key, 0.0) + value
        return sums

    def quantile(self, name: str, quantile: float) -> float | None:
        """Return the upper bound of the histogram bucket that holds the quantile; None where nothing was observed."""
        buckets = sorted((float(bound), count) for bound, count in self.by(f"{name}_bucket", "le").items())
        if not buckets or buckets[-1][1] == 0:
            return None
        return next(bound for bound, count in buckets if count >= quantile * buckets[-1][1])
