"""What a run of a pipeline comes to is arithmetic on its windows; loads are what they are said to be."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from perf.pipeline import LIVE_CHECK_NS_PER_SPAN, Cost
from perf.stack import Missing

from perf import pipeline, shapes, telemetrygen

# collector, verifier, spans per second
RUNS = {
    "passthrough": (2000.0, 0.0, 1e6),
    "filter40": (4500.0, 0.0, 0.5e6),
    "silent": (2400.0, 300.0, 0.9e6),
    "default": (2500.0, 625.0, 0.8e6),
    "all": (2600.0, 1900.0, 0.7e6),
    "conventions": (2500.0, 510.0, 0.8e6),
    "silent_shared": (2200.0, 100.0, 0.95e6),
    "default_shared": (2225.0, 400.0, 0.9e6),
    "all_shared": (2300.0, 1200.0, 0.8e6),
}


def rounds(collector: float, verifier: float, rate: float) -> list[Cost]:
    """Three windows, of which the outer two are disturbed."""
    return [Cost(collector * by, verifier * by, rate / by, 512) for by in (0.9, 1.0, 3.0)]


def test_summary_is_of_medians() -> None:
    figures = pipeline._summary({name: rounds(*run) for name, run in RUNS.items()})
    assert figures["pipeline.filter40_added_ns_per_span"] == 2500
    assert figures["pipeline.default_added_ns_per_span"] == 1125
    assert figures["pipeline.default_added_vs_filter40"] == pytest.approx(0.45)
    assert figures["pipeline.added_vs_filter40"] == pytest.approx(1.0)
    assert figures["pipeline.added_vs_filter40_shared_memory"] == pytest.approx(0.25)
    assert figures["pipeline.all_added_vs_filter40_shared_memory"] == pytest.approx(0.6)
    assert figures["pipeline.shared_memory_throughput_vs_passthrough"] == pytest.approx(0.9)
    assert figures["pipeline.throughput_vs_passthrough"] == pytest.approx(0.7)
    assert figures["pipeline.default_throughput_vs_passthrough"] == pytest.approx(0.8)
    assert figures["pipeline.live_check_ns_per_span"] == LIVE_CHECK_NS_PER_SPAN
    assert figures["pipeline.live_check_cpu_ratio"] == pytest.approx(2000)
    assert figures["pipeline.live_check_cpu_ratio_default_rules"] == pytest.approx(1632)


def test_shapes_are_held_against_the_same_pipelines() -> None:
    runs = {name: rounds(*RUNS[run]) for name, run in zip(shapes.SUBJECTS, RUNS, strict=False)}
    runs["verifier"] = rounds(*RUNS["default"])
    assert shapes._summary(runs) == {
        "passthrough_ns_per_span": 2000,
        "filter40_added_ns_per_span": 2500,
        "added_ns_per_span": 1125,
        "spans_per_second": 0.8e6,
        "throughput_vs_passthrough": pytest.approx(0.8),
    }


def test_telemetrygen_sends_whole_batches() -> None:
    if not telemetrygen.COMMAND.exists():
        with pytest.raises(Missing, match="make telemetrygen"):
            telemetrygen.captured(1)
        pytest.skip("make telemetrygen")
    for batch in telemetrygen.captured(2):
        message = ExportTraceServiceRequest.FromString(batch)
        (of,) = message.resource_spans
        assert sum(len(scope.spans) for scope in of.scope_spans) == pipeline.SPANS
        assert {span.name for scope in of.scope_spans for span in scope.spans} == {"lets-go", "okey-dokey-0"}
