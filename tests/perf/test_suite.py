"""The benchmarks work: not how fast anything is, but that a figure is what it says."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from perf.__main__ import BENCHMARKS, main
from perf.catalogue import FIGURES, Target, unit
from perf.faults import FAULTS
from perf.stack import PIPELINES
from perf.table import HEADINGS, number, rows, uncatalogued
from perf.workload import SPANS, batches, request

from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.rules.catalogue import builtin
from perf import engine, growth, lookup, scan, splice

CHEAP = ("scan", "lookup", "engine", "splice")  # the others are run by `make test-bench`


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def written(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_text())
    assert report.keys() == {"machine", "versions", "figures"}
    assert all(isinstance(value, float | int) and not isinstance(value, bool) for value in report["figures"].values())
    return report


@pytest.mark.many
def test_cheap_benchmarks_work(tmp_path: Path) -> None:
    output = tmp_path / "new" / "figures.json"
    result = run(*CHEAP, "--short", "--details", "--output", output)
    assert result.exit_code == 0, result.output
    report = written(output)
    figures = report["figures"]
    assert {name.split(".")[0] for name in figures} == set(CHEAP)
    assert all(value > 0 for value in figures.values())
    assert {"cpu", "cores", "load_before", "load_after"} <= report["machine"].keys()
    assert {"python", "numba", "grpcio"} <= report["versions"].keys()
    for name, figure in FIGURES.items():
        if name.split(".")[0] in CHEAP:
            assert name in figures
            assert not figure.peer or figure.peer in figures
            assert name in result.output
    for row in uncatalogued(figures):
        assert row.cells[0].strip("`") in result.output


def test_every_figure_of_the_catalogue_is_made_by_a_benchmark() -> None:
    for name, figure in FIGURES.items():
        assert (figure.made_by or name.partition(".")[0]) in BENCHMARKS


def test_a_figure_may_be_made_by_another_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "figures", lambda: {"memory.growth_mb_per_hour": 1.0})
    result = run("growth", "--short")
    assert result.exit_code == 1
    assert "memory.after_load_mb" in result.output


def ones(name: str) -> dict[str, float]:
    """What the catalogue expects of a benchmark, all 1."""
    return {figure: 1.0 for figure in FIGURES if figure.startswith(f"{name}.")}


def test_benchmark_that_lost_a_figure_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "figures", lambda: {"scan.ns_per_span": 1.0})
    result = run("scan", "--short")
    assert result.exit_code == 1
    assert "scan.speedup_vs_upb_parse" in result.output
    assert "broken: scan" in result.output


def test_broken_benchmark_fails_the_run_and_not_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> dict[str, float]:
        raise RuntimeError("[no such stage]")

    monkeypatch.setattr(engine, "figures", broken)
    monkeypatch.setattr(lookup, "figures", lambda: {"lookup.x_ns_per_span": 1.0})
    result = run("engine", "lookup", "--short", "--output", tmp_path / "figures.json")
    assert result.exit_code == 1
    assert "[no such stage]" in result.output
    assert "broken: engine" in result.output
    assert written(tmp_path / "figures.json")["figures"] == {"lookup.x_ns_per_span": 1.0}


def test_no_two_benchmarks_have_the_same_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "figures", lambda: {"x": 1.0})
    monkeypatch.setattr(splice, "figures", lambda: {"x": 1.0, **ones("splice")})
    result = run("lookup", "splice", "--short")
    assert result.exit_code == 1
    assert "broken: splice" in result.output


def test_slow_machine_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "figures", lambda: ones("engine"))
    result = run("engine", "--short")
    assert result.exit_code == 0
    assert "missed" in result.output


def test_a_part_of_the_suite_leaves_the_last_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest = tmp_path / "latest.json"
    monkeypatch.setattr("perf.results.LATEST", latest)
    monkeypatch.setattr("perf.__main__.BENCHMARKS", ("lookup",))
    monkeypatch.setattr(lookup, "figures", lambda: {"x": 1.0})
    assert run("lookup").exit_code == 0
    assert run("--short").exit_code == 0
    assert not latest.exists()
    assert run().exit_code == 0
    assert written(latest)["figures"] == {"x": 1.0}


def test_a_benchmark_by_itself_can_renew_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest = tmp_path / "latest.json"
    latest.write_text(json.dumps({"machine": {"cpu": "a"}, "versions": {}, "figures": {"x": 1.0, "y": 2.0}}))
    monkeypatch.setattr("perf.results.LATEST", latest)
    monkeypatch.setattr(lookup, "figures", lambda: {"x": 3.0})
    assert run("lookup", "--update").exit_code == 0
    report = json.loads(latest.read_text())
    assert report["figures"] == {"x": 3.0, "y": 2.0}
    assert report["machine"] == {"cpu": "a"}
    assert report["updated"]["lookup"]["machine"]["measured_at"]
    for arguments in (("--update",), ("lookup", "--short", "--update")):
        assert run(*arguments).exit_code == 2
    assert json.loads(latest.read_text()) == report


def test_catalogue_compares_like_with_like() -> None:
    for name, figure in FIGURES.items():
        if figure.peer:
            assert unit(name) == unit(figure.peer), name
        if figure.target is not None:
            assert figure.target.now is not None or figure.target.later is not None


def test_rows_say_what_was_reached() -> None:
    figures = {"scan.ns_per_span": 150.5, "scan.upb_parse_ns_per_span": 1505.0, "scan.speedup_vs_upb_parse": 10.0}
    slow, fast = rows(figures)
    assert len(slow.cells) == len(HEADINGS)
    assert slow.missed
    assert slow.cells[2:] == ("150 ns/span", "1,505 `scan.upb_parse_ns_per_span`", "0.10", "≤ 150: missed")
    assert not fast.missed
    assert fast.cells[2:] == ("10.0 x", "", "", "≥ 5.00: reached")
    later = rows({"memory.load_mb": 150.0})[0]
    assert not later.missed
    assert later.cells[-1] == "≤ 200: reached, ≤ 130 later: missed"


@pytest.mark.parametrize(("better", "good", "bad"), [("lower", 1.0, 1.1), ("higher", 1.0, 0.9)])
def test_a_target_includes_its_value(better: Any, good: float, bad: float) -> None:
    target = Target(better, 1.0)
    assert target.reached(good, 1.0)
    assert not target.reached(bad, 1.0)


@pytest.mark.parametrize(
    ("value", "text"), [(0.123, "0.12"), (-12.34, "-12.3"), (123.4, "123"), (1234567.8, "1,234,568"), (0, "0.00")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


# Attributes of one's own, those that may still change, and something left out are in all telemetry.
OF_EVERY_TRACE = {"attr-deprecated-later", "attr-not-stable", "attr-unknown", "semconv-recommended-missing"}


@pytest.mark.many
@pytest.mark.parametrize("spans", [1, 8, SPANS])
def test_good_spans_are_good(spans: int) -> None:
    worker = Verifier(builtin()).worker()
    for batch in batches(8, spans):
        for completeness in (Completeness.BATCH, Completeness.TRACE):
            outcome = worker.verify(batch, completeness=completeness)
            assert outcome.spans == spans
            assert {finding.rule for finding in outcome.findings(10_000)} <= OF_EVERY_TRACE


@pytest.mark.parametrize("percent", [1, 50])
def test_bad_spans_are_found(percent: int) -> None:
    verifier = Verifier([rule for rule in builtin() if rule.default])
    worker = verifier.worker()
    for batch in batches(4, bad_percent=percent):
        assert sum(worker.verify(batch).findings_by_rule) >= SPANS * percent / 100 * 3 / 4


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.strip("_"))
def test_every_fault_is_one(fault: Any) -> None:
    message = request(64)
    spans = [span for of in message.resource_spans for scope in of.scope_spans for span in scope.spans]
    fault(next(span for span in spans if span.parent_span_id))
    assert Verifier(builtin()).worker().verify(message.SerializeToString()).findings(1)


def test_batches_are_as_they_are_described() -> None:
    made = batches(4)
    assert len(set(made)) == 4
    assert batches(4) == made
    bodies, attributes = [], []
    for batch in made:
        message = ExportTraceServiceRequest.FromString(batch)
        spans = [span for of in message.resource_spans for scope in of.scope_spans for span in scope.spans]
        assert len(spans) == SPANS
        assert len({span.name for span in spans}) >= 200
        assert len({of.resource.SerializeToString() for of in message.resource_spans}) >= 40
        ids = {span.span_id: span for span in spans}
        assert all(span.parent_span_id in ids for span in spans if span.parent_span_id)
        bodies += [span.ByteSize() for span in spans]
        attributes += [len(span.attributes) for span in spans]
    assert statistics.mean(bodies) == pytest.approx(366, rel=0.05)
    assert statistics.mean(attributes) == pytest.approx(8, rel=0.05)


def test_what_was_asked_has_an_answer() -> None:
    for size in (1, 2, 64):
        message = request(size)
        spans = [span for of in message.resource_spans for scope in of.scope_spans for span in scope.spans]
        parents = {span.parent_span_id for span in spans}
        for span in spans:
            is_database = any(attribute.key == "db.system.name" for attribute in span.attributes)
            if span.kind in {Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER} and not is_database:
                assert span.span_id in parents


def test_the_peer_has_forty_conditions() -> None:
    config = yaml.safe_load((PIPELINES / "filter40.yaml").read_text())
    conditions = config["processors"]["filter"]["trace_conditions"]
    assert len(set(conditions)) == len(conditions) == 40
    assert all("span." in condition for condition in conditions), "else it is evaluated once per resource"
