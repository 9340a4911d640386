"""Memory's slope is a regression's, and what changes in a batch is what should."""

import os
import re

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from perf.stack import memory

from otlp_verifier.pipeline import Verifier
from otlp_verifier.rules.catalogue import builtin
from perf import growth


@pytest.mark.parametrize("slope", [0.0, 40.0, -7.5])
def test_the_line_is_that_of_numpy(slope: float) -> None:
    r = np.random.default_rng(3)
    x = np.sort(r.uniform(0, 0.1, 160))
    y = 230 + slope * x + r.normal(0, 0.5, 160)
    line = growth.fit(x.tolist(), y.tolist())
    (expected, _), covariance = np.polyfit(x, y, 1, cov=True)
    assert line.slope == pytest.approx(expected)
    assert line.error == pytest.approx(covariance[0, 0] ** 0.5)
    assert abs(line.slope - slope) < 5 * line.error


def texts(message: ExportTraceServiceRequest) -> list[str]:
    return re.findall('string_value: "(.*)"|name: "(.*)"|key: "(.*)"', str(message))


def test_variants_differ_in_ids_alone() -> None:
    batch = growth.Batch(1)
    one, other = (ExportTraceServiceRequest.FromString(batch.variant(number)) for number in (7, 8))
    assert batch.variant(7) == one.SerializeToString()
    assert len(one.SerializeToString()) == len(other.SerializeToString())
    differences = [(a, b) for a, b in zip(texts(one), texts(other), strict=True) if a != b]
    assert len(differences) > growth.SPANS / 8
    for a, b in differences:
        assert [text.replace("00000007-", "00000008-") for text in a] == list(b)
    changed = " ".join("".join(pair) for pair, _ in differences)
    assert "cache.00000007-" in changed, "a key"
    assert re.search(r"(GET|SELECT|send|process|/[A-Z]\w+|validate|enrich|apply) ?\S* 00000007-", changed), "a name"
    traces = [
        {span.trace_id for of in message.resource_spans for scope in of.scope_spans for span in scope.spans}
        for message in (one, other)
    ]
    assert not traces[0] & traces[1]
    assert {id_[4:] for id_ in traces[0]} == {id_[4:] for id_ in traces[1]}


def test_variants_are_verified() -> None:
    worker = Verifier([rule for rule in builtin() if rule.default]).worker()
    batch = growth.Batch(2)
    for number in (0, 1, 2**32 - 1):
        outcome = worker.verify(batch.variant(number))
        assert outcome.spans == growth.SPANS
        assert {finding.rule for finding in outcome.findings(1_000)} <= {"span-name-url", "span-name-has-id"}


def test_memory_is_resident_and_proportional() -> None:
    found = memory(os.getpid())
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    assert found.rss_mb == pytest.approx(
        resident, abs=8
    )  # the kernel counts pages per thread, and adds up now and then
    assert 0 < found.pss_mb <= found.rss_mb
