"""How formats put counts into words."""

from typing import Final

from otlp_verifier.policy import SeverityName
from otlp_verifier.report.model import SEVERITIES, Report

_SEVERITIES: Final[dict[SeverityName, tuple[str, str]]] = {
    "error": ("error", "errors"),
    "warning": ("warning", "warnings"),
    "information": ("informational", "informational"),
}


def plural(count: int, one: str, several: str) -> str:
    """`1 span`, `1,204 spans`."""
    return f"{count:,} {one if count == 1 else several}"


def findings_of(count: int) -> str:
    """`1 finding`, `3 findings`."""
    return plural(count, "finding", "findings")


def severities_of(report: Report) -> str:
    """`2 errors, 1 warning`: what is new; empty where nothing is."""
    counts = report.by_severity()
    return ", ".join(plural(counts[name], *_SEVERITIES[name]) for name in SEVERITIES if counts[name])
