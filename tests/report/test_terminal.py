"""The report for people: what it says at a terminal and through a pipe."""

import io
import re

import pytest
from msgspec.structs import replace

from otlp_verifier.files import Source
from otlp_verifier.report import terminal
from otlp_verifier.report.model import Recorded, Report
from otlp_verifier.report.terminal import Detail
from tests.report import reports
from tests.report.test_json import REPORTS

STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def through_pipe(report: Report, detail: Detail = "full", *, statistics: bool = False) -> str:
    out = io.StringIO()
    terminal.write(report, out, detail=detail, statistics=statistics)
    return out.getvalue()


def at_terminal(report: Report, monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    terminal.write(report, out)
    return out.getvalue()


def test_every_kind_is_explained() -> None:
    text = through_pipe(reports.report())
    for entry in reports.report().entries:
        assert entry.finding.message in text
        assert str(entry.source) in text
        assert entry.finding.rule in text
    assert text.endswith("22 spans in 2 files: 4 findings of 4 rules (1 error, 2 warnings, 1 informational)\n")


def test_every_kind_has_the_ids_of_its_first() -> None:
    lines = [line.strip() for line in through_pipe(reports.report()).splitlines()]
    assert f"shop.json:8  trace {reports.shop().trace_id}, span 0000000000000008 (of 10 spans)" in lines
    assert str(reports.report().entries[3].source) in lines, "a resource has no ids"


def test_a_rule_says_what_to_do_and_where_it_is_promised() -> None:
    lines = [line.strip() for line in through_pipe(reports.report()).splitlines()]
    at = lines.index("what to do  Take both times from one monotonic clock.")
    assert lines[at + 1 : at + 3] == ["promised in  Trace API, Span", "see  https://example.com/spec#span"]


def test_the_worst_comes_first() -> None:
    text = through_pipe(reports.report())
    places = [text.index(f" {rule.severity}  {rule.id}") for rule in reports.report().broken]
    assert places == sorted(places)
    assert reports.report().broken[0].id == "span-end-before-start"


def test_the_trace_is_drawn_with_the_span_marked() -> None:
    lines = through_pipe(reports.report()).splitlines()
    first = next(at for at, line in enumerate(lines) if "GET /checkout" in line)
    drawing = lines[first : first + 10]
    assert [line.split()[0] for line in drawing if not line.startswith("      ")] == ["•", "✗", "•"]
    [marked] = [line for line in drawing if "✗" in line]
    assert re.fullmatch(r" {4}✗ payment        authorize card +┅+◆┅+ +-40 ms", marked)


def test_findings_of_one_kind_are_told_once() -> None:
    entry = reports.report().entries[0]
    text = through_pipe(reports.report(entries=[entry] * 3))
    assert text.count(entry.finding.message) == 1
    assert "(and 2 more like this)" in text


def test_concise_has_a_line_for_each_finding() -> None:
    report = reports.report()
    lines = through_pipe(report, "concise").splitlines()
    for line, entry in zip(lines, report.entries, strict=False):
        assert line.startswith(f"{entry.source}: {entry.finding.severity} {entry.finding.rule} ")
        ids = f" (trace {entry.finding.trace_id}, span {entry.finding.span_id})" if entry.finding.trace_id else ""
        assert line.endswith(entry.finding.message + ids)
    assert lines[4] == "otlp-verifier rules explain RULE says what is expected, where it is promised and what to do"
    assert "rules explain" not in through_pipe(REPORTS["nothing"], "concise")


def test_statistics_count_everything() -> None:
    lines = through_pipe(reports.report(extra=1_233), statistics=True).splitlines()
    assert lines[0].split()[:3] == ["1,234", "error", "span-end-before-start"]
    assert "by service (of the 4 findings looked at)" in lines
    assert [line.split() for line in lines if line.endswith("stock")] == [["2", "stock"]]
    assert not any("authorize card" in line for line in lines)


def test_no_line_is_folded_in_a_pipe() -> None:
    long = replace(reports.report().entries[0], source=Source("folder/" * 40 + "shop.json", 1))
    assert str(long.source) in through_pipe(reports.report(entries=[long]))


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_terminal_gets_colours_and_folded_lines(name: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = at_terminal(REPORTS[name], monkeypatch, columns)
    assert STYLE.search(text)
    long = [line for line in STYLE.sub("", text).splitlines() if len(line.rstrip()) > max(columns, 64)]
    assert all("http" in line for line in long), "a folded link could not be followed"


def test_a_pipe_gets_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert "\x1b" not in through_pipe(REPORTS["unreadable"])


def test_a_stream_without_unicode_gets_ascii() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    terminal.write(reports.report(), out)
    out.flush()
    assert "x payment" in raw.getvalue().decode("ascii")


@pytest.mark.parametrize("columns", ["", "0", "7", "wide", "500"])
def test_any_width_of_a_pipe(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    bars = re.findall("━+", through_pipe(reports.report()))
    assert 10 <= max(map(len, bars)) <= 64


def test_nothing_found_is_said() -> None:
    assert through_pipe(REPORTS["nothing"]) == "22 spans in 2 files: no findings\n"


def test_what_could_not_be_read_is_said_last() -> None:
    lines = through_pipe(REPORTS["unreadable"]).splitlines()
    assert 'unreadable: broken.json:3: the line ends inside of a string; expected `"`' in lines
    assert "note: orders.binpb at byte 10: metrics are not checked (7 times)" in lines
    assert lines[-1].endswith("; 2 places could not be read")


def test_notes_that_are_the_same_in_many_files_share_a_line() -> None:
    report = reports.report()
    for number in range(30):
        report.inputs.notes.notice("signal-skipped", Source(f"{number}.json", 1), "logs are not checked", 2)
        report.inputs.notes.notice("json-key-unknown", Source("a.json", 1), f"key {number}")
    lines = through_pipe(report).splitlines()
    assert "note: logs are not checked (60 times in 30 files, the first at 0.json:1)" in lines
    assert sum(line.startswith("note: ") for line in lines) == terminal.NOTES_MAX
    assert "... and 11 more notes" in lines


def test_what_went_is_listed() -> None:
    gone = [Recorded(one.kind, "error", "it went", 3) for one in reports.report().entries[:1]]
    text = through_pipe(reports.compared(gone))
    assert "payment: it went (3 times)" in text
    assert text.endswith("; 1 known, 1 kind gone\n")
    assert "span `authorize card` ended" not in text


def test_why_a_finding_is_one_is_said_below_it() -> None:
    report = reports.with_witness()
    lines = through_pipe(report).splitlines()
    at = next(at for at, line in enumerate(lines) if report.entries[0].finding.message in line)
    assert [line.strip() for line in lines[at + 1 : at + 3]] == [
        "counted  `count(child)` is 23; wanted: <= 20",
        "nearest miss  once `SELECT stock` of stock: 12.3 ms too late",
    ]
    assert through_pipe(report, "concise") == through_pipe(reports.report(), "concise")


@pytest.mark.parametrize("statistics", [False, True])
def test_what_was_disputed_is_said(statistics: bool) -> None:
    report = replace(reports.report(), disputed={"few": 2})
    text = through_pipe(report, statistics=statistics)
    assert "2 findings are not reported, because a second evaluation did not confirm them (few)" in text
