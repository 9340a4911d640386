"""The last run's figures into docs/performance.md: `python -m perf.report`. Nothing between the marks is typed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from perf.catalogue import unit
from perf.chart import bars
from perf.table import HEADINGS, number, rows

ROOT: Final = Path(__file__).parents[1]
LATEST: Final = ROOT / "perf" / "results" / "latest.json"
PAGE: Final = ROOT / "docs" / "performance.md"
CHART: Final = ROOT / "docs" / "images" / "performance.svg"
BEGIN: Final = "<!-- from perf/results/latest.json by perf/report.py; do not edit -->"
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
    stages = {name.split(".")[2]: ns for name, ns in figures.items() if name.startswith("engine.stage.")}
    stages = {stage.removesuffix("_ns_per_span"): ns for stage, ns in stages.items()}
    asking = figures["pipeline.silent_in_verifier_ns_per_span"]
    serving = figures["pipeline.added_in_verifier_ns_per_span"] - asking - sum(stages.values())
    verifier = {
        "collector: ask and apply": figures["pipeline.added_in_collector_ns_per_span"],
        "verifier: transport": asking,
        **{f"verifier: {stage}": ns for stage, ns in stages.items()},
        "verifier: server, caches, threads": max(0.0, serving),
    }
    return bars(
        "Processor time added per span, ns",
        {"40 OTTL conditions": {"filter": figures["pipeline.filter40_added_ns_per_span"]}, "verifier": verifier},
    )


def main() -> None:
    """Write the page and its chart."""
    report = json.loads(LATEST.read_text())
    PAGE.write_text(page(PAGE.read_text(), report))
    CHART.parent.mkdir(parents=True, exist_ok=True)
    CHART.write_text(chart(report["figures"]))
    print(f"{PAGE.relative_to(ROOT)} and {CHART.relative_to(ROOT)} show the run of {report['machine']['measured_at']}")


def _generated(report: Mapping[str, Any]) -> str:
    machine, figures = report["machine"], report["figures"]
    versions = ", ".join(f"{name} {text}" for name, text in report["versions"].items())
    measured = (
        f"Measured {machine['measured_at']} on {machine['cores']} cores of {machine['cpu']}, "
        f"{machine['memory_gb']} GB, Linux {machine['kernel']}; load before {machine['load_before']}. {versions}."
    )
    return "\n".join(
        [
            measured,
            "",
            *_markdown(HEADINGS, [row.cells for row in rows(figures)]),
            "",
            f"![Processor time that 40 OTTL conditions and the verifier add per span](images/{CHART.name})",
            "",
            "Where the time of one batch goes in the engine, per span:",
            "",
            *_markdown(("stage", "time", "share"), _stages(figures)),
            "",
        ]
    )


def _stages(figures: Mapping[str, float]) -> list[tuple[str, ...]]:
    stages = {name: ns for name, ns in figures.items() if name.startswith("engine.stage.")}
    whole = sum(stages.values())
    return [
        (f"`{name}`", f"{number(ns)} {unit(name)}", f"{100 * ns / whole:.0f} %")
        for name, ns in sorted(stages.items(), key=lambda stage: -stage[1])
    ]


def _markdown(headings: tuple[str, ...], lines: list[tuple[str, ...]]) -> list[str]:
    marks = ["---:" if heading in {"value", "ratio", "time", "share"} else "---" for heading in headings]
    return [f"| {' | '.join(cells)} |" for cells in (headings, tuple(marks), *lines)]


if __name__ == "__main__":
    main()
