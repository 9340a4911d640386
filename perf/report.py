"""The last run's figures into docs/performance.md: `python -m perf.report`. Nothing between the marks is typed."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from perf import floors, rule_costs
from perf.chart import bars
from perf.machine import QUIET
from perf.results import LATEST
from perf.table import HEADINGS, markdown, number, rows

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "performance.md"
CHART: Final = ROOT / "docs" / "images" / "performance.svg"
BEGIN: Final = "<!-- from perf/results/latest.json by perf/report.py; do not edit -->"
_SHAPE: Final = re.compile(r"shapes\.(.*)_callers_(\d+)_added_ns_per_span")
_SHAPE_FIGURES: Final = (
    "added_ns_per_span", "filter40_added_ns_per_span", "spans_per_second", "throughput_vs_passthrough"
)  # fmt: skip
END: Final = "<!-- the end of what perf/report.py writes -->"


class PageError(Exception):
    """The page has not exactly one place for the table."""


def page(text: str, report: Mapping[str, Any]) -> str:
    """The page with the part between its marks replaced.

    Raises:
        PageError: a mark is missing, or there several times.

    """
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise PageError(f"expected once each:\n{BEGIN}\n{END}")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{_generated(report)}\n{END}{after}"


def chart(figures: Mapping[str, float]) -> str:
    """Where the processor time of one span goes, as SVG: what 40 conditions add, and what the verifier adds."""
    return bars(
        "Processor time added per span, ns",
        {
            "40 OTTL conditions": {"filter": figures["pipeline.filter40_added_ns_per_span"]},
            "default, shared memory": _parts(figures, "default_shared", "silent_shared", "engine.default_stage."),
            "default rules, gRPC": _parts(figures, "default", "silent", "engine.default_stage."),
            "all rules, gRPC": _parts(figures, "added", "silent", "engine.stage."),
        },
    )


def _parts(figures: Mapping[str, float], verifier: str, silent: str, prefix: str) -> dict[str, float]:
    """What a span costs with the verifier, by process and stage."""
    stages = _stages(figures, prefix)
    asking = figures[f"pipeline.{silent}_in_verifier_ns_per_span"]
    serving = figures[f"pipeline.{verifier}_in_verifier_ns_per_span"] - asking - sum(stages.values())
    return {
        "collector: ask and apply": figures[f"pipeline.{verifier}_in_collector_ns_per_span"],
        "verifier: transport": asking,
        **{f"verifier: {stage}": ns for stage, ns in stages.items()},
        "verifier: server, caches, threads": max(0.0, serving),
    }


def _stages(figures: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {
        name.removeprefix(prefix).removesuffix("_ns_per_span"): ns
        for name, ns in figures.items()
        if name.startswith(prefix)
    }


def main() -> None:
    """Write the page and its chart."""
    report = json.loads(LATEST.read_text())
    PAGE.write_text(page(PAGE.read_text(), report))
    CHART.parent.mkdir(parents=True, exist_ok=True)
    CHART.write_text(chart(report["figures"]))
    written = [PAGE, CHART, *rule_costs.write(report["figures"])]
    names = ", ".join(str(path.relative_to(ROOT)) for path in written)
    print(f"{names} show the run of {report['machine']['measured_at']}")


def _generated(report: Mapping[str, Any]) -> str:
    machine, figures = report["machine"], report["figures"]
    versions = ", ".join(f"{name} {text}" for name, text in report["versions"].items())
    measured = (
        f"Measured {machine['measured_at']} on {machine['cores']} cores of {machine['cpu']}, "
        f"{machine['memory_gb']} GB, Linux {machine['kernel']}; load before {machine['load_before']}"
        f"{', which is more than a quiet machine has' if machine['load_before'] > QUIET else ''}. {versions}."
    )
    updated = [_by_itself(name, **its) for name, its in report.get("updated", {}).items()]
    return "\n".join(
        [
            measured,
            *updated,
            "",
            *markdown(HEADINGS, [row.cells for row in rows(figures)]),
            "",
            "### What is missed, and what it stands on",
            "",
            *markdown(floors.HEADINGS, floors.missed(figures)),
            "",
            "### Where the time goes",
            "",
            f"![Processor time that 40 OTTL conditions and the verifier add per span](images/{CHART.name})",
            "",
            "Of one batch in the engine, per span, the answer included; `rest` is the Python between the stages:",
            "",
            *markdown(("stage", "default rules", "share", "all rules", "share"), _shares(figures)),
            "",
            "[What each rule costs by itself](rule-costs.md), the dearest first.",
            "",
            "### Loads of other shapes",
            "",
            "Default rules; nanoseconds are processor time of a span, throughput is held against otlp -> nop.",
            "",
            *markdown(
                ("load", "callers", "verifier adds", "40 conditions add", "ratio", "spans/s", "throughput"),
                _shapes(figures),
            ),
            "",
        ]
    )


def _by_itself(name: str, machine: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    version = versions.get("otlp-verifier", "unknown")
    return (
        f"`{name}` was measured by itself {machine['measured_at']}, load before {machine['load_before']}, "
        f"otlp-verifier {version}."
    )


def _shares(figures: Mapping[str, float]) -> list[tuple[str, ...]]:
    default, everything = (_stages(figures, prefix) for prefix in ("engine.default_stage.", "engine.stage."))
    return [
        (stage, *_share(default, stage), *_share(everything, stage))
        for stage in sorted(everything, key=lambda stage: -everything[stage])
    ]


def _share(stages: Mapping[str, float], stage: str) -> tuple[str, str]:
    if stage not in stages:
        return "", ""
    return f"{number(stages[stage])} ns", f"{100 * stages[stage] / sum(stages.values()):.0f} %"


def _shapes(figures: Mapping[str, float]) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    for name in figures:
        if found := _SHAPE.fullmatch(name):
            shape, callers = found.groups()
            of = {key: figures[f"shapes.{shape}_callers_{callers}_{key}"] for key in _SHAPE_FIGURES}
            added, by_filter = of["added_ns_per_span"], of["filter40_added_ns_per_span"]
            ratio = number(added / by_filter) if by_filter > 0 else ""
            rate, kept = number(of["spans_per_second"]), number(of["throughput_vs_passthrough"])
            lines.append(
                (shape.replace("_", " "), callers, f"{number(added)} ns", f"{number(by_filter)} ns", ratio, rate, kept)
            )
    return lines


if __name__ == "__main__":
    main()
