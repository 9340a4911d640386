"""The report for people at a terminal: by rule and service, worst first, each with its trace drawn around the span.

What reads well in a window is not what reads well through a pipe: there, lines are
not wrapped and have no colour.
"""

import os
from collections.abc import Sequence
from typing import Final, Literal, TextIO

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from otlp_verifier.files import InputNotice
from otlp_verifier.findings.wording import duration
from otlp_verifier.policy import SeverityName
from otlp_verifier.report.model import Comparison, Entry, Report, RuleTally
from otlp_verifier.report.timeline import ASCII, LINES, ROWS_MAX, Glyphs, rows
from otlp_verifier.report.words import (
    advice_of,
    disputed_of,
    findings_of,
    ids_of,
    line_of,
    plural,
    reasons_of,
    severities_of,
)
from otlp_verifier.rules.advice import SEE

Detail = Literal["full", "concise"]

KINDS_MAX: Final = 4  # of findings of one rule in one service, in `full`
DRAWN_MAX: Final = 3  # traces for each rule
ROWS_AGAIN_MAX: Final = 5  # of a trace that was drawn for an earlier rule
NOTES_MAX: Final = 20
_PIPE_COLUMNS: Final = 100  # for drawings
_LEAST_COLUMNS: Final = 60
_SERVICE_MAX: Final = 16
_NAME_MAX: Final = 36
_BAR_MAX: Final = 64
_BADGES: Final[dict[SeverityName, str]] = {
    "error": "bold white on red",
    "warning": "bold black on yellow",
    "information": "bold white on blue",
}
_STYLES: Final[dict[SeverityName, str]] = {"error": "red", "warning": "yellow", "information": "blue"}
_EXPLAINED: Final = "otlp-verifier rules explain RULE says what is expected, where it is promised and what to do"
_SERVICES: Final = ("cyan", "green", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta")


class _Page(msgspec.Struct, frozen=True):
    """Where to print, how much room drawings have, and which traces have been drawn in full."""

    console: Console
    columns: int
    glyphs: Glyphs
    drawn: set[int] = msgspec.field(default_factory=set)

    def line(self, *parts: tuple[str, str], indent: int = 0, folds: bool = True) -> None:
        text = Text.assemble(*parts)
        if self.console.is_terminal and folds:
            self.console.print(Padding(text, (0, 0, 0, indent), expand=False))
        else:
            self.console.print(Text(" " * indent).append_text(text), soft_wrap=True)

    def gap(self) -> None:
        self.console.print()


def write(report: Report, out: TextIO, *, detail: Detail = "full", statistics: bool = False) -> None:
    """Print the report.

    Args:
        report: what to print.
        out: where; a terminal gets colours and wrapped lines (NO_COLOR and FORCE_COLOR are respected).
        detail: `full` explains kinds of findings, `concise` has one line for each finding.
        statistics: counts by rule and by service, instead of findings.

    """
    page = _page(out)
    if statistics:
        _statistics(page, report)
    elif detail == "concise":
        _concise(page, report)
    else:
        for rule in report.broken:
            _rule(page, report, rule)
    if report.comparison and report.comparison.gone:
        _gone(page, report.comparison)
    _notes(page, report)
    _summary(page, report)


def _page(out: TextIO) -> _Page:
    console = Console(file=out, highlight=False, emoji=False, markup=False)
    if console.is_terminal:
        columns = console.width
    else:
        wanted = os.environ.get("COLUMNS", "")
        columns = int(wanted) if wanted.isdecimal() else _PIPE_COLUMNS
    console.width = columns = max(_LEAST_COLUMNS, columns)
    encoding = (getattr(out, "encoding", None) or "utf-8").lower()
    return _Page(console, columns, LINES if encoding.startswith("utf") else ASCII)


def _rule(page: _Page, report: Report, rule: RuleTally) -> None:
    page.line(
        (f" {rule.severity} ", _BADGES[rule.severity]),
        (f" {rule.id}", "bold"),
        (f"  {findings_of(rule.new)}", "dim"),
    )
    page.line((rule.description, ""), indent=2)
    services: dict[str, dict[str, list[Entry]]] = {}
    for entry in report.new_entries:
        if entry.finding.rule == rule.id:
            services.setdefault(entry.finding.service, {}).setdefault(entry.kind.digest, []).append(entry)
    drawn: set[int] = set()
    for service, kinds in services.items():
        page.gap()
        count = sum(map(len, kinds.values()))
        page.line((service or "no service", "bold cyan"), (f"  {findings_of(count)}", "dim"), indent=2)
        for entries in list(kinds.values())[:KINDS_MAX]:
            _kind(page, report, entries, drawn)
        if len(kinds) > KINDS_MAX:
            page.line((f"and {plural(len(kinds) - KINDS_MAX, 'more kind', 'more kinds')}", "dim"), indent=2)
    page.gap()
    if rule.kept < rule.found:
        left_out = rule.found - rule.kept
        page.line((f"{left_out:,} more of {rule.found:,} are counted and not shown", "dim"), indent=2)
    for heading, text in advice_of(rule):
        # A folded link is no link.
        page.line((f"{heading}  ", "bold green"), (text, ""), indent=2, folds=heading != SEE)
    page.gap()


def _kind(page: _Page, report: Report, entries: Sequence[Entry], drawn: set[int]) -> None:
    """A kind of finding, by its first; `drawn` has the traces that were drawn for this rule."""
    entry = entries[0]
    more = f"  (and {len(entries) - 1:,} more like this)" if len(entries) > 1 else ""
    page.line((entry.finding.message, _STYLES[entry.finding.severity]), (more, "dim"), indent=4)
    for heading, text in reasons_of(entry.witness):
        page.line((f"{heading}  ", "bold dim"), (text, ""), indent=4)
    page.line((str(entry.source), "dim underline"), (_ids(report, entry), "dim"), indent=4)
    if entry.trace is not None and entry.span is not None and entry.trace not in drawn and len(drawn) < DRAWN_MAX:
        drawn.add(entry.trace)
        _draw(page, report, entry.trace, entry.span)


def _ids(report: Report, entry: Entry) -> str:
    ids = ids_of(entry.finding)
    spans = "" if entry.trace is None else f" (of {plural(report.traces[entry.trace].spans_total, 'span', 'spans')})"
    return f"  {ids}{spans}" if ids else ""


def _draw(page: _Page, report: Report, number: int, about: int) -> None:
    trace = report.traces[number]
    services = list(dict.fromkeys(span.service for span in trace.spans))
    service_columns = min(_SERVICE_MAX, max(len(service) for service in services))
    free = page.columns - 8 - service_columns - 10
    name_columns = min(_NAME_MAX, free // 2)
    rows_max = ROWS_AGAIN_MAX if number in page.drawn else ROWS_MAX
    page.drawn.add(number)
    for row in rows(trace, about, max(10, min(_BAR_MAX, free - name_columns)), page.glyphs, rows_max=rows_max):
        if row.span is None:
            shown = f"{plural(row.left_out, 'more span', 'more spans')}"
            page.console.print(Text(f"      {'':{service_columns}} {shown}", "dim"), soft_wrap=True)
            continue
        span = trace.spans[row.span]
        label = f"{'  ' * min(trace.depths[row.span], name_columns // 6)}{span.name}"
        color = _SERVICES[services.index(span.service) % len(_SERVICES)]
        is_bad = row.span == about
        mark = page.glyphs.bad if is_bad else page.glyphs.other if span.rules else " "
        line = Text.assemble(
            (f"    {mark} ", "bold red" if is_bad else "dim red"),
            (f"{_cut(span.service, service_columns)} ", color),
            (_cut(label, name_columns), "bold" if is_bad else ""),
            (row.bar, "bold red" if is_bad else color),
            (f" {_took(span.start_ns, span.end_ns)}", "bold red" if is_bad else "dim"),
        )
        page.console.print(line, soft_wrap=True)


def _took(start_ns: int, end_ns: int) -> str:
    if not start_ns or not end_ns:
        return "no start" if not start_ns else "no end"
    return duration(end_ns - start_ns)


def _cut(text: str, columns: int) -> str:
    """`text` in exactly so many columns; characters of East Asia take two."""
    return set_cell_size(text if cell_len(text) <= columns else set_cell_size(text, columns - 1) + "…", columns)


def _concise(page: _Page, report: Report) -> None:
    for entry in report.new_entries:
        finding = entry.finding
        page.line(
            (f"{entry.source}: ", ""),
            (finding.severity, _STYLES[finding.severity]),
            (f" {finding.rule} ", "bold"),
            (line_of(finding), ""),
        )
    if report.left_out:
        page.line((f"{report.left_out:,} more are counted and not shown", "dim"))
    if report.new_entries:
        page.line((_EXPLAINED, "dim"))
        page.gap()


def _statistics(page: _Page, report: Report) -> None:
    digits = len(f"{max((rule.new for rule in report.rules), default=0):,}")
    for rule in sorted(report.broken, key=lambda rule: (-rule.new, rule.id)):
        page.line(
            (f"{rule.new:>{digits},}  ", "bold"),
            (f"{rule.severity:11}", _STYLES[rule.severity]),
            (f"  {rule.id}  ", "bold"),
            (rule.description, "dim"),
        )
    services = report.by_service()
    if services:
        page.gap()
        looked_at = len(report.new_entries)
        of = "" if looked_at == report.found - report.known else f" (of the {looked_at:,} findings looked at)"
        page.line((f"by service{of}", "dim"))
        for service, count in services.most_common():
            page.line((f"{count:>{digits},}  ", "bold"), (service or "no service", "cyan"))
        page.gap()


def _gone(page: _Page, comparison: Comparison) -> None:
    page.line((f"gone since {comparison.name}", "bold green"))
    for one in comparison.gone[:NOTES_MAX]:
        page.line(
            (f"{one.kind.rule}  ", "bold"),
            (f"{one.kind.service}: " if one.kind.service else "", "cyan"),
            (one.message, ""),
            (f" ({plural(one.count, 'time', 'times')})", "dim"),
            indent=2,
        )
    if len(comparison.gone) > NOTES_MAX:
        page.line((f"and {len(comparison.gone) - NOTES_MAX:,} more kinds", "dim"), indent=2)
    page.gap()


def _notes(page: _Page, report: Report) -> None:
    notes = report.inputs.notes
    told = _notices(notes.notices)
    for notice in told[:NOTES_MAX]:
        page.line(("note: ", "blue"), (notice, ""))
    if len(told) > NOTES_MAX:
        page.line((f"... and {len(told) - NOTES_MAX:,} more notes", "blue"))
    for error in notes.errors[:NOTES_MAX]:
        page.line(("unreadable: ", "bold red"), (str(error), ""))
    if notes.error_count > NOTES_MAX:
        page.line((f"... and {notes.error_count - NOTES_MAX:,} more that could not be read", "red"))
    if told_back := disputed_of(report):
        page.line(("disputed: ", "bold red"), (told_back, ""))
    if notes.notices or notes.errors or told_back:
        page.gap()


def _notices(notices: Sequence[InputNotice]) -> list[str]:
    """One line for each; what is the same in many files shares one."""
    alike: dict[tuple[str, str], list[InputNotice]] = {}
    for notice in notices:
        alike.setdefault((notice.code, notice.message), []).append(notice)
    told = []
    for (_, message), own in alike.items():
        count = sum(notice.count for notice in own)
        many = f"{message} ({plural(count, 'time', 'times')} in {len(own):,} files, the first at {own[0].source})"
        told.append(str(own[0]) if len(own) == 1 else many)
    return told


def _summary(page: _Page, report: Report) -> None:
    read = f"{plural(report.spans, 'span', 'spans')} in {plural(len(report.inputs.files), 'file', 'files')}: "
    new = report.found - report.known
    word = "new " if report.comparison else ""
    parts: list[tuple[str, str]] = [(read, "")]
    if new:
        rules = plural(len(report.broken), "rule", "rules")
        severity = report.broken[0].severity
        parts.append((f"{new:,} {word}finding{'s' * (new != 1)}", f"bold {_STYLES[severity]}"))
        parts.append((f" of {rules} ({severities_of(report)})", ""))
    else:
        parts.append((f"no {word}findings", "bold green"))
    if report.comparison:
        gone = len(report.comparison.gone)
        parts.append((f"; {report.known:,} known, {plural(gone, 'kind', 'kinds')} gone", ""))
    if report.inputs.notes.error_count:
        places = plural(report.inputs.notes.error_count, "place", "places")
        parts.append((f"; {places} could not be read", "bold red"))
    page.line(*parts)
