"""How formats put findings and counts into words."""

from collections.abc import Iterable
from typing import Final

from otlp_verifier.findings import Finding
from otlp_verifier.findings.witness import Measure, Witness
from otlp_verifier.findings.wording import duration
from otlp_verifier.policy import SeverityName
from otlp_verifier.report.model import SEVERITIES, Report, RuleTally
from otlp_verifier.rules.advice import EXPECTED, advice

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


def ids_of(finding: Finding) -> str:
    """`trace 5b8a..., span 00f0...`: which span it is about, as far as it has ids; empty for resources and scopes."""
    ids = (("trace", finding.trace_id), ("span", finding.span_id))
    return ", ".join(f"{of} {digits}" for of, digits in ids if digits)


def line_of(finding: Finding) -> str:
    """A finding in one line: its service, what is wrong, its ids."""
    service = f"[{finding.service}] " if finding.service else ""
    ids = ids_of(finding)
    return f"{service}{finding.message}" + (f" ({ids})" if ids else "")


def advice_of(rule: RuleTally) -> list[tuple[str, str]]:
    """What to do about findings of a rule, and where it is promised: a heading and a text for each line."""
    return advice(rule.remedy, rule.sources)


def expectation_of(rule: RuleTally) -> list[tuple[str, str]]:
    """The same behind what is expected, for those who have not put that at the head of the rule's findings."""
    return [(EXPECTED, rule.description), *advice_of(rule)]


def sentences(lines: Iterable[tuple[str, str]]) -> list[str]:
    """Lines with headings where a heading has no typeface of its own: `nearest miss: ...`."""
    return [f"{heading}: {text}" for heading, text in lines]


def reasons_of(witness: Witness | None) -> list[tuple[str, str]]:
    """Why a finding is one, as far as its message does not show it: a heading and a text for each line."""
    if witness is None:
        return []
    lines = []
    measure, near = witness.measure, witness.near_miss
    if measure is not None:
        value, bound = (_amount(amount, measure) for amount in (measure.value, measure.bound))
        lines.append(("counted", f"`{measure.what}` is {value}; wanted: {measure.operator} {bound}"))
    if near is not None and near.span is None:
        lines.append(("nearest miss", near.text))
    elif near is not None and near.span is not None and len(witness.spans) > 1:
        span = witness.spans[near.span]
        service = f" of {span.service}" if span.service and span.service != witness.spans[0].service else ""
        heading = "nearest miss" if near.how == "close" else "broken by"
        which = "" if span.role == "subject" else f"{span.role} `{span.name}`{service}: "
        lines.append((heading, f"{which}{near.text}"))
    if not witness.rechecked:
        lines.append(("not re-checked", witness.reason))
    return lines


def disputed_of(report: Report) -> str:
    """What is said of findings that were taken back; empty where there are none."""
    count = sum(report.disputed.values())
    if not count:
        return ""
    return (
        f"{plural(count, 'finding is', 'findings are')} not reported, because a second evaluation did not confirm "
        f"{'it' if count == 1 else 'them'} ({', '.join(report.disputed)}): a bug of otlp-verifier, please report it"
    )


def _amount(value: float, measure: Measure) -> str:
    return duration(int(value)) if measure.unit == "ns" else f"{value:,}"
