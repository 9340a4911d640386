"""The page, opened in a real browser without a network: what it shows, that keys work, that nothing can get in."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from otlp_verifier.report import html_page
from otlp_verifier.report.model import Recorded, Report
from tests.report import browser, reports
from tests.report.browser import Browser
from tests.report.test_json import REPORTS
from tests.report.test_timeline import large


def written(report: Report) -> str:
    out = io.StringIO()
    html_page.write(report, out)
    return out.getvalue()


def data(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    lacking = browser.missing()
    if lacking:
        pytest.skip(lacking)
    with browser.started() as one:
        yield one


@pytest.fixture
def opened(window: Browser, tmp_path: Path) -> Any:
    def open_(report: Report) -> Browser:
        path = tmp_path / "report.html"
        path.write_text(written(report))
        window.open(path)
        assert window.messages() == []
        return window

    return open_


# The file itself.


def test_the_page_is_one_file_that_loads_nothing() -> None:
    page = written(reports.report())
    without_data = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert not re.search(r"\b(?:src|href)\s*=\s*[\"']|url\(|@import|fetch\(|XMLHttpRequest|WebSocket", without_data)
    assert "default-src 'none'" in page
    assert "unsafe" not in page


def test_data_cannot_end_its_element() -> None:
    entry = reports.report().entries[0]
    evil = "</script><script>alert(1)</script><!--\u2028&amp;"
    odd = replace(entry, finding=msgspec.structs.replace(entry.finding, message=evil, service=evil))
    page = written(reports.report(entries=[odd]))
    assert page.count("<script") == page.count("</script>") == 2
    assert data(page)["kinds"][0]["examples"][0]["message"] == evil


def test_data_is_that_of_the_report() -> None:
    report = reports.report()
    found = data(written(report))
    assert [one["id"] for one in found["rules"]] == [rule.id for rule in report.broken]
    examples = [example for kind in found["kinds"] for example in kind["examples"]]
    assert [one["message"] for one in examples] == [entry.finding.message for entry in report.entries]
    [trace] = found["traces"]
    assert [span["name"] for span in trace["spans"]] == [span.name for span in report.traces[0].spans]
    assert [span["end"] - span["start"] for span in trace["spans"]] == [
        span.end_ns - span.start_ns for span in report.traces[0].spans
    ]


def test_the_page_is_bounded() -> None:
    entry = reports.report().entries[0]
    kinds = [
        replace(entry, kind=replace(entry.kind, digest=f"{n:020x}"), trace=n % 150)
        for n in range(html_page.KINDS_MAX + 9)
    ]
    same = [entry] * (html_page.EXAMPLES_MAX + 5)
    big = large(html_page.SPANS_MAX + 100)
    report = replace(reports.report(entries=[*same, *kinds]), traces=(big,) * 150)
    page = written(report)
    assert len(page) < html_page.TRACE_BYTES_MAX + 4_000_000
    found = data(page)
    assert len(found["kinds"]) == html_page.KINDS_MAX
    assert len(found["kinds"][0]["examples"]) == html_page.EXAMPLES_MAX
    assert len(found["traces"]) <= html_page.TRACES_MAX
    assert all(len(trace["spans"]) == html_page.SPANS_MAX for trace in found["traces"])
    assert found["traces"][0]["total"] == big.spans_total
    assert found["summary"]["leftOut"] == 10


# In a browser.


@pytest.mark.parametrize("name", REPORTS)
def test_pages_open_without_a_complaint(opened: Any, name: str) -> None:
    report = REPORTS[name]
    page = opened(report)
    severities = {name: count for name, count in report.by_severity().items() if count}
    tiles = dict(reversed(text.split("\n")) for text in page.texts(".tile"))
    for severity, count in severities.items():
        assert any(label.startswith(severity[:6]) and int(shown) == count for label, shown in tiles.items())
    assert ("Nothing to say" in page.texts("main")[0]) == (not report.entries)
    assert len(page.texts(".problems li")) == len(report.inputs.errors)


def test_findings_are_shown_by_rule_with_the_first_trace_open(opened: Any) -> None:
    page = opened(reports.report())
    assert page.texts(".rule summary b") == [rule.id for rule in reports.report().broken]
    names = page.texts(".trace .span .name em")
    assert names == [span.name for span in reports.shop().spans]
    assert page.texts(".span.about .name em") == ["authorize card"]
    assert page.texts(".span.about .took") == ["\N{MINUS SIGN}40 ms"]
    assert page.run("return document.querySelectorAll('.span.about s.backwards').length") == 1


def test_bars_stand_where_the_times_say(opened: Any) -> None:
    page = opened(reports.report())
    shares = page.run(
        """return [...document.querySelectorAll('.span')].map((row) => {
             const track = row.querySelector('.track').getBoundingClientRect();
             const bar = row.querySelector('s').getBoundingClientRect();
             return [(bar.left - track.left) / track.width, (bar.right - track.left) / track.width];
           })"""
    )
    for (left, right), span in zip(shares, reports.shop().spans, strict=True):
        low, high = sorted([span.start_ns - reports.START, span.end_ns - reports.START])
        assert left == pytest.approx(low / (130 * reports.MS), abs=0.01)
        assert right == pytest.approx(high / (130 * reports.MS), abs=0.01)


def test_the_filter(opened: Any) -> None:
    page = opened(reports.report())
    page.press("/", *"STOCK write")
    assert page.texts(".rule summary b") == ["parent-missing"]
    page.press("Escape")
    assert len(page.texts(".rule summary b")) == 4
    page.click(".toggle.warning")
    assert page.texts(".rule summary b") == ["span-end-before-start", "service-name-missing"]
    page.click(".toggle.warning")
    page.click(".segment button", 1)
    assert page.texts(".rule summary b") == ["payment", "stock", "no service"]


def test_the_table_filters_by_rule_and_service(opened: Any) -> None:
    page = opened(reports.report())
    assert page.texts(".matrix thead th") == ["", "stock", "no service", "payment", ""]
    page.click(".matrix td button", 1)
    assert page.texts(".rule summary b") == ["attr-number-as-string"]
    page.click(".matrix td button", 1)
    assert len(page.texts(".rule summary b")) == 4


def test_a_span_shows_its_facts(opened: Any) -> None:
    page = opened(reports.report())
    page.click(".span .name", 9)
    [facts] = page.texts(".facts")
    for fact in (
        "write reservation",
        "0000000000000063, not in this trace",
        "2026-09-21T14:13:20.050000000Z",
        "parent-missing",
        "http.request.method",
        "shop.json:10",
        "retry",
    ):
        assert fact in facts
    page.click(".span .name", 9)
    assert page.texts(".facts") == []


def test_keys(opened: Any) -> None:
    page = opened(reports.report())
    focused = "return document.activeElement.innerText"
    page.press("j")
    assert page.run(focused).startswith("span authorize card ended 40 ms before it started")
    page.press("j")
    assert "SELECT stock" in page.run(focused)
    page.press("k")
    assert "authorize card" in page.run(focused)
    page.run("document.querySelector('.span[tabindex=\"0\"]').focus()")
    page.press("ArrowUp")
    assert "POST /charge" in page.run(focused)
    page.press("ArrowLeft")
    assert page.run("return document.activeElement.getAttribute('aria-expanded')") == "false"
    assert page.run("return [...document.querySelectorAll('.span')].filter((one) => !one.hidden).length") == 8
    page.press("ArrowRight", "ArrowDown", "Enter")
    assert len(page.texts(".facts")) == 1
    page.press("z")
    assert page.texts(".ticks span")[0] != "0"
    page.press("0")
    assert page.texts(".ticks span")[0] == "0"
    page.press("?")
    assert page.run("return document.querySelector('dialog').open")
    page.press("Escape")
    assert not page.run("return document.querySelector('dialog').open")
    theme = page.run("return document.documentElement.dataset.theme")
    page.press("t")
    assert {theme, page.run("return document.documentElement.dataset.theme")} == {"light", "dark"}
    page.press("t")


def test_findings_alike_are_paged_through(opened: Any) -> None:
    entry = reports.report().entries[0]
    others = [replace(entry, finding=msgspec.structs.replace(entry.finding, message=f"number {n}")) for n in range(3)]
    page = opened(reports.report(entries=others))
    assert page.texts(".kind .message") == ["number 0"]
    page.click(".pager button", 1)
    assert (page.texts(".kind .message"), page.texts(".pager span")) == (["number 1"], ["2 of 3"])
    page.click(".pager button", 0)
    page.click(".pager button", 0)
    assert page.texts(".kind .message") == ["number 2"]


def test_why_a_finding_is_one_is_shown_with_it(opened: Any) -> None:
    page = opened(replace(reports.with_witness(), disputed={"few": 1}))
    first = page.texts(".kind .why")[0]
    assert "nearest miss once SELECT stock of stock: 12.3 ms too late" in first
    assert "counted count(child) is 23; wanted: <= 20" in first
    assert "a second evaluation did not confirm it (few)" in page.texts(".problems")[0]


def test_markup_in_telemetry_is_text(opened: Any) -> None:
    entry = reports.report().entries[0]
    evil = "<img src=x onerror='document.title=1'><b>bold</b>"
    odd = replace(entry, finding=msgspec.structs.replace(entry.finding, message=f"span `{evil}`", service=evil))
    page = opened(reports.report(entries=[odd]))
    assert page.texts(".kind .message code") == [evil]
    assert page.run("return document.querySelectorAll('img, .message b').length") == 0


def test_known_findings_can_be_shown_and_what_went_is_listed(opened: Any) -> None:
    gone = [Recorded(one.kind, "error", "it went `away`", 3) for one in reports.report().entries[:1]]
    page = opened(reports.compared(gone))
    assert len(page.texts(".kind")) == 3
    page.click(".bar .toggle:not([class*=' '])", 0)
    assert len(page.texts(".kind")) == 4
    assert any("it went away" in text for text in page.texts("section"))


def test_what_a_whole_trace_breaks_is_said_above_it(opened: Any) -> None:
    trace = replace(reports.shop(), rules=("trace-multiple-roots",))
    page = opened(replace(reports.report(), traces=(trace,)))
    assert "✗ trace-multiple-roots" in page.texts(".caption")[0]


def test_a_trace_with_odd_times_can_be_shown(opened: Any) -> None:
    trace = reports.shop()
    spans = [*trace.spans]
    spans[1] = replace(spans[1], start_ns=0, end_ns=0)
    spans[2] = replace(spans[2], end_ns=2**64 - 1)
    spans[4] = replace(spans[4], start_ns=1_790_000_000, end_ns=1_790_000_001)
    page = opened(replace(reports.report(), traces=(replace(trace, spans=tuple(spans)),)))
    assert page.texts(".span .took")[1] == "no start"
    assert [page.texts(".span .track")[at] for at in (1, 4)] == ["◂ no time", "◂ 56.7 years before"]
    page.click(".span .name", 2)
    page.click(".span .name", 1)
    assert page.messages() == []
    page.click(".span .name", 4)
    assert "1970-01-01T00:00:01.790000000Z" in page.texts(".facts")[0]
