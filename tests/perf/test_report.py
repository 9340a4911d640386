"""The page about performance is made of the last run's figures."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from perf.catalogue import FIGURES as CATALOGUE
from perf.chart import bars

from perf import floors, report, rule_costs

FIGURES = {
    "scan.ns_per_span": 110.0,
    "engine.stage.scan_ns_per_span": 100.0,
    "engine.stage.machine_ns_per_span": 300.0,
    "engine.default_stage.scan_ns_per_span": 100.0,
    "engine.default_stage.machine_ns_per_span": 30.0,
    "pipeline.filter40_added_ns_per_span": 2500.0,
    "pipeline.added_in_collector_ns_per_span": 600.0,
    "pipeline.added_in_verifier_ns_per_span": 900.0,
    "pipeline.default_in_collector_ns_per_span": 590.0,
    "pipeline.default_in_verifier_ns_per_span": 500.0,
    "pipeline.silent_in_verifier_ns_per_span": 350.0,
    "pipeline.default_shared_in_collector_ns_per_span": 300.0,
    "pipeline.default_shared_in_verifier_ns_per_span": 250.0,
    "pipeline.silent_shared_in_verifier_ns_per_span": 100.0,
    "shapes.batch_64_callers_16_added_ns_per_span": 1200.0,
    "shapes.batch_64_callers_16_filter40_added_ns_per_span": 2400.0,
    "shapes.batch_64_callers_16_spans_per_second": 123456.0,
    "shapes.batch_64_callers_16_throughput_vs_passthrough": 0.7,
    "rule_costs.rule.attr-nan-inf_ns_per_span": 12.0,
    "rule_costs.rule.pii-iban_ns_per_span": 120.0,
    "rule_costs.family.attributes_ns_per_span": 12.0,
    "rule_costs.default_family.attributes_ns_per_span": 12.0,
    "rule_costs.default_ns_per_span": 12.0,
    "rule_costs.all_ns_per_span": 125.0,
    "rule_costs.nothing_ns_per_span": 200.0,
}
RUN: dict[str, Any] = {
    "machine": {
        "cpu": "a processor", "cores": 2, "memory_gb": 8, "kernel": "6", "measured_at": "today", "load_before": 0.1,
    },
    "versions": {"python": "3.11"},
    "figures": FIGURES,
}  # fmt: skip


def test_only_what_is_between_the_marks_changes() -> None:
    text = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    made = report.page(text, RUN)
    assert made.startswith(f"before\n{report.BEGIN}\n")
    assert made.endswith(f"{report.END}\nafter\n")
    assert "old" not in made
    assert "| `scan.ns_per_span` |" in made
    assert "| machine | 30.0 ns | 23 % | 300 ns | 75 % |" in made
    assert "| batch 64 | 16 | 1,200 ns | 2,400 ns | 0.50 | 123,456 | 0.70 |" in made
    assert "2 cores of a processor" in made
    assert report.page(made, RUN) == made


@pytest.mark.parametrize("text", ["", report.BEGIN, report.END, 2 * (report.BEGIN + report.END)])
def test_a_page_without_a_place_for_it_is_refused(text: str) -> None:
    with pytest.raises(report.PageError):
        report.page(text, RUN)


def test_what_is_missed_stands_beside_its_floor() -> None:
    figures = {"engine.default_spans_per_second_core": 2e6, "engine.scan_ns_per_span": 200.0, "startup.cold_s": 9.0}
    (_, value, goal, floor, words), cold = floors.missed(figures)
    assert (value, goal, floor) == ("2,000,000 spans/s", "3,000,000", "5,000,000")
    assert words.startswith("the scan alone")
    assert cold == ("`startup.cold_s`", "9.00 s", "4.00", "", "")
    assert not floors.missed({"startup.cold_s": 3.0})


def test_floors_are_of_figures_that_have_a_target() -> None:
    assert all(CATALOGUE[name].target is not None for name in floors.FLOORS)


def test_the_page_that_is_there_has_a_place_for_it() -> None:
    assert "| figure |" in report.page(report.PAGE.read_text(), RUN)


def test_pages_and_charts_are_those_of_the_last_run() -> None:
    last = json.loads(report.LATEST.read_text())
    assert report.PAGE.read_text() == report.page(report.PAGE.read_text(), last)
    assert report.CHART.read_text() == report.chart(last["figures"])
    assert rule_costs.PAGE.read_text() == rule_costs.page(last["figures"])
    assert rule_costs.CHART.read_text() == rule_costs.chart(last["figures"])


def test_whatever_the_last_run_missed_stands_beside_a_floor() -> None:
    missed = floors.missed(json.loads(report.LATEST.read_text())["figures"])
    assert [name for name, _, _, floor, words in missed if not (floor and words)] == []


def test_figures_of_another_run_are_told() -> None:
    other = {"machine": {"measured_at": "later", "load_before": 0.2}, "versions": {"otlp-verifier": "v2"}}
    text = report.page(f"{report.BEGIN}{report.END}", {**RUN, "updated": {"growth": other}})
    assert "`growth` was measured by itself later, load before 0.2, otlp-verifier v2." in text


def test_page_and_chart_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, path in {"ROOT": "", "LATEST": "latest.json", "PAGE": "page.md", "CHART": "images/chart.svg"}.items():
        monkeypatch.setattr(report, name, tmp_path / path)
    for name, path in {"PAGE": "rules.md", "CHART": "images/rules.svg"}.items():
        monkeypatch.setattr(rule_costs, name, tmp_path / path)
    report.LATEST.write_text(json.dumps(RUN))
    report.PAGE.write_text(f"{report.BEGIN}{report.END}")
    report.main()
    assert "| `scan.ns_per_span` |" in report.PAGE.read_text()
    texts = [
        text.text or "" for text in ET.fromstring(report.CHART.read_text()).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {"1,500", "1,090", "550"} <= set(texts), "collector and verifier together"
    assert "verifier: machine: 30, 30, 300" in texts
    assert "verifier: server, caches, threads: 20, 20, 150" in texts, "what is left of the verifier's 250, 500, 900"
    assert (tmp_path / "images" / "rules.svg").exists()
    lines = [line for line in (tmp_path / "rules.md").read_text().splitlines() if line.startswith("| [")]
    assert [line.split("`")[1] for line in lines] == ["pii-iban", "attr-nan-inf"]


def test_bars_are_as_long_as_their_values() -> None:
    svg = ET.fromstring(bars("<title>", {"a": {"x": 1.0, "y": 3.0}, "b": {"x": 2.0}}))
    widths = [
        float(r.get("width", "")) for r in svg.iter("{http://www.w3.org/2000/svg}rect") if r.get("height") == "34"
    ]
    assert widths[1] == pytest.approx(3 * widths[0], rel=0.01)
    assert widths[2] == pytest.approx(2 * widths[0], rel=0.01)
