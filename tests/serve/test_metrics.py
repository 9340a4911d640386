"""Counting: nothing lost between threads, nothing unbounded."""

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from otlp_verifier.serve.load import Load
from otlp_verifier.serve.metrics import DURATION_BUCKETS_S, LIMITS, BatchTotals, Metrics
from otlp_verifier.wire import scanner


@dataclass
class ScriptedOutcome:
    spans: int = 10
    changed: bool = True
    annotated: int = 3
    dropped: int = 2
    stripped: int = 1
    findings_by_rule: NDArray[np.uint32] = field(default_factory=lambda: np.array([4, 0, 5], np.uint32))


RULES = ("a", "b", "c")


def shown(metrics: Metrics) -> dict[tuple[str, str], float]:
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name.removeprefix("otlp_verifier_"), ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def add(totals: BatchTotals, duration_s: float = 0.001, rules: tuple[str, ...] = RULES, **changes: Any) -> None:
    outcome = ScriptedOutcome(**changes)
    totals.add(rules, outcome, int(outcome.findings_by_rule.sum()), duration_s)  # type: ignore[arg-type]


def test_every_batch_is_counted_from_all_threads() -> None:
    metrics = Metrics(Load(1, 1), "1.2.3")
    metrics.batches.start(RULES)

    def work() -> None:
        for number in range(500):
            add(metrics.batches, changed=number % 5 == 0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = shown(metrics)
    assert found["batches_total", "sparse"] == 400
    assert found["batches_total", "unchanged"] == 1600
    assert found["spans_total", ""] == 20_000
    assert found["spans_annotated_total", ""] == 1200
    assert found["spans_dropped_total", ""] == 800
    assert found["spans_stripped_total", ""] == 400
    assert [found["findings_total", rule] for rule in RULES] == [8000, 0, 10_000]
    assert found["request_duration_seconds_count", ""] == 2000
    assert found["request_duration_seconds_sum", ""] == pytest.approx(2.0)
    assert found["build_info", "1.2.3"] == 1


@pytest.mark.parametrize("duration_s", [0.0, *DURATION_BUCKETS_S, 4.9, 60.0])
def test_histogram_buckets_hold_what_is_at_most_their_bound(duration_s: float) -> None:
    metrics = Metrics(Load(1, 1), "")
    add(metrics.batches, duration_s)
    found = shown(metrics)
    for bound in DURATION_BUCKETS_S:
        assert found["request_duration_seconds_bucket", str(bound)] == (duration_s <= bound)
    assert found["request_duration_seconds_bucket", "+Inf"] == 1


def test_findings_survive_a_change_of_rules() -> None:
    metrics = Metrics(Load(1, 1), "")
    metrics.batches.start(RULES)
    add(metrics.batches)
    metrics.batches.start(("c", "d"))
    outcome = ScriptedOutcome(findings_by_rule=np.array([1, 7], np.uint32))
    metrics.batches.add(("c", "d"), outcome, 8, 0.001)  # type: ignore[arg-type]
    found = shown(metrics)
    assert [found["findings_total", rule] for rule in "abcd"] == [4, 0, 6, 7]


def test_the_parts_of_a_rule_are_one_counter() -> None:
    metrics = Metrics(Load(1, 1), "")
    add(metrics.batches, rules=("a", "b", "a"))
    found = shown(metrics)
    assert [found["findings_total", rule] for rule in "ab"] == [9, 0]


def test_gauges_follow_the_load() -> None:
    load = Load(1, 2)
    metrics = Metrics(load, "")
    assert load.open_stream()
    assert not load.open_stream()
    assert load.begin_request()
    assert load.begin_request()
    assert not load.begin_request()
    assert load.quiet_for_s() == 0
    found = shown(metrics)
    assert (found["streams", ""], found["requests_in_flight", ""]) == (1, 3)
    for _ in range(3):
        load.end_request()
    load.close_stream()
    found = shown(metrics)
    assert (found["streams", ""], found["requests_in_flight", ""]) == (0, 0)


def test_every_limit_of_the_scanner_has_its_label() -> None:
    assert {name for name, _ in scanner._LIMITS.values()} <= set(LIMITS)


def test_the_documentation_lists_every_metric() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    listed = {
        tuple(row) for row in re.findall(r"^\| `(otlp_verifier_\w+)` \| (\w+) \| (?:`(\w+)` )?\|", page, re.MULTILINE)
    }
    metrics = Metrics(Load(1, 1), "1")
    metrics.batches.start(RULES)
    text = generate_latest(metrics.registry).decode()
    families = [each for each in text_string_to_metric_families(text) if each.name.startswith("otlp_verifier_")]
    labels = {each.name: next((key for key in each.samples[0].labels if key != "le"), "") for each in families}
    assert listed == {(each.name, each.type, labels[each.name]) for each in families}
